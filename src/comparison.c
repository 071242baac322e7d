/*-------------------------------------------------------------------------
 *
 * comparison.c
 *	  What comparing two pictures of one student takes, whatever the process.
 *
 *-------------------------------------------------------------------------
 */
#include "comparison.h"

static int
count_rows(const PictureRow *rows)
{
	int			count = 0;

	for (; rows != NULL; rows = rows->next)
		count++;
	return count;
}

Comparison
comparison_begin(Arena *arena, const Process *process, const Student *student,
				 const ReconcileOptions *options)
{
	int			row_count = count_rows(student->baseline) + count_rows(student->target);

	return (Comparison){
		.arena = arena,
		.process = process,
		.student = student,
		.options = options,
		.row_count = row_count,
		.final_rows = arena_allocate(arena, (size_t) (row_count + 1) * sizeof(PictureRow *)),
	};
}

Reconciliation
too_many_rows(Comparison *work)
{
	const Student *student = work->student;

	add_hold(work, student->baseline != NULL ? student->baseline : student->target,
			 "TOO_MANY_ROWS", -1,
			 arena_print(work->arena, "This SSID has so many %ss that it cannot be one student's.",
						 work->process->row_word),
			 "STU.CID");
	return (Reconciliation){NULL, work->holds, NULL};
}

/* ---- findings ----------------------------------------------------------- */

void
add_hold(Comparison *work, const PictureRow *row, const char *rule, int field,
		 const char *explanation, const char *fix)
{
	add_finding(work->arena, &work->holds, row, rule, field, explanation, fix);
}

void
hold_operation(Comparison *work, Operation *operation, const char *rule, int field,
			   const char *explanation, const char *fix)
{
	operation->held = true;
	add_hold(work, operation_is_removal(operation) ? operation->before : operation->record,
			 rule, field, explanation, fix);
}

/* ---- rows and their twins ------------------------------------------------- */

const PictureRow *
find_twin(const Comparison *work, const PictureRow *rows, const PictureRow *row)
{
	for (; rows != NULL; rows = rows->next)
		if (rows->in_scope && work->process->same_key(rows, row))
			return rows;
	return NULL;
}

bool
has_double(const Comparison *work, const PictureRow *target, bool same)
{
	const Process *process = work->process;
	const PictureRow *row = work->student->target;

	for (; row != NULL && !(same && row == target); row = row->next)
		if (row != target && row->in_scope && process->same_key(row, target) &&
			(row_difference(row, target, process->compared) == 0) == same)
			return true;
	return false;
}

Operation *
add_operation(Comparison *work, const PictureRow *before, const PictureRow *target)
{
	Operation  *operation = arena_allocate(work->arena, sizeof(Operation));

	operation->before = before;
	operation->target = target;
	operation->record = row_copy(work->arena, target != NULL ? target : before);
	operation->next = work->operations;
	work->operations = operation;
	return operation;
}

/* ---- students in doubt ---------------------------------------------------- */

static void
hold_whole_student(Comparison *work, const char *rule, const char *explanation, const char *fix)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			hold_operation(work, operation, rule, -1, explanation, fix);
}

static bool
has_two_local_ids(const PictureRow *rows, int field)
{
	for (const PictureRow *row = rows; row != NULL; row = row->next)
		if (row->value[field] != NULL && !row_has(rows, field, row->value[field]))
			return true;
	return false;
}

static void
hold_removals(Comparison *work, const Doubt *doubt)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (operation_is_removal(operation) && !operation->held)
			hold_operation(work, operation, doubt->rule, -1, doubt->explanation, doubt->fix);
}

void
hold_doubtful_student(Comparison *work)
{
	const Student *student = work->student;

	if (student->load_problem != NULL)
		hold_whole_student(work, "LOAD_ERROR", student->load_problem,
						   "calpads.load_error; request the ODS extract again");
	if (has_two_local_ids(student->target, work->process->local_student_id))
		hold_whole_student(work, "DUPLICATE_SSID",
						   arena_print(work->arena, "Two students of the SIS carry this SSID, so it is "
									   "not known whose %ss these are.", work->process->row_word),
						   "STU.CID");
	if (student->doubt.rule != NULL)
		hold_removals(work, &student->doubt);
}

/* ---- the rows as CALPADS will hold them ------------------------------------- */

