/*
 * A file in, records out.  Each case is read several times, from sources that
 * give 1, 3, 4096 bytes or all at once, and what comes out is written down:
 *
 *	  <line> <field>|<field>|…			a record
 *	  <line> <error> <count>: <fields> <the line>	a bad record
 *	  refused <error> <line> …			why, and what was found
 *	  end
 */
#include <stdarg.h>
#include <stdlib.h>

#include "reader.h"
#include "unit.h"

typedef struct Source
{
	const char *data;
	size_t		size;
	size_t		at;
	size_t		piece;			/* the most it gives at a time */
} Source;

static size_t
give(void *context, char *buffer, size_t size)
{
	Source	   *source = context;
	size_t		given = source->size - source->at;

	if (given > source->piece)
		given = source->piece;
	if (given > size)
		given = size;
	memcpy(buffer, source->data + source->at, given);
	source->at += given;
	return given;
}

static const size_t pieces[] = {1, 3, 4096, SIZE_MAX};

#define PIECE_COUNT (sizeof(pieces) / sizeof(pieces[0]))

/* ---- layouts ------------------------------------------------------------ */

static const LayoutField senr_fields[] = {
	{.name = "record_type_code", .label = "Record Type Code", .type = FIELD_CODE},
	{.name = "ssid", .label = "SSID", .type = FIELD_CODE, .key = true},
	{.name = "student_legal_last_name", .label = "Student Legal Last Name", .type = FIELD_TEXT},
	{.name = "enrollment_start_date", .label = "Enrollment Start Date", .type = FIELD_DATE8, .key = true},
	{.name = "upload_date", .label = "Upload Date", .type = FIELD_TEXT},
	{.name = "last_date_updated", .label = "Last Date Updated", .type = FIELD_TEXT},
};

static const Layout senr = {
	.name = "senr_ods", .record_type = "SENR-R", .other_record_type = "SENR",
	.format = FORMAT_CARET, .header = HEADER_NEVER,
	.field_count = 6, .min_field_count = 4, .fields = senr_fields,
};

/* The first three fields, by layout. */
#define STUDENT_LAYOUT(layout_format, header_rule, least) \
	{ \
		.name = "student", .format = layout_format, .header = header_rule, \
		.field_count = 3, .min_field_count = least, .fields = senr_fields + 1, \
	}

static const Layout csv = STUDENT_LAYOUT(FORMAT_CSV, HEADER_NEVER, 3);
static const Layout csv_optional = STUDENT_LAYOUT(FORMAT_CSV, HEADER_OPTIONAL, 2);
static const Layout csv_required = STUDENT_LAYOUT(FORMAT_CSV, HEADER_REQUIRED, 3);
static const Layout tab_optional = STUDENT_LAYOUT(FORMAT_TAB, HEADER_OPTIONAL, 1);

/* ---- writing down what comes out ---------------------------------------- */

#define NOTES_SIZE ((size_t) 4 * 1024 * 1024)

typedef struct Notes
{
	char	   *text;
	size_t		length;
} Notes;

static void note(Notes *notes, const char *format,...) __attribute__((format(printf, 2, 3)));

static void
note(Notes *notes, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	notes->length += (size_t) vsnprintf(notes->text + notes->length, NOTES_SIZE - notes->length,
										format, arguments);
	va_end(arguments);
	if (notes->length >= NOTES_SIZE)
		abort();
}

static const char *
error_name(ReaderError error)
{
	static const char *const names[] = {
		[READER_NO_ERROR] = "no error",
		[READER_FIELD_COUNT] = "field count",
		[READER_TRUNCATED] = "truncated",
		[READER_ENCODING] = "encoding",
		[READER_QUOTE] = "quote",
		[READER_RECORD_TYPE] = "record type",
		[READER_EMPTY] = "empty",
		[READER_NUL_BYTE] = "nul byte",
		[READER_LINE_TOO_LONG] = "line too long",
		[READER_LONE_CR] = "lone cr",
		[READER_NOT_THIS_FORMAT] = "not this format",
		[READER_HEADER_ROW] = "header row",
		[READER_NO_HEADER] = "no header",
		[READER_OTHER_RECORD_TYPE] = "other record type",
		[READER_OTHER_FIELD_COUNT] = "other field count",
	};

	return names[error];
}

/* The fields of the layout, then the extra columns with their names. */
static void
note_fields(Notes *notes, const Reader *reader, const Record *record, int field_count)
{
	for (int field = 0; field < field_count; field++)
		note(notes, "%s%.*s", field > 0 ? "|" : "", (int) record->fields[field].length,
			 record->fields[field].data);
	for (int column = 0; column < reader_extra_column_count(reader); column++)
	{
		FieldText	value = reader_extra_column_value(reader, column);

		note(notes, "|%s=%.*s", reader_extra_column_name(reader, column), (int) value.length,
			 value.data);
	}
}

static void
note_refusal(Notes *notes, const ReaderRefusal *refusal)
{
	note(notes, "refused %s %d", error_name(refusal->error), (int) refusal->line_no);
	if (refusal->found_fields > 0)
		note(notes, " %d fields", refusal->found_fields);
	if (refusal->found[0] != '\0')
		note(notes, " '%s'", refusal->found);
	note(notes, "\n");
}

