/*-------------------------------------------------------------------------
 *
 * reconcile.c
 *	  Two pictures of one student into operations, or into reasons why there
 *	  is none.
 *
 * First each row of the one picture finds its twin in the other, and what is
 * left over or differs becomes an operation (compare).  Then operations that
 * CALPADS would refuse are held, and since a held operation leaves a row as
 * it is, which may stand in the way of another, this goes on until nothing
 * changes (settle).
 *
 *-------------------------------------------------------------------------
 */
#include "reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "settle.h"
#include "story.h"
#include "wave.h"

typedef struct Work
{
	Arena	   *arena;
	const Student *student;
	const ReconcileOptions *options;
	Operation  *operations;
	Finding    *holds;
	Finding    *warnings;
} Work;

/* ---- findings ----------------------------------------------------------- */

static void
add_hold(Work *work, const Enrollment *row, const char *rule, int field, const char *explanation,
		 const char *fix)
{
	add_finding(work->arena, &work->holds, row, rule, field, explanation, fix);
}

static void
hold_operation(Work *work, Operation *operation, const char *rule, int field,
			   const char *explanation, const char *fix)
{
	operation->held = true;
	add_hold(work, operation->target != NULL ? operation->record : operation->before,
			 rule, field, explanation, fix);
}

/* ---- compare: rows without a twin, rows that differ ---------------------- */

/* The row of the other picture with the same key, or NULL. */
static const Enrollment *
find_twin(const Enrollment *rows, const Enrollment *row)
{
	for (; rows != NULL; rows = rows->next)
		if (rows->in_scope && enrollment_same_key(rows, row))
			return rows;
	return NULL;
}

static Operation *
add_operation(Work *work, const Enrollment *before, const Enrollment *target)
{
	Operation  *operation = arena_allocate(work->arena, sizeof(Operation));

	operation->before = before;
	operation->target = target;
	operation->record = row_copy(work->arena, target != NULL ? target : before);
	operation->record->value[SENR_RECORD_TYPE] = "SENR";
	operation->record->value[SENR_TRANSACTION_TYPE] = target != NULL ? "A" : "D";
	operation->next = work->operations;
	work->operations = operation;
	return operation;
}

static OperationReason
reason_of_change(const Enrollment *before, const Enrollment *target, uint64_t changed)
{
	if (!(changed & (FIELD_BIT(SENR_EXIT_DATE) | FIELD_BIT(SENR_EXIT_REASON))))
		return REASON_FIELDS_CHANGED;
	if (enrollment_is_no_show(before) && !enrollment_is_no_show(target))
		return REASON_NO_SHOW_REVIVED;
	if (before->end == ROW_OPEN)
		return REASON_EXIT_ADDED;
	return target->end == ROW_OPEN ? REASON_EXIT_REMOVED : REASON_EXIT_CHANGED;
}

/*
 * Every enrollment of an earlier year is closed (spec/senr.md section 8): where
 * the SIS cannot name the exit, it is no witness against the one in CALPADS.
 */
static bool
is_reopened_year(const Work *work, const Enrollment *before, const Enrollment *target)
{
	return target->start < work->options->year_start && target->end == ROW_OPEN &&
		before->end != ROW_OPEN;
}

static void
compare_twins(Work *work, const Enrollment *before, const Enrollment *target)
{
	uint64_t	changed = enrollment_difference(before, target);
	Operation  *operation;

	if (changed == 0)
		return;
	if (is_reopened_year(work, before, target))
	{
		add_hold(work, target, "CERT112", SENR_EXIT_DATE,
				 "CALPADS has this enrollment of an earlier school year closed, and the SIS has no exit for "
				 "it; enrollments of earlier years are not opened again.", "ENR.LD and ENR.ER, or STU.HSG");
		return;
	}
	operation = add_operation(work, before, target);
	operation->changed = changed;
	operation->reason = reason_of_change(before, target, changed);
	operation->category = operation->reason == REASON_FIELDS_CHANGED ?
		CATEGORY_UPDATES : CATEGORY_EXITS;
}

