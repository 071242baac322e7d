/*
 * Any bytes as a file.  The first byte chooses layout, encoding and how much
 * the source gives at a time; the rest is the file.
 *
 * What must be true: line numbers grow; a line is the one in the file; fields
 * are what lies between separators; everything is UTF-8; the number of fields
 * is one of the layout; all bytes are used at the end; and all of it is the
 * same when the source gives the file at once.
 */
#include <string.h>

#include "fuzz.h"
#include "reader.h"
#include "record.h"

static const LayoutField fields[] = {
	{.name = "record_type_code", .label = "Record Type Code", .type = FIELD_CODE, .max_length = 6},
	{.name = "ssid", .label = "SSID", .type = FIELD_CODE, .max_length = 10, .key = true},
	{.name = "name", .label = "Last Name", .type = FIELD_TEXT, .max_length = 50},
	{.name = "start", .label = "Start Date", .type = FIELD_DATE8, .key = true},
	{.name = "birth", .label = "Birth Date", .type = FIELD_DATE_MDY},
	{.name = "minutes", .label = "Minutes", .type = FIELD_INTEGER, .max_length = 4},
};

/* ---- the file, line by line, as a simple program sees it ----------------- */

typedef struct File
{
	const char *data;
	size_t		size;
	size_t		at;				/* of line line_no */
	int64_t		line_no;
	size_t		given;			/* by the source */
	size_t		piece;
} File;

static size_t
give(void *context, char *buffer, size_t size)
{
	File	   *file = context;
	size_t		given = file->size - file->given;

	MUST(size > 0);
	if (given > file->piece)
		given = file->piece;
	if (given > size)
		given = size;
	memcpy(buffer, file->data + file->given, given);
	file->given += given;
	return given;
}

static FieldText
line_of_file(File *file, int64_t line_no)
{
	FieldText	line;
	const char *end;

	for (; file->line_no < line_no; file->line_no++)
	{
		end = memchr(file->data + file->at, '\n', file->size - file->at);
		MUST(end != NULL);
		file->at = (size_t) (end - file->data) + 1;
	}
	line.data = file->data + file->at;
	end = memchr(line.data, '\n', file->size - file->at);
	line.length = end != NULL ? (size_t) (end - line.data) : file->size - file->at;
	if (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;
	return line;
}

static bool
is_ascii(FieldText text)
{
	for (size_t at = 0; at < text.length; at++)
	{
		if ((unsigned char) text.data[at] >= 0x80)
			return false;
	}
	return true;
}

/* A CSV record may have more lines than this one. */
static void
check_line(File *file, const Layout *layout, const Record *record)
{
	FieldText	line = line_of_file(file, record->line_no);

	MUST(record_is_utf8(record->line));
	if (!is_ascii(line))
		return;
	MUST(record->line.length >= line.length);
	MUST(layout->format == FORMAT_CSV || record->line.length == line.length);
	MUST(memcmp(record->line.data, line.data, line.length) == 0);
}

/* ---- fields -------------------------------------------------------------- */

static bool
lies_within(FieldText part, FieldText whole)
{
	return part.data >= whole.data && part.data + part.length <= whole.data + whole.length;
}

static void
check_separated(const Record *record, char separator)
{
	const char *next = record->line.data;

	for (int field = 0; field < record->field_count && field < LAYOUT_MAX_FIELDS; field++)
	{
		FieldText	text = record->fields[field];

		MUST(text.data == next);
		MUST(memchr(text.data, separator, text.length) == NULL);
		next = text.data + text.length;
		MUST(field + 1 == record->field_count ? next == record->line.data + record->line.length :
			 *next == separator);
		next++;
	}
}

static bool
is_printable_ascii(FieldText text)
{
	for (size_t at = 0; at < text.length; at++)
	{
		if (text.data[at] < ' ' || text.data[at] > '~')
			return false;
	}
	return true;
}

static void
check_fields(const Reader *reader, const Layout *layout, const Record *record)
{
	for (int field = 0; field < layout->field_count; field++)
	{
		FieldText	value = field_normalise(&layout->fields[field], record->fields[field]);
		DayNumber	day;

		MUST(record_is_utf8(value));
		MUST(layout->format == FORMAT_CSV || lies_within(value, record->line));
		MUST(!record->is_plain || is_printable_ascii(value));
		MUST(field_check(&layout->fields[field], value, &day) ==
			 (record->is_plain ? field_check_plain : field_check) (&layout->fields[field], value, &day));
	}
	for (int column = 0; column < reader_extra_column_count(reader); column++)
	{
		MUST(strlen(reader_extra_column_name(reader, column)) > 0);
		MUST(record_is_utf8(reader_extra_column_value(reader, column)));
	}
}

/* ---- a file from begin to end -------------------------------------------- */

/* Enough to see that two runs gave the same (FNV-1a). */
static void
add_to_digest(uint64_t *digest, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t at = 0; at < size; at++)
		*digest = (*digest ^ bytes[at]) * UINT64_C(0x100000001B3);
}

