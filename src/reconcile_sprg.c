/*-------------------------------------------------------------------------
 *
 * reconcile_sprg.c
 *	  Two pictures of one student's programs into operations, or into reasons
 *	  why there is none.
 *
 * As in reconcile.c: what differs becomes an operation (compare), and what
 * CALPADS would refuse is held, until nothing changes (settle).
 *
 *-------------------------------------------------------------------------
 */
#include "reconcile_sprg.h"

#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "settle.h"
#include "story_sprg.h"

/* ---- what both sides say of homeless youth ---------------------------------- */

/*
 * Once CALPADS has Y it stays Y until the academic year ends (section 4.3): in
 * this row or in one of the student that began before it in the same year,
 * and that CALPADS holds or will hold.
 */
static bool
says_y_before(const PictureRow *rows, const PictureRow *target, SprgField field)
{
	DayNumber	year = school_year_start(target->start);

	for (const PictureRow *row = rows; row != NULL; row = row->next)
		if (row_has(row, SPRG_PROGRAM, "191") && row_has(row, field, "Y") &&
			row->start <= target->start && school_year_start(row->start) == year)
			return true;
	return false;
}

static bool
stays_y(const Comparison *work, const PictureRow *target, SprgField field)
{
	return says_y_before(work->student->baseline, target, field) ||
		says_y_before(work->student->target, target, field);
}

/* The row of the SIS as CALPADS' rules let it be. */
static const PictureRow *
lawful_target(const Comparison *work, const PictureRow *target)
{
	PictureRow *row;

	if (!row_has(target, SPRG_PROGRAM, "191") ||
		school_year_start(target->start) != work->options->year_start)
		return target;
	row = row_copy(work->arena, target);
	if (stays_y(work, target, SPRG_RUNAWAY))
		row->value[SPRG_RUNAWAY] = "Y";
	if (stays_y(work, target, SPRG_UNACCOMPANIED) || row_has(row, SPRG_RUNAWAY, "Y"))
		row->value[SPRG_UNACCOMPANIED] = "Y";
	return row;
}

/* ---- compare ---------------------------------------------------------------- */

static void
write_header(PictureRow *record, const char *transaction_type)
{
	record->value[SPRG_RECORD_TYPE] = "SPRG";
	record->value[SPRG_TRANSACTION_TYPE] = transaction_type;
	/* CALPADS makes the membership itself, and takes nothing in the fillers. */
	record->value[SPRG_MEMBERSHIP] = NULL;
	record->value[SPRG_FILLER_1] = NULL;
	record->value[SPRG_FILLER_2] = NULL;
	record->value[SPRG_FILLER_3] = NULL;
}

static Operation *
operate(Comparison *work, OperationCategory category, const PictureRow *before, const PictureRow *target)
{
	Operation  *operation = add_operation(work, before, target);

	operation->category = category;
	write_header(operation->record, target != NULL ? "A" : "D");
	return operation;
}

static OperationReason
reason_of_change(const PictureRow *before, const PictureRow *record, uint64_t changed)
{
	if (!(changed & FIELD_BIT(SPRG_END_DATE)))
		return REASON_FIELDS_CHANGED;
	if (before->end == ROW_OPEN)
		return REASON_END_ADDED;
	return record->end == ROW_OPEN ? REASON_END_REMOVED : REASON_END_CHANGED;
}

/*
 * Where CALPADS has closed the row by itself, the open row of the SIS is no
 * wish to open it again (section 4.4), unless the student came back and an
 * enrollment carries the open row.
 */
static const PictureRow *
without_reopening(const Comparison *work, const PictureRow *before, const PictureRow *target)
{
	PictureRow *row;

	if (target->end != ROW_OPEN ||
		!program_was_closed(work->options->programs, before, work->student->stays) ||
		program_is_covered(work->options->programs, target, work->student->stays, STAY_COMING))
		return target;
	row = row_copy(work->arena, target);
	row->end = before->end;
	row->value[SPRG_END_DATE] = before->value[SPRG_END_DATE];
	return row;
}

