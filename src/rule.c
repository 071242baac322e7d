/*-------------------------------------------------------------------------
 *
 * rule.c
 *	  CALPADS' rules about records: what is asked, and how severe it is.
 *
 * The tests themselves are in rule_fields.c (each field by itself),
 * rule_enrollment.c (fields against each other), rule_person.c (age and
 * birth), rule_school.c (what is known of schools and districts) and
 * rule_beside.c (the student's other rows).
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <stdlib.h>
#include <string.h>

#include "process.h"

/* ---- the book ----------------------------------------------------------------- */

static int
compare_rule(const void *key, const void *member)
{
	return strcmp(key, ((const Rule *) member)->number);
}

static const Rule *
find_rule(const RuleBook *book, const char *number)
{
	if (book->rule_count == 0)
		return NULL;
	return bsearch(number, book->rules, book->rule_count, sizeof(Rule), compare_rule);
}

RuleSeverity
rule_severity(const RuleBook *book, const char *number)
{
	const Rule *rule = find_rule(book, number);

	return rule != NULL ? rule->severity : RULE_OFF;
}

/* ---- violations --------------------------------------------------------------- */

static void
note_violation(Check *check, const Rule *rule, int field, const char *explanation, const char *fix)
{
	Violation  *violation = arena_allocate(check->arena, sizeof(Violation));

	violation->rule = rule->reported_as;
	violation->field = field;
	violation->explanation = explanation;
	violation->fix = fix;
	*check->end = violation;
	check->end = &violation->next;
}

void
break_rule_at(Check *check, const char *rule, int field, const char *explanation, const char *fix)
{
	const Rule *known = find_rule(check->book, rule);

	if (known != NULL && known->severity == check->wanted)
		note_violation(check, known, field, explanation, fix);
}

void
break_rule(Check *check, const char *rule, int field, const char *explanation)
{
	break_rule_at(check, rule, field, explanation, NULL);
}

void
suspect(Check *check, const char *rule, int field, const char *explanation)
{
	const Rule *known = find_rule(check->book, rule);

	if (known != NULL && known->severity != RULE_OFF && check->wanted == RULE_WARNING)
		note_violation(check, known, field, explanation, NULL);
}

/* ---- what the tests have in common ---------------------------------------------- */

const char *
value_of(const Check *check, int field)
{
	return check->record->value[field];
}

bool
has(const Check *check, int field, const char *text)
{
	return row_has(check->record, field, text);
}

bool
is_digits(const char *text, size_t length)
{
	return strlen(text) == length && strspn(text, "0123456789") == length;
}

int
school_year(DayNumber day)
{
	int			year,
				month,
				day_of_month;

	day_to_calendar(day, &year, &month, &day_of_month);
	return month >= 7 ? year : year - 1;
}

/* Position of the first pair that is not before (first, second). */
static int
first_pair_from(const PairSet *set, const char *first, const char *second)
{
	int			low = 0;
	int			high = set->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = strcmp(set->pairs[middle].first, first);

		if (order == 0)
			order = strcmp(set->pairs[middle].second, second);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One pair can be valid in two spans of years. */
bool
may_stand_together(const PairSet *set, const char *first, const char *second, int year)
{
	for (int i = first_pair_from(set, first, second); i < set->count; i++)
	{
		const CodePair *pair = &set->pairs[i];

		if (strcmp(pair->first, first) != 0 || strcmp(pair->second, second) != 0)
			return false;
		if (pair->first_year <= year && year <= pair->last_year)
			return true;
	}
	return false;
}

bool
knows_first(const PairSet *set, const char *first)
{
	int			position = first_pair_from(set, first, "");

	return position < set->count && strcmp(set->pairs[position].first, first) == 0;
}

/* ---- the questions -------------------------------------------------------------- */

void
check_senr_record(Check *check)
{
	check_fields(check);
	check_local_student_id(check);
	check_enrollment(check);
	check_person(check);
	check_schools(check);
}

Violation *
rule_check(Arena *arena, const RuleBook *book, const Enrollment *record, DayNumber today)
{
	Check		check = {arena, book, record, NULL, 0, today, RULE_FATAL, NULL, NULL};

	check.end = &check.first;
	book->process->check_record(&check);
	return check.first;
}

Violation *
rule_check_deletion(Arena *arena, const RuleBook *book, const Enrollment *record)
{
	Check		check = {arena, book, record, NULL, 0, 0, RULE_FATAL, NULL, NULL};

	check.end = &check.first;
	check_encoding(&check);
	return check.first;
}

Violation *
rule_check_beside(Arena *arena, const RuleBook *book, const Enrollment *record,
				  const Enrollment *const *rows, int count, DayNumber today)
{
	Check		check = {arena, book, record, rows, count, today, RULE_FATAL, NULL, NULL};

	check.end = &check.first;
	book->process->check_beside(&check);
	return check.first;
}

Violation *
rule_warnings(Arena *arena, const RuleBook *book, const Enrollment *record,
			  const Enrollment *const *rows, int count, DayNumber today)
{
	Check		check = {arena, book, record, rows, count, today, RULE_WARNING, NULL, NULL};

	check.end = &check.first;
	book->process->check_record(&check);
	book->process->check_beside(&check);
	return check.first;
}
