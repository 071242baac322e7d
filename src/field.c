/*-------------------------------------------------------------------------
 *
 * field.c
 *	  One field of a record: a value, or the reason why it is none.
 *
 *-------------------------------------------------------------------------
 */
#include "field.h"

#include <string.h>

#define FIRST_YEAR 1900
#define LAST_YEAR 2199

/* Days from 0000-03-01, where calendar_days starts, to 2000-01-01. */
#define EPOCH_OFFSET 730425

#define DAYS_IN_400_YEARS 146097

/* ---- calendar ----------------------------------------------------------- */

/*
 * Years are counted from March, so that the leap day is the last of its year
 * and the months before it have lengths that one formula gives: 153 days in
 * each five months.
 */
DayNumber
day_from_calendar(int year, int month, int day)
{
	int			march_year = month > 2 ? year : year - 1;
	int			march_month = month > 2 ? month - 3 : month + 9;

	return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
		(153 * march_month + 2) / 5 + day - 1 - EPOCH_OFFSET;
}

void
day_to_calendar(DayNumber number, int *year, int *month, int *day)
{
	int			days = number + EPOCH_OFFSET;
	int			cycle = days / DAYS_IN_400_YEARS;
	int			day_of_cycle = days % DAYS_IN_400_YEARS;
	int			year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 -
								 day_of_cycle / 146096) / 365;
	int			day_of_year = day_of_cycle -
		(365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
	int			march_month = (5 * day_of_year + 2) / 153;

	*day = day_of_year - (153 * march_month + 2) / 5 + 1;
	*month = march_month < 10 ? march_month + 3 : march_month - 9;
	*year = cycle * 400 + year_of_cycle + (*month <= 2);
}

void
day_to_date8(DayNumber number, char digits[8])
{
	int			year;
	int			month;
	int			day;
	int			left;

	day_to_calendar(number, &year, &month, &day);
	left = year * 10000 + month * 100 + day;
	for (int place = 7; place >= 0; place--)
	{
		digits[place] = (char) ('0' + left % 10);
		left /= 10;
	}
}