/*
 * Of earlier years only rows that both sides have are changed (DESIGN section
 * 5, rule 2): the SIS of this year is no witness against them.
 */
static bool
hold_earlier_year(Work *work, const Enrollment *row, const char *side, const char *other_side)
{
	const ReconcileOptions *options = work->options;

	if (row->start >= options->year_start)
		return false;
	add_hold(work, row, "EARLIER_YEAR", SENR_START_DATE,
			 arena_print(work->arena, "%s has %s, and %s does not; it belongs to an earlier school year, so "
						 "it is neither removed nor added.", side,
						 story_enrollment(work->arena, options, row), other_side),
			 "ENR.ED of that year, or CALPADS by hand");
	return true;
}

/* Does the SIS have another row with this key, and does it say the same? */
static bool
has_double(const Work *work, const Enrollment *target, bool same)
{
	const Enrollment *row = work->student->target;

	for (; row != NULL && !(same && row == target); row = row->next)
		if (row != target && row->in_scope && enrollment_same_key(row, target) &&
			(enrollment_difference(row, target) == 0) == same)
			return true;
	return false;
}

static void
compare_target(Work *work, const Enrollment *target)
{
	const Enrollment *before = find_twin(work->student->baseline, target);

	if (has_double(work, target, false))
		add_hold(work, target, "IVR0034", SENR_START_DATE,
				 "The SIS has two different enrollments of the student at this school with this start "
				 "date; CALPADS holds one row for school, SSID and start date.", "ENR.ED");
	else if (has_double(work, target, true))
		return;					/* an earlier row says the same */
	else if (before != NULL)
		compare_twins(work, before, target);
	else if (!enrollment_is_inert(target) &&
			 !hold_earlier_year(work, target, "The SIS", "CALPADS"))
		add_operation(work, NULL, target)->category = CATEGORY_UPDATES;
}

static void
compare_baseline(Work *work, const Enrollment *before)
{
	if (find_twin(work->student->target, before) == NULL && !enrollment_is_inert(before) &&
		!hold_earlier_year(work, before, "CALPADS", "the SIS"))
		add_operation(work, before, NULL)->category = CATEGORY_REMOVALS;
}

static void
compare(Work *work)
{
	for (const Enrollment *row = work->student->target; row != NULL; row = row->next)
		if (row->in_scope)
			compare_target(work, row);
	for (const Enrollment *row = work->student->baseline; row != NULL; row = row->next)
		if (row->in_scope)
			compare_baseline(work, row);
}

/* ---- which removal and which addition are the same enrollment ------------ */

/* How far two starts may lie apart when the rows do not even overlap. */
#define MOVED_DAYS 31

static bool
may_replace(const Enrollment *a, const Enrollment *b)
{
	return (a->start <= b->end && b->start <= a->end) || abs(a->start - b->start) <= MOVED_DAYS;
}

/* The better partner: the same school, then the nearer start. */
static bool
is_better_partner(const Enrollment *row, const Enrollment *candidate, const Enrollment *best)
{
	bool		same = row_has(candidate, SENR_SCHOOL, row->value[SENR_SCHOOL]);
	bool		best_same;

	if (best == NULL)
		return true;
	best_same = row_has(best, SENR_SCHOOL, row->value[SENR_SCHOOL]);
	if (same != best_same)
		return same;
	return abs(candidate->start - row->start) < abs(best->start - row->start);
}

static bool
is_removal(const Operation *operation)
{
	return operation->target == NULL;
}

static bool
is_addition(const Operation *operation)
{
	return operation->before == NULL;
}

static void
pair_with(Work *work, Operation *operation, bool (*partner) (const Operation *))
{
	const Enrollment *best = NULL;

	for (const Operation *other = work->operations; other != NULL; other = other->next)
		if (partner(other) && may_replace(operation->record, other->record) &&
			is_better_partner(operation->record, other->record, best))
			best = other->record;
	operation->related = best;
	if (best == NULL)
		return;
	operation->reason = row_has(best, SENR_SCHOOL, operation->record->value[SENR_SCHOOL]) ?
		REASON_START_MOVED : REASON_SCHOOL_CHANGED;
}

