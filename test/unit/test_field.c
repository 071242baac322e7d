/* Dates, lengths, characters, numbers: a value, or the reason why it is none. */
#include <stdlib.h>

#include "field.h"
#include "unit.h"

#define UNTOUCHED 123456789

static LayoutField
field_of(FieldType type, int max_length)
{
	return (LayoutField) {.name = "f", .label = "F", .type = type, .max_length = max_length};
}

static bool
is_printable_ascii(FieldText value)
{
	for (size_t at = 0; at < value.length; at++)
	{
		if (value.data[at] < ' ' || value.data[at] > '~')
			return false;
	}
	return true;
}

/*
 * The value is copied to memory of exactly its size, so that the sanitizer
 * sees a load beyond it.  Both checks of a plain value say the same.
 */
static FieldError
check_value(LayoutField field, const char *value, DayNumber *day)
{
	size_t		length = strlen(value);
	char	   *copy = malloc(length + (length == 0));
	FieldText	text = {copy, length};
	FieldError	error;

	memcpy(copy, value, length);
	error = field_check(&field, text, day);
	if (is_printable_ascii(text))
	{
		DayNumber	plain_day = *day;

		CHECK_INT(error, field_check_plain(&field, text, &plain_day));
		CHECK_INT(*day, plain_day);
	}
	free(copy);
	return error;
}

static FieldError
check_type(FieldType type, int max_length, const char *value)
{
	DayNumber	day;

	return check_value(field_of(type, max_length), value, &day);
}

static int
month_length(int year, int month)
{
	if (month == 2)
		return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static void
check_day(int year, int month, int day, DayNumber wanted)
{
	char		text[64];
	char		written[8];
	DayNumber	number = UNTOUCHED;
	int			year_back;
	int			month_back;
	int			day_back;

	snprintf(text, sizeof(text), "%04d%02d%02d", year, month, day);
	CHECK(field_parse_date8(text_of(text), &number) && number == wanted);
	CHECK(day_from_calendar(year, month, day) == wanted);
	day_to_calendar(wanted, &year_back, &month_back, &day_back);
	CHECK(year_back == year && month_back == month && day_back == day);
	day_to_date8(wanted, written);
	CHECK(memcmp(written, text, 8) == 0);

	snprintf(text, sizeof(text), "%02d/%02d/%04d", month, day, year);
	CHECK(field_parse_date_mdy(text_of(text), &number) && number == wanted);
	snprintf(text, sizeof(text), "%d/%d/%d", month, day, year);
	CHECK(field_parse_date_mdy(text_of(text), &number) && number == wanted);
}

/* Day by day, so that the numbers are checked without a second formula. */
static void
all_days_of_three_centuries(void)
{
	DayNumber	number = -36524;	/* 1900-01-01 */

	for (int year = 1900; year <= 2199; year++)
	{
		for (int month = 1; month <= 12; month++)
		{
			for (int day = 1; day <= month_length(year, month); day++)
				check_day(year, month, day, number++);
		}
	}
	CHECK_INT(73049, number);	/* 2200-01-01 */
	CHECK_INT(0, day_from_calendar(2000, 1, 1));
}

static void
days_outside_of_files_have_numbers_too(void)
{
	int			year;
	int			month;
	int			day;

	CHECK_INT(-730119, day_from_calendar(1, 1, 1));
	CHECK_INT(2921939, day_from_calendar(9999, 12, 31));
	day_to_calendar(-730119, &year, &month, &day);
	CHECK(year == 1 && month == 1 && day == 1);
	day_to_calendar(2921939, &year, &month, &day);
	CHECK(year == 9999 && month == 12 && day == 31);
}

/* No day but those of the calendar: every eight digits with a wrong day. */
static void
no_other_day_is_taken(void)
{
	for (int year = 1899; year <= 2200; year++)
	{
		for (int month = 0; month <= 13; month++)
		{
			bool		exists = year >= 1900 && year <= 2199 && month >= 1 && month <= 12;
			int			first_wrong = exists ? month_length(year, month) + 1 : 1;
			char		text[64];
			DayNumber	day = UNTOUCHED;

			for (int wrong = first_wrong; wrong <= 99; wrong++)
			{
				snprintf(text, sizeof(text), "%04d%02d%02d", year, month, wrong);
				CHECK(!field_parse_date8(text_of(text), &day) && day == UNTOUCHED);
			}
			snprintf(text, sizeof(text), "%04d%02d00", year, month);
			CHECK(!field_parse_date8(text_of(text), &day) && day == UNTOUCHED);
		}
	}
}

static void
date8_takes_eight_digits_only(void)
{
	static const char *const wrong[] = {
		"", "2024081", "202408155", "2024-8-15", "2024/815", "2024081 ", " 2024081", "+2024081",
		"2024081:", "2024081/", "2024O815", "today   ", "infinity", "2024081\xB5",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		DayNumber	day = UNTOUCHED;

		CHECK(!field_parse_date8(text_of(wrong[i]), &day));
		CHECK_INT(UNTOUCHED, day);
	}
	for (int place = 0; place < 8; place++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			char		text[] = "20110111";
			DayNumber	day = UNTOUCHED;

			text[place] = (char) byte;
			if (byte < '0' || byte > '9')
				CHECK(!field_parse_date8((FieldText) {text, 8}, &day) && day == UNTOUCHED);
		}
	}
}