static bool
is_leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool
day_exists(int year, int month, int day)
{
	static const signed char month_length[] =
		{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (year < FIRST_YEAR || year > LAST_YEAR || month < 1 || month > 12 || day < 1)
		return false;
	return day <= month_length[month - 1] + (month == 2 && is_leap_year(year));
}

static bool
take_day(int year, int month, int day, DayNumber *number)
{
	if (!day_exists(year, month, day))
		return false;
	*number = day_from_calendar(year, month, day);
	return true;
}

/* ---- dates as text ------------------------------------------------------ */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static inline uint64_t
load8(const char *data)
{
	uint64_t	bytes;

	memcpy(&bytes, data, sizeof(bytes));
	return bytes;
}

/*
 * The upper half of each byte is 3, also when 6 is added: it is 0x30 to 0x39.
 * Nothing is carried from one byte to the next as long as this is so.
 */
static inline bool
are_eight_digits(const char *text)
{
	uint64_t	bytes = load8(text);

	return (bytes & EACH_BYTE(0xF0)) == EACH_BYTE('0') &&
		((bytes + EACH_BYTE(6)) & EACH_BYTE(0xF0)) == EACH_BYTE('0');
}

static inline int
two_digits(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

bool
field_parse_date8(FieldText text, DayNumber *day)
{
	if (text.length != 8 || !are_eight_digits(text.data))
		return false;
	return take_day(two_digits(text.data) * 100 + two_digits(text.data + 2),
					two_digits(text.data + 4), two_digits(text.data + 6), day);
}

/* Finds the parts and puts them where CCYYMMDD has them. */
bool
field_parse_date_mdy(FieldText text, DayNumber *day)
{
	char		date8[8];
	size_t		month_length = text.length > 1 && text.data[1] == '/' ? 1 : 2;
	size_t		day_start = month_length + 1;
	size_t		day_length = text.length > day_start + 1 && text.data[day_start + 1] == '/' ? 1 : 2;
	size_t		year_start = day_start + day_length + 1;

	if (text.length != year_start + 4 || text.data[day_start - 1] != '/' ||
		text.data[year_start - 1] != '/')
		return false;
	memset(date8, '0', sizeof(date8));
	memcpy(date8, text.data + year_start, 4);
	memcpy(date8 + 6 - month_length, text.data, month_length);
	memcpy(date8 + 8 - day_length, text.data + day_start, day_length);
	return field_parse_date8((FieldText) {date8, 8}, day);
}

/* ---- normalising -------------------------------------------------------- */

FieldText
field_normalise_blanks(const LayoutField *field, FieldText raw)
{
	FieldText	bare = field_trim(raw);

	return field->type == FIELD_TEXT && bare.length > 0 ? raw : bare;
}

/* ---- checking ----------------------------------------------------------- */

/*
 * Zero when all eight bytes are printable ASCII: then the highest bit of a
 * byte is not set, and neither taking the blank away nor adding one (which
 * DEL does not bear) sets it.
 */
static inline uint64_t
unprintable_bits(uint64_t bytes)
{
	return (bytes | (bytes - EACH_BYTE(' ')) | (bytes + EACH_BYTE(1))) & EACH_BYTE(0x80);
}

static inline uint32_t
load4(const char *data)
{
	uint32_t	bytes;

	memcpy(&bytes, data, sizeof(bytes));
	return bytes;
}

/* Most values of most files pass here and need no closer look. */
static inline bool
is_printable_ascii(FieldText value)
{
	const char *data = value.data;
	size_t		length = value.length;
	uint64_t	bits = 0;

	/* The last load may overlap the one before: looking twice is harmless. */
	if (length >= 8)
	{
		for (size_t at = 0; at + 8 < length; at += 8)
			bits |= unprintable_bits(load8(data + at));
		return (bits | unprintable_bits(load8(data + length - 8))) == 0;
	}
	if (length >= 4)
		return unprintable_bits((uint64_t) load4(data) << 32 | load4(data + length - 4)) == 0;
	for (size_t at = 0; at < length; at++)
		bits |= data[at] < ' ' || data[at] > '~';
	return bits == 0;
}

/* In UTF-8 a character is all but the bytes that continue one. */
static size_t
character_count(FieldText value)
{
	size_t		count = 0;

	for (size_t at = 0; at < value.length; at++)
		count += ((unsigned char) value.data[at] & 0xC0) != 0x80;
	return count;
}

/* U+0000 to U+001F, U+007F to U+009F. */
static bool
has_control_character(FieldText value)
{
	for (size_t at = 0; at < value.length; at++)
	{
		unsigned char byte = (unsigned char) value.data[at];

		if (byte < ' ' || byte == 0x7F)
			return true;
		if (byte == 0xC2 && at + 1 < value.length && (unsigned char) value.data[at + 1] < 0xA0)
			return true;
	}
	return false;
}

static FieldError
check_characters(const LayoutField *field, FieldText value)
{
	size_t		limit = field->max_length > 0 ? (size_t) field->max_length : SIZE_MAX;

	if (is_printable_ascii(value))
		return value.length > limit ? FIELD_TOO_LONG : FIELD_OK;
	if (character_count(value) > limit)
		return FIELD_TOO_LONG;
	return has_control_character(value) ? FIELD_BAD_CHARACTER : FIELD_OK;
}

static FieldError
check_integer(const LayoutField *field, FieldText value)
{
	size_t		sign = value.data[0] == '+' || value.data[0] == '-';

	if (value.length == sign)
		return FIELD_BAD_NUMBER;
	for (size_t at = sign; at < value.length; at++)
	{
		if (value.data[at] < '0' || value.data[at] > '9')
			return FIELD_BAD_NUMBER;
	}
	return check_characters(field, value);
}

FieldError
field_check(const LayoutField *field, FieldText value, DayNumber *day)
{
	if (value.length == 0)
		return field->required ? FIELD_MISSING : FIELD_OK;

	switch (field->type)
	{
		case FIELD_TEXT:
		case FIELD_CODE:
			return check_characters(field, value);
		case FIELD_DATE8:
			return field_parse_date8(value, day) ? FIELD_OK : FIELD_BAD_DATE;
		case FIELD_DATE_MDY:
			return field_parse_date_mdy(value, day) ? FIELD_OK : FIELD_BAD_DATE;
		case FIELD_YN:
			return value.length == 1 && (value.data[0] == 'Y' || value.data[0] == 'N') ?
				FIELD_OK : FIELD_BAD_YN;
		case FIELD_INTEGER:
			return check_integer(field, value);
	}
	return FIELD_OK;
}

/* ---- words for errors --------------------------------------------------- */

static const struct
{
	const char *rule;
	const char *message;
}			field_errors[] = {
	[FIELD_OK] = {"", ""},
	[FIELD_TOO_LONG] = {"FRMT0001", "the value is longer than the field"},
	[FIELD_BAD_DATE] = {"FRMT0002", "the value is not a date in the form of the file"},
	[FIELD_BAD_CHARACTER] = {"FRMT0004", "the value contains a control character"},
	[FIELD_BAD_NUMBER] = {"FRMT0004", "the value is not a whole number"},
	[FIELD_BAD_YN] = {"GERR0002", "the value is neither Y nor N"},
	[FIELD_MISSING] = {"GERR0001", "the field is required and is empty"},
};

const char *
field_error_rule(FieldError error)
{
	return field_errors[error].rule;
}

const char *
field_error_message(FieldError error)
{
	return field_errors[error].message;
}
