/*-------------------------------------------------------------------------
 *
 * rule.c
 *	  CALPADS' rules about one SENR record by itself.
 *
 * Only rules that are confirmed and in force hold a record; spec/
 * senr_validations.tsv tells which.
 *
 *-------------------------------------------------------------------------
 */
#include "rule.h"

#include <stdlib.h>
#include <string.h>

typedef struct Check
{
	Arena	   *arena;
	const RuleBook *book;
	const Enrollment *record;
	DayNumber	today;
	Violation  *first;
	Violation **end;
} Check;

static void
break_rule(Check *check, const char *rule, int field, const char *explanation)
{
	Violation  *violation = arena_allocate(check->arena, sizeof(Violation));

	violation->rule = rule;
	violation->field = field;
	violation->explanation = explanation;
	*check->end = violation;
	check->end = &violation->next;
}

static const char *
value_of(const Check *check, SenrField field)
{
	return check->record->value[field];
}

static bool
has(const Check *check, SenrField field, const char *text)
{
	return enrollment_has(check->record, field, text);
}

/* First calendar year of the school year that holds the day. */
static int
school_year(DayNumber day)
{
	int			year,
				month,
				day_of_month;

	day_to_calendar(school_year_start(day), &year, &month, &day_of_month);
	return year;
}

/* ---- each field by itself ------------------------------------------------ */

/*
 * Nothing inside a value may look like the end of a field or of a record:
 * the file has no quotes (spec/senr.md section 2).
 */
static bool
has_separator(const char *value)
{
	return strpbrk(value, "^\r\n\t") != NULL;
}

static void
check_text(Check *check, int field, const char *value)
{
	const LayoutField *layout_field = &check->book->layout->fields[field];
	DayNumber	day;
	FieldError	error;

	if (has_separator(value))
	{
		break_rule(check, "FRMT0004", field, "A caret, a tab or a line end inside the value would break the "
				   "record apart.");
		return;
	}
	error = field_check(layout_field, (FieldText){value, strlen(value)}, &day);
	if (error != FIELD_OK)
		break_rule(check, field_error_rule(error), field, field_error_message(error));
	else if (check->book->encodable != NULL && !check->book->encodable(value))
		break_rule(check, "FRMT0004", field, "The value has a character that the encoding of the files "
				   "(setting calpads.file_encoding) does not have.");
}

static int
compare_codeset_name(const void *key, const void *member)
{
	return strcmp(key, ((const CodeSet *) member)->name);
}

static int
compare_code(const void *key, const void *member)
{
	return strcmp(key, ((const Code *) member)->code);
}

/* GERR0002 and GERR0007; sets that are known to be incomplete refuse nothing. */
static void
check_code(Check *check, int field, const char *value)
{
	const RuleBook *book = check->book;
	const char *name = book->layout->fields[field].codeset;
	int			year = school_year(check->record->start);
	const CodeSet *set;
	const Code *code;

	if (name == NULL || book->codeset_count == 0)
		return;
	set = bsearch(name, book->codesets, book->codeset_count, sizeof(CodeSet), compare_codeset_name);
	if (set == NULL || !set->complete)
		return;
	code = bsearch(value, set->codes, set->count, sizeof(Code), compare_code);
	if (code == NULL)
		break_rule(check, "GERR0002", field, "The value is not a code of CALPADS; a local code has no "
				   "translation.");
	else if (year < code->first_year || year > code->last_year)
		break_rule(check, "GERR0007", field, "The code is not valid in the school year of the "
				   "enrollment.");
}

static void
check_fields(Check *check)
{
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
	{
		const char *value = value_of(check, field);

		if (value != NULL)
		{
			check_text(check, field, value);
			check_code(check, field, value);
		}
		else if (check->book->layout->fields[field].required)
			break_rule(check, "GERR0001", field, "The field is blank, and CALPADS requires it.");
	}
}

/* ---- fields against each other -------------------------------------------- */

static bool
is_digits(const char *text, size_t length)
{
	return strlen(text) == length && strspn(text, "0123456789") == length;
}

static void
check_identity(Check *check)
{
	const char *ssid = value_of(check, SENR_SSID);

	if (ssid == NULL || !is_digits(ssid, 10))
		break_rule(check, "SENR0007", SENR_SSID, "An SSID has ten digits.");
	if (has(check, SENR_SCHOOL, "0000001") && value_of(check, SENR_SCHOOL_NPS) == NULL)
		break_rule(check, "SENR0004", SENR_SCHOOL_NPS, "A student at a nonpublic school (0000001) needs the "
				   "code of that school.");
	if (!has(check, SENR_SCHOOL, "0000001") && value_of(check, SENR_SCHOOL_NPS) != NULL)
		break_rule(check, "SENR0003", SENR_SCHOOL_NPS, "Only a student at a nonpublic school (0000001) has a "
				   "nonpublic school code.");
}

static void
check_academic_year(Check *check)
{
	int			year = school_year(check->record->start);
	const char *expected = arena_print(check->arena, "%04d-%04d", year, year + 1);

	if (!has(check, SENR_ACADEMIC_YEAR, expected))
		break_rule(check, "SENR0742", SENR_ACADEMIC_YEAR, "The academic year is not the one that holds the "
				   "start date.");
}

static void
check_exit(Check *check)
{
	const Enrollment *record = check->record;
	bool		has_date = value_of(check, SENR_EXIT_DATE) != NULL;
	bool		has_reason = value_of(check, SENR_EXIT_REASON) != NULL;

	if (has_date && !has_reason)
		break_rule(check, "GERR0001", SENR_EXIT_REASON, "There is an exit date without an exit reason.");
	if (!has_date && has_reason)
		break_rule(check, "GERR0001", SENR_EXIT_DATE, "There is an exit reason without an exit date.");
	if (!has_date || !has_reason)
		return;
	if (enrollment_is_no_show(record) && record->end != record->start && record->end != record->start - 1)
		break_rule(check, "SENR0018", SENR_EXIT_DATE, "A no-show (N470) exits on its start date or on the "
				   "day before.");
	if (!enrollment_is_no_show(record) && record->end < record->start)
		break_rule(check, "SENR0018", SENR_EXIT_DATE, "The exit date is before the start date.");
}