static void
date_mdy_takes_its_own_forms_only(void)
{
	static const char *const wrong[] = {
		"", "/", "//", "1//2024", "/1/2024", "//2024", "1/1/24", "1/1/024", "1/1/20244", "001/1/2024",
		"1/001/2024", "13/1/2024", "0/1/2024", "1/0/2024", "2/30/2024", "02/29/2023", "1-1-2024",
		"20240101", "1/1/2024 ", " 1/1/2024", "1/1/2024 0:00", "1/1", "1/1/", "a/1/2024", "1/b/2024",
		"1/1/2o24", "1/1//2024", "1/ 1/2024", "12/31/1899", "1/1/2200",
	};
	DayNumber	day = UNTOUCHED;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		CHECK(!field_parse_date_mdy(text_of(wrong[i]), &day));
		CHECK_INT(UNTOUCHED, day);
	}
	CHECK(field_parse_date_mdy(text_of("1/31/2000"), &day));
	CHECK_INT(30, day);
	CHECK(field_parse_date_mdy(text_of("02/1/2000"), &day));
	CHECK_INT(31, day);
}

static void
normalising_takes_outer_blanks_of_all_but_text(void)
{
	const LayoutField text = field_of(FIELD_TEXT, 30);
	const LayoutField code = field_of(FIELD_CODE, 30);
	const LayoutField date = field_of(FIELD_DATE8, 8);

	CHECK_TEXT("", field_normalise(&text, text_of("")));
	CHECK_TEXT("", field_normalise(&text, text_of(" ")));
	CHECK_TEXT("", field_normalise(&text, text_of("    ")));
	CHECK_TEXT(" de la Cruz ", field_normalise(&text, text_of(" de la Cruz ")));
	CHECK_TEXT("de la Cruz", field_normalise(&text, text_of("de la Cruz")));

	CHECK_TEXT("", field_normalise(&code, text_of("   ")));
	CHECK_TEXT("E 155", field_normalise(&code, text_of(" E 155  ")));
	CHECK_TEXT("09", field_normalise(&code, text_of("09 ")));
	CHECK_TEXT("09", field_normalise(&code, text_of(" 09")));
	CHECK_TEXT("\t09", field_normalise(&code, text_of("\t09 ")));
	CHECK_TEXT("20240815", field_normalise(&date, text_of(" 20240815")));
}

static void
length_is_counted_in_characters(void)
{
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 5, "Garza"));
	CHECK_INT(FIELD_TOO_LONG, check_type(FIELD_TEXT, 4, "Garza"));
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 5, "Mu\xC3\xB1oz"));
	CHECK_INT(FIELD_TOO_LONG, check_type(FIELD_TEXT, 4, "Mu\xC3\xB1oz"));
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 3, "\xE2\x82\xAC\xF0\x9F\x98\x80x"));
	CHECK_INT(FIELD_TOO_LONG, check_type(FIELD_TEXT, 2, "\xE2\x82\xAC\xF0\x9F\x98\x80x"));
	CHECK_INT(FIELD_OK, check_type(FIELD_CODE, 0, "a code whose length nobody knows, so any will do"));
	CHECK_INT(FIELD_TOO_LONG, check_type(FIELD_CODE, 2, "E155"));
}

/* In values of all lengths up to 20, at every place. */
static void
control_characters_are_found_everywhere(void)
{
	static const char controls[] = {0x01, 0x09, 0x0A, 0x0D, 0x1B, 0x1F, 0x7F};

	for (size_t length = 1; length <= 20; length++)
	{
		char		value[32];

		memset(value, 'x', length);
		value[length] = '\0';
		CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, value));
		for (size_t at = 0; at < length; at++)
		{
			for (size_t i = 0; i < sizeof(controls); i++)
			{
				value[at] = controls[i];
				CHECK_INT(FIELD_BAD_CHARACTER, check_type(FIELD_TEXT, 0, value));
				CHECK_INT(FIELD_BAD_CHARACTER, check_type(FIELD_CODE, 30, value));
			}
			value[at] = ' ';
			CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, value));
			value[at] = '~';
			CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, value));
			value[at] = 'x';
		}
	}
}