static void
compare_twins(Comparison *work, const PictureRow *before, const PictureRow *target)
{
	const PictureRow *wanted = without_reopening(work, before, target);
	uint64_t	changed = row_difference(before, wanted, SPRG_COMPARED);
	OperationReason reason;
	Operation  *operation;

	if (changed == 0)
		return;
	reason = reason_of_change(before, wanted, changed);
	operation = operate(work, reason == REASON_END_ADDED || reason == REASON_END_CHANGED ?
						CATEGORY_EXITS : CATEGORY_UPDATES, before, wanted);
	operation->changed = changed;
	operation->reason = reason;
}

/*
 * A row that ended in an earlier school year and that only the SIS has is not
 * added: the SIS of this year is no witness for it (DESIGN section 5, rule 2).
 */
static void
add_new(Comparison *work, const PictureRow *target)
{
	Operation  *operation = operate(work, CATEGORY_UPDATES, NULL, lawful_target(work, target));

	if (target->end < work->options->year_start)
		hold_operation(work, operation, "EARLIER_YEAR", SPRG_END_DATE,
					   arena_print(work->arena, "The SIS has %s, and CALPADS does not; it ended in an earlier school "
								   "year, so it is not added.",
								   story_program(work->arena, work->options, target)),
					   "the dates of the record in that year, or CALPADS by hand");
}

static void
compare_target(Comparison *work, const PictureRow *target)
{
	const PictureRow *before = find_twin(work, work->student->baseline, target);

	if (target->problems != NULL)
		return;					/* hold_unclear_programs tells */
	if (has_double(work, target, false))
		add_hold(work, target, "IVR0034", SPRG_START_DATE,
				 "The SIS has two different records of this program with this start date; CALPADS holds one "
				 "row for school, SSID, program and start date.", sprg_field_source[SPRG_START_DATE]);
	else if (has_double(work, target, true))
		return;					/* an earlier row says the same */
	else if (before != NULL)
		compare_twins(work, before, lawful_target(work, target));
	else
		add_new(work, target);
}

/* Does the SIS report the program at that school with another key? */
static bool
sis_knows_place(const Comparison *work, const PictureRow *before)
{
	for (const PictureRow *row = work->student->target; row != NULL; row = row->next)
		if (row->in_scope && program_same_place(row, before))
			return true;
	return false;
}

/*
 * A row that only CALPADS has is removed while it is of this time: one that
 * ended in an earlier academic year stays [P], and so does what the SIS
 * cannot know of (the window, students whom SENR does not report).
 */
static bool
is_left_alone(const Comparison *work, const PictureRow *before)
{
	const ReconcileOptions *options = work->options;

	if (before->start < options->window_start && !sis_knows_place(work, before))
		return true;
	return !work->student->in_sis || before->end < options->year_start;
}

static void
compare_baseline(Comparison *work, const PictureRow *before)
{
	if (find_twin(work, work->student->target, before) == NULL && !is_left_alone(work, before))
		operate(work, CATEGORY_REMOVALS, before, NULL);
}

static bool
is_compared(const Comparison *work, const PictureRow *row)
{
	return row->in_scope && program_of(work->options->programs, row) != NULL;
}

static void
compare(Comparison *work)
{
	for (const PictureRow *row = work->student->target; row != NULL; row = row->next)
		if (row->in_scope && (program_of(work->options->programs, row) != NULL || row->value[SPRG_PROGRAM] == NULL))
			compare_target(work, row);
	for (const PictureRow *row = work->student->baseline; row != NULL; row = row->next)
		if (is_compared(work, row))
			compare_baseline(work, row);
}

/* ---- which removal and which addition are the same membership ----------------- */

