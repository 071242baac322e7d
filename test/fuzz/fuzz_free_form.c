/*
 * Any bytes as a file of a form that nobody has published, as the imports and
 * CALPADS' rejected records are read.  The first byte says whether the file
 * has to be one with tabs, and how much the source gives at a time.
 *
 * What must be true: cells are UTF-8; a file without carriage returns says the
 * same when its lines end in them; a record that is written as CSV, with
 * quotes around everything, comes back as it was; and what is taken for a date
 * is the day that its digits say.
 */
#include <string.h>

#include "free_form.h"
#include "fuzz.h"
#include "record.h"

typedef struct Source
{
	const char *data;
	size_t		size;
	size_t		given;
	size_t		piece;
} Source;

static size_t
give(void *context, char *buffer, size_t size)
{
	Source	   *source = context;
	size_t		given = source->size - source->given;

	if (given > source->piece)
		given = source->piece;
	if (given > size)
		given = size;
	memcpy(buffer, source->data + source->given, given);
	source->given += given;
	return given;
}

/* ---- cells ------------------------------------------------------------------ */

static void
check_date(FieldText cell)
{
	DayNumber	day;
	DayNumber	again;
	char		digits[8];

	if (free_form_complaint(cell, FIELD_DATE8, 0) != NULL)
	{
		MUST(!free_form_date(cell, &day));
		return;
	}
	MUST(free_form_date(cell, &day));
	day_to_date8(day, digits);
	MUST(field_parse_date8((FieldText) {digits, sizeof(digits)}, &again) && again == day);
	MUST(cell.length != 8 || memchr(cell.data, '/', 8) != NULL || memcmp(cell.data, digits, 8) == 0);
}

static void
check_cell(FieldText raw)
{
	static const FieldType types[] = {FIELD_TEXT, FIELD_CODE, FIELD_INTEGER};
	FieldText	cell = field_trim(raw);

	MUST(record_is_utf8(raw));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		const char *complaint = free_form_complaint(cell, types[i], 5);

		MUST(complaint != NULL || cell.length <= 4 * 5);
		MUST(complaint == NULL || complaint[0] != '\0');
	}
	check_date(cell);
	(void) free_form_type(cell);
}

/* ---- a record as CSV, and back ------------------------------------------------ */

static size_t
write_csv(const Record *record, char *line)
{
	size_t		length = 0;

	for (int field = 0; field < record->field_count; field++)
	{
		if (field > 0)
			line[length++] = ',';
		line[length++] = '"';
		for (size_t at = 0; at < record->fields[field].length; at++)
		{
			if (record->fields[field].data[at] == '"')
				line[length++] = '"';
			line[length++] = record->fields[field].data[at];
		}
		line[length++] = '"';
	}
	return length;
}

static void
check_same_cells(const Record *record, const char *line, size_t length)
{
	LayoutField fields[LAYOUT_MAX_FIELDS];
	Layout		layout = free_form_layout("again", FORMAT_CSV, fields);
	Source		source = {line, length, 0, length};
	Reader	   *reader = reader_create(&layout, ENCODING_UTF8, give, &source);
	Record		again;

	MUST(reader_next(reader, &again) == READER_RECORD && again.field_count == record->field_count);
	for (int field = 0; field < record->field_count; field++)
		MUST(again.fields[field].length == record->fields[field].length &&
			 memcmp(again.fields[field].data, record->fields[field].data, again.fields[field].length) == 0);
	MUST(reader_next(reader, &again) == READER_END);
	reader_destroy(reader);
}

static void
check_record(const Record *record)
{
	/* Quotes are doubled, and each field has two. */
	char		line[2 * RECORD_UTF8_GROWTH * (READER_MAX_LINE + 1) + 3 * LAYOUT_MAX_FIELDS];
	size_t		length;

	MUST(record_is_utf8(record->line));
	for (int field = 0; field < record->field_count && field < LAYOUT_MAX_FIELDS; field++)
		check_cell(record->fields[field]);
	if (record->error != READER_NO_ERROR)
		return;
	length = write_csv(record, line);
	if (length <= READER_MAX_LINE)
		check_same_cells(record, line, length);
}

/* ---- the file ----------------------------------------------------------------- */

static void
add_to_digest(uint64_t *digest, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t at = 0; at < size; at++)
		*digest = (*digest ^ bytes[at]) * UINT64_C(0x100000001B3);
}

/* What calpads.read_rows() does; the digest is of all cells and complaints. */
static uint64_t
read_rows(FieldText content, bool tabs, size_t piece)
{
	LayoutField fields[LAYOUT_MAX_FIELDS];
	Layout		layout = free_form_layout("fuzz", tabs ? FORMAT_TAB : free_form_format(content), fields);
	ReaderEncoding encoding = free_form_encoding(content);
	char	   *bytes = malloc(content.length + 1);
	Source		source = {bytes, content.length, 0, piece};
	Reader	   *reader = reader_create(&layout, encoding, give, &source);
	uint64_t	digest = UINT64_C(0xCBF29CE484222325);
	Record		record;
	ReaderStatus status;

	memcpy(bytes, content.data, content.length);
	if (free_form_ends_in_returns(content))
		free_form_mend_line_ends(bytes, content.length);
	while ((status = reader_next(reader, &record)) == READER_RECORD || status == READER_BAD_RECORD)
	{
		MUST(encoding != ENCODING_UTF8 || record.error != READER_ENCODING);
		check_record(&record);
		add_to_digest(&digest, &record.line_no, sizeof(record.line_no));
		add_to_digest(&digest, &record.error, sizeof(record.error));
		for (int field = 0; field < record.field_count && field < LAYOUT_MAX_FIELDS; field++)
		{
			add_to_digest(&digest, "|", 1);
			add_to_digest(&digest, record.fields[field].data, record.fields[field].length);
		}
	}
	add_to_digest(&digest, &reader_refusal(reader)->error, sizeof(ReaderError));
	MUST(status == READER_REFUSED || reader_bytes_read(reader) == (int64_t) content.length);
	reader_destroy(reader);
	free(bytes);
	return digest;
}

static void
check_with_returns(FieldText content, bool tabs, size_t piece, uint64_t digest)
{
	char	   *bytes;

	if (memchr(content.data, '\r', content.length) != NULL || memchr(content.data, '\n', content.length) == NULL)
		return;
	bytes = malloc(content.length);
	for (size_t at = 0; at < content.length; at++)
		bytes[at] = content.data[at];
	for (size_t at = 0; at < content.length; at++)
		if (bytes[at] == '\n')
			bytes[at] = '\r';
	MUST(read_rows((FieldText) {bytes, content.length}, tabs, piece) == digest);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 3, 64, 5000};
	FieldText	content;
	bool		tabs;
	size_t		piece;

	if (size == 0)
		return 0;
	tabs = data[0] & 1;
	piece = pieces[data[0] >> 1 & 3];
	content = (FieldText) {(const char *) data + 1, size - 1};
	check_with_returns(content, tabs, piece, read_rows(content, tabs, piece));
	return 0;
}
