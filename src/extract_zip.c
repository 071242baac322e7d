/*-------------------------------------------------------------------------
 *
 * extract_zip.c
 *	  All files of a batch in one zip archive, by minizip.
 *
 * minizip, the zip writer that is kept with zlib, takes the bytes of a member
 * as they come and writes through callbacks, so the files stream from the
 * tables into the archive and only the archive is in memory.  It takes the
 * members' times as the archive holds them, without a time zone of the server
 * in between: the same batch gives the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <minizip/zip.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "compat.h"
#include "extract.h"
#include "query.h"

/*
 * What zlib and minizip may still hold back of earlier bytes: two buffers of
 * 64 kB and a window of 32 kB.
 */
#define HELD_BACK (256 * 1024)

/* The end of the archive names each member once more. */
#define DIRECTORY_ENTRY 256

/* Version 2.0 of the format; the attributes are those of Unix. */
#define MADE_BY ((3 << 8) | 20)

/* On systems that know modes, the files are their owner's alone. */
#define MEMBER_ATTRIBUTES ((uLong) 0100600 << 16)

typedef struct ZipArchive
{
	zipFile		handle;
	zip_fileinfo member;		/* the same for all members */
	StringInfoData bytes;		/* a bytea: its length word, then the archive */
	size_t		position;		/* of the next byte in bytes */
} ZipArchive;

/* ---- minizip's file ------------------------------------------------------- */

/*
 * No error may be raised through the library.  So there is room for what it
 * will write before it is called (make_room), and without room its write fails.
 */
static uLong
write_bytes(voidpf opaque, voidpf stream, const void *buffer, uLong size)
{
	ZipArchive *archive = opaque;

	if (archive->position + size >= (size_t) archive->bytes.maxlen)
		return 0;
	memcpy(archive->bytes.data + archive->position, buffer, size);
	archive->position += size;
	archive->bytes.len = Max(archive->bytes.len, (int) archive->position);
	return size;
}

static uLong
read_bytes(voidpf opaque, voidpf stream, void *buffer, uLong size)
{
	return 0;					/* a new archive is never read */
}

static ZPOS64_T
tell_position(voidpf opaque, voidpf stream)
{
	return ((ZipArchive *) opaque)->position - VARHDRSZ;
}

/* It goes back to complete the header of a member. */
static long
seek_position(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
	ZipArchive *archive = opaque;
	size_t		end = archive->bytes.len;
	size_t		base = origin == ZLIB_FILEFUNC_SEEK_SET ? VARHDRSZ :
		origin == ZLIB_FILEFUNC_SEEK_CUR ? archive->position : end;

	if (base + offset > end)
		return -1;
	archive->position = base + offset;
	return 0;
}

static voidpf
open_bytes(voidpf opaque, const void *name, int mode)
{
	return opaque;
}

static int
no_error(voidpf opaque, voidpf stream)
{
	return 0;
}

/* ---- the archive ------------------------------------------------------------ */

static void
check_status(int status)
{
	if (status == Z_MEM_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while making a zip archive.")));
	if (status != ZIP_OK)
		elog(ERROR, "minizip failed with status %d", status);
}

static void
make_room(ZipArchive *archive, int length)
{
	enlargeStringInfo(&archive->bytes, length + HELD_BACK);
}

/* The time of the batch, as calpads.zip_name has it. */
static void
read_member_time(const char *batch_id, tm_zip *time)
{
	query_run("SELECT to_char(calpads.california_time(b.created_at), 'YYYY MM DD HH24 MI SS') "
			   "FROM calpads.find_batch($1::bigint) b", 1, &batch_id);
	if (sscanf(query_value(0, 1), "%u %u %u %u %u %u", &time->tm_year, &time->tm_mon, &time->tm_mday,
			   &time->tm_hour, &time->tm_min, &time->tm_sec) != 6)
		elog(ERROR, "unexpected time of batch %s", batch_id);
	time->tm_mon--;				/* it counts from 0 */
}

static void
open_archive(ZipArchive *archive, const char *batch_id)
{
	zlib_filefunc64_def functions = {
		.zopen64_file = open_bytes,
		.zread_file = read_bytes,
		.zwrite_file = write_bytes,
		.ztell64_file = tell_position,
		.zseek64_file = seek_position,
		.zclose_file = no_error,
		.zerror_file = no_error,
		.opaque = archive
	};

	read_member_time(batch_id, &archive->member.tmz_date);
	archive->member.external_fa = MEMBER_ATTRIBUTES;
	archive->handle = zipOpen2_64("", APPEND_STATUS_CREATE, NULL, &functions);
	if (archive->handle == NULL)
		check_status(Z_MEM_ERROR);
}

/* A LineSink. */
static void
add_bytes(void *context, const char *bytes, int length)
{
	ZipArchive *archive = context;

	make_room(archive, length);
	check_status(zipWriteInFileInZip(archive->handle, bytes, length));
}

static void
add_member(ZipArchive *archive, const ExtractFile *file)
{
	make_room(archive, 0);
	check_status(zipOpenNewFileInZip4(archive->handle, file->name, &archive->member, NULL, 0, NULL, 0, NULL,
							   Z_DEFLATED, Z_DEFAULT_COMPRESSION, false, -MAX_WBITS, DEF_MEM_LEVEL,
							   Z_DEFAULT_STRATEGY, NULL, 0, MADE_BY, 0));
	extract_send(file, add_bytes, archive);
	check_status(zipCloseFileInZip(archive->handle));
}

static void
add_members(ZipArchive *archive, const char *batch_id)
{
	List	   *files = extract_files(batch_id);
	ListCell   *cell;

	foreach(cell, files)
		add_member(archive, lfirst(cell));
	make_room(archive, list_length(files) * DIRECTORY_ENTRY);
}

/* The library's memory is its own, so it is told of an error, too. */
static void
fill_archive(ZipArchive *archive, const char *batch_id)
{
	PG_TRY();
	{
		add_members(archive, batch_id);
	}
	PG_CATCH();
	{
		zipClose(archive->handle, NULL);
		PG_RE_THROW();
	}
	PG_END_TRY();
	check_status(zipClose(archive->handle, NULL));
}

PG_FUNCTION_INFO_V1(calpads_extract_zip);

/* calpads.extract_zip(batch_id bigint) → bytea: the files of a batch in one zip */
Datum
calpads_extract_zip(PG_FUNCTION_ARGS)
{
	const char *batch_id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	ZipArchive	archive = {0};

	initStringInfo(&archive.bytes);
	appendStringInfoSpaces(&archive.bytes, VARHDRSZ);
	archive.position = VARHDRSZ;

	SPI_connect();
	open_archive(&archive, batch_id);
	fill_archive(&archive, batch_id);
	SPI_finish();

	SET_VARSIZE(archive.bytes.data, archive.bytes.len);
	PG_RETURN_BYTEA_P(archive.bytes.data);
}