static void
read_file(const Layout *layout, ReaderEncoding encoding, Source *source, Notes *notes)
{
	Reader	   *reader = reader_create(layout, encoding, give, source);
	Record		record;
	ReaderStatus status;

	while ((status = reader_next(reader, &record)) == READER_RECORD || status == READER_BAD_RECORD)
	{
		note(notes, "%d ", (int) record.line_no);
		if (status == READER_BAD_RECORD)
			note(notes, "%s %d: ", error_name(record.error), record.field_count);
		note_fields(notes, reader, &record, layout->field_count);
		if (status == READER_BAD_RECORD)
			note(notes, " <%.*s>", (int) record.line.length, record.line.data);
		note(notes, "\n");
	}
	if (status == READER_REFUSED)
		note_refusal(notes, reader_refusal(reader));
	else
		note(notes, "end\n");

	/* It stays so. */
	CHECK_INT(status, reader_next(reader, &record));
	if (status == READER_END)
		CHECK_INT((int64_t) source->size, reader_bytes_read(reader));
	reader_destroy(reader);
}

static void
check_file(const Layout *layout, ReaderEncoding encoding, const char *data, size_t size,
		   const char *wanted, int line)
{
	for (size_t i = 0; i < PIECE_COUNT; i++)
	{
		Source		source = {data, size, 0, pieces[i]};
		Notes		notes = {malloc(NOTES_SIZE), 0};

		read_file(layout, encoding, &source, &notes);
		unit_check_text(wanted, (FieldText) {notes.text, notes.length}, __FILE__, line, "records");
		free(notes.text);
	}
}

#define CHECK_ENCODED(layout, encoding, data, wanted) \
	check_file(&(layout), encoding, data, sizeof(data) - 1, wanted, __LINE__)
#define CHECK_FILE(layout, data, wanted) \
	CHECK_ENCODED(layout, ENCODING_AUTO, data, wanted)

/* ---- making files ------------------------------------------------------- */

typedef struct File
{
	char	   *data;
	size_t		size;
	Notes		wanted;
	int			line_no;
} File;

static File
new_file(void)
{
	return (File) {.data = malloc(NOTES_SIZE), .wanted = {malloc(NOTES_SIZE), 0}};
}

static void
add_bytes(File *file, char byte, size_t count)
{
	memset(file->data + file->size, byte, count);
	file->size += count;
}

static void
add_text(File *file, const char *text)
{
	memcpy(file->data + file->size, text, strlen(text));
	file->size += strlen(text);
}

/* A record whose name has so many letters. */
static void
add_record(File *file, size_t name_length, const char *line_end)
{
	int			ssid = 1000000000 + ++file->line_no;
	char		text[64];

	snprintf(text, sizeof(text), "SENR-R^%d^", ssid);
	add_text(file, text);
	add_bytes(file, (char) ('A' + file->line_no % 26), name_length);
	add_text(file, "^20240815");
	note(&file->wanted, "%d SENR-R|%d|%.*s|20240815||\n", file->line_no, ssid, (int) name_length,
		 file->data + file->size - 9 - name_length);
	add_text(file, line_end);
}

static void
check_made_file(File *file, const Layout *layout, const char *last_note, int line)
{
	note(&file->wanted, "%s\n", last_note);
	check_file(layout, ENCODING_AUTO, file->data, file->size, file->wanted.text, line);
	free(file->data);
	free(file->wanted.text);
}

/* Lines before the one in question, so many that they fill the sample. */
static File
more_than_a_sample(void)
{
	File		file = new_file();

	while (file.size < 3 * (size_t) READER_MAX_LINE)
		add_record(&file, 200, "\r\n");
	return file;
}

/* ---- caret and tab ------------------------------------------------------ */

static void
records_of_a_caret_file(void)
{
	CHECK_FILE(senr,
			   "SENR-R^1000000001^Garza^20240815^20250301^20250302\r\n"
			   "SENR^1000000002^Nguyen^20240816^^\r\n",
			   "1 SENR-R|1000000001|Garza|20240815|20250301|20250302\n"
			   "2 SENR|1000000002|Nguyen|20240816||\n"
			   "end\n");
	CHECK_FILE(senr, " SENR-R ^1^ de la Cruz ^20240815\n",
			   "1  SENR-R |1| de la Cruz |20240815||\nend\n");
}

static void
line_ends_of_both_kinds_and_none_at_the_end(void)
{
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B^20240816\r\nSENR-R^3^C^20240817",
			   "1 SENR-R|1|A|20240815||\n2 SENR-R|2|B|20240816||\n3 SENR-R|3|C|20240817||\nend\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815^^", "1 SENR-R|1|A|20240815||\nend\n");
}

static void
blank_lines_are_counted_and_passed_over(void)
{
	CHECK_FILE(senr, "\r\n\n  \nSENR-R^1^A^20240815\n\n \r\nSENR-R^2^B^20240816\n\n  ",
			   "4 SENR-R|1|A|20240815||\n7 SENR-R|2|B|20240816||\nend\n");
}

static void
blank_lines_before_the_sample(void)
{
	File		file = new_file();

	add_bytes(&file, '\n', 300000);
	file.line_no = 300000;
	add_record(&file, 5, "\n");
	add_bytes(&file, '\n', 300000);
	file.line_no += 300000;
	add_record(&file, 5, "\n");
	check_made_file(&file, &senr, "end", __LINE__);
}

static void
blank_lines_do_not_hide_the_kind_of_file(void)
{
	File		file = new_file();

	add_bytes(&file, '\n', 300000);
	add_text(&file, "SENR-R,1,A,20240815\n");
	check_made_file(&file, &senr, "refused not this format 0 'comma'", __LINE__);
}

