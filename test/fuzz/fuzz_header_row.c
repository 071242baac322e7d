/*
 * Any bytes as the first line of a file: cells between bytes 0x01.  The first
 * byte chooses how many fields of the layout there are.
 *
 * What must be true: every column belongs to one field or is an extra one, none
 * to two; a field claims a cell only by its name or its label; extra columns
 * have names that fit; and what is no header leaves nothing behind.
 */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "header_row.h"
#include "record.h"

static const LayoutField fields[] = {
	{.name = "ssid", .label = "SSID", .type = FIELD_CODE, .max_length = 10, .key = true},
	{.name = "local_student_id", .label = "Local Student ID", .type = FIELD_TEXT, .key = true},
	{.name = "name", .label = "Last Name", .type = FIELD_TEXT},
	{.name = "name_2", .label = "Last Name", .type = FIELD_TEXT},
	{.name = "start", .label = "Start Date (Program)", .type = FIELD_DATE8},
	{.name = "end", .label = "End-Date", .type = FIELD_DATE8},
};

/* Letters and digits alone, in lower case, as header_row.h promises to compare. */
static size_t
letters_and_digits(const char *data, size_t length, char *result, size_t size)
{
	size_t		kept = 0;

	for (size_t at = 0; at < length && kept < size; at++)
	{
		unsigned char c = (unsigned char) data[at];

		if (c < 0x80 && isalnum(c))
			result[kept++] = (char) tolower(c);
	}
	return kept;
}

static bool
names(const char *name, FieldText cell)
{
	char		one[128];
	char		other[128];
	size_t		length = letters_and_digits(name, strlen(name), one, sizeof(one));

	return letters_and_digits(cell.data, cell.length, other, sizeof(other)) == length &&
		memcmp(one, other, length) == 0;
}

static void
check_columns(const HeaderRow *header, const Layout *layout, const FieldText *cells, int cell_count)
{
	int			owners[LAYOUT_MAX_FIELDS] = {0};

	MUST(header->column_count == cell_count);
	for (int field = 0; field < layout->field_count; field++)
	{
		int			column = header->column_of_field[field];

		MUST(column >= -1 && column < cell_count);
		if (column < 0)
			continue;
		owners[column]++;
		MUST(names(layout->fields[field].name, cells[column]) ||
			 names(layout->fields[field].label, cells[column]));
	}
	for (int extra = 0; extra < header->extra_count; extra++)
	{
		int			column = header->extra_column[extra];
		size_t		length = strnlen(header->extra_name[extra], HEADER_NAME_SIZE);

		MUST(column >= 0 && column < cell_count);
		MUST(length > 0 && length < HEADER_NAME_SIZE);
		owners[column]++;
	}
	for (int column = 0; column < cell_count; column++)
		MUST(owners[column] == 1);
}

static void
check_keys(const HeaderRow *header, const Layout *layout)
{
	const LayoutField *first = header_first_field(header, layout);
	const LayoutField *missing = header_missing_key(header, layout);

	MUST(first != NULL && header->column_of_field[first - layout->fields] >= 0);
	MUST(missing == NULL ||
		 (missing->key && header->column_of_field[missing - layout->fields] < 0));
}

static int
split(const char *data, size_t size, FieldText *cells)
{
	int			count = 0;

	while (count < LAYOUT_MAX_FIELDS)
	{
		const char *end = size > 0 ? memchr(data, 1, size) : NULL;
		size_t		length = end != NULL ? (size_t) (end - data) : size;

		cells[count++] = (FieldText) {data, length};
		if (end == NULL)
			break;
		data += length + 1;
		size -= length + 1;
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static HeaderRow header;
	static FieldText cells[LAYOUT_MAX_FIELDS];
	Layout		layout = {.name = "fuzz", .format = FORMAT_CSV, .header = HEADER_OPTIONAL, .fields = fields};
	int			cell_count;

	/* The reader gives nothing else than UTF-8 without NUL. */
	if (size == 0 || memchr(data + 1, 0, size - 1) != NULL ||
		!record_is_utf8((FieldText) {(const char *) data + 1, size - 1}))
		return 0;
	layout.field_count = 1 + data[0] % 6;
	layout.min_field_count = 1;
	cell_count = split((const char *) data + 1, size - 1, cells);
	if (header_read(&header, &layout, cells, cell_count))
	{
		check_columns(&header, &layout, cells, cell_count);
		check_keys(&header, &layout);
	}
	else
		MUST(header.column_count == 0 && header.extra_count == 0);
	return 0;
}