static void
pair_operations(Work *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (is_removal(operation))
		{
			operation->reason = REASON_NOT_IN_SIS;
			pair_with(work, operation, is_addition);
		}
		else if (is_addition(operation))
		{
			operation->reason = work->student->baseline == NULL ?
				REASON_NEW_STUDENT : REASON_NEW_ENROLLMENT;
			pair_with(work, operation, is_removal);
		}
	}
}

/* ---- records ------------------------------------------------------------- */

static const Enrollment *
newest(const Enrollment *rows)
{
	const Enrollment *best = rows;

	for (; rows != NULL; rows = rows->next)
		if (rows->start > best->start)
			best = rows;
	return best;
}

static bool
same_birth_year(const char *a, const char *b)
{
	return a != NULL && b != NULL && strncmp(a, b, 4) == 0;
}

/*
 * CALPADS refuses a record whose gender and birth year are not its own
 * (SENR0035), and SENR does not change them: they are sent as CALPADS has
 * them until SINF has corrected them.
 */
static void
keep_demographics(Work *work, Operation *operation)
{
	const Enrollment *known = newest(work->student->baseline);
	Enrollment *record = operation->record;

	if (known == NULL || operation->target == NULL)
		return;
	if (known->value[SENR_GENDER] == NULL || known->value[SENR_BIRTH_DATE] == NULL)
		return;
	if (row_has(record, SENR_GENDER, known->value[SENR_GENDER]) &&
		same_birth_year(record->value[SENR_BIRTH_DATE], known->value[SENR_BIRTH_DATE]))
		return;
	record->value[SENR_GENDER] = known->value[SENR_GENDER];
	record->value[SENR_BIRTH_DATE] = known->value[SENR_BIRTH_DATE];
	operation->demographics_kept = true;
}

static void
make_delete(Operation *operation)
{
	operation->category = CATEGORY_REMOVALS;
	operation->no_show = false;
	operation->changed = 0;
	*operation->record = *operation->before;
	operation->record->value[SENR_RECORD_TYPE] = "SENR";
	operation->record->value[SENR_TRANSACTION_TYPE] = "D";
}

/*
 * The row that cannot be deleted becomes a no-show (spec/senr.md section 6).
 * The day before its start leaves an empty interval, which collides with
 * nothing; only a real no-show of a student with disabilities takes the start
 * date itself (SENR0018).
 */
static void
make_no_show(Work *work, Operation *operation)
{
	Enrollment *record = operation->record;
	bool		real = work->student->no_show_with_disability &&
		operation->reason == REASON_NOT_IN_SIS;

	make_delete(operation);
	operation->category = CATEGORY_EXITS;
	operation->no_show = true;
	record->value[SENR_TRANSACTION_TYPE] = "A";
	record->end = real ? record->start : record->start - 1;
	row_set_date(work->arena, record, SENR_EXIT_DATE, record->end);
	record->value[SENR_EXIT_REASON] = "N470";
	record->value[SENR_COMPLETION] = NULL;
	record->value[SENR_RECEIVER_SCHOOL] = NULL;
	record->value[SENR_UC_CSU] = NULL;
	record->value[SENR_MERIT_DIPLOMA] = NULL;
	record->value[SENR_BILITERACY] = NULL;
	record->value[SENR_EXEMPTION] = NULL;
	if (row_has(record, SENR_STATUS, "20"))
		record->value[SENR_STATUS] = "10";	/* SENR0302 */
	operation->changed = enrollment_difference(operation->before, record);
}

/* Rather a row of status 10, 30 or 50 than a secondary one, then the oldest. */
static bool
is_better_no_show(const Enrollment *row, const Enrollment *best)
{
	bool		secondary = row_has(row, SENR_STATUS, "20");
	bool		best_secondary = row_has(best, SENR_STATUS, "20");

	if (secondary != best_secondary)
		return best_secondary;
	if (row->start != best->start)
		return row->start < best->start;
	return strcmp(row->value[SENR_SCHOOL], best->value[SENR_SCHOOL]) < 0;
}

/*
 * CALPADS refuses to delete the last row of a student (SENR0180).  Every row
 * that the file shows counts, also of other schools and years.
 */
