/*-------------------------------------------------------------------------
 *
 * extract.c
 *	  Records into lines, and files onto the server's disk.
 *
 * A file appears under its name only when it is whole: it is written under
 * a temporary name with mode 0600, flushed, and renamed.
 *
 *-------------------------------------------------------------------------
 */
#include "extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "compat.h"
#include "query.h"

#define WRITE_BLOCK (256 * 1024)
#define FETCH_ROWS 1000

void
append_record(StringInfo line, const char *const *values, int count)
{
	for (int field = 0; field < count; field++)
	{
		if (field > 0)
			appendStringInfoCharMacro(line, '^');
		if (values[field] != NULL)
			appendStringInfoString(line, values[field]);
	}
}

/* One file on its way to the disk. */
typedef struct OutputFile
{
	char	   *file_id;
	char	   *name;
	char	   *path;
	char	   *temporary;
	int			descriptor;
	int			encoding;
	StringInfoData buffer;
} OutputFile;

/* ---- where to ------------------------------------------------------------- */

static void
check_directory(const char *directory)
{
	struct stat status;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write files on the server"),
				 errhint("Only roles with privileges of the role pg_write_server_files may do this; "
						 "calpads.file_content() gives the same bytes to any client.")));
	if (!is_absolute_path(directory))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the folder for extract files must be an absolute path"),
				 errdetail("\"%s\" is a relative path.", directory)));
	if (stat(directory, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not find the folder \"%s\": %m", directory)));
	if (!S_ISDIR(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a folder", directory),
				 errhint("Name the folder; the files get their own names.")));
}

static bool
is_extract_name(const char *name)
{
	return strspn(name, "0123456789") == 3 && name[3] == '_' && strlen(name) > 8 &&
		strcmp(name + strlen(name) - 4, ".txt") == 0;
}

static bool
is_written_now(List *files, const char *name)
{
	ListCell   *cell;

	foreach(cell, files)
		if (strcmp(((OutputFile *) lfirst(cell))->name, name) == 0)
			return true;
	return false;
}

/*
 * A numbered file of another batch left in the folder would be uploaded with
 * these: refuse.
 */
static void
check_other_files(const char *directory, List *files)
{
	DIR		   *folder = AllocateDir(directory);
	struct dirent *entry;

	while ((entry = ReadDir(folder, directory)) != NULL)
		if (is_extract_name(entry->d_name) && !is_written_now(files, entry->d_name))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the folder \"%s\" holds files of another batch", directory),
					 errdetail("\"%s\" is not part of this batch.", entry->d_name),
					 errhint("Give each batch an empty folder, or remove the old files.")));
	FreeDir(folder);
}

/* ---- the bytes ------------------------------------------------------------- */

static void
flush_buffer(OutputFile *file)
{
	errno = 0;
	if (write(file->descriptor, file->buffer.data, file->buffer.len) != file->buffer.len)
	{
		if (errno == 0)
			errno = ENOSPC;		/* a short write without a reason */
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", file->path)));
	}
	resetStringInfo(&file->buffer);
}

static void
append_line(OutputFile *file, const char *line, int length)
{
	char	   *encoded = pg_server_to_any(line, length, file->encoding);

	appendBinaryStringInfo(&file->buffer, encoded, encoded == line ? length : (int) strlen(encoded));
	appendBinaryStringInfo(&file->buffer, "\r\n", 2);
	if (encoded != line)
		pfree(encoded);
	if (file->buffer.len >= WRITE_BLOCK)
		flush_buffer(file);
}

static void
append_fetched_lines(OutputFile *file)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
		struct varlena *line = PG_DETOAST_DATUM_PACKED(value);

		append_line(file, VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line));
	}
}

static void
write_lines(OutputFile *file)
{
	Portal		portal = SPI_cursor_open_with_args(NULL,
												   psprintf("SELECT line FROM calpads.extract_record "
															"WHERE file_id = %s ORDER BY line_no",
															file->file_id),
												   0, NULL, NULL, NULL, true, 0);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		append_fetched_lines(file);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	flush_buffer(file);
}

static void
write_file(OutputFile *file)
{
	file->descriptor = OpenTransientFilePerm(file->temporary, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY,
											 S_IRUSR | S_IWUSR);
	if (file->descriptor < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", file->temporary)));
	initStringInfo(&file->buffer);
	write_lines(file);
	if (pg_fsync(file->descriptor) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not flush file \"%s\": %m", file->path)));
	if (CloseTransientFile(file->descriptor) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", file->path)));
	pfree(file->buffer.data);
}

/* All files whole under temporary names first, then all renamed. */
static void
write_all(List *files)
{
	ListCell   *cell;

	foreach(cell, files)
		write_file(lfirst(cell));
	foreach(cell, files)
	{
		OutputFile *file = lfirst(cell);

		durable_rename(file->temporary, file->path, ERROR);
	}
}

static void
remove_temporaries(const List *files)
{
	ListCell   *cell;

	foreach(cell, files)
		unlink(((OutputFile *) lfirst(cell))->temporary);
}

/* An error leaves no temporary file behind. */
static void
write_or_leave_nothing(List *files)
{
	PG_TRY();
	{
		write_all(files);
	}
	PG_CATCH();
	{
		remove_temporaries(files);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* ---- the function ------------------------------------------------------------ */

static List *
files_of_batch(const char *batch_id, const char *directory)
{
	uint64		rows = query_read("SELECT f.file_id, f.file_name, b.encoding FROM calpads.extract_file f "
								  "JOIN calpads.batch b ON b.batch_id = f.batch_id "
								  "WHERE f.batch_id = $1::bigint ORDER BY f.seq", 1, &batch_id);
	List	   *files = NIL;

	for (uint64 row = 0; row < rows; row++)
	{
		OutputFile *file = palloc0(sizeof(OutputFile));

		file->file_id = query_value(row, 1);
		file->name = query_value(row, 2);
		file->path = psprintf("%s/%s", directory, file->name);
		file->temporary = psprintf("%s/.%s.%d.tmp", directory, file->name, MyProcPid);
		file->encoding = pg_char_to_encoding(query_value(row, 3));
		files = lappend(files, file);
	}
	if (files == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no batch %s", batch_id),
				 errhint("calpads.history lists the batches.")));
	return files;
}

PG_FUNCTION_INFO_V1(calpads_write_extract);

/*
 * calpads.write_extract(batch_id bigint, directory text) → setof text: writes
 * the files of a batch, gives their paths.
 */
Datum
calpads_write_extract(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *batch_id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	char	   *directory = text_to_cstring(PG_GETARG_TEXT_PP(1));
	List	   *files;
	ListCell   *cell;

	canonicalize_path(directory);
	check_directory(directory);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	SPI_connect();
	files = files_of_batch(batch_id, directory);
	check_other_files(directory, files);
	write_or_leave_nothing(files);
	foreach(cell, files)
	{
		Datum		path = CStringGetTextDatum(((OutputFile *) lfirst(cell))->path);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &path, &isnull);
	}
	SPI_finish();
	return (Datum) 0;
}