static void
quotes_in_a_caret_file_are_data(void)
{
	CHECK_FILE(senr, "SENR-R^1^\"Al\" \"Bo^20240815\nSENR-R^2^\"^20240816\nSENR-R^3^C\"^20240817\n",
			   "1 SENR-R|1|\"Al\" \"Bo|20240815||\n2 SENR-R|2|\"|20240816||\n"
			   "3 SENR-R|3|C\"|20240817||\nend\n");
}

static void
optional_fields_at_the_end(void)
{
	/* A state file has all of them or none … */
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B^20240815^x\nSENR-R^3^C^20240815^x^y\n",
			   "1 SENR-R|1|A|20240815||\n"
			   "2 field count 5: SENR-R|2|B|20240815|x| <SENR-R^2^B^20240815^x>\n"
			   "3 SENR-R|3|C|20240815|x|y\nend\n");
	/* … a vendor's file any number. */
	CHECK_FILE(tab_optional, "1\n2\tB\n3\tC\t20240815\n", "1 1||\n2 2|B|\n3 3|C|20240815\nend\n");
}

static void
a_bad_line_is_set_aside(void)
{
	CHECK_FILE(senr,
			   "SENR-R^1^A^20240815\n"
			   "SENR-R^2^B\n"
			   "SENR-R^3^C^D^20240815^20250301^20250302\n"
			   "SENR-R^4^E^20240815\n"
			   "TRAILER 4\n"
			   "SINF-R^5^F^20240815\n"
			   "SENR-R^6^G^20240815\n"
			   "SENR-R^7^H^20240815\n"
			   "SENR-R^8^I^202",
			   "1 SENR-R|1|A|20240815||\n"
			   "2 field count 3: SENR-R|2|B||| <SENR-R^2^B>\n"
			   "3 field count 7: SENR-R|3|C|D|20240815|20250301 <SENR-R^3^C^D^20240815^20250301^20250302>\n"
			   "4 SENR-R|4|E|20240815||\n"
			   "5 field count 1: TRAILER 4||||| <TRAILER 4>\n"
			   "6 record type 4: SINF-R|5|F|20240815|| <SINF-R^5^F^20240815>\n"
			   "7 SENR-R|6|G|20240815||\n"
			   "8 SENR-R|7|H|20240815||\n"
			   "9 SENR-R|8|I|202||\nend\n");
}

static void
a_truncated_last_line(void)
{
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B",
			   "1 SENR-R|1|A|20240815||\n2 truncated 3: SENR-R|2|B||| <SENR-R^2^B>\nend\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B\n",
			   "1 SENR-R|1|A|20240815||\n2 field count 3: SENR-R|2|B||| <SENR-R^2^B>\nend\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B^3^4^5^6^7",
			   "1 SENR-R|1|A|20240815||\n"
			   "2 field count 8: SENR-R|2|B|3|4|5 <SENR-R^2^B^3^4^5^6^7>\nend\n");
	/* One line proves nothing about the file. */
	CHECK_FILE(senr, "SENR-R^1", "1 truncated 2: SENR-R|1|||| <SENR-R^1>\nend\n");
	CHECK_FILE(csv_optional, "SSID,Student Legal Last Name,Enrollment Start Date\n1,A",
			   "2 truncated 2: 1|A| <1,A>\nend\n");
}

static void
more_fields_than_can_be_stored(void)
{
	File		file = new_file();

	add_record(&file, 1, "\n");
	add_record(&file, 1, "\n");
	add_text(&file, "SENR-R^3");
	add_bytes(&file, '^', 300);
	add_text(&file, "\n");
	note(&file.wanted, "3 field count 302: SENR-R|3|||| <SENR-R^3");
	memset(file.wanted.text + file.wanted.length, '^', 300);
	file.wanted.length += 300;
	note(&file.wanted, ">\n");
	check_made_file(&file, &senr, "end", __LINE__);
}

/* Lines of all lengths cross the borders of the window at all places. */
static void
records_over_the_borders_of_blocks(void)
{
	File		file = new_file();

	for (size_t length = 0; length < 1500; length++)
		add_record(&file, length * 7919 % 1501, length % 3 == 0 ? "\n" : "\r\n");
	check_made_file(&file, &senr, "end", __LINE__);
}

/* ---- encodings ---------------------------------------------------------- */

static void
a_byte_order_mark_is_no_part_of_the_first_field(void)
{
	CHECK_FILE(senr, "\xEF\xBB\xBFSENR-R^1^Mu\xC3\xB1oz^20240815\n",
			   "1 SENR-R|1|Mu\xC3\xB1oz|20240815||\nend\n");
	CHECK_FILE(csv_required,
			   "\xEF\xBB\xBFssid,student_legal_last_name,enrollment_start_date\n1,A,20240815\n",
			   "2 1|A|20240815\nend\n");
	/* The file knows better than who asked. */
	CHECK_ENCODED(senr, ENCODING_WINDOWS_1252, "\xEF\xBB\xBFSENR-R^1^Mu\xC3\xB1oz^20240815\n",
				  "1 SENR-R|1|Mu\xC3\xB1oz|20240815||\nend\n");
	CHECK_ENCODED(senr, ENCODING_WINDOWS_1252, "\xEF\xBB\xBFSENR-R^1^Mu\xF1oz^20240815\n",
				  "1 SENR-R|1|Mu\xC3\xB1oz|20240815||\nend\n");
	/* In the middle it is data. */
	CHECK_FILE(senr, "SENR-R^1^A^20240815\n\xEF\xBB\xBFSENR-R^2^B^20240815\n",
			   "1 SENR-R|1|A|20240815||\n"
			   "2 record type 4: \xEF\xBB\xBFSENR-R|2|B|20240815|| <\xEF\xBB\xBFSENR-R^2^B^20240815>\n"
			   "end\n");
}

