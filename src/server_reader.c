/*-------------------------------------------------------------------------
 *
 * server_reader.c
 *	  The reader inside the server: its memory goes away with an error, and
 *	  its verdicts become messages.
 *
 *-------------------------------------------------------------------------
 */
#include "server_reader.h"

#include "utils/memutils.h"

#include "layout_catalog.h"

struct ServerReader
{
	MemoryContext context;		/* of this struct; its end is the reader's end */
	MemoryContextCallback at_end;
	Reader	   *reader;
	const Layout *layout;
	const char *layout_year;
	ReaderEncoding encoding;
	const FileSource *source;
};

static const char *
separator_name(FileFormat format)
{
	switch (format)
	{
		case FORMAT_CARET:
			return "caret";
		case FORMAT_TAB:
			return "tab";
		case FORMAT_CSV:
			return "comma";
	}
	return "";
}

/* File and line as the detail of an error; line 0 is the whole file. */
static int
errdetail_place(const ServerReader *reader, int64 line_no)
{
	if (line_no == 0)
		return errdetail("File \"%s\".", file_source_name(reader->source));
	return errdetail("File \"%s\", line %lld.", file_source_name(reader->source),
					 (long long) line_no);
}

static void
refuse_format(const ServerReader *reader, const ReaderRefusal *refusal)
{
	const char *separator = separator_name(reader->layout->format);

	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 refusal->found[0] == '\0'
			 ? errmsg("the fields of the file are not separated by a %s", separator)
			 : errmsg("the fields of the file are separated by a %s, not by a %s",
					  refusal->found, separator),
			 errdetail_place(reader, refusal->line_no),
			 errhint("Get the file again in the form with a %s between the fields.", separator)));
}

static void
refuse_header(const ServerReader *reader, const ReaderRefusal *refusal)
{
	const char *layout = reader->layout->name;

	if (refusal->error == READER_HEADER_ROW)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 refusal->found[0] != '\0'
				 ? errmsg("the file begins with a header row (\"%s\")", refusal->found)
				 : errmsg("the file begins with a header row"),
				 errdetail_place(reader, refusal->line_no),
				 errhint("Files of layout \"%s\" have none; delete the line.", layout)));
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 refusal->found[0] == '\0'
			 ? errmsg("the file does not begin with a header row")
			 : errmsg("the header row of the file does not name the column \"%s\"",
					  refusal->found),
			 errdetail_place(reader, refusal->line_no),
			 errhint("Files of layout \"%s\" begin with the names of their columns.", layout)));
}

static void
refuse_record_type(const ServerReader *reader, const ReaderRefusal *refusal)
{
	const char *wanted = reader->layout->record_type;
	const char *layout = layout_catalog_of_record_type(refusal->found);

	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 refusal->found[0] == '\0'
			 ? errmsg("the records of the file are not of type \"%s\"", wanted)
			 : errmsg("the records of the file are of type \"%s\", not \"%s\"",
					  refusal->found, wanted),
			 errdetail_place(reader, refusal->line_no),
			 layout == NULL
			 ? errhint("Give a file of layout \"%s\".", reader->layout->name)
			 : errhint("This is a file of layout \"%s\"; give one of layout \"%s\".", layout,
					   reader->layout->name)));
}

static void
refuse_field_count(const ServerReader *reader, const ReaderRefusal *refusal)
{
	const Layout *layout = reader->layout;
	int			found = refusal->found_fields;
	const char *years = layout_catalog_years(layout->name, found);

	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("the records of the file have %d fields, but in %s they have %d", found,
					reader->layout_year, layout->field_count),
			 errdetail_place(reader, refusal->line_no),
			 years == NULL
			 ? errhint("Request a new extract; no year is known in which records of layout \"%s\" had %d fields.",
					   layout->name, found)
			 : errhint("Request a new extract, or, if this one is old, set layout_year to its academic year: records had %d fields in %s.",
					   found, years)));
}

/* Refusals that need no look at the catalog. */
static void
refuse(const ServerReader *reader, const ReaderRefusal *refusal, int sqlstate, const char *message,
	   const char *hint)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg_internal("%s", message),
			 errdetail_place(reader, refusal->line_no),
			 errhint("%s", hint)));
}

