/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  Which of a student's operations are held, whatever the process.
 *
 *-------------------------------------------------------------------------
 */
#include "settle.h"

static int
count_held(const Operation *operations)
{
	int			count = 0;

	for (const Operation *operation = operations; operation != NULL; operation = operation->next)
		count += operation->held;
	return count;
}

/* Is it the operation, or the removal that waits for it? */
static bool
goes_with(const Operation *other, const Operation *operation)
{
	return other == operation ||
		(other->yielded && operation_is_removal(other) && other->related == operation->record);
}

static bool
is_about(const Finding *finding, const Operation *operation)
{
	return finding->row == (operation_is_removal(operation) ? operation->before : operation->record);
}

/* Takes back what was said of an operation when it was held. */
static void
drop_holds(const Settlement *settlement, const Operation *operation)
{
	Finding   **link = settlement->holds;

	while (*link != NULL)
		if (is_about(*link, operation))
			*link = (*link)->next;
		else
			link = &(*link)->next;
}

/*
 * Two operations can be held for each other's sake though one could be sent:
 * tries one again, and keeps the result when fewer are held.
 */
static bool
send_after_all(const Settlement *settlement, Operation *operation)
{
	bool		held[RECONCILE_MAX_ROWS];
	Finding    *holds = *settlement->holds;
	int			before = count_held(settlement->operations);
	int			i = 0;

	for (Operation *other = settlement->operations; other != NULL; other = other->next)
	{
		held[i++] = other->held;
		if (goes_with(other, operation))
			other->held = false;
	}
	settlement->hold_what_must_be(settlement->work);
	if (!operation->held && count_held(settlement->operations) < before)
	{
		for (Operation *other = settlement->operations; other != NULL; other = other->next)
			if (goes_with(other, operation) && !other->held)
			{
				drop_holds(settlement, other);
				other->yielded = false;
			}
		return true;
	}
	i = 0;
	for (Operation *other = settlement->operations; other != NULL; other = other->next)
		other->held = held[i++];
	*settlement->holds = holds;
	return false;
}

static bool
send_any_after_all(const Settlement *settlement)
{
	for (Operation *operation = settlement->operations; operation != NULL; operation = operation->next)
		if (operation->held && operation->yielded && !operation_is_removal(operation) &&
			send_after_all(settlement, operation))
			return true;
	return false;
}

void
settle_operations(const Settlement *settlement)
{
	do
		settlement->hold_what_must_be(settlement->work);
	while (send_any_after_all(settlement));
	settlement->hold_what_must_be(settlement->work);
}