static void
each_line_is_utf8_or_windows_1252(void)
{
	CHECK_FILE(senr,
			   "SENR-R^1^Mu\xC3\xB1oz^20240815\r\n"
			   "SENR-R^2^Mu\xF1oz^20240815^Jos\xE9^\x80\r\n"
			   "SENR-R^3^Garza^20240815\r\n",
			   "1 SENR-R|1|Mu\xC3\xB1oz|20240815||\n"
			   "2 SENR-R|2|Mu\xC3\xB1oz|20240815|Jos\xC3\xA9|\xE2\x82\xAC\n"
			   "3 SENR-R|3|Garza|20240815||\nend\n");
	/* Asked for, it is taken at its word. */
	CHECK_ENCODED(senr, ENCODING_WINDOWS_1252, "SENR-R^1^Mu\xC3\xB1oz^20240815\n",
				  "1 SENR-R|1|Mu\xC3\x83\xC2\xB1oz|20240815||\nend\n");
}

/* Which records are plain: P, or n. */
static void
check_plain(const Layout *layout, const char *data, const char *wanted, int line)
{
	Source		source = {data, strlen(data), 0, SIZE_MAX};
	Reader	   *reader = reader_create(layout, ENCODING_AUTO, give, &source);
	Record		record;
	char		found[16] = "";

	while (reader_next(reader, &record) == READER_RECORD)
		strcat(found, record.is_plain ? "P" : "n");
	unit_check_text(wanted, (FieldText) {found, strlen(found)}, __FILE__, line, "plain records");
	reader_destroy(reader);
}

#define CHECK_PLAIN(layout, data, wanted) check_plain(&(layout), data, wanted, __LINE__)

static void
records_of_printable_ascii_are_plain(void)
{
	/* The lines are so long that none begins in the block where another ends. */
#define LONG "0123456789012345678901234567890123456789012345678901234567890123"
	CHECK_PLAIN(senr,
				"SENR-R^1^A " LONG "^20240815\r\nSENR-R^2^A\tB" LONG "^20240815\r\n"
				"SENR-R^3^A~" LONG "^20240815\nSENR-R^4^A\x7F" LONG "^20240815\n"
				"SENR-R^5^\xC3\xA9" LONG "^20240815\nSENR-R^6^\xE9" LONG "^20240815\n"
				"SENR-R^7^A" LONG "^20240815", "PnPnnnP");
	CHECK_PLAIN(tab_optional, "1\tA" LONG "\t20240815\n2\tA\x1F" LONG "\t20240815\n", "Pn");
	CHECK_PLAIN(csv, "1,\"A, B" LONG "\",20240815\n2,\"A\nB\",20240815\n3,\"A\tB\",20240815\n", "Pnn");
#undef LONG
}

static void
what_has_no_meaning_in_its_encoding(void)
{
	CHECK_ENCODED(senr, ENCODING_UTF8, "SENR-R^1^Mu\xF1oz^20240815\nSENR-R^2^Mu\xC3\xB1oz^20240815\n",
				  "1 encoding 4: SENR-R|1|Mu\xEF\xBF\xBDoz|20240815|| <SENR-R^1^Mu\xEF\xBF\xBDoz^20240815>\n"
				  "2 SENR-R|2|Mu\xC3\xB1oz|20240815||\nend\n");
	CHECK_FILE(senr, "SENR-R^1^A\x81^20240815\nSENR-R^2^B\x8D\x8F\x90\x9D^20240815\n",
			   "1 encoding 4: SENR-R|1|A\xEF\xBF\xBD|20240815|| <SENR-R^1^A\xEF\xBF\xBD^20240815>\n"
			   "2 encoding 4: SENR-R|2|B\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|20240815|| "
			   "<SENR-R^2^B\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD^20240815>\nend\n");
	CHECK_ENCODED(csv, ENCODING_UTF8, "1,\"Mu\xF1oz\",20240815\n2,Garza,20240815\n",
				  "1 encoding 3: 1|Mu\xEF\xBF\xBDoz|20240815 <1,\"Mu\xEF\xBF\xBDoz\",20240815>\n"
				  "2 2|Garza|20240815\nend\n");
}

static void
csv_in_windows_1252(void)
{
	CHECK_FILE(csv, "1,\"Mu\xF1oz\",20240815\n2,\"a\n\xE9\",20240815\n",
			   "1 1|Mu\xC3\xB1oz|20240815\n2 2|a\n\xC3\xA9|20240815\nend\n");
}

/* A line of the greatest length, of characters that need most room. */
static void
a_long_line_in_windows_1252(void)
{
	File		file = new_file();

	add_record(&file, 1, "\n");
	add_text(&file, "SENR-R^2^");
	add_bytes(&file, '\x80', READER_MAX_LINE - 18);
	add_text(&file, "^20240815\n");
	note(&file.wanted, "2 SENR-R|2|");
	for (size_t i = 0; i < READER_MAX_LINE - 18; i++)
		note(&file.wanted, "\xE2\x82\xAC");
	note(&file.wanted, "|20240815||\n");
	check_made_file(&file, &senr, "end", __LINE__);
}

