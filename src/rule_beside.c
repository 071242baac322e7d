/*-------------------------------------------------------------------------
 *
 * rule_beside.c
 *	  A record beside the student's other rows.
 *
 * Rows of other LEAs are not seen, and what CALPADS makes of them is not
 * known here.  What two rows mean to the order of the files is in
 * enrollment.c (enrollment_conflict).
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <string.h>

/* Completed by a diploma, also by one of the codes that are no longer given. */
static bool
is_graduation(const Enrollment *row)
{
	return row_has(row, SENR_EXIT_REASON, "E230") &&
		(row_has(row, SENR_COMPLETION, "100") || row_has(row, SENR_COMPLETION, "106") ||
		 row_has(row, SENR_COMPLETION, "250"));
}

static void
check_graduate_returns(Check *check)
{
	const Enrollment *record = check->record;

	for (int i = 0; i < check->row_count; i++)
	{
		if (!is_graduation(check->rows[i]) || check->rows[i]->end >= record->start ||
			enrollment_is_no_show(record))
			continue;
		break_rule(check, "SENR0024", SENR_START_DATE, "The student has completed school in this LEA "
				   "before.");
		return;
	}
}

/* Is there an open primary enrollment that began no later than the record? */
static bool
has_open_primary(const Check *check)
{
	for (int i = 0; i < check->row_count; i++)
	{
		const Enrollment *row = check->rows[i];

		if (row != check->record && row->end == ROW_OPEN && row->start <= check->record->start &&
			enrollment_is_primary(row, check->today))
			return true;
	}
	return false;
}

static void
check_open_short_term(Check *check)
{
	if (has(check, SENR_STATUS, "30") && check->record->end == ROW_OPEN && !has_open_primary(check))
		break_rule(check, "SENR0185", SENR_STATUS, "An open short-term enrollment (30) stands beside an open "
				   "primary enrollment that began no later; this LEA has none.");
}

static bool
same_school(const Check *check, const Enrollment *row)
{
	return row_has(row, SENR_SCHOOL, value_of(check, SENR_SCHOOL));
}

static bool
goes_on(const Check *check)
{
	for (int i = 0; i < check->row_count; i++)
		if (same_school(check, check->rows[i]) && check->rows[i]->start == check->record->end + 1)
			return true;
	return false;
}

static bool
is_newest(const Check *check)
{
	for (int i = 0; i < check->row_count; i++)
		if (check->rows[i]->start > check->record->start)
			return false;
	return true;
}

/* E150 is no exit: the enrollment goes on at the same school the next day. */
static void
check_update_exit(Check *check)
{
	if (!has(check, SENR_EXIT_REASON, "E150") || check->record->end == ROW_OPEN ||
		goes_on(check))
		return;
	if (is_newest(check))
		break_rule(check, "CERT114", SENR_EXIT_REASON, "The student's newest enrollment ends with E150, and "
				   "nothing follows it.");
	else
		break_rule(check, "SENR0286", SENR_EXIT_REASON, "After an exit with E150 the next enrollment at the "
				   "same school starts on the next calendar day.");
}

void
check_other_rows(Check *check)
{
	check_graduate_returns(check);
	check_open_short_term(check);
	check_update_exit(check);
}
