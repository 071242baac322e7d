/*-------------------------------------------------------------------------
 *
 * picture_row.c
 *	  One row of a picture in memory: an enrollment of SENR, a program of SPRG.
 *
 *-------------------------------------------------------------------------
 */
#include "picture_row.h"

#include <string.h>

bool
same_value(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a == b || strcmp(a, b) == 0;
}

bool
row_has(const PictureRow *row, int field, const char *text)
{
	return same_value(row->value[field], text);
}

uint64_t
row_difference(const PictureRow *a, const PictureRow *b, uint64_t fields)
{
	uint64_t	difference = 0;

	for (int field = 0; field < PICTURE_FIELD_COUNT; field++)
		if ((fields & FIELD_BIT(field)) && !same_value(a->value[field], b->value[field]))
			difference |= FIELD_BIT(field);
	return difference;
}

PictureRow *
row_copy(Arena *arena, const PictureRow *row)
{
	PictureRow *copy = arena_allocate(arena, sizeof(PictureRow));

	*copy = *row;
	copy->next = NULL;
	return copy;
}

void
row_set_date(Arena *arena, PictureRow *row, int field, DayNumber day)
{
	char		digits[8];

	day_to_date8(day, digits);
	row->value[field] = arena_copy(arena, digits, sizeof(digits));
}
