/*-------------------------------------------------------------------------
 *
 * rule_fields.c
 *	  Each field by itself: form, length, code (FRMT and GERR rules).
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <stdlib.h>
#include <string.h>

#include "process.h"

/*
 * Nothing inside a value may look like the end of a field or of a record:
 * the file has no quotes (spec/senr.md section 2).
 */
static bool
has_separator(const char *value)
{
	return strpbrk(value, "^\r\n\t") != NULL;
}

static const char *
error_sentence(Check *check, const LayoutField *field, FieldError error)
{
	switch (error)
	{
		case FIELD_TOO_LONG:
			return arena_print(check->arena, "%s has more than %d characters.", field->label,
							   field->max_length);
		case FIELD_BAD_DATE:
			return arena_print(check->arena, "%s is not a date of the years 1900 to 2199.", field->label);
		case FIELD_BAD_CHARACTER:
			return arena_print(check->arena, "%s contains a control character.", field->label);
		case FIELD_BAD_YN:
			return arena_print(check->arena, "%s is neither Y nor N.", field->label);
		default:
			return arena_print(check->arena, "%s: %s.", field->label, field_error_message(error));
	}
}

static void
check_encodable(Check *check, int field, const char *value)
{
	if (check->book->encodable != NULL && !check->book->encodable(value))
		break_rule(check, "FRMT0004", field, "The value has a character that the encoding of the files "
				   "(setting calpads.file_encoding) does not have.");
}

void
check_encoding(Check *check)
{
	for (int field = 0; field < check->book->process->field_count; field++)
		if (check->record->value[field] != NULL)
			check_encodable(check, field, check->record->value[field]);
}

/* FRMT0001, FRMT0002, FRMT0004; false when one of them is broken. */
static bool
check_form(Check *check, int field, const char *value)
{
	const LayoutField *layout_field = &check->book->layout->fields[field];
	DayNumber	day;
	FieldError	error;

	if (has_separator(value))
	{
		break_rule(check, "FRMT0004", field, "A caret, a tab or a line end inside the value would break the "
				   "record apart.");
		return false;
	}
	error = field_check(layout_field, (FieldText) {value, strlen(value)}, &day);
	if (error != FIELD_OK)
		break_rule(check, field_error_rule(error), field, error_sentence(check, layout_field, error));
	else
		check_encodable(check, field, value);
	return error == FIELD_OK;
}

static int
compare_codeset_name(const void *key, const void *member)
{
	return strcmp(key, ((const CodeSet *) member)->name);
}

static const CodeSet *
find_codeset(const RuleBook *book, const char *name)
{
	if (name == NULL || book->codeset_count == 0)
		return NULL;
	return bsearch(name, book->codesets, book->codeset_count, sizeof(CodeSet), compare_codeset_name);
}

static int
compare_code(const void *key, const void *member)
{
	return strcmp(key, ((const Code *) member)->code);
}

static void
check_unknown_code(Check *check, int field, const CodeSet *set)
{
	if (field == check->book->process->transaction_type)
		break_rule(check, "GERR0008", field, "The transaction type is neither blank nor A, D or R.");
	else if (set->complete)
		break_rule(check, "GERR0002", field, "The value is not a code of CALPADS; a local code has no "
				   "translation.");
	else
		suspect(check, "GERR0002", field, "The value is not among the known codes of CALPADS; the list may "
				"be incomplete.");
}

/* The academic year by which codes go, by its first calendar year. */
static int
code_year(const Check *check)
{
	int			field = check->book->process->code_year;
	const char *year = field >= 0 ? value_of(check, field) : NULL;

	return year != NULL ? atoi(year) : school_year(check->record->start);
}

/* GERR0002 and GERR0007 (the academic year of the record counts), GERR0008. */
static void
check_code(Check *check, int field, const char *value)
{
	const CodeSet *set = find_codeset(check->book, check->book->layout->fields[field].codeset);
	int			year = code_year(check);
	const Code *code;

	if (set == NULL)
		return;
	code = bsearch(value, set->codes, set->count, sizeof(Code), compare_code);
	if (code == NULL)
		check_unknown_code(check, field, set);
	else if (year < code->first_year || year > code->last_year)
		break_rule(check, "GERR0007", field,
				   arena_print(check->arena, "The code is not valid in %d-%d, the school year of the "
							   "%s.", year, year + 1, check->book->process->row_word));
}

/* What only this project asks of the local student id (spec/sinf_sela_sprg.md). */
#define LOCAL_STUDENT_ID_LENGTH 15

void
check_local_student_id(Check *check)
{
	const char *id = value_of(check, SENR_LOCAL_STUDENT_ID);

	if (id != NULL && strlen(id) > LOCAL_STUDENT_ID_LENGTH)
		break_rule(check, "SENR-LOCAL-ID", SENR_LOCAL_STUDENT_ID, "The other files of CALPADS have 15 "
				   "characters for the local student ID.");
}

void
check_fields(Check *check)
{
	const LayoutField *fields = check->book->layout->fields;

	for (int field = 0; field < check->book->process->field_count; field++)
	{
		const char *value = value_of(check, field);

		if (value == NULL && fields[field].required)
			break_rule(check, "GERR0001", field, "The field is blank, and CALPADS requires it.");
		if (value != NULL && check_form(check, field, value))
			check_code(check, field, value);
	}
}
