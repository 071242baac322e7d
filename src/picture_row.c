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

int
age_on(const char *birth_date, DayNumber on)
{
	DayNumber	birth;
	int			birth_year,
				birth_month,
				birth_day,
				year,
				month,
				day;

	if (birth_date == NULL ||
		!field_parse_date8((FieldText){birth_date, strlen(birth_date)}, &birth))
		return -1;
	day_to_calendar(birth, &birth_year, &birth_month, &birth_day);
	day_to_calendar(on, &year, &month, &day);
	if (month < birth_month || (month == birth_month && day < birth_day))
		return year - birth_year - 1;
	return year - birth_year;
}

DayNumber
school_year_start(DayNumber on)
{
	int			year,
				month,
				day;

	day_to_calendar(on, &year, &month, &day);
	return day_from_calendar(month >= 7 ? year : year - 1, 7, 1);
}