/* What has become of a row, when the other one is its successor; REASON_COUNT = nothing. */
static OperationReason
kinship(const PictureRow *row, const PictureRow *other)
{
	bool		same_school = same_value(row->value[SPRG_SCHOOL], other->value[SPRG_SCHOOL]);
	bool		same_program = same_value(row->value[SPRG_PROGRAM], other->value[SPRG_PROGRAM]);

	if (same_school && same_program)
		return row->start == other->start ? REASON_SERVICE_CHANGED : REASON_START_MOVED;
	if (same_program && row->start <= other->end && other->start <= row->end)
		return REASON_SCHOOL_CHANGED;
	if (same_school && row->start == other->start)
		return REASON_PROGRAM_CHANGED;
	return REASON_COUNT;
}

/* The lower the nearer. */
static int
distance(OperationReason kin)
{
	switch (kin)
	{
		case REASON_SERVICE_CHANGED:
			return 0;
		case REASON_START_MOVED:
			return 1;
		case REASON_SCHOOL_CHANGED:
			return 2;
		default:
			return 3;
	}
}

/*
 * A record of an earlier year, which is not sent, is the other key of a row
 * that began in an earlier year too, when nothing else is.
 */
static bool
can_be_partner(const Comparison *work, const PictureRow *row, const Operation *candidate)
{
	OperationReason kin = kinship(row, candidate->record);

	if (!candidate->held)
		return kin != REASON_COUNT;
	return row->start < work->options->year_start && program_same_place(row, candidate->record);
}

static bool
is_better_partner(const PictureRow *row, const Operation *candidate, const Operation *best)
{
	int			near;
	int			best_near;

	if (best == NULL || candidate->held != best->held)
		return best == NULL || best->held;
	near = distance(kinship(row, candidate->record));
	best_near = distance(kinship(row, best->record));
	if (near != best_near)
		return near < best_near;
	return abs(candidate->record->start - row->start) < abs(best->record->start - row->start);
}

static void
pair_with(Comparison *work, Operation *operation, bool (*partner) (const Operation *))
{
	const Operation *best = NULL;

	for (const Operation *other = work->operations; other != NULL; other = other->next)
		if (partner(other) && can_be_partner(work, operation->record, other) &&
			is_better_partner(operation->record, other, best))
			best = other;
	if (best == NULL)
		return;
	operation->related = best->record;
	operation->reason = kinship(operation->record, best->record);
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
			operation->reason = REASON_NEW_PROGRAM;
			pair_with(work, operation, operation_is_removal);
		}
	}
}

/* ---- programs in doubt --------------------------------------------- */

static bool
same_program(const PictureRow *a, const PictureRow *b)
{
	return same_value(a->value[SPRG_PROGRAM], b->value[SPRG_PROGRAM]);
}

/*
 * A record of the SIS that is wrong can lack its start or its school, so it is
 * not known which row of CALPADS it is: nothing is sent of the student and the
 * program until it is mended.
 */
static void
hold_unclear_program(Comparison *work, const PictureRow *unclear)
{
	add_hold(work, unclear, "MAPPING", -1, "The SIS row could not be turned into a CALPADS record.",
			 "sis.sprg");
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (!operation->held && same_program(operation->record, unclear))
			hold_operation(work, operation, "PROGRAM_UNCLEAR", -1,
						   "Another record of the student and this program cannot be sent as it is, and it may "
						   "be about the same row.", "see the other held record of this program");
}

/* A row that is known by its key and ended in an earlier year is nobody's concern. */
static bool
is_history(const Comparison *work, const PictureRow *row)
{
	return row->value[SPRG_START_DATE] != NULL && row->end < work->options->year_start;
}

static void
hold_unclear_programs(Comparison *work)
{
	for (const PictureRow *row = work->student->target; row != NULL; row = row->next)
		if (row->in_scope && row->problems != NULL && !is_history(work, row))
			hold_unclear_program(work, row);
}

/* ---- settle: what CALPADS would refuse is held ------------------------------------ */

