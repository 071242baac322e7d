/* CSV through libcsv, and around its traps. */
#include <stdlib.h>

#include "csv_record.h"
#include "unit.h"

#define MAX_RECORD 1000

/* Feeds one line; the fields so far are joined by bars. */
static CsvStatus
add(CsvParser *parser, const char *line, const char *line_end, char *joined)
{
	CsvStatus	status = csv_record_add_line(parser, text_of(line), line_end);
	const FieldText *fields = csv_record_fields(parser);
	size_t		length = 0;

	joined[0] = '\0';
	for (int field = 0; field < csv_record_field_count(parser); field++)
		length += (size_t) sprintf(joined + length, "%s%.*s", field > 0 ? "|" : "",
								   (int) fields[field].length, fields[field].data);
	return status;
}

static void
check_line(const char *line, CsvStatus wanted_status, const char *wanted_fields, int check_line_no)
{
	CsvParser  *parser = csv_record_create(MAX_RECORD);
	char		joined[2 * MAX_RECORD];

	/* Twice: nothing of the first record is left for the second one. */
	for (int round = 0; round < 2; round++)
	{
		csv_record_begin(parser);
		unit_check_int(wanted_status, add(parser, line, round == 0 ? "\n" : "\r\n", joined),
					   __FILE__, check_line_no, "status");
		unit_check_text(wanted_fields, text_of(joined), __FILE__, check_line_no, "fields");
	}
	csv_record_destroy(parser);
}

#define CHECK_LINE(line, status, fields) check_line(line, status, fields, __LINE__)

static void
quotes_are_taken_off(void)
{
	CHECK_LINE("a,b,c", CSV_RECORD_COMPLETE, "a|b|c");
	CHECK_LINE("\"a\",\"b,c\",\"\"", CSV_RECORD_COMPLETE, "a|b,c|");
	CHECK_LINE("\"Jo \"\"Joey\"\" O'Brien\",x", CSV_RECORD_COMPLETE, "Jo \"Joey\" O'Brien|x");
	CHECK_LINE("\"\"\"\"", CSV_RECORD_COMPLETE, "\"");
	CHECK_LINE(",", CSV_RECORD_COMPLETE, "|");
	CHECK_LINE("a", CSV_RECORD_COMPLETE, "a");
	CHECK_LINE("\"\"", CSV_RECORD_COMPLETE, "");
}

static void
blanks_are_kept(void)
{
	CHECK_LINE(" a , b\t,\tc ,", CSV_RECORD_COMPLETE, " a | b\t|\tc |");
	CHECK_LINE("\" a \",  ", CSV_RECORD_COMPLETE, " a |  ");
}

static void
inner_quotes_are_ordinary_characters(void)
{
	CHECK_LINE("Jo \"Joey\" O'Brien,5'10\",x", CSV_RECORD_COMPLETE, "Jo \"Joey\" O'Brien|5'10\"|x");
	CHECK_LINE(" \"a\",b", CSV_RECORD_COMPLETE, " \"a\"|b");
	CHECK_LINE("a\"\"\"", CSV_RECORD_COMPLETE, "a\"\"\"");
}

static void
text_behind_a_closing_quote_is_an_error(void)
{
	CHECK_LINE("a,\"b\"c,d", CSV_RECORD_BAD_QUOTE, "a");
	CHECK_LINE("a,\"b\" ,d", CSV_RECORD_BAD_QUOTE, "a");
	CHECK_LINE("\"a\"\t", CSV_RECORD_BAD_QUOTE, "");
	CHECK_LINE("\"a\" \"b\"", CSV_RECORD_BAD_QUOTE, "");
}

static void
a_record_may_have_several_lines(void)
{
	CsvParser  *parser = csv_record_create(MAX_RECORD);
	char		joined[2 * MAX_RECORD];

	CHECK_INT(CSV_RECORD_OPEN, add(parser, "a,\"b", "\r\n", joined));
	CHECK_TEXT("a", text_of(joined));
	CHECK_INT(CSV_RECORD_OPEN, add(parser, "", "\n", joined));
	CHECK_INT(CSV_RECORD_COMPLETE, add(parser, "c\",d", "\n", joined));
	CHECK_TEXT("a|b\r\n\nc|d", text_of(joined));
	csv_record_destroy(parser);
}

static void
a_new_record_begins_at_any_line(void)
{
	CsvParser  *parser = csv_record_create(MAX_RECORD);
	char		joined[2 * MAX_RECORD];

	CHECK_INT(CSV_RECORD_OPEN, add(parser, "a,\"b", "\n", joined));
	csv_record_begin(parser);
	CHECK_INT(CSV_RECORD_COMPLETE, add(parser, "c,d", "\n", joined));
	CHECK_TEXT("c|d", text_of(joined));
	csv_record_begin(parser);
	CHECK_INT(CSV_RECORD_BAD_QUOTE, add(parser, "\"c\"d", "\n", joined));
	csv_record_begin(parser);
	CHECK_INT(CSV_RECORD_COMPLETE, add(parser, "e,f", "\n", joined));
	CHECK_TEXT("e|f", text_of(joined));
	csv_record_destroy(parser);
}

static void
fields_beyond_the_greatest_number_are_counted(void)
{
	CsvParser  *parser = csv_record_create(MAX_RECORD);
	char		line[MAX_RECORD];

	memset(line, ',', 299);
	line[299] = '\0';
	CHECK_INT(CSV_RECORD_COMPLETE, csv_record_add_line(parser, text_of(line), "\n"));
	CHECK_INT(300, csv_record_field_count(parser));
	csv_record_destroy(parser);
}

static void
a_record_may_be_as_long_as_was_said(void)
{
	CsvParser  *parser = csv_record_create(MAX_RECORD);
	char		line[MAX_RECORD];

	memset(line, 'x', sizeof(line));
	line[0] = '"';
	line[MAX_RECORD - 2] = '"';
	line[MAX_RECORD - 1] = '\0';
	for (int round = 0; round < 3; round++)
	{
		csv_record_begin(parser);
		CHECK_INT(CSV_RECORD_COMPLETE, csv_record_add_line(parser, text_of(line), "\n"));
		CHECK_INT(1, csv_record_field_count(parser));
		CHECK_INT(MAX_RECORD - 3, (int64_t) csv_record_fields(parser)[0].length);
	}
	csv_record_destroy(parser);
	csv_record_destroy(NULL);
}

int
main(void)
{
	RUN(quotes_are_taken_off);
	RUN(blanks_are_kept);
	RUN(inner_quotes_are_ordinary_characters);
	RUN(text_behind_a_closing_quote_is_an_error);
	RUN(a_record_may_have_several_lines);
	RUN(a_new_record_begins_at_any_line);
	RUN(fields_beyond_the_greatest_number_are_counted);
	RUN(a_record_may_be_as_long_as_was_said);
	return unit_finish();
}