/* ---- files that are refused --------------------------------------------- */

static void
an_empty_file(void)
{
	CHECK_FILE(senr, "", "refused empty 0\n");
	CHECK_FILE(senr, "\n\r\n  \n ", "refused empty 0\n");
	CHECK_FILE(senr, "\xEF\xBB\xBF", "refused empty 0\n");
	CHECK_FILE(csv, "\n\n", "refused empty 0\n");
}

static void
a_nul_byte_anywhere(void)
{
	File		file = more_than_a_sample();

	CHECK_FILE(senr, "SENR-R^1^A\0B^20240815\n", "refused nul byte 1\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2^B^20240815\0", "refused nul byte 2\n");
	CHECK_FILE(senr, "\xFF\xFES\0E\0N\0R\0", "refused nul byte 1\n");
	CHECK_FILE(csv, "1,A,20240815\n2,\"B\0\",20240815\n", "refused nul byte 2\n");

	add_text(&file, "SENR-R^2^B^");
	add_bytes(&file, '\0', 1);
	add_text(&file, "\nSENR-R^3^C^20240815\n");
	note(&file.wanted, "refused nul byte %d", file.line_no + 1);
	check_made_file(&file, &senr, "", __LINE__);
}

static void
a_carriage_return_alone(void)
{
	File		file = more_than_a_sample();

	CHECK_FILE(senr, "SENR-R^1^A^20240815\rSENR-R^2^B^20240815\r", "refused lone cr 1\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\r\nSENR-R^2^B^20240815\r\r\n", "refused lone cr 2\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\r\nSENR-R^2^B^20240815\r", "refused lone cr 2\n");
	CHECK_FILE(csv, "1,A,20240815\r\n2,\"B\rC\",20240815\r\n", "refused lone cr 2\n");

	add_text(&file, "SENR-R^2^B^20240815\r");
	note(&file.wanted, "refused lone cr %d", file.line_no + 1);
	check_made_file(&file, &senr, "", __LINE__);
}

static void
the_longest_line_and_one_byte_more(void)
{
	const size_t around = strlen("SENR-R^1000000001^^20240815");
	static const char *const line_ends[] = {"\n", "\r\n", ""};

	for (size_t i = 0; i < sizeof(line_ends) / sizeof(line_ends[0]); i++)
	{
		File		fits = new_file();
		File		too_long = new_file();
		File		later = more_than_a_sample();

		add_record(&fits, READER_MAX_LINE - around, line_ends[i]);
		check_made_file(&fits, &senr, "end", __LINE__);

		add_record(&too_long, READER_MAX_LINE - around + 1, line_ends[i]);
		too_long.wanted.length = 0;
		check_made_file(&too_long, &senr, "refused line too long 1", __LINE__);

		note(&later.wanted, "refused line too long %d", later.line_no + 1);
		later.wanted.text[later.wanted.length] = '\0';
		add_bytes(&later, 'x', READER_MAX_LINE + 1);
		add_text(&later, line_ends[i]);
		check_made_file(&later, &senr, "", __LINE__);
	}
}

/* The carriage return is the last byte of the window, the line feed not in it. */
static void
the_longest_line_at_the_end_of_the_window(void)
{
	for (size_t before = 2 * (size_t) READER_MAX_LINE - 4; before < 2 * (size_t) READER_MAX_LINE + 8; before++)
	{
		File		file = new_file();
		const size_t around = strlen("SENR-R^1000000001^^20240815");

		for (int filler = 0; filler < 3; filler++)
			add_record(&file, READER_MAX_LINE / 2, "\n");
		add_record(&file, before - file.size - around - 1, "\n");
		add_record(&file, READER_MAX_LINE - around, "\r\n");
		check_made_file(&file, &senr, "end", __LINE__);
	}
}

/* Gives letters without end, and counts them. */
static size_t
give_letters(void *context, char *buffer, size_t size)
{
	*(size_t *) context += size;
	memset(buffer, 'x', size);
	return size;
}

static void
a_line_without_end_is_not_gathered(void)
{
	size_t		given = 0;
	Reader	   *reader = reader_create(&senr, ENCODING_AUTO, give_letters, &given);
	Record		record;

	CHECK_INT(READER_REFUSED, reader_next(reader, &record));
	CHECK_INT(READER_LINE_TOO_LONG, reader_refusal(reader)->error);
	CHECK_INT(1, reader_refusal(reader)->line_no);
	CHECK(given <= (size_t) 4 * READER_MAX_LINE);
	reader_destroy(reader);
}

static void
another_separator(void)
{
	CHECK_FILE(senr, "SENR-R,1,A,20240815\nSENR-R,2,B,20240815\n",
			   "refused not this format 0 'comma'\n");
	CHECK_FILE(senr, "SENR-R\t1\tA\t20240815\nSENR-R\t2\tB,C\t20240815\n",
			   "refused not this format 0 'tab'\n");
	CHECK_FILE(senr, "SENR-R|1|A|20240815", "refused not this format 0 'vertical bar'\n");
	CHECK_FILE(senr, "Some letter.\nDear Madam\n", "refused not this format 0\n");
	CHECK_FILE(senr, "Record Type Code,SSID\nSENR-R,1\n", "refused not this format 0 'comma'\n");
	CHECK_FILE(csv, "1;A;20240815\n2;B;20240815\n", "refused not this format 0 'semicolon'\n");
	CHECK_FILE(csv, "1^A^20240815\n2^B^20240815\n", "refused not this format 0 'caret'\n");
	CHECK_FILE(csv_required, "ssid;student_legal_last_name\n1;A\n",
			   "refused not this format 0 'semicolon'\n");
	/* Quotes of another CSV dialect. */
	CHECK_FILE(csv, "\"1\"\t\"A\"\t\"20240815\"\n\"2\"\t\"B\"\t\"20240815\"\n",
			   "refused not this format 0 'tab'\n");
	/* Commas in names are no separators. */
	CHECK_FILE(senr, "SENR-R^1^Garza, Jr.^20240815\n", "1 SENR-R|1|Garza, Jr.|20240815||\nend\n");
}