static void
raise_refusal(const ServerReader *reader)
{
	const ReaderRefusal *refusal = reader_refusal(reader->reader);
	const int	bad_file = ERRCODE_BAD_COPY_FILE_FORMAT;

	switch (refusal->error)
	{
		case READER_EMPTY:
			refuse(reader, refusal, bad_file, "the file is empty",
				   "Its download may have failed; get the file again.");
			break;
		case READER_NUL_BYTE:
			refuse(reader, refusal, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
				   "the file contains a NUL byte",
				   "It is no text, or text in UTF-16; get the file again, or save it as UTF-8.");
			break;
		case READER_LINE_TOO_LONG:
			refuse(reader, refusal, bad_file, "a line of the file is longer than 64 kB",
				   "It is no file of this kind, or its line ends were lost; get the file again.");
			break;
		case READER_LONE_CR:
			refuse(reader, refusal, bad_file,
				   "the file contains a carriage return without line feed",
				   "Lines end in CR LF or LF; get the file again.");
			break;
		case READER_NOT_THIS_FORMAT:
			refuse_format(reader, refusal);
			break;
		case READER_HEADER_ROW:
		case READER_NO_HEADER:
			refuse_header(reader, refusal);
			break;
		case READER_OTHER_RECORD_TYPE:
			refuse_record_type(reader, refusal);
			break;
		case READER_OTHER_FIELD_COUNT:
			refuse_field_count(reader, refusal);
			break;
		default:
			elog(ERROR, "unexpected refusal %d of a file", (int) refusal->error);
	}
}

static void
end_reader(void *reader)
{
	reader_destroy(((ServerReader *) reader)->reader);
}

ServerReader *
server_reader_open(const Layout *layout, const char *layout_year, ReaderEncoding encoding,
				   FileSource *source, ReaderSource read, void *read_context)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "calpads reader",
												  ALLOCSET_SMALL_SIZES);
	ServerReader *reader = MemoryContextAllocZero(context, sizeof(ServerReader));

	reader->context = context;
	reader->layout = layout;
	reader->layout_year = layout_year;
	reader->encoding = encoding;
	reader->source = source;
	reader->reader = reader_create(layout, encoding, read, read_context);
	if (reader->reader == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	reader->at_end.func = end_reader;
	reader->at_end.arg = reader;
	MemoryContextRegisterResetCallback(context, &reader->at_end);
	return reader;
}

ReaderStatus
server_reader_next(ServerReader *reader, Record *record)
{
	ReaderStatus status = reader_next(reader->reader, record);

	if (status == READER_REFUSED)
		raise_refusal(reader);
	return status;
}

static const char *
encoding_names(ReaderEncoding encoding)
{
	switch (encoding)
	{
		case ENCODING_AUTO:
			return "UTF-8 or Windows-1252";
		case ENCODING_UTF8:
			return "UTF-8";
		case ENCODING_WINDOWS_1252:
			return "Windows-1252";
	}
	return "";
}

static char *
describe_field_count(const Layout *layout, int found)
{
	if (layout->min_field_count == layout->field_count)
		return psprintf("the record has %d instead of %d fields", found, layout->field_count);
	return psprintf("the record has %d instead of %d %s %d fields", found,
					layout->min_field_count, layout->header == HEADER_NEVER ? "or" : "to",
					layout->field_count);
}

char *
server_reader_complaint(const ServerReader *reader, const Record *record)
{
	switch (record->error)
	{
		case READER_FIELD_COUNT:
			return describe_field_count(reader->layout, record->field_count);
		case READER_TRUNCATED:
			return psprintf("the last line breaks off after %d fields", record->field_count);
		case READER_ENCODING:
			return psprintf("the line is not valid %s", encoding_names(reader->encoding));
		case READER_QUOTE:
			return pstrdup("a quoted field is not closed, or text follows its closing quote");
		case READER_RECORD_TYPE:
			return psprintf("the record is not of type \"%s\"", reader->layout->record_type);
		default:
			elog(ERROR, "unexpected error %d of a record", (int) record->error);
	}
}

int64
server_reader_bytes(const ServerReader *reader)
{
	return reader_bytes_read(reader->reader);
}

void
server_reader_close(ServerReader *reader)
{
	MemoryContextDelete(reader->context);
}

FieldText
server_text_converted(FieldText utf8)
{
	char	   *converted = pg_any_to_server(utf8.data, (int) utf8.length, PG_UTF8);

	if (converted == utf8.data)
		return utf8;
	return (FieldText) {converted, strlen(converted)};
}