static bool
needs_enrollment(const Comparison *work, const Operation *operation)
{
	return !operation_is_removal(operation) &&
		program_needs_enrollment(operation->record, operation_is_addition(operation), work->options->year_start);
}

/*
 * GERR0005: a record is sent when an enrollment carries it once SENR is
 * posted; it waits until then when none does now.
 */
static bool
hold_unenrolled(Comparison *work)
{
	const Stay *stays = work->student->stays;
	bool		found = false;

	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		const PictureRow *record = operation->record;

		if (operation->held || !needs_enrollment(work, operation) ||
			rule_severity(work->options->rules, "GERR0005") != RULE_FATAL)
			continue;
		operation->waits = !program_is_covered(work->options->programs, record, stays, STAY_POSTED);
		if (program_is_covered(work->options->programs, record, stays, STAY_COMING))
			continue;
		hold_operation(work, operation, "GERR0005", SPRG_START_DATE,
					   arena_print(work->arena, "CALPADS takes a program only with an enrollment at the school "
								   "that carries its dates: there will be none for %s when all SENR records "
								   "that can be sent are posted.", story_program(work->arena, work->options, record)),
					   "calpads.senr_held(), or ENR.ED and ENR.LD");
		found = true;
	}
	return found;
}

/* Which of two operations that exclude each other is sent: ends before additions. */
static bool
yields_to(const Operation *operation, const Operation *other)
{
	if (operation->category != other->category)
		return operation->category > other->category;
	return operation->record->start > other->record->start ||
		(operation->record->start == other->record->start && operation > other);
}

static const char *
conflict_of_rows(const PictureRow *a, const PictureRow *b, const ReconcileOptions *options)
{
	return program_conflict(options->programs, a, b);
}

static const Exclusion exclusion = {
	.conflict = conflict_of_rows,
	.yields_to = yields_to,
	.rule_words = story_program_conflict,
	.row_words = story_program,
	.fix = "the dates of both records of the program",
};

/* Another record of the same program that takes the place of the row, or NULL. */
static const PictureRow *
other_replacement(const Comparison *work, const Operation *removal)
{
	for (const Operation *other = work->operations; other != NULL; other = other->next)
		if (!other->held && operation_is_addition(other) && program_same_place(other->record, removal->record))
			return other->record;
	return NULL;
}

/*
 * A removal waits for what replaces it: deleted alone, the student would be
 * without the program in CALPADS until the other record is repaired.
 */
static bool
hold_unreplaced(Comparison *work)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		for (const Operation *other = work->operations; other != NULL; other = other->next)
			if (!operation->held && operation_is_removal(operation) && other->held &&
				operation->related == other->record)
			{
				const PictureRow *replacement = other_replacement(work, operation);

				if (replacement != NULL)
				{
					operation->related = replacement;
					operation->reason = kinship(operation->record, replacement);
					break;
				}
				hold_operation(work, operation, "REPLACEMENT_HELD", -1,
							   "The record that replaces this row is held; the row stays until it can be sent.",
							   "see the held record of the same student");
				operation->yielded = true;
				return true;
			}
	return false;
}

/* ---- the order of the files ---------------------------------------------------------- */

static bool
goes_before(const Operation *a, const Operation *b)
{
	static const int fields[] = {SPRG_PROGRAM, SPRG_SCHOOL, SPRG_SERVICE};

	if (a->category != b->category)
		return a->category < b->category;
	if (a->record->start != b->record->start)
		return a->record->start < b->record->start;
	for (int i = 0; i < 3; i++)
	{
		const char *left = a->record->value[fields[i]];
		const char *right = b->record->value[fields[i]];
		int			order = strcmp(left != NULL ? left : "", right != NULL ? right : "");

		if (order != 0)
			return order < 0;
	}
	return false;
}

const WaveRules sprg_wave_rules = {conflict_of_rows, goes_before, true};

