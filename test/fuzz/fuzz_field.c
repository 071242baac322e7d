/*
 * Any bytes as a value.  The first byte chooses the type of the field and
 * whether it is required, the second one its length; the rest is the value.
 * Each answer is compared with that of a slower and simpler program.
 */
#include <string.h>

#include "field.h"
#include "fuzz.h"
#include "record.h"

/* ---- what the answer should be ------------------------------------------- */

static bool
all_digits(FieldText text)
{
	for (size_t at = 0; at < text.length; at++)
	{
		if (text.data[at] < '0' || text.data[at] > '9')
			return false;
	}
	return text.length > 0;
}

static int
number_of(FieldText digits)
{
	int			number = 0;

	for (size_t at = 0; at < digits.length; at++)
		number = number * 10 + digits.data[at] - '0';
	return number;
}

static FieldText
part(FieldText text, size_t start, size_t length)
{
	return (FieldText) {text.data + start, length};
}

static bool
is_day(int year, int month, int day)
{
	static const int lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1900 && year <= 2199 && month >= 1 && month <= 12 && day >= 1 &&
		day <= lengths[month] && (leap || month != 2 || day < 29);
}

static bool
is_date8(FieldText text, int date[3])
{
	if (text.length != 8 || !all_digits(text))
		return false;
	date[0] = number_of(part(text, 0, 4));
	date[1] = number_of(part(text, 4, 2));
	date[2] = number_of(part(text, 6, 2));
	return is_day(date[0], date[1], date[2]);
}

static bool
is_date_mdy(FieldText text, int date[3])
{
	const char *first = memchr(text.data, '/', text.length);
	const char *second;
	FieldText	parts[3];

	if (first == NULL)
		return false;
	second = memchr(first + 1, '/', (size_t) (text.data + text.length - first - 1));
	if (second == NULL)
		return false;
	parts[0] = (FieldText) {second + 1, (size_t) (text.data + text.length - second - 1)};
	parts[1] = (FieldText) {text.data, (size_t) (first - text.data)};
	parts[2] = (FieldText) {first + 1, (size_t) (second - first - 1)};
	for (int i = 0; i < 3; i++)
	{
		if (!all_digits(parts[i]) || parts[i].length > (i == 0 ? 4 : 2))
			return false;
		date[i] = number_of(parts[i]);
	}
	return parts[0].length == 4 && is_day(date[0], date[1], date[2]);
}

static bool
is_integer(FieldText text)
{
	if (text.data[0] == '-' || text.data[0] == '+')
		text = part(text, 1, text.length - 1);
	return all_digits(text);
}

static FieldError
expected_for_text(FieldText value, int max_length)
{
	int			characters = 0;
	bool		control = false;

	for (size_t at = 0; at < value.length; at++)
	{
		unsigned char byte = (unsigned char) value.data[at];

		characters += byte < 0x80 || byte >= 0xC0;
		control |= byte < 0x20 || byte == 0x7F;
		control |= byte < 0xA0 && at > 0 && (unsigned char) value.data[at - 1] == 0xC2;
	}
	if (max_length > 0 && characters > max_length)
		return FIELD_TOO_LONG;
	return control ? FIELD_BAD_CHARACTER : FIELD_OK;
}

static FieldError
expected_error(const LayoutField *field, FieldText value, int date[3])
{
	if (value.length == 0)
		return field->required ? FIELD_MISSING : FIELD_OK;
	switch (field->type)
	{
		case FIELD_DATE8:
			return is_date8(value, date) ? FIELD_OK : FIELD_BAD_DATE;
		case FIELD_DATE_MDY:
			return is_date_mdy(value, date) ? FIELD_OK : FIELD_BAD_DATE;
		case FIELD_YN:
			return value.length == 1 && strchr("YN", value.data[0]) != NULL && value.data[0] != '\0' ?
				FIELD_OK : FIELD_BAD_YN;
		case FIELD_INTEGER:
			return is_integer(value) ? expected_for_text(value, field->max_length) : FIELD_BAD_NUMBER;
		default:
			return expected_for_text(value, field->max_length);
	}
}

/* ---- comparing ----------------------------------------------------------- */

static void
check_day(DayNumber found, const int date[3])
{
	int			year;
	int			month;
	int			day;

	day_to_calendar(found, &year, &month, &day);
	MUST(year == date[0] && month == date[1] && day == date[2]);
	MUST(day_from_calendar(year, month, day) == found);
}

static void
check_normalised(const LayoutField *field, FieldText raw, FieldText value)
{
	FieldText	again = field_normalise(field, value);

	MUST(value.data >= raw.data && value.data + value.length <= raw.data + raw.length);
	MUST(again.data == value.data && again.length == value.length);
	if (field->type != FIELD_TEXT && value.length > 0)
		MUST(value.data[0] != ' ' && value.data[value.length - 1] != ' ');
}

/* Whatever comes out of a conversion is UTF-8, and stays as it is. */
static void
check_encodings(FieldText raw)
{
	char	   *text = malloc(RECORD_UTF8_GROWTH * raw.length + 1);
	bool		complete;
	size_t		length = record_from_windows_1252(raw, text, &complete);

	MUST(length <= RECORD_UTF8_GROWTH * raw.length && record_is_utf8((FieldText) {text, length}));
	length = record_repair_utf8(raw, text);
	MUST(length <= RECORD_UTF8_GROWTH * raw.length && record_is_utf8((FieldText) {text, length}));
	MUST(!record_is_utf8(raw) || (length == raw.length && memcmp(text, raw.data, length) == 0));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LayoutField field = {.name = "f", .label = "F"};
	FieldText	raw;
	FieldText	value;
	DayNumber	day = INT32_MIN;
	int			date[3] = {0, 0, 0};
	FieldError	expected;

	if (size < 2)
		return 0;
	field.type = (FieldType) (data[0] % (FIELD_INTEGER + 1));
	field.required = data[0] >= 0x80;
	field.max_length = data[1];
	raw = (FieldText) {(const char *) data + 2, size - 2};

	value = field_normalise(&field, raw);
	check_normalised(&field, raw, value);
	expected = expected_error(&field, value, date);
	MUST(field_check(&field, value, &day) == expected);
	if (date[0] != 0 && expected == FIELD_OK)
		check_day(day, date);
	else
		MUST(day == INT32_MIN);
	check_encodings(raw);
	return 0;
}
