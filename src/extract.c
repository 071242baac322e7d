/*-------------------------------------------------------------------------
 *
 * extract.c
 *	  Records into lines, the files of a batch, and these onto the server's
 *	  disk.
 *
 *-------------------------------------------------------------------------
 */
#include "extract.h"

#include <sys/stat.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "new_file.h"
#include "picture_columns.h"
#include "plain_name.h"
#include "query.h"

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

static void
append_value(StringInfo line, Oid type, Datum value)
{
	if (type == DATEOID)
		appendStringInfoString(line, date_as_field(DatumGetDateADT(value)));
	else
	{
		text	   *characters = DatumGetTextPP(value);

		appendBinaryStringInfo(line, VARDATA_ANY(characters), VARSIZE_ANY_EXHDR(characters));
	}
}

PG_FUNCTION_INFO_V1(calpads_record_line);

/*
 * calpads.record_line(VARIADIC fields "any") → text: texts and dates as a line
 * without CR LF; dates as CCYYMMDD, nulls empty.
 */
Datum
calpads_record_line(PG_FUNCTION_ARGS)
{
	StringInfoData line;

	initStringInfo(&line);
	for (int field = 0; field < PG_NARGS(); field++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, field);

		if (type != DATEOID && type != TEXTOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("field %d of a record is of type %s", field + 1, format_type_be(type)),
					 errhint("The fields of a record are texts and dates.")));
		if (field > 0)
			appendStringInfoCharMacro(&line, '^');
		if (!PG_ARGISNULL(field))
			append_value(&line, type, PG_GETARG_DATUM(field));
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(line.data, line.len));
}

/* ---- the files of a batch --------------------------------------------------- */

/*
 * Who may write rows of calpads.extract_file may not therefore choose where on
 * the disk, or in whose folder of an archive, somebody else's files go.
 */
static char *
checked_name(char *name)
{
	const char *problem = plain_name_problem(name);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" cannot be the name of an extract file", name),
				 errdetail("The name %s.", problem),
				 errhint("A name in calpads.extract_file holds no folders.")));
	return name;
}

/* A row of file_id, file_name, encoding. */
static ExtractFile *
fetched_file(uint64 row)
{
	ExtractFile *file = palloc(sizeof(ExtractFile));

	file->file_id = query_value(row, 1);
	file->name = checked_name(query_value(row, 2));
	file->encoding = pg_char_to_encoding(query_value(row, 3));
	return file;
}

List *
extract_files(const char *batch_id)
{
	uint64		rows = query_run("SELECT f.file_id, f.file_name, b.encoding "
								  "FROM calpads.find_batch($1::bigint) b "
								  "JOIN calpads.extract_file f ON f.batch_id = b.batch_id "
								  "ORDER BY f.seq", 1, &batch_id);
	List	   *files = NIL;

	for (uint64 row = 0; row < rows; row++)
		files = lappend(files, fetched_file(row));
	return files;
}

ExtractFile *
extract_file(const char *file_id)
{
	query_run("SELECT f.file_id, f.file_name, b.encoding "
			   "FROM calpads.find_file($1::bigint) f "
			   "JOIN calpads.batch b ON b.batch_id = f.batch_id", 1, &file_id);
	return fetched_file(0);
}

static void
add_fetched_lines(LineWriter *writer)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
		struct varlena *line = PG_DETOAST_DATUM_PACKED(value);

		line_writer_add(writer, VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line));
	}
}

void
extract_send(const ExtractFile *file, LineSink sink, void *context)
{
	LineWriter *writer = line_writer_create(file->name, file->encoding, LINE_WRITER_BLOCK, sink, context);
	Portal		portal = SPI_cursor_open_with_args(NULL,
												   psprintf("SELECT * FROM calpads.extract_lines(%s)",
															file->file_id),
												   0, NULL, NULL, NULL, false, 0);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		add_fetched_lines(writer);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	line_writer_finish(writer);
}

/* ---- where to ------------------------------------------------------------- */

static void
check_directory(const char *directory)
{
	struct stat status;

	new_file_check_permission("calpads.file_content() gives the same bytes to any client.");
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
		if (strcmp(((ExtractFile *) lfirst(cell))->name, name) == 0)
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

/* ---- the functions ----------------------------------------------------------- */

/* A LineSink: the context is a StringInfo. */
static void
append_bytes(void *context, const char *bytes, int length)
{
	appendBinaryStringInfo(context, bytes, length);
}

PG_FUNCTION_INFO_V1(calpads_file_content);

/* calpads.file_content(file_id bigint) → bytea: a file byte for byte */
Datum
calpads_file_content(PG_FUNCTION_ARGS)
{
	const char *file_id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	StringInfoData content;

	initStringInfo(&content);
	appendStringInfoSpaces(&content, VARHDRSZ);
	SPI_connect();
	extract_send(extract_file(file_id), append_bytes, &content);
	SPI_finish();
	SET_VARSIZE(content.data, content.len);
	PG_RETURN_BYTEA_P(content.data);
}

static NewFile *
write_file(const char *directory, const ExtractFile *file)
{
	NewFile    *output = new_file_create(psprintf("%s/%s", directory, file->name));

	extract_send(file, new_file_write, output);
	new_file_close(output);
	return output;
}

/* All files whole first, then all under their names, or none. */
static List *
write_all(const char *directory, List *files)
{
	List	   *outputs = NIL;
	ListCell   *cell;

	foreach(cell, files)
		outputs = lappend(outputs, write_file(directory, lfirst(cell)));
	new_files_publish(outputs);
	return outputs;
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
	files = extract_files(batch_id);
	check_other_files(directory, files);
	foreach(cell, write_all(directory, files))
	{
		Datum		path = CStringGetTextDatum(new_file_path(lfirst(cell)));
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &path, &isnull);
	}
	SPI_finish();
	return (Datum) 0;
}