static void
control_characters_beyond_ascii(void)
{
	CHECK_INT(FIELD_BAD_CHARACTER, check_type(FIELD_TEXT, 0, "\xC2\x80"));
	CHECK_INT(FIELD_BAD_CHARACTER, check_type(FIELD_TEXT, 0, "Ana\xC2\x9F Maria"));
	CHECK_INT(FIELD_BAD_CHARACTER, check_type(FIELD_TEXT, 0, "Jos\xC3\xA9\x01"));
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, "\xC2\xA0"));
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, "\xC3\x80\xC3\x9F"));
	/* A value that is cut in a character is looked at no further. */
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 0, "Jos\xC2"));
}

static void
a_quote_is_an_ordinary_character(void)
{
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 30, "Jo \"Joey\" O'Brien"));
	CHECK_INT(FIELD_OK, check_type(FIELD_TEXT, 30, "\""));
}

static void
numbers(void)
{
	CHECK_INT(FIELD_OK, check_type(FIELD_INTEGER, 5, "0"));
	CHECK_INT(FIELD_OK, check_type(FIELD_INTEGER, 5, "00123"));
	CHECK_INT(FIELD_OK, check_type(FIELD_INTEGER, 5, "-1"));
	CHECK_INT(FIELD_OK, check_type(FIELD_INTEGER, 5, "+1"));
	CHECK_INT(FIELD_TOO_LONG, check_type(FIELD_INTEGER, 5, "123456"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "-"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "+"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "1.5"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "1 5"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "12a"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "--1"));
	CHECK_INT(FIELD_BAD_NUMBER, check_type(FIELD_INTEGER, 5, "1:"));
}

static void
yes_and_no(void)
{
	CHECK_INT(FIELD_OK, check_type(FIELD_YN, 1, "Y"));
	CHECK_INT(FIELD_OK, check_type(FIELD_YN, 1, "N"));
	CHECK_INT(FIELD_OK, check_type(FIELD_YN, 1, ""));
	CHECK_INT(FIELD_BAD_YN, check_type(FIELD_YN, 1, "y"));
	CHECK_INT(FIELD_BAD_YN, check_type(FIELD_YN, 1, "Yes"));
	CHECK_INT(FIELD_BAD_YN, check_type(FIELD_YN, 1, "1"));
}

static void
dates_are_returned(void)
{
	DayNumber	day = UNTOUCHED;

	CHECK_INT(FIELD_OK, check_value(field_of(FIELD_DATE8, 8), "20000201", &day));
	CHECK_INT(31, day);
	CHECK_INT(FIELD_OK, check_value(field_of(FIELD_DATE_MDY, 10), "3/1/2000", &day));
	CHECK_INT(60, day);
	CHECK_INT(FIELD_BAD_DATE, check_value(field_of(FIELD_DATE8, 8), "20230229", &day));
	CHECK_INT(FIELD_BAD_DATE, check_value(field_of(FIELD_DATE8, 8), "3/1/2000", &day));
	CHECK_INT(FIELD_BAD_DATE, check_value(field_of(FIELD_DATE_MDY, 10), "20000301", &day));
	CHECK_INT(FIELD_OK, check_value(field_of(FIELD_DATE8, 8), "", &day));
	CHECK_INT(60, day);
}

static void
required_fields_must_be_filled(void)
{
	for (FieldType type = FIELD_TEXT; type <= FIELD_INTEGER; type++)
	{
		LayoutField field = field_of(type, 10);
		DayNumber	day;

		CHECK_INT(FIELD_OK, check_value(field, "", &day));
		field.required = true;
		CHECK_INT(FIELD_MISSING, check_value(field, "", &day));
	}
}

static void
errors_have_rules_and_sentences(void)
{
	static const char *const rules[] = {
		[FIELD_OK] = "",
		[FIELD_TOO_LONG] = "FRMT0001",
		[FIELD_BAD_DATE] = "FRMT0002",
		[FIELD_BAD_CHARACTER] = "FRMT0004",
		[FIELD_BAD_NUMBER] = "FRMT0004",
		[FIELD_BAD_YN] = "GERR0002",
		[FIELD_MISSING] = "GERR0001",
	};

	for (FieldError error = FIELD_OK; error <= FIELD_MISSING; error++)
	{
		CHECK_TEXT(rules[error], text_of(field_error_rule(error)));
		CHECK_INT(error == FIELD_OK, strlen(field_error_message(error)) == 0);
	}
}

int
main(void)
{
	RUN(all_days_of_three_centuries);
	RUN(days_outside_of_files_have_numbers_too);
	RUN(no_other_day_is_taken);
	RUN(date8_takes_eight_digits_only);
	RUN(date_mdy_takes_its_own_forms_only);
	RUN(normalising_takes_outer_blanks_of_all_but_text);
	RUN(length_is_counted_in_characters);
	RUN(control_characters_are_found_everywhere);
	RUN(control_characters_beyond_ascii);
	RUN(a_quote_is_an_ordinary_character);
	RUN(numbers);
	RUN(yes_and_no);
	RUN(dates_are_returned);
	RUN(required_fields_must_be_filled);
	RUN(errors_have_rules_and_sentences);
	return unit_finish();
}
