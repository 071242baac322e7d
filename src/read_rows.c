/*-------------------------------------------------------------------------
 *
 * read_rows.c
 *	  Files of a form that nobody has published: their bytes, and their rows
 *	  as cells without a meaning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "compat.h"
#include "file_source.h"
#include "free_form.h"
#include "layout_catalog.h"
#include "server_reader.h"

/* Columns of calpads.read_rows. */
typedef enum RowColumn
{
	ROW_LINE_NO,
	ROW_CELLS,
	ROW_LINE,
	ROW_COMPLAINT,
	ROW_COLUMN_COUNT
} RowColumn;

PG_FUNCTION_INFO_V1(calpads_server_file);

/* calpads.server_file(path text) → bytea: a file of the server, under the rules of COPY */
Datum
calpads_server_file(PG_FUNCTION_ARGS)
{
	FileSource *source = file_source_open_as_user(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	int64		room = file_source_size(source);
	bytea	   *content;
	Size		size = 0;
	Size		count;

	if (room > (int64) (MaxAllocSize - VARHDRSZ))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" is too large", file_source_name(source)),
				 errdetail("It has %lld bytes; a value holds one gigabyte.", (long long) room)));
	content = palloc(room + VARHDRSZ);
	while ((count = file_source_read(source, VARDATA(content) + size, room - size)) > 0)
		size += count;
	SET_VARSIZE(content, size + VARHDRSZ);
	file_source_close(source);
	PG_RETURN_BYTEA_P(content);
}

/* ---- rows ----------------------------------------------------------------- */

static FieldText
bytes_of(const bytea *content)
{
	return (FieldText) {VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content)};
}

PG_FUNCTION_INFO_V1(calpads_detected_encoding);

/* calpads.detected_encoding(content bytea) → text: UTF8 or WIN1252, as read_rows reads the bytes */
Datum
calpads_detected_encoding(PG_FUNCTION_ARGS)
{
	ReaderEncoding encoding = free_form_encoding(bytes_of(PG_GETARG_BYTEA_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(encoding == ENCODING_UTF8 ? "UTF8" : "WIN1252"));
}

/* The content, or a copy whose lines end in line feeds. */
static bytea *
with_line_feeds(bytea *content)
{
	Size		size = VARSIZE_ANY_EXHDR(content);
	bytea	   *copy;

	if (!free_form_ends_in_returns(bytes_of(content)))
		return content;
	copy = palloc(size + VARHDRSZ);
	SET_VARSIZE(copy, size + VARHDRSZ);
	memcpy(VARDATA(copy), VARDATA_ANY(content), size);
	free_form_mend_line_ends(VARDATA(copy), size);
	return copy;
}

static Datum
text_datum(FieldText utf8)
{
	FieldText	value = server_text(utf8);

	return PointerGetDatum(cstring_to_text_with_len(value.data, (int) value.length));
}

static Datum
cells_datum(const Record *record)
{
	Datum		cells[LAYOUT_MAX_FIELDS];
	bool		nulls[LAYOUT_MAX_FIELDS];
	int			count = Min(record->field_count, LAYOUT_MAX_FIELDS);
	int			first = 1;

	for (int cell = 0; cell < count; cell++)
	{
		FieldText	value = field_trim(record->fields[cell]);

		nulls[cell] = value.length == 0;
		cells[cell] = nulls[cell] ? (Datum) 0 : text_datum(value);
	}
	return PointerGetDatum(construct_md_array(cells, nulls, 1, &count, &first, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

static void
put_row(ReturnSetInfo *result, const ServerReader *reader, const Record *record)
{
	Datum		values[ROW_COLUMN_COUNT] = {0};
	bool		nulls[ROW_COLUMN_COUNT] = {false};

	values[ROW_LINE_NO] = Int64GetDatum(record->line_no);
	values[ROW_CELLS] = cells_datum(record);
	values[ROW_LINE] = text_datum(record->line);
	nulls[ROW_COMPLAINT] = record->error == READER_NO_ERROR;
	if (!nulls[ROW_COMPLAINT])
		values[ROW_COMPLAINT] = CStringGetTextDatum(server_reader_complaint(reader, record));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The rows of a file of this format: what both functions give. */
static void
read_rows(FunctionCallInfo fcinfo, FileFormat format)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *content = with_line_feeds(PG_GETARG_BYTEA_PP(1));
	LayoutField *fields = palloc(LAYOUT_MAX_FIELDS * sizeof(LayoutField));
	Layout		layout = free_form_layout(name, format, fields);
	FileSource *source = file_source_from_bytes(name, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
	ServerReader *reader = server_reader_open(&layout, current_academic_year(),
											  free_form_encoding(bytes_of(content)),
											  source, file_source_read, source);
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "calpads row",
													  ALLOCSET_DEFAULT_SIZES);
	Record		record;

	InitMaterializedSRF(fcinfo, 0);
	while (server_reader_next(reader, &record) != READER_END)
	{
		MemoryContext old_context = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		put_row(result, reader, &record);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(row_context);
	}
	server_reader_close(reader);
	file_source_close(source);
}

PG_FUNCTION_INFO_V1(calpads_read_rows);

/*
 * calpads.read_rows(name text, content bytea) → setof record: the lines of a
 * CSV, tab or caret file in cells, blank ones null; complaint is set where a
 * line cannot be divided.  A file that is none of these is an error (22P04).
 */
Datum
calpads_read_rows(PG_FUNCTION_ARGS)
{
	read_rows(fcinfo, free_form_format(bytes_of(PG_GETARG_BYTEA_PP(1))));
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_read_tab_rows);

/*
 * calpads.read_tab_rows(name text, content bytea) → setof record: the same of
 * a file that has to be tab-delimited, in which quotes mean nothing.
 */
Datum
calpads_read_tab_rows(PG_FUNCTION_ARGS)
{
	read_rows(fcinfo, FORMAT_TAB);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_mdy_date);

/* calpads.mdy_date(value text) → date: M/D/YYYY, or null when it is none */
Datum
calpads_mdy_date(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	FieldText	field = {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
	DayNumber	day;

	if (!field_parse_date_mdy(field, &day))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(day);
}
