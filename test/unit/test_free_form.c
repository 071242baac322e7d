/* Files of a form that nobody has published: format, encoding, line ends, cells. */
#include <string.h>

#include "free_form.h"
#include "unit.h"

static void
takes_the_separator_that_the_first_line_has_most_of(void)
{
	CHECK_INT(FORMAT_CSV, free_form_format(text_of("")));
	CHECK_INT(FORMAT_CSV, free_form_format(text_of("SSID\r\n1^2^3")));
	CHECK_INT(FORMAT_CSV, free_form_format(text_of("a,b")));
	CHECK_INT(FORMAT_TAB, free_form_format(text_of("a\tb\tc,d")));
	CHECK_INT(FORMAT_CARET, free_form_format(text_of("a^b")));
	CHECK_INT(FORMAT_CARET, free_form_format(text_of("\r\n\na^b^c\td")));
	CHECK_INT(FORMAT_CSV, free_form_format(text_of("a^b,c")));
}

static void
takes_one_encoding_for_the_whole_file(void)
{
	CHECK_INT(ENCODING_UTF8, free_form_encoding(text_of("")));
	CHECK_INT(ENCODING_UTF8, free_form_encoding(text_of("Zo\303\253\n")));
	CHECK_INT(ENCODING_WINDOWS_1252, free_form_encoding(text_of("Zo\303\253\nZo\353\n")));
	CHECK_INT(ENCODING_WINDOWS_1252, free_form_encoding(text_of("Zo\303")));
}

static void
mends_lines_that_end_in_carriage_returns_alone(void)
{
	char		content[] = "a\rb\r";

	CHECK(free_form_ends_in_returns(text_of(content)));
	CHECK(!free_form_ends_in_returns(text_of("")));
	CHECK(!free_form_ends_in_returns(text_of("a\r\nb\r")));
	CHECK(!free_form_ends_in_returns(text_of("ab")));
	free_form_mend_line_ends(content, strlen(content));
	CHECK_TEXT("a\nb\n", text_of(content));
}

static size_t
give(void *context, char *buffer, size_t size)
{
	FieldText  *left = context;
	size_t		given = left->length < size ? left->length : size;

	memcpy(buffer, left->data, given);
	left->data += given;
	left->length -= given;
	return given;
}

/* The first line is a row like the others. */
static void
layout_takes_any_cells(void)
{
	FieldText	content = text_of("SSID,Name\n1,An,x\nalone\n");
	LayoutField fields[LAYOUT_MAX_FIELDS];
	Layout		layout = free_form_layout("any.csv", FORMAT_CSV, fields);
	Reader	   *reader = reader_create(&layout, ENCODING_UTF8, give, &content);
	Record		record;

	CHECK_INT(READER_RECORD, reader_next(reader, &record));
	CHECK_INT(2, record.field_count);
	CHECK_TEXT("Name", record.fields[1]);
	CHECK_INT(READER_RECORD, reader_next(reader, &record));
	CHECK_INT(3, record.field_count);
	CHECK_TEXT("x", record.fields[2]);
	CHECK_INT(READER_BAD_RECORD, reader_next(reader, &record));
	CHECK_INT(READER_FIELD_COUNT, record.error);
	CHECK_INT(READER_END, reader_next(reader, &record));
	reader_destroy(reader);
}

static void
knows_the_kinds_of_columns(void)
{
	CHECK_INT(FIELD_DATE8, free_form_type(text_of("date8")));
	CHECK_INT(FIELD_DATE8, free_form_type(text_of("date_mdy")));
	CHECK_INT(FIELD_INTEGER, free_form_type(text_of("integer")));
	CHECK_INT(FIELD_TEXT, free_form_type(text_of("text")));
	CHECK_INT(FIELD_CODE, free_form_type(text_of("yn")));
	CHECK_INT(FIELD_CODE, free_form_type(text_of("dat")));
}

static void
complains_of_cells(void)
{
	DayNumber	day;

	CHECK(free_form_complaint(text_of("20250229"), FIELD_DATE8, 0) != NULL);
	CHECK(free_form_complaint(text_of("2/28/2025"), FIELD_DATE8, 0) == NULL);
	CHECK(free_form_date(text_of("02/28/2025"), &day));
	CHECK_INT(day_from_calendar(2025, 2, 28), day);
	CHECK(free_form_complaint(text_of("12345"), FIELD_TEXT, 5) == NULL);
	CHECK(free_form_complaint(text_of("123456"), FIELD_TEXT, 5) != NULL);
	CHECK(free_form_complaint(text_of("123456"), FIELD_TEXT, 0) == NULL);
	CHECK(free_form_complaint(text_of("1O"), FIELD_INTEGER, 0) != NULL);
}

int
main(void)
{
	RUN(takes_the_separator_that_the_first_line_has_most_of);
	RUN(takes_one_encoding_for_the_whole_file);
	RUN(mends_lines_that_end_in_carriage_returns_alone);
	RUN(layout_takes_any_cells);
	RUN(knows_the_kinds_of_columns);
	RUN(complains_of_cells);
	return unit_finish();
}