static void
keep_last_row(Work *work)
{
	int			remaining = 0;
	Operation  *keep = NULL;

	for (const Enrollment *row = work->student->baseline; row != NULL; row = row->next)
		remaining++;
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (!is_removal(operation) || operation->held)
			continue;
		make_delete(operation);
		remaining--;
		if (keep == NULL || is_better_no_show(operation->before, keep->before))
			keep = operation;
	}
	if (remaining == 0 && keep != NULL)
		make_no_show(work, keep);
}

/* ---- settle: what CALPADS would refuse is held --------------------------- */

static void
hold_whole_student(Work *work, const char *rule, const char *explanation, const char *fix)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			hold_operation(work, operation, rule, -1, explanation, fix);
}

static bool
has_two_local_ids(const Enrollment *rows)
{
	for (const Enrollment *row = rows; row != NULL; row = row->next)
		if (row->value[SENR_LOCAL_STUDENT_ID] != NULL &&
			!row_has(rows, SENR_LOCAL_STUDENT_ID, row->value[SENR_LOCAL_STUDENT_ID]))
			return true;
	return false;
}

static void
hold_removals(Work *work, const char *rule, const char *explanation, const char *fix)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (is_removal(operation) && !operation->held)
			hold_operation(work, operation, rule, -1, explanation, fix);
}

static void
hold_doubtful_student(Work *work)
{
	const Student *student = work->student;

	if (student->load_problem != NULL)
		hold_whole_student(work, "LOAD_ERROR", student->load_problem,
						   "calpads.load_error; request the ODS extract again");
	if (has_two_local_ids(student->target))
		hold_whole_student(work, "DUPLICATE_SSID", "Two students of the SIS carry this SSID, so it is "
						   "not known whose enrollments these are.", "STU.CID");
	if (student->doubt.rule != NULL)
		hold_removals(work, student->doubt.rule, student->doubt.explanation, student->doubt.fix);
}

/* What CALPADS will hold of the row that the operation is about. */
static const Enrollment *
final_row(const Operation *operation)
{
	if (operation->held)
		return operation->before;
	return is_removal(operation) && !operation->no_show ? NULL : operation->record;
}

static const Operation *
operation_on(const Work *work, const Enrollment *baseline_row)
{
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (operation->before == baseline_row)
			return operation;
	return NULL;
}

/* The student's rows as CALPADS will hold them; gives their number. */
static int
collect_final_rows(const Work *work, const Enrollment *rows[RECONCILE_MAX_ROWS])
{
	int			count = 0;

	for (const Enrollment *row = work->student->baseline; row != NULL; row = row->next)
		if (operation_on(work, row) == NULL)
			rows[count++] = row;
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (final_row(operation) != NULL)
			rows[count++] = final_row(operation);
	return count;
}

static const char *
fix_of(const Violation *violation)
{
	return violation->fix != NULL ? violation->fix : senr_field_source[violation->field];
}

static void
hold_violations(Work *work, Operation *operation, const Violation *violation)
{
	for (; violation != NULL; violation = violation->next)
		hold_operation(work, operation, violation->rule, violation->field, violation->explanation,
					   fix_of(violation));
}

/*
 * Holds the records that break a fatal rule; false when there is none.  A
 * deletion only needs the key of a row that CALPADS has, and has to be
 * written.
 */
static bool
hold_rule_breakers(Work *work)
{
	const RuleBook *rules = work->options->rules;
	DayNumber	today = work->options->today;
	const Enrollment *rows[RECONCILE_MAX_ROWS];
	int			count = collect_final_rows(work, rows);
	bool		found = false;

	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		const Enrollment *record = operation->record;

		if (operation->held)
			continue;
		if (is_removal(operation) && !operation->no_show)
		{
			hold_violations(work, operation, rule_check_deletion(work->arena, rules, record));
			found |= operation->held;
			continue;
		}
		if (record->problems != NULL)
			hold_operation(work, operation, "MAPPING", -1,
						   "The SIS row could not be turned into a CALPADS record.", "sis.senr");
		hold_violations(work, operation, rule_check(work->arena, rules, record, today));
		hold_violations(work, operation,
						rule_check_beside(work->arena, rules, record, rows, count, today));
		found |= operation->held;
	}
	return found;
}