/* Operations that wait for each other: one of them is held. */
static bool
hold_stuck(Comparison *work)
{
	Operation  *stuck = wave_order(work->operations, &sprg_wave_rules, work->options);

	if (stuck == NULL)
		return false;
	hold_operation(work, stuck, program_is_participation(work->options->programs, stuck->record) ?
				   "SPRG0070" : "PROGRAM_OPEN_TWICE", SPRG_START_DATE,
				   "The student's records of this program wait for each other: none of them can be posted "
				   "first.", "the dates of all records of the program");
	return true;
}

/* Each round either holds one operation more or is the last, so this ends. */
static void
hold_what_must_be(void *context)
{
	Comparison *work = context;
	bool		again;

	do
		again = hold_rule_breakers(work) || hold_unenrolled(work) ||
			hold_obstructed(work, &exclusion) || hold_unreplaced(work) || hold_stuck(work);
	while (again);
}

static void
warn(Comparison *work)
{
	collect_final_rows(work);
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (!operation->held && !operation_is_removal(operation))
			warn_of_violations(work, operation);
}

/* ---- exits that SENR is still to post ------------------------------------------------- */

/* The earliest exit to be posted that will close the row, or NULL. */
static const Stay *
first_closing(const Comparison *work, const PictureRow *row)
{
	const Stay *first = NULL;

	for (const Stay *stay = work->student->stays; stay != NULL; stay = stay->next)
		if (program_will_be_closed(work->options->programs, row, stay) && (first == NULL || stay->end < first->end))
			first = stay;
	return first;
}

/*
 * CALPADS' rows, closed where CALPADS will close them against the wish of the
 * SIS when SENR is posted.  An end that the SIS has too is sent all the same,
 * and says then what CALPADS knows.
 */
static PictureRow *
rows_after_exits(Comparison *work, PictureRow *rows)
{
	PictureRow *first = NULL;
	PictureRow **link = &first;

	for (; rows != NULL; rows = rows->next)
	{
		const Stay *closing = first_closing(work, rows);
		const PictureRow *target = closing != NULL ? find_twin(work, work->student->target, rows) : NULL;

		*link = rows;
		if (target != NULL && target->end == ROW_OPEN)
		{
			*link = row_copy(work->arena, rows);
			(*link)->end = closing->end;
			row_set_date(work->arena, *link, SPRG_END_DATE, closing->end);
		}
		link = &(*link)->next;
	}
	return first;
}

/* A row that is to be open stays so only if the exits are posted before it. */
static void
find_exit_to_follow(Comparison *work, Operation *operation)
{
	for (const Stay *stay = work->student->stays; stay != NULL; stay = stay->next)
		if (!operation_is_removal(operation) &&
			program_will_be_closed(work->options->programs, operation->record, stay) &&
			(!operation->follows_exit || stay->end > operation->exit_day))
		{
			operation->follows_exit = true;
			operation->exit_day = stay->end;
		}
}

static int
count_operations(const Comparison *work)
{
	int			count = 0;

	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		count++;
	return count;
}

Reconciliation
reconcile_programs(Arena *arena, const Student *student, const ReconcileOptions *options)
{
	Comparison	work = comparison_begin(arena, &sprg_process, student, options);
	Student		after_exits = *student;

	if (work.row_count > SPRG_MAX_ROWS)
		return too_many_rows(&work);
	after_exits.baseline = rows_after_exits(&work, student->baseline);
	work.student = &after_exits;
	compare(&work);
	if (count_operations(&work) > RECONCILE_MAX_ROWS)
		return too_many_rows(&work);
	pair_operations(&work);
	hold_doubtful_student(&work);
	hold_unclear_programs(&work);
	settle_operations(&(Settlement){work.operations, &work.holds, hold_what_must_be, &work});
	warn(&work);
	for (Operation *operation = work.operations; operation != NULL; operation = operation->next)
		if (!operation->held)
		{
			find_exit_to_follow(&work, operation);
			operation->explanation = story_program_operation(arena, options, operation);
		}
	return (Reconciliation){work.operations, work.holds, work.warnings};
}
