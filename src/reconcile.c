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

#include "comparison.h"
#include "settle.h"
#include "story.h"
#include "wave.h"

/* ---- compare: rows without a twin, rows that differ ---------------------- */

static void
write_header(Enrollment *record, const char *transaction_type)
{
	record->value[SENR_RECORD_TYPE] = "SENR";
	record->value[SENR_TRANSACTION_TYPE] = transaction_type;
}

static Operation *
operate(Comparison *work, const Enrollment *before, const Enrollment *target)
{
	Operation  *operation = add_operation(work, before, target);

	write_header(operation->record, target != NULL ? "A" : "D");
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
is_reopened_year(const Comparison *work, const Enrollment *before, const Enrollment *target)
{
	return target->start < work->options->year_start && target->end == ROW_OPEN &&
		before->end != ROW_OPEN;
}

static void
compare_twins(Comparison *work, const Enrollment *before, const Enrollment *target)
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
	operation = operate(work, before, target);
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
hold_earlier_year(Comparison *work, const Enrollment *row, const char *side, const char *other_side)
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

static void
compare_target(Comparison *work, const Enrollment *target)
{
	const Enrollment *before = find_twin(work, work->student->baseline, target);

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
		operate(work, NULL, target)->category = CATEGORY_UPDATES;
}

static void
compare_baseline(Comparison *work, const Enrollment *before)
{
	if (find_twin(work, work->student->target, before) == NULL && !enrollment_is_inert(before) &&
		!hold_earlier_year(work, before, "CALPADS", "the SIS"))
		operate(work, before, NULL)->category = CATEGORY_REMOVALS;
}

static void
compare(Comparison *work)
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

static void
pair_with(Comparison *work, Operation *operation, bool (*partner) (const Operation *))
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
pair_operations(Comparison *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (operation_is_removal(operation))
		{
			operation->reason = REASON_NOT_IN_SIS;
			pair_with(work, operation, operation_is_addition);
		}
		else if (operation_is_addition(operation))
		{
			operation->reason = work->student->baseline == NULL ?
				REASON_NEW_STUDENT : REASON_NEW_ENROLLMENT;
			pair_with(work, operation, operation_is_removal);
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
keep_demographics(Comparison *work, Operation *operation)
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
	write_header(operation->record, "D");
}

/*
 * The row that cannot be deleted becomes a no-show (spec/senr.md section 6).
 * The day before its start leaves an empty interval, which collides with
 * nothing; only a real no-show of a student with disabilities takes the start
 * date itself (SENR0018).
 */
static void
make_no_show(Comparison *work, Operation *operation)
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
keep_last_row(Comparison *work)
{
	int			remaining = 0;
	Operation  *keep = NULL;

	for (const Enrollment *row = work->student->baseline; row != NULL; row = row->next)
		remaining++;
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (!operation_is_removal(operation) || operation->held)
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
fatal_conflict(const Enrollment *a, const Enrollment *b, const ReconcileOptions *options)
{
	const char *rule = enrollment_conflict(a, b, options->today);

	if (rule == NULL || strcmp(rule, "SENR0178") == 0 || strcmp(rule, "SENR0027") == 0)
		return rule;
	return rule_severity(options->rules, rule) == RULE_FATAL ? rule : NULL;
}

static const Exclusion exclusion = {
	.conflict = fatal_conflict,
	.yields_to = yields_to,
	.rule_words = story_conflict,
	.row_words = story_enrollment,
	.fix = "ENR.ED and ENR.LD of both enrollments",
};

/*
 * A removal waits for what replaces it: deleted alone, the student would be
 * without the enrollment in CALPADS until the other record is repaired.
 */
static bool
hold_unreplaced(Comparison *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		for (const Operation *other = work->operations; other != NULL; other = other->next)
			if (!operation->held && operation_is_removal(operation) && other->held &&
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
hold_stuck(Comparison *work)
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
	Comparison *work = context;

	do
	{
		keep_last_row(work);
	} while (hold_rule_breakers(work) || hold_obstructed(work, &exclusion) ||
			 hold_unreplaced(work) || hold_stuck(work));
}

/* ---- warnings about what is sent ----------------------------------------- */

static void
warn_of_demographics(Comparison *work, const Operation *operation)
{
	const Enrollment *target = operation->target;
	SenrField	field = row_has(target, SENR_GENDER, operation->record->value[SENR_GENDER]) ?
		SENR_BIRTH_DATE : SENR_GENDER;

	add_finding(work->arena, &work->warnings, target, "SENR0035", field, "CALPADS has another gender or birth year; "
				"the record carries those of CALPADS, and SINF corrects them.", senr_field_source[field]);
}

/* Rules between rows that the book has lowered to warnings. */
static void
warn_of_conflicts(Comparison *work, const Operation *operation)
{
	for (int i = 0; i < work->final_count; i++)
	{
		const Enrollment *row = work->final_rows[i];
		const char *rule = row == operation->record ? NULL :
			enrollment_conflict(operation->record, row, work->options->today);

		if (rule != NULL && rule_severity(work->options->rules, rule) == RULE_WARNING)
			add_finding(work->arena, &work->warnings, operation->record, rule, SENR_START_DATE,
						arena_print(work->arena, "%s.", story_conflict(rule)),
						"ENR.ED and ENR.LD of both enrollments");
	}
}

static void
warn(Comparison *work)
{
	collect_final_rows(work);
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (operation->held || operation_is_removal(operation))
			continue;
		warn_of_violations(work, operation);
		warn_of_conflicts(work, operation);
		if (operation->demographics_kept)
			warn_of_demographics(work, operation);
	}
}

Reconciliation
reconcile_student(Arena *arena, const Student *student, const ReconcileOptions *options)
{
	Comparison	work = comparison_begin(arena, &senr_process, student, options);

	if (work.row_count > RECONCILE_MAX_ROWS)
		return too_many_rows(&work);
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
