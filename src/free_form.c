/*-------------------------------------------------------------------------
 *
 * free_form.c
 *	  Files of a form that nobody has published: what separates their fields,
 *	  how they are encoded, and what a cell may hold by the kind of its
 *	  column.
 *
 *-------------------------------------------------------------------------
 */
#include "free_form.h"

#include <string.h>

#include "record.h"

/* ---- the file --------------------------------------------------------------- */

ReaderEncoding
free_form_encoding(FieldText content)
{
	return record_is_utf8(content) ? ENCODING_UTF8 : ENCODING_WINDOWS_1252;
}

FileFormat
free_form_format(FieldText content)
{
	const char *at = content.data;
	const char *end = content.data + content.length;
	int			carets = 0;
	int			tabs = 0;
	int			commas = 0;

	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	for (; at < end && *at != '\r' && *at != '\n'; at++)
	{
		carets += *at == '^';
		tabs += *at == '\t';
		commas += *at == ',';
	}
	if (carets > tabs && carets > commas)
		return FORMAT_CARET;
	return tabs > commas ? FORMAT_TAB : FORMAT_CSV;
}

bool
free_form_ends_in_returns(FieldText content)
{
	return content.length > 0 && memchr(content.data, '\n', content.length) == NULL &&
		memchr(content.data, '\r', content.length) != NULL;
}

void
free_form_mend_line_ends(char *content, size_t size)
{
	for (size_t at = 0; at < size; at++)
		if (content[at] == '\r')
			content[at] = '\n';
}

Layout
free_form_layout(const char *name, FileFormat format, LayoutField fields[LAYOUT_MAX_FIELDS])
{
	for (int field = 0; field < LAYOUT_MAX_FIELDS; field++)
		fields[field] = (LayoutField) {.name = "", .label = ""};
	return (Layout) {
		.name = name,
		.format = format,
		.header = HEADER_OPTIONAL,
		.field_count = LAYOUT_MAX_FIELDS,
		.min_field_count = 2,
		.fields = fields,
	};
}

/* ---- cells ------------------------------------------------------------------ */

static bool
is_named(FieldText name, const char *wanted)
{
	return name.length == strlen(wanted) && memcmp(name.data, wanted, name.length) == 0;
}

FieldType
free_form_type(FieldText name)
{
	if (is_named(name, "date8") || is_named(name, "date_mdy"))
		return FIELD_DATE8;
	if (is_named(name, "integer"))
		return FIELD_INTEGER;
	return is_named(name, "text") ? FIELD_TEXT : FIELD_CODE;
}

bool
free_form_date(FieldText value, DayNumber *day)
{
	return field_parse_date8(value, day) || field_parse_date_mdy(value, day);
}

const char *
free_form_complaint(FieldText value, FieldType type, int max_length)
{
	LayoutField field = {.name = "", .label = "", .type = type, .max_length = max_length};
	DayNumber	day;
	FieldError	error;

	if (type == FIELD_DATE8)
		return free_form_date(value, &day) ? NULL : "the value is no date written CCYYMMDD or MM/DD/CCYY";
	error = field_check(&field, value, &day);
	return error == FIELD_OK ? NULL : field_error_message(error);
}
