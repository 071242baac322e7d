/*-------------------------------------------------------------------------
 *
 * field.h
 *	  One field of a record: a value, or the reason why it is none.
 *
 * Nothing here raises an error: a bad field sets its row aside, and the
 * caller decides what that means.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_FIELD_H
#define CALPADS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* A piece of a record: not NUL-terminated, valid as long as its record. */
typedef struct FieldText
{
	const char *data;
	size_t		length;
} FieldText;

/* Days since 2000-01-01, as PostgreSQL's DateADT counts them. */
typedef int32_t DayNumber;

typedef enum FieldError
{
	FIELD_OK = 0,
	FIELD_TOO_LONG,				/* FRMT0001 */
	FIELD_BAD_DATE,				/* FRMT0002 */
	FIELD_BAD_CHARACTER,		/* FRMT0004: control character */
	FIELD_BAD_NUMBER,			/* FRMT0004 */
	FIELD_BAD_YN,				/* GERR0002 */
	FIELD_MISSING				/* GERR0001 */
} FieldError;

/*
 * Takes CCYYMMDD (exactly eight digits, a day that exists, years 1900 to
 * 2199).  Returns false, and leaves *day alone, for anything else.
 */
extern bool field_parse_date8(FieldText text, DayNumber *day);

/* The same for M/D/YYYY and MM/DD/YYYY. */
extern bool field_parse_date_mdy(FieldText text, DayNumber *day);

/* Calendar arithmetic both ways, year 1 and later; month and day count from 1. */
extern DayNumber day_from_calendar(int year, int month, int day);
extern void day_to_calendar(DayNumber number, int *year, int *month, int *day);

/* Writes eight digits, no terminating NUL; of the years 1 to 9999. */
extern void day_to_date8(DayNumber number, char digits[8]);

/* Without the blanks at both ends.  Points into the same memory. */
static inline FieldText
field_trim(FieldText raw)
{
	while (raw.length > 0 && raw.data[0] == ' ')
	{
		raw.data++;
		raw.length--;
	}
	while (raw.length > 0 && raw.data[raw.length - 1] == ' ')
		raw.length--;
	return raw;
}

/*
 * A field of only blanks is empty; codes, dates and numbers lose their outer
 * blanks.  Points into the same memory.  Inline, because nearly all fields
 * have no blanks there to look at.
 */
extern FieldText field_normalise_blanks(const LayoutField *field, FieldText raw);

static inline FieldText
field_normalise(const LayoutField *field, FieldText raw)
{
	if (raw.length == 0 || (raw.data[0] != ' ' && raw.data[raw.length - 1] != ' '))
		return raw;
	return field_normalise_blanks(field, raw);
}

/*
 * Checks a normalised value against its layout: length in UTF-8 characters,
 * date, number, Y or N, control characters, presence when required.  *day is
 * set for dates that are filled.
 */
extern FieldError field_check(const LayoutField *field, FieldText value, DayNumber *day);

/*
 * The same for a value of printable ASCII, as nearly all are: text has only its
 * length to be looked at.
 */
static inline FieldError
field_check_plain(const LayoutField *field, FieldText value, DayNumber *day)
{
	if (value.length == 0 || (field->type != FIELD_TEXT && field->type != FIELD_CODE))
		return field_check(field, value, day);
	return field->max_length > 0 && value.length > (size_t) field->max_length ?
		FIELD_TOO_LONG : FIELD_OK;
}

/*
 * CALPADS rule number of an error (FRMT0001 …), and a sentence about it in
 * lower case, without a full stop; both are empty for FIELD_OK.
 */
extern const char *field_error_rule(FieldError error);
extern const char *field_error_message(FieldError error);

#endif							/* CALPADS_FIELD_H */