static void
a_header_where_none_may_be(void)
{
	CHECK_FILE(senr, "\nRecord Type Code^a^b^c\nSENR-R^1^A^20240815\n",
			   "refused header row 2 'Record Type Code'\n");
	CHECK_FILE(senr, "type^ssid^enrollment_start_date^LASTDATEUPDATED\nSENR-R^1^A^20240815\n",
			   "refused header row 1 'SSID'\n");
	CHECK_FILE(csv, "ssid,last,start\n1,A,20240815\n", "refused header row 1 'SSID'\n");
}

static void
another_record_type(void)
{
	CHECK_FILE(senr, "SPRG-R^1^A^20240815\nSPRG-R^2^B^20240815\n",
			   "refused other record type 0 'SPRG-R'\n");
	CHECK_FILE(senr, "SINF^1^A^20240815^a^b^c^d\nSINF^2^B^20240815^a^b^c^d\n",
			   "refused other record type 0 'SINF'\n");
	CHECK_FILE(senr, "SPRG-R^1^A^20240815\nSINF-R^2^B^20240815\n",
			   "refused other record type 0\n");
	/* Data of a student is not repeated. */
	CHECK_FILE(senr, "1000000001^A^20240815^x\n1000000001^B^20240815^x\n",
			   "refused other record type 0\n");
	CHECK_FILE(senr, "GARZA^1^x^20240815\nGARZA^1^x^20240815\n",
			   "refused other record type 0\n");
}

static void
another_number_of_fields(void)
{
	CHECK_FILE(senr, "SENR-R^1^A\nSENR-R^2^B\n", "refused other field count 0 3 fields\n");
	CHECK_FILE(senr, "SENR-R^1^A^20240815\nSENR-R^2\nSENR-R^3^C^D^E\nSENR-R^4^C^D^E\n",
			   "refused other field count 0 5 fields\n");
	CHECK_FILE(csv, "1,A\n2,B\n", "refused other field count 0 2 fields\n");
}

static void
more_fields_than_any_layout_has(void)
{
	File		file = new_file();
	File		header = new_file();

	add_text(&file, "SENR-R^1");
	add_bytes(&file, '^', 300);
	check_made_file(&file, &senr, "refused other field count 0 129 fields", __LINE__);

	add_text(&header, "ssid,student_legal_last_name,enrollment_start_date");
	add_bytes(&header, ',', 126);
	add_text(&header, "\n1,A,20240815");
	add_bytes(&header, ',', 126);
	check_made_file(&header, &csv_required, "refused other field count 1 129 fields", __LINE__);
}

/* The majority decides, and half is none. */
static void
bad_first_lines_do_not_condemn_a_file(void)
{
	CHECK_FILE(senr, "SENR-R,1\nSPRG-R^2^B^20240815\nSENR-R^3^C^20240815\nSENR-R^4^D^20240815\n",
			   "1 field count 1: SENR-R,1||||| <SENR-R,1>\n"
			   "2 record type 4: SPRG-R|2|B|20240815|| <SPRG-R^2^B^20240815>\n"
			   "3 SENR-R|3|C|20240815||\n4 SENR-R|4|D|20240815||\nend\n");
	CHECK_FILE(senr, "SENR-R^1^A\nSENR-R^2^B^20240815\n",
			   "1 field count 3: SENR-R|1|A||| <SENR-R^1^A>\n2 SENR-R|2|B|20240815||\nend\n");
}

/* ---- CSV ---------------------------------------------------------------- */

static void
records_of_a_csv_file(void)
{
	CHECK_FILE(csv, "1,\"Garza, \"\"Al\"\"\",20240815\r\n\r\n2, B ,20240815\n\"3\",\"\",\"20240815\"",
			   "1 1|Garza, \"Al\"|20240815\n3 2| B |20240815\n4 3||20240815\nend\n");
	CHECK_FILE(csv, "1,5'10\" tall,20240815\n2,x \"y\",20240815\n",
			   "1 1|5'10\" tall|20240815\n2 2|x \"y\"|20240815\nend\n");
}

static void
records_of_several_lines(void)
{
	CHECK_FILE(csv, "1,\"A\r\n\r\nB\",20240815\r\n2,C,20240815\n3,\"\n\",20240815\n4,D,20240815",
			   "1 1|A\r\n\r\nB|20240815\n4 2|C|20240815\n5 3|\n|20240815\n7 4|D|20240815\nend\n");
}

