/*-------------------------------------------------------------------------
 *
 * header_row.c
 *	  The first line of a file as names of its columns.
 *
 *-------------------------------------------------------------------------
 */
#include "header_row.h"

#include <stdio.h>
#include <string.h>

/*
 * The next letter or digit from *at on, in lower case, or 0 at the end.
 * Bytes beyond ASCII count as letters.
 */
static int
next_significant(const char **at, const char *end)
{
	while (*at < end)
	{
		unsigned char byte = (unsigned char) *(*at)++;

		if (byte >= 'A' && byte <= 'Z')
			return byte - 'A' + 'a';
		if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80)
			return byte;
	}
	return 0;
}

static bool
same_name(FieldText cell, const char *name)
{
	const char *cell_at = cell.data;
	const char *cell_end = cell.data + cell.length;
	const char *name_end = name + strlen(name);
	bool		empty = true;

	for (;;)
	{
		int			character = next_significant(&cell_at, cell_end);

		if (character != next_significant(&name, name_end))
			return false;
		if (character == 0)
			return !empty;
		empty = false;
	}
}

static bool
names_field(FieldText cell, const LayoutField *field)
{
	return same_name(cell, field->name) || same_name(cell, field->label);
}

/* The first column that names the field and is not taken yet, or -1. */
static int
find_column(const LayoutField *field, const FieldText *cells, int cell_count, const bool *taken)
{
	for (int column = 0; column < cell_count; column++)
	{
		if (!taken[column] && names_field(cells[column], field))
			return column;
	}
	return -1;
}

static void
copy_name(char name[HEADER_NAME_SIZE], FieldText cell, int column)
{
	size_t		length = cell.length < HEADER_NAME_SIZE ? cell.length : HEADER_NAME_SIZE - 1;

	if (length == 0)
	{
		snprintf(name, HEADER_NAME_SIZE, "column_%d", column + 1);
		return;
	}
	/* Not in the middle of a UTF-8 character. */
	while (length < cell.length && length > 0 && ((unsigned char) cell.data[length] & 0xC0) == 0x80)
		length--;
	memcpy(name, cell.data, length);
	name[length] = '\0';
}

static void
claim_columns(HeaderRow *header, const Layout *layout, const FieldText *cells, int cell_count,
			  bool *taken)
{
	for (int field = 0; field < layout->field_count; field++)
	{
		int			column = find_column(&layout->fields[field], cells, cell_count, taken);

		header->column_of_field[field] = column;
		if (column >= 0)
			taken[column] = true;
	}
}

static void
keep_extra_columns(HeaderRow *header, const FieldText *cells, int cell_count, const bool *taken)
{
	header->extra_count = 0;
	for (int column = 0; column < cell_count; column++)
	{
		if (taken[column])
			continue;
		header->extra_column[header->extra_count] = column;
		copy_name(header->extra_name[header->extra_count], field_trim(cells[column]), column);
		header->extra_count++;
	}
}

const LayoutField *
header_missing_key(const HeaderRow *header, const Layout *layout)
{
	for (int field = 0; field < layout->field_count; field++)
	{
		if (layout->fields[field].key && header->column_of_field[field] < 0)
			return &layout->fields[field];
	}
	return NULL;
}

const LayoutField *
header_first_field(const HeaderRow *header, const Layout *layout)
{
	int			field = 0;

	while (header->column_of_field[field] < 0)
		field++;
	return &layout->fields[field];
}

static bool
has_key(const Layout *layout)
{
	for (int field = 0; field < layout->field_count; field++)
	{
		if (layout->fields[field].key)
			return true;
	}
	return false;
}

static int
count_filled(const FieldText *cells, int cell_count)
{
	int			filled = 0;

	for (int column = 0; column < cell_count; column++)
		filled += cells[column].length > 0;
	return filled;
}

bool
header_read(HeaderRow *header, const Layout *layout, const FieldText *cells, int cell_count)
{
	bool		taken[LAYOUT_MAX_FIELDS] = {false};
	bool		is_header;

	claim_columns(header, layout, cells, cell_count, taken);
	keep_extra_columns(header, cells, cell_count, taken);

	is_header = header->column_of_field[0] == 0 ||
		2 * (cell_count - header->extra_count) > count_filled(cells, cell_count) ||
		(has_key(layout) && header_missing_key(header, layout) == NULL);
	header->column_count = is_header ? cell_count : 0;
	if (!is_header)
		header->extra_count = 0;
	return is_header;
}
