/* Is the first line a header, and which column is which field? */
#include "header_row.h"
#include "unit.h"

static const LayoutField fields[] = {
	{.name = "reporting_lea", .label = "Reporting LEA"},
	{.name = "ssid", .label = "SSID", .key = true},
	{.name = "local_student_id", .label = "Submitted_SENR_LocalID", .key = true},
	{.name = "grade", .label = "Grade Level Code"},
};

static const Layout layout = {.fields = fields, .field_count = 4};

static bool
read_header(HeaderRow *header, int count, const char *const *names)
{
	FieldText	cells[LAYOUT_MAX_FIELDS];

	for (int column = 0; column < count; column++)
		cells[column] = text_of(names[column]);
	return header_read(header, &layout, cells, count);
}

#define READ_HEADER(header, ...) \
	read_header(header, (int) (sizeof((const char *[]) {__VA_ARGS__}) / sizeof(char *)), \
				(const char *[]) {__VA_ARGS__})

static void
names_and_labels_in_any_order_and_case(void)
{
	HeaderRow	header;

	CHECK(READ_HEADER(&header, "GRADE", "submitted senr local-id", " ssid ", "ReportingLEA"));
	CHECK_INT(4, header.column_count);
	CHECK_INT(3, header.column_of_field[0]);
	CHECK_INT(2, header.column_of_field[1]);
	CHECK_INT(1, header.column_of_field[2]);
	CHECK_INT(0, header.column_of_field[3]);
	CHECK_INT(0, header.extra_count);
	CHECK(header_missing_key(&header, &layout) == NULL);
}

static void
other_columns_are_kept(void)
{
	HeaderRow	header;

	CHECK(READ_HEADER(&header, "Reporting LEA", " Guardian Name ", "SSID", "", "ssid", "Grade"));
	CHECK_INT(0, header.column_of_field[0]);
	CHECK_INT(2, header.column_of_field[1]);
	CHECK_INT(-1, header.column_of_field[2]);
	CHECK_INT(5, header.column_of_field[3]);
	CHECK_INT(3, header.extra_count);
	CHECK_INT(1, header.extra_column[0]);
	CHECK_TEXT("Guardian Name", text_of(header.extra_name[0]));
	CHECK_INT(3, header.extra_column[1]);
	CHECK_TEXT("column_4", text_of(header.extra_name[1]));
	CHECK_INT(4, header.extra_column[2]);
	CHECK_TEXT("ssid", text_of(header.extra_name[2]));
	CHECK(header_missing_key(&header, &layout) == &fields[2]);
}

static void
long_names_are_cut_between_characters(void)
{
	HeaderRow	header;
	const char	sixty[] = "123456789012345678901234567890123456789012345678901234567890";
	char		name[80];
	char		cut[80];

	snprintf(name, sizeof(name), "%sab\xC3\xA9z", sixty);
	snprintf(cut, sizeof(cut), "%sab", sixty);
	CHECK(READ_HEADER(&header, "Reporting LEA", name));
	CHECK_TEXT(cut, text_of(header.extra_name[0]));

	snprintf(name, sizeof(name), "%sa\xC3\xA9z", sixty);
	snprintf(cut, sizeof(cut), "%sa\xC3\xA9", sixty);
	CHECK(READ_HEADER(&header, "Reporting LEA", name));
	CHECK_TEXT(cut, text_of(header.extra_name[0]));
}

static void
what_makes_a_header(void)
{
	HeaderRow	header;

	/* The first field in its place. */
	CHECK(READ_HEADER(&header, "reporting_lea", "a", "b", "c", "d"));
	CHECK(header_first_field(&header, &layout) == &fields[0]);
	/* Most of the filled cells. */
	CHECK(READ_HEADER(&header, "x", "SSID", "Grade", "", ""));
	CHECK(header_first_field(&header, &layout) == &fields[1]);
	/* All keys, among many others. */
	CHECK(READ_HEADER(&header, "a", "b", "c", "SSID", "d", "e", "f", "local student id"));
	CHECK(header_first_field(&header, &layout) == &fields[1]);
}

static void
what_makes_no_header(void)
{
	HeaderRow	header;

	CHECK(!READ_HEADER(&header, "3412345", "1234567890", "55", "09"));
	CHECK_INT(0, header.column_count);
	CHECK_INT(0, header.extra_count);
	CHECK(!READ_HEADER(&header, "", "", "", ""));
	CHECK(!READ_HEADER(&header, "_", "-", "!", "?"));
	CHECK(!READ_HEADER(&header, "3412345", "Grade"));
	CHECK(!READ_HEADER(&header, "SSIDs", "a SSID", "SSI", "D"));
	CHECK(!READ_HEADER(&header, "S\xC3\xA9SID", "x"));
}

/* A layout without keys is not known by all of its keys. */
static void
a_layout_without_keys(void)
{
	const Layout keyless = {.fields = &fields[3], .field_count = 1};
	const FieldText cells[] = {text_of("x"), text_of("y"), text_of("Grade")};
	HeaderRow	header;

	CHECK(!header_read(&header, &keyless, cells, 3));
	CHECK(header_read(&header, &keyless, cells + 2, 1));
}

static void
fields_of_the_same_name_claim_columns_in_turn(void)
{
	static const LayoutField fillers[] = {
		{.name = "filler_1", .label = "Filler"},
		{.name = "code", .label = "Code"},
		{.name = "filler_2", .label = "Filler"},
	};
	const Layout layout_with_fillers = {.fields = fillers, .field_count = 3};
	const FieldText cells[] = {text_of("FILLER"), text_of("FILLER"), text_of("CODE")};
	HeaderRow	header;

	CHECK(header_read(&header, &layout_with_fillers, cells, 3));
	CHECK_INT(0, header.column_of_field[0]);
	CHECK_INT(2, header.column_of_field[1]);
	CHECK_INT(1, header.column_of_field[2]);
}

int
main(void)
{
	RUN(names_and_labels_in_any_order_and_case);
	RUN(other_columns_are_kept);
	RUN(long_names_are_cut_between_characters);
	RUN(what_makes_a_header);
	RUN(what_makes_no_header);
	RUN(a_layout_without_keys);
	RUN(fields_of_the_same_name_claim_columns_in_turn);
	return unit_finish();
}