static void
a_quote_that_does_not_close(void)
{
	/* To the end of the file … */
	CHECK_FILE(csv, "1,A,20240815\n2,\"B,20240815\n3,C,20240815\n4,D,20240815\n",
			   "1 1|A|20240815\n2 quote 1: 2|| <2,\"B,20240815>\n3 3|C|20240815\n"
			   "4 4|D|20240815\nend\n");
	CHECK_FILE(csv, "1,A,20240815\n2,\"B", "1 1|A|20240815\n2 quote 1: 2|| <2,\"B>\nend\n");
	/* … to the next quote, behind which there is text … */
	CHECK_FILE(csv, "1,\"A,20240815\n2,B,20240815\n3,\"C\",20240815\n",
			   "1 quote 1: 1|| <1,\"A,20240815>\n2 2|B|20240815\n3 3|C|20240815\nend\n");
	/* … or behind which there is none, but too many fields. */
	CHECK_FILE(csv, "1,\"A,20240815\n2,\"\",20240815\n3,C,20240815\n4,D\",E,F,20240815\n5,G,20240815\n",
			   "1 quote 1: 1|| <1,\"A,20240815>\n2 2||20240815\n3 3|C|20240815\n"
			   "4 field count 5: 4|D\"|E <4,D\",E,F,20240815>\n5 5|G|20240815\nend\n");
}

/* Many lines, long lines: neither is gathered without end. */
static void
a_quote_that_does_not_close_in_a_long_file(void)
{
	for (size_t name_length = 1; name_length < 3000; name_length += 1333)
	{
		File		file = new_file();

		add_text(&file, "0,A,20240815\n1,\"A,20240815\n");
		note(&file.wanted, "1 0|A|20240815\n2 quote 1: 1|| <1,\"A,20240815>\n");
		for (int line = 3; line < 500; line++)
		{
			add_text(&file, "2,");
			add_bytes(&file, 'b', name_length);
			add_text(&file, ",20240815\n");
			note(&file.wanted, "%d 2|%.*s|20240815\n", line, (int) name_length,
				 file.data + file.size - 10 - name_length);
		}
		check_made_file(&file, &csv, "end", __LINE__);
	}
}

static void
a_record_of_a_hundred_lines_and_one_more(void)
{
	File		fits = new_file();
	File		too_many = new_file();

	add_text(&fits, "1,\"");
	add_bytes(&fits, '\n', 99);
	add_text(&fits, "\",20240815\n");
	note(&fits.wanted, "1 1|");
	memset(fits.wanted.text + fits.wanted.length, '\n', 99);
	fits.wanted.length += 99;
	note(&fits.wanted, "|20240815\n");
	check_made_file(&fits, &csv, "end", __LINE__);

	add_text(&too_many, "1,\"");
	add_bytes(&too_many, '\n', 100);
	add_text(&too_many, "\",20240815\n");
	note(&too_many.wanted, "1 quote 1: 1|| <1,\">\n101 quote 0: || <\",20240815>\n");
	check_made_file(&too_many, &csv, "end", __LINE__);
}

static void
text_behind_a_quote(void)
{
	CHECK_FILE(csv, "1,\"A\"B,20240815\n2,\"C\" ,20240815\n3,D,20240815\n4,E,20240815\n",
			   "1 quote 1: 1|| <1,\"A\"B,20240815>\n2 quote 1: 2|| <2,\"C\" ,20240815>\n"
			   "3 3|D|20240815\n4 4|E|20240815\nend\n");
	/* Bad quotes say nothing about the number of fields. */
	CHECK_FILE(csv, "1,\"A\"B,20240815\n2,\"C\" ,20240815\n3,D,20240815\n",
			   "1 quote 1: 1|| <1,\"A\"B,20240815>\n2 quote 1: 2|| <2,\"C\" ,20240815>\n"
			   "3 3|D|20240815\nend\n");
}

/* The line that ends the file by its NUL is reached line by line. */
static void
what_is_wrong_inside_open_quotes(void)
{
	CHECK_FILE(csv, "1,\"A\n2,B\0,20240815\n", "refused nul byte 2\n");
	CHECK_FILE(csv, "1,\"A\n2,B\r,20240815\n", "refused lone cr 2\n");
}

/* ---- headers ------------------------------------------------------------ */

static void
columns_are_found_by_name(void)
{
	CHECK_FILE(csv_required,
			   "Enrollment Start Date,Guardian,ssid,\"STUDENT LEGAL LAST NAME\",\n"
			   "20240815,Ms. Garza,1,Garza,\n20240816,\"\",2,Nguyen,x\n",
			   "2 1|Garza|20240815|Guardian=Ms. Garza|column_5=\n"
			   "3 2|Nguyen|20240816|Guardian=|column_5=x\nend\n");
}

static void
records_have_as_many_fields_as_the_header(void)
{
	CHECK_FILE(csv_required, "ssid,enrollment start date,Phone\n1,20240815,555\n2,20240815\n3,20240815,5,6\n4,20240815,7\n",
			   "2 1||20240815|Phone=555\n"
			   "3 field count 2: 2||20240815|Phone= <2,20240815>\n"
			   "4 field count 4: 3||20240815|Phone=5 <3,20240815,5,6>\n"
			   "5 4||20240815|Phone=7\nend\n");
	/* Nothing of the record before is left in the place of what is missing. */
	CHECK_FILE(csv_required, "ssid,enrollment start date,student legal last name\n1,20240815,A\n2,20240815\n",
			   "2 1|A|20240815\n3 field count 2: 2||20240815 <2,20240815>\nend\n");
	CHECK_FILE(csv_required, "ssid,enrollment start date,Phone\n1,20240815\n",
			   "refused other field count 0 2 fields\n");
}

