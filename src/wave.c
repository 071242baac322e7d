/*-------------------------------------------------------------------------
 *
 * wave.c
 *	  The order of a student's operations, and the numbers of the files.
 *
 *-------------------------------------------------------------------------
 */
#include "wave.h"

#include <string.h>

/*
 * Must `later` wait until `earlier` is posted?  It must when its record
 * cannot stand beside the row as it was, for CALPADS looks at the row as it
 * was.  Afterwards they go together: what does not has been held before.
 */
static bool
waits_for(const Operation *later, const Operation *earlier, DayNumber today)
{
	return later != earlier && earlier->before != NULL &&
		enrollment_conflict(later->record, earlier->before, today) != NULL;
}

static bool
is_ready(const Operation *operation, const Operation *all, DayNumber today)
{
	for (const Operation *other = all; other != NULL; other = other->next)
		if (!other->held && other->block < 0 && waits_for(operation, other, today))
			return false;
	return true;
}

/*
 * Of two ready operations, which goes first?  Start dates in order, closed
 * rows before the open one, a graduation after everything else (nothing may
 * be open or exit later than it: SENR0586, SENR0587).
 */
static bool
goes_before(const Operation *a, const Operation *b)
{
	bool		a_graduates = enrollment_has(a->record, SENR_COMPLETION, "100");
	bool		b_graduates = enrollment_has(b->record, SENR_COMPLETION, "100");
	int			schools;

	if (a_graduates != b_graduates)
		return b_graduates;
	if (a->record->start != b->record->start)
		return a->record->start < b->record->start;
	if (a->record->end != b->record->end)
		return a->record->end < b->record->end;
	schools = strcmp(a->record->value[SENR_SCHOOL], b->record->value[SENR_SCHOOL]);
	return schools < 0;
}

static Operation *
next_of_category(Operation *operations, OperationCategory category, DayNumber today)
{
	Operation  *next = NULL;

	for (Operation *operation = operations; operation != NULL; operation = operation->next)
		if (!operation->held && operation->block < 0 && operation->category == category &&
			is_ready(operation, operations, today) &&
			(next == NULL || goes_before(operation, next)))
			next = operation;
	return next;
}

/* All removals stand in the first file: each of them only needs its row. */
static void
place_removals(Operation *operations)
{
	for (Operation *operation = operations; operation != NULL; operation = operation->next)
	{
		bool		removal = operation->category == CATEGORY_REMOVALS;

		operation->block = removal ? 0 : -1;
		operation->position = 0;
	}
}

static Operation *
first_unplaced(Operation *operations)
{
	while (operations != NULL && (operations->held || operations->block >= 0))
		operations = operations->next;
	return operations;
}

/*
 * Blocks 1, 3, 5, … are Exits, 2, 4, 6, … Updates.  A block takes all that is
 * ready, one file after the other, before the next block begins; so the
 * number of files is the longest chain in each.
 */
Operation *
wave_order(Operation *operations, DayNumber today)
{
	Operation  *stuck;

	place_removals(operations);
	for (int block = 1; (stuck = first_unplaced(operations)) != NULL; block++)
	{
		OperationCategory category = block % 2 ? CATEGORY_EXITS : CATEGORY_UPDATES;
		Operation  *operation;
		int			position = 0;

		if (block >= WAVE_MAX_BLOCKS ||
			(next_of_category(operations, CATEGORY_EXITS, today) == NULL &&
			 next_of_category(operations, CATEGORY_UPDATES, today) == NULL))
			return stuck;
		while ((operation = next_of_category(operations, category, today)) != NULL)
		{
			operation->block = block;
			operation->position = position++;
		}
	}
	return NULL;
}

void
wave_plan_add(WavePlan *plan, const Operation *operations)
{
	for (; operations != NULL; operations = operations->next)
		if (!operations->held && plan->files[operations->block] <= operations->position)
			plan->files[operations->block] = operations->position + 1;
}

int
wave_file_number(const WavePlan *plan, int block, int position)
{
	int			number = position + 1;

	for (int earlier = 0; earlier < block; earlier++)
		number += plan->files[earlier];
	return number;
}