/* Which of two operations that exclude each other is sent: exits before additions. */
static bool
yields_to(const Operation *operation, const Operation *other)
{
	if (operation->category != other->category)
		return operation->category > other->category;
	if (operation->record->start != other->record->start)
		return operation->record->start > other->record->start;
	return strcmp(operation->record->value[SENR_SCHOOL], other->record->value[SENR_SCHOOL]) > 0;
}

/*
 * The rule under which the two could not stand beside each other, or NULL.
 * The order of the files rests on SENR0178 and SENR0027; the others are as
 * the book has them.
 */
static const char *
fatal_conflict(const Work *work, const Enrollment *a, const Enrollment *b)
{
	const char *rule = enrollment_conflict(a, b, work->options->today);

	if (rule == NULL || strcmp(rule, "SENR0178") == 0 || strcmp(rule, "SENR0027") == 0)
		return rule;
	return rule_severity(work->options->rules, rule) == RULE_FATAL ? rule : NULL;
}

/* The row that operation's record could not stand beside in the end, or NULL. */
static const Enrollment *
find_obstacle(const Work *work, const Operation *operation, const char **rule)
{
	for (const Enrollment *row = work->student->baseline; row != NULL; row = row->next)
		if (operation_on(work, row) == NULL &&
			(*rule = fatal_conflict(work, operation->record, row)) != NULL)
			return row;
	for (const Operation *other = work->operations; other != NULL; other = other->next)
	{
		const Enrollment *row = final_row(other);

		if (other != operation && row != NULL && (other->held || yields_to(operation, other)) &&
			(*rule = fatal_conflict(work, operation->record, row)) != NULL)
			return row;
	}
	return NULL;
}

/* Holds one operation that meets an obstacle; false when there is none. */
static bool
hold_obstructed(Work *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		const char *rule;
		const Enrollment *obstacle;

		if (operation->held || is_removal(operation))
			continue;
		obstacle = find_obstacle(work, operation, &rule);
		if (obstacle == NULL)
			continue;
		hold_operation(work, operation, rule, SENR_START_DATE,
					   arena_print(work->arena, "%s; this record would meet %s.", story_conflict(rule),
								   story_enrollment(work->arena, work->options, obstacle)),
					   "ENR.ED and ENR.LD of both enrollments");
		operation->yielded = true;
		return true;
	}
	return false;
}

/*
 * A removal waits for what replaces it: deleted alone, the student would be
 * without the enrollment in CALPADS until the other record is repaired.
 */
static bool
hold_unreplaced(Work *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		for (const Operation *other = work->operations; other != NULL; other = other->next)
			if (!operation->held && is_removal(operation) && other->held &&
				operation->related == other->record)
			{
				hold_operation(work, operation, "REPLACEMENT_HELD", -1,
							   "The enrollment that replaces this row is held; the row stays until it can "
							   "be sent.", "see the held record of the same student");
				operation->yielded = true;
				return true;
			}
	return false;
}

/* ---- the order of the files ------------------------------------------------ */

static const char *
conflict_in_order(const Enrollment *a, const Enrollment *b, const ReconcileOptions *options)
{
	return enrollment_conflict(a, b, options->today);
}

/*
 * Of two ready operations, which goes first?  Exits before updates, start
 * dates in order, closed rows before the open one, a graduation after
 * everything else (nothing may be open or exit later than it: SENR0586,
 * SENR0587).
 */
static bool
goes_before(const Operation *a, const Operation *b)
{
	bool		a_graduates = row_has(a->record, SENR_COMPLETION, "100");
	bool		b_graduates = row_has(b->record, SENR_COMPLETION, "100");

	if (a->category != b->category)
		return a->category < b->category;
	if (a_graduates != b_graduates)
		return b_graduates;
	if (a->record->start != b->record->start)
		return a->record->start < b->record->start;
	if (a->record->end != b->record->end)
		return a->record->end < b->record->end;
	return strcmp(a->record->value[SENR_SCHOOL], b->record->value[SENR_SCHOOL]) < 0;
}