/* What CALPADS will hold of the row that the operation is about. */
static const PictureRow *
final_row(const Operation *operation)
{
	if (operation->held)
		return operation->before;
	return operation_is_deletion(operation) ? NULL : operation->record;
}

static const Operation *
operation_on(const Comparison *work, const PictureRow *baseline_row)
{
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (operation->before == baseline_row)
			return operation;
	return NULL;
}

void
collect_final_rows(Comparison *work)
{
	work->final_count = 0;
	for (const PictureRow *row = work->student->baseline; row != NULL; row = row->next)
		if (operation_on(work, row) == NULL)
			work->final_rows[work->final_count++] = row;
	for (const Operation *operation = work->operations; operation != NULL; operation = operation->next)
		if (final_row(operation) != NULL)
			work->final_rows[work->final_count++] = final_row(operation);
}

/* ---- what CALPADS would refuse ----------------------------------------------- */

static const char *
fix_of(const Comparison *work, const Violation *violation)
{
	return violation->fix != NULL ? violation->fix : work->process->field_source[violation->field];
}

static void
hold_violations(Comparison *work, Operation *operation, const Violation *violation)
{
	for (; violation != NULL; violation = violation->next)
		hold_operation(work, operation, violation->rule, violation->field, violation->explanation,
					   fix_of(work, violation));
}

static void
hold_rule_breaker(Comparison *work, Operation *operation)
{
	const RuleBook *rules = work->options->rules;
	DayNumber	today = work->options->today;
	const PictureRow *record = operation->record;

	if (operation_is_deletion(operation))
	{
		hold_violations(work, operation, rule_check_deletion(work->arena, rules, record));
		return;
	}
	if (record->problems != NULL)
		hold_operation(work, operation, "MAPPING", -1,
					   "The SIS row could not be turned into a CALPADS record.",
					   arena_print(work->arena, "sis.%s", work->process->layout));
	hold_violations(work, operation, rule_check(work->arena, rules, record, today));
	hold_violations(work, operation,
					rule_check_beside(work->arena, rules, record, work->final_rows,
									  work->final_count, today));
}

bool
hold_rule_breakers(Comparison *work)
{
	bool		found = false;

	collect_final_rows(work);
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		if (operation->held)
			continue;
		hold_rule_breaker(work, operation);
		found |= operation->held;
	}
	return found;
}

/* The row that operation's record could not stand beside in the end, or NULL. */
static const PictureRow *
find_obstacle(const Comparison *work, const Exclusion *exclusion, const Operation *operation,
			  const char **rule)
{
	const ReconcileOptions *options = work->options;

	for (const PictureRow *row = work->student->baseline; row != NULL; row = row->next)
		if (operation_on(work, row) == NULL &&
			(*rule = exclusion->conflict(operation->record, row, options)) != NULL)
			return row;
	for (const Operation *other = work->operations; other != NULL; other = other->next)
	{
		const PictureRow *row = final_row(other);

		if (other != operation && row != NULL &&
			(other->held || exclusion->yields_to(operation, other)) &&
			(*rule = exclusion->conflict(operation->record, row, options)) != NULL)
			return row;
	}
	return NULL;
}

bool
hold_obstructed(Comparison *work, const Exclusion *exclusion)
{
	for (Operation *operation = work->operations; operation != NULL; operation = operation->next)
	{
		const char *rule;
		const PictureRow *obstacle;

		if (operation->held || operation_is_removal(operation))
			continue;
		obstacle = find_obstacle(work, exclusion, operation, &rule);
		if (obstacle == NULL)
			continue;
		hold_operation(work, operation, rule, work->process->start,
					   arena_print(work->arena, "%s; this record would meet %s.",
								   exclusion->rule_words(rule),
								   exclusion->row_words(work->arena, work->options, obstacle)),
					   exclusion->fix);
		operation->yielded = true;
		return true;
	}
	return false;
}

void
warn_of_violations(Comparison *work, const Operation *operation)
{
	const Violation *violation = rule_warnings(work->arena, work->options->rules, operation->record,
											   work->final_rows, work->final_count,
											   work->options->today);

	for (; violation != NULL; violation = violation->next)
		add_finding(work->arena, &work->warnings, operation->record, violation->rule,
					violation->field, violation->explanation, fix_of(work, violation));
}