static void
a_header_that_may_be_there(void)
{
	CHECK_FILE(tab_optional, "Student Legal Last Name\tSSID\tEnrollment Start Date\nA\t1\t20240815\n",
			   "2 1|A|20240815\nend\n");
	CHECK_FILE(tab_optional, "1\tA\t20240815\n", "1 1|A|20240815\nend\n");
	CHECK_FILE(csv_optional, "SSID,Student Legal Last Name\n1,A\n",
			   "refused no header 1 'Enrollment Start Date'\n");
}

static void
a_header_and_no_records(void)
{
	CHECK_FILE(csv_required, "ssid,student_legal_last_name,enrollment_start_date\r\n", "end\n");
	CHECK_FILE(csv_optional, "ssid,student_legal_last_name,enrollment_start_date", "end\n");
}

static void
a_header_that_must_be_there(void)
{
	CHECK_FILE(csv_required, "1,A,20240815\n", "refused no header 0\n");
	CHECK_FILE(csv_required, "student_legal_last_name,ssid,x\nA,1,y\n",
			   "refused no header 1 'Enrollment Start Date'\n");
	CHECK_FILE(csv_required, "\"ssid,a,b\n1,A,20240815\n", "refused no header 0\n");
}

/* The sample is judged again, and read again, behind the header. */
static void
a_long_file_with_a_header(void)
{
	File		file = new_file();

	add_text(&file, "\n\nEnrollment Start Date,Phone,SSID\n");
	for (int line = 4; line < 20000; line++)
	{
		char		text[64];

		snprintf(text, sizeof(text), "20240815,\"%d\",%d\r\n", line % 7, line);
		add_text(&file, text);
		note(&file.wanted, "%d %d||20240815|Phone=%d\n", line, line, line % 7);
	}
	check_made_file(&file, &csv_required, "end", __LINE__);
}

/* ---- the reader itself -------------------------------------------------- */

static void
layouts_that_cannot_be_read(void)
{
	Layout		layout = senr;

	layout.field_count = 0;
	CHECK(reader_create(&layout, ENCODING_AUTO, give, NULL) == NULL);
	layout.field_count = LAYOUT_MAX_FIELDS + 1;
	CHECK(reader_create(&layout, ENCODING_AUTO, give, NULL) == NULL);
	reader_destroy(NULL);
}

static void
progress_is_told_in_bytes(void)
{
	const char	data[] = "SENR-R^1^A^20240815\r\nSENR-R^2^B^20240815\n";
	Source		source = {data, sizeof(data) - 1, 0, SIZE_MAX};
	Reader	   *reader = reader_create(&senr, ENCODING_AUTO, give, &source);
	Record		record;

	CHECK_INT(0, reader_bytes_read(reader));
	CHECK_INT(READER_RECORD, reader_next(reader, &record));
	CHECK_INT(21, reader_bytes_read(reader));
	CHECK_TEXT("SENR-R^1^A^20240815", record.line);
	CHECK_INT(READER_RECORD, reader_next(reader, &record));
	CHECK_INT(41, reader_bytes_read(reader));
	CHECK_INT(READER_END, reader_next(reader, &record));
	CHECK_INT(READER_NO_ERROR, reader_refusal(reader)->error);
	reader_destroy(reader);
}

int
main(void)
{
	RUN(records_of_a_caret_file);
	RUN(line_ends_of_both_kinds_and_none_at_the_end);
	RUN(blank_lines_are_counted_and_passed_over);
	RUN(blank_lines_before_the_sample);
	RUN(blank_lines_do_not_hide_the_kind_of_file);
	RUN(quotes_in_a_caret_file_are_data);
	RUN(optional_fields_at_the_end);
	RUN(a_bad_line_is_set_aside);
	RUN(a_truncated_last_line);
	RUN(more_fields_than_can_be_stored);
	RUN(records_over_the_borders_of_blocks);
	RUN(a_byte_order_mark_is_no_part_of_the_first_field);
	RUN(each_line_is_utf8_or_windows_1252);
	RUN(records_of_printable_ascii_are_plain);
	RUN(what_has_no_meaning_in_its_encoding);
	RUN(csv_in_windows_1252);
	RUN(a_long_line_in_windows_1252);
	RUN(an_empty_file);
	RUN(a_nul_byte_anywhere);
	RUN(a_carriage_return_alone);
	RUN(the_longest_line_and_one_byte_more);
	RUN(the_longest_line_at_the_end_of_the_window);
	RUN(a_line_without_end_is_not_gathered);
	RUN(another_separator);
	RUN(a_header_where_none_may_be);
	RUN(another_record_type);
	RUN(another_number_of_fields);
	RUN(more_fields_than_any_layout_has);
	RUN(bad_first_lines_do_not_condemn_a_file);
	RUN(records_of_a_csv_file);
	RUN(records_of_several_lines);
	RUN(a_quote_that_does_not_close);
	RUN(a_quote_that_does_not_close_in_a_long_file);
	RUN(a_record_of_a_hundred_lines_and_one_more);
	RUN(text_behind_a_quote);
	RUN(what_is_wrong_inside_open_quotes);
	RUN(columns_are_found_by_name);
	RUN(records_have_as_many_fields_as_the_header);
	RUN(a_header_that_may_be_there);
	RUN(a_header_and_no_records);
	RUN(a_header_that_must_be_there);
	RUN(a_long_file_with_a_header);
	RUN(layouts_that_cannot_be_read);
	RUN(progress_is_told_in_bytes);
	return unit_finish();
}