const WaveRules senr_wave_rules = {conflict_in_order, goes_before, false};

/* Operations that wait for each other: one of them is held. */
static bool
hold_stuck(Work *work)
{
	Operation  *stuck = wave_order(work->operations, &senr_wave_rules, work->options);

	if (stuck == NULL)
		return false;
	hold_operation(work, stuck, "SENR0027", SENR_START_DATE,
				   "The student's records wait for each other: none of them can be posted first.",
				   "ENR.ED and ENR.LD of the student");
	return true;
}

/*
 * Each round either holds one operation more or is the last, so this ends.
 */
static void
hold_what_must_be(void *context)
{
	Work	   *work = context;

	do
	{
		keep_last_row(work);
	} while (hold_rule_breakers(work) || hold_obstructed(work) || hold_unreplaced(work) ||
			 hold_stuck(work));
}

/* ---- warnings about what is sent ----------------------------------------- */

static void
warn_of_demographics(Work *work, const Operation *operation)
{
	const Enrollment *target = operation->target;
	SenrField	field = row_has(target, SENR_GENDER, operation->record->value[SENR_GENDER]) ?
		SENR_BIRTH_DATE : SENR_GENDER;

	add_finding(work->arena, &work->warnings, target, "SENR0035", field, "CALPADS has another gender or birth year; "
				"the record carries those of CALPADS, and SINF corrects them.", senr_field_source[field]);
}

/* Rules between rows that the book has lowered to warnings. */
static void
warn_of_conflicts(Work *work, const Operation *operation, const Enrollment *const *rows, int count)
{
	for (int i = 0; i < count; i++)
	{
		const char *rule = rows[i] == operation->record ? NULL :
			enrollment_conflict(operation->record, rows[i], work->options->today);

		if (rule != NULL && rule_severity(work->options->rules, rule) == RULE_WARNING)
			add_finding(work->arena, &work->warnings, operation->record, rule, SENR_START_DATE,
						arena_print(work->arena, "%s.", story_conflict(rule)),
						"ENR.ED and ENR.LD of both enrollments");
	}
}

static void
warn(Work *work)
{
	const Enrollment *rows[RECONCILE_MAX_ROWS];
	int			count = collect_final_rows(work, rows);

	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		const Violation *violation;

		if (operation->held || is_removal(operation))
			continue;
		violation = rule_warnings(work->arena, work->options->rules, operation->record, rows, count,
								  work->options->today);
		for (; violation != NULL; violation = violation->next)
			add_finding(work->arena, &work->warnings, operation->record, violation->rule, violation->field,
						violation->explanation, fix_of(violation));
		warn_of_conflicts(work, operation, rows, count);
		if (operation->demographics_kept)
			warn_of_demographics(work, operation);
	}
}

static int
count_rows(const Enrollment *rows)
{
	int			count = 0;

	for (; rows != NULL; rows = rows->next)
		count++;
	return count;
}

Reconciliation
reconcile_student(Arena *arena, const Student *student, const ReconcileOptions *options)
{
	Work		work = {arena, student, options, NULL, NULL, NULL};

	if (count_rows(student->baseline) + count_rows(student->target) > RECONCILE_MAX_ROWS)
	{
		add_hold(&work, student->baseline != NULL ? student->baseline : student->target,
				 "TOO_MANY_ROWS", -1, "This SSID has so many enrollments that it cannot be one student's.",
				 "STU.CID");
		return (Reconciliation){NULL, work.holds, NULL};
	}
	compare(&work);
	pair_operations(&work);
	for (Operation *operation = work.operations; operation != NULL; operation = operation->next)
		keep_demographics(&work, operation);
	hold_doubtful_student(&work);
	settle_operations(&(Settlement){work.operations, &work.holds, hold_what_must_be, &work});
	warn(&work);
	for (Operation *operation = work.operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			operation->explanation = story_operation(arena, options, operation);
	return (Reconciliation){work.operations, work.holds, work.warnings};
}