static void
check_exit_and_status(Check *check)
{
	const char *reason = value_of(check, SENR_EXIT_REASON);
	bool		secondary = has(check, SENR_STATUS, "20");
	bool		non_ada = has(check, SENR_STATUS, "50");
	bool		leaves_secondary = has(check, SENR_EXIT_REASON, "E170");

	if (reason == NULL)
		return;
	if (secondary && !leaves_secondary)
		break_rule(check, "SENR0302", SENR_EXIT_REASON, "A secondary enrollment (20) exits with E170 only.");
	if (non_ada && !leaves_secondary && !has(check, SENR_EXIT_REASON, "N470") &&
		!has(check, SENR_EXIT_REASON, "E150"))
		break_rule(check, "SENR0522", SENR_EXIT_REASON, "A non-ADA enrollment (50) exits with E170, N470 or "
				   "E150 only.");
	if (leaves_secondary && !secondary && !non_ada)
		break_rule(check, "SENR0523", SENR_EXIT_REASON, "E170 closes secondary (20) and non-ADA (50) "
				   "enrollments only.");
}

static int
compare_pair(const void *key, const void *member)
{
	const CodePair *a = key;
	const CodePair *b = member;
	int			first = strcmp(a->first, b->first);

	return first != 0 ? first : strcmp(a->second, b->second);
}

static bool
may_stand_together(const PairSet *set, const char *first, const char *second, int year)
{
	CodePair	wanted = {first, second, 0, 0};
	const CodePair *pair;

	if (set->count == 0)
		return true;
	pair = bsearch(&wanted, set->pairs, set->count, sizeof(CodePair), compare_pair);
	return pair != NULL && pair->first_year <= year && year <= pair->last_year;
}

static void
check_completion(Check *check)
{
	const char *reason = value_of(check, SENR_EXIT_REASON);
	const char *completion = value_of(check, SENR_COMPLETION);
	bool		graduated = has(check, SENR_COMPLETION, "100");

	if (completion != NULL && !has(check, SENR_EXIT_REASON, "E230"))
		break_rule(check, graduated ? "SENR0175" : "SENR0022", SENR_COMPLETION,
				   "A completion status goes with exit reason E230 only.");
	else if (completion != NULL &&
			 !may_stand_together(&check->book->exit_completion, reason, completion,
								 school_year(check->record->start)))
		break_rule(check, "SENR0022", SENR_COMPLETION, "Exit reason and completion status do not go "
				   "together.");
	if (completion == NULL && has(check, SENR_EXIT_REASON, "E230"))
		break_rule(check, "SENR0022", SENR_COMPLETION, "Exit reason E230 needs a completion status.");
	if (has(check, SENR_MERIT_DIPLOMA, "Y") && !graduated)
		break_rule(check, "SENR0315", SENR_MERIT_DIPLOMA, "The Golden State Seal goes with completion status "
				   "100 only.");
	if (has(check, SENR_BILITERACY, "Y") && !graduated)
		break_rule(check, "SENR0316", SENR_BILITERACY, "The Seal of Biliteracy goes with completion status "
				   "100 only.");
}

static void
check_exemption(Check *check)
{
	bool		graduated = has(check, SENR_COMPLETION, "100");
	bool		filled = value_of(check, SENR_EXEMPTION) != NULL;

	if (filled && !graduated)
		break_rule(check, "SENR0630", SENR_EXEMPTION, "The graduation exemption goes with completion status "
				   "100 only.");
	if (!filled && graduated && check->record->end != ENROLLMENT_OPEN &&
		check->record->end > day_from_calendar(2023, 6, 30))
		break_rule(check, "SENR0632", SENR_EXEMPTION, "A graduate who left after 06/30/2023 needs the "
				   "graduation exemption, Y or N.");
}

static void
check_short_term(Check *check)
{
	const Enrollment *record = check->record;

	if (has(check, SENR_STATUS, "30") && enrollment_is_primary(record, check->today))
		break_rule(check, "SENR0187", SENR_STATUS, "A short-term enrollment (30) lasts at most 30 days, an "
				   "open one counted to today.");
}

static void
check_age(Check *check)
{
	const Enrollment *record = check->record;
	int			age = enrollment_age(record, record->start);
	DayNumber	september = day_from_calendar(school_year(record->start), 9, 1);

	if (value_of(check, SENR_BIRTH_DATE) == NULL)
		return;
	if (has(check, SENR_GRADE, "KN") && (age < 4 || age > 7))
		break_rule(check, "SENR0262", SENR_BIRTH_DATE, "A kindergarten student is 4 to 7 years old on the "
				   "start date.");
	if (has(check, SENR_GRADE, "TK") && enrollment_age(record, september) < 4)
		break_rule(check, "SENR0622", SENR_BIRTH_DATE, "A transitional kindergarten student is 4 years old "
				   "by September 1.");
}

Violation *
rule_check(Arena *arena, const RuleBook *book, const Enrollment *record, DayNumber today)
{
	Check		check = {arena, book, record, today, NULL, NULL};

	check.end = &check.first;
	check_fields(&check);
	check_identity(&check);
	check_academic_year(&check);
	check_exit(&check);
	check_exit_and_status(&check);
	check_completion(&check);
	check_exemption(&check);
	check_short_term(&check);
	check_age(&check);
	return check.first;
}