static void
digest_record(uint64_t *digest, const Layout *layout, const Record *record, ReaderStatus status)
{
	add_to_digest(digest, &status, sizeof(status));
	add_to_digest(digest, &record->error, sizeof(record->error));
	add_to_digest(digest, &record->line_no, sizeof(record->line_no));
	add_to_digest(digest, &record->field_count, sizeof(record->field_count));
	add_to_digest(digest, record->line.data, record->line.length);
	for (int field = 0; field < layout->field_count; field++)
	{
		add_to_digest(digest, "|", 1);
		add_to_digest(digest, record->fields[field].data, record->fields[field].length);
	}
}

static void
check_record(const Reader *reader, const Layout *layout, const Record *record, ReaderStatus status,
			 File *file)
{
	char		separator = layout->format == FORMAT_CARET ? '^' : '\t';
	int			extra = reader_extra_column_count(reader);

	MUST((status == READER_RECORD) == (record->error == READER_NO_ERROR));
	MUST(record->error < READER_EMPTY);
	MUST(status == READER_BAD_RECORD ||
		 (record->field_count > 0 && record->field_count <= layout->field_count + extra));
	check_line(file, layout, record);
	check_fields(reader, layout, record);
	if (layout->format != FORMAT_CSV && layout->header == HEADER_NEVER)
		check_separated(record, separator);
}

static void
check_end(const Reader *reader, ReaderStatus status, const File *file)
{
	const ReaderRefusal *refusal = reader_refusal(reader);

	if (status == READER_END)
		MUST(reader_bytes_read(reader) == (int64_t) file->size);
	else
	{
		MUST(refusal->error >= READER_EMPTY && refusal->error <= READER_OTHER_FIELD_COUNT);
		MUST(is_ascii((FieldText) {refusal->found, strlen(refusal->found)}));
	}
}

static uint64_t
read_file(const Layout *layout, ReaderEncoding encoding, File file)
{
	Reader	   *reader = reader_create(layout, encoding, give, &file);
	Record		record;
	ReaderStatus status;
	uint64_t	digest = UINT64_C(0xCBF29CE484222325);
	int64_t		line_no = 0;
	int64_t		bytes = 0;

	MUST(reader != NULL);
	while ((status = reader_next(reader, &record)) == READER_RECORD || status == READER_BAD_RECORD)
	{
		MUST(record.line_no > line_no);
		MUST(reader_bytes_read(reader) > bytes);
		line_no = record.line_no;
		bytes = reader_bytes_read(reader);
		check_record(reader, layout, &record, status, &file);
		digest_record(&digest, layout, &record, status);
	}
	check_end(reader, status, &file);
	MUST(reader_next(reader, &record) == status);
	add_to_digest(&digest, reader_refusal(reader), sizeof(ReaderRefusal));
	reader_destroy(reader);
	return digest;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 3, 64, 300};
	static const FileFormat formats[] = {FORMAT_CARET, FORMAT_TAB, FORMAT_CSV, FORMAT_CSV};
	static const HeaderRule headers[] = {HEADER_NEVER, HEADER_OPTIONAL, HEADER_REQUIRED, HEADER_NEVER};
	static const ReaderEncoding encodings[] =
	{ENCODING_AUTO, ENCODING_UTF8, ENCODING_WINDOWS_1252, ENCODING_AUTO};
	uint8_t		choice;
	Layout		layout = {.name = "fuzz", .field_count = 6, .min_field_count = 4, .fields = fields};
	ReaderEncoding encoding;
	File		file;
	uint64_t	in_pieces;

	if (size == 0)
		return 0;
	choice = data[0];
	layout.format = formats[choice & 3];
	layout.header = headers[choice >> 2 & 3];
	layout.record_type = layout.format == FORMAT_CARET ? "SENR-R" : NULL;
	encoding = encodings[choice >> 4 & 3];
	file = (File) {(const char *) data + 1, size - 1, 0, 1, 0, pieces[choice >> 6]};
	/* Lines of the file begin behind the mark. */
	if (file.size >= 3 && memcmp(file.data, "\xEF\xBB\xBF", 3) == 0)
		file.at = 3;

	in_pieces = read_file(&layout, encoding, file);
	file.piece = file.size;
	MUST(in_pieces == read_file(&layout, encoding, file));
	return 0;
}
