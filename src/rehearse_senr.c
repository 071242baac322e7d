/*-------------------------------------------------------------------------
 *
 * rehearse_senr.c
 *	  What CALPADS asks of SENR records, told a second time.
 *
 *-------------------------------------------------------------------------
 */
#include "rehearse_process.h"

#include <string.h>

/* Two rows of one student. */
static bool
have_one_key(const Row *a, const Row *b)
{
	return a->start == b->start && says(a, SENR_SCHOOL, text_of(b, SENR_SCHOOL));
}

/* ---- what enrollments mean ---------------------------------------------------- */

static bool
is_no_show(const Row *row)
{
	return says(row, SENR_EXIT_REASON, "N470");
}

/* Status 10, or 30 beyond 30 days, an open one counted to today (SENR0028). */
static bool
is_primary(const Row *row, DayNumber today)
{
	int64_t		last_day = row->end == ROW_OPEN ? today : row->end;

	return says(row, SENR_STATUS, "10") ||
		(says(row, SENR_STATUS, "30") && last_day - row->start >= 30);
}

/* Both on one day at least; a no-show is enrolled on none. */
static bool
share_a_day(const Row *a, const Row *b)
{
	DayNumber	first = a->start > b->start ? a->start : b->start;
	DayNumber	last = a->end < b->end ? a->end : b->end;

	return first <= last && !is_no_show(a) && !is_no_show(b);
}

static bool
in_one_lea(const Row *a, const Row *b)
{
	return says(a, SENR_REPORTING_LEA, text_of(b, SENR_REPORTING_LEA));
}

static bool
in_one_school(const Row *a, const Row *b)
{
	return in_one_lea(a, b) && says(a, SENR_SCHOOL, text_of(b, SENR_SCHOOL));
}

static bool
graduates(const Row *row)
{
	return says(row, SENR_COMPLETION, "100");
}

/* Is there an exit after the graduation?  Not of secondary rows and no-shows. */
static bool
exits_after(const Row *row, const Row *graduation)
{
	return graduates(graduation) && row->end != ROW_OPEN && row->end > graduation->end &&
		!says(row, SENR_STATUS, "20") && !is_no_show(row);
}

static bool
is_open_beside(const Row *row, const Row *graduation)
{
	return graduates(graduation) && row->end == ROW_OPEN && !is_no_show(row);
}

static const char *
row_words(Arena *arena, const Row *row)
{
	const char *start = date_words(arena, row->start);

	if (row->end == ROW_OPEN)
		return arena_print(arena, "the enrollment at school %s from %s, which is open",
						   text_of(row, SENR_SCHOOL), start);
	return arena_print(arena, "the enrollment at school %s from %s to %s", text_of(row, SENR_SCHOOL),
					   start, date_words(arena, row->end));
}

/* ---- rules about what CALPADS held before the file ------------------------------- */

static DayNumber
newest_start(const StudentState *student)
{
	DayNumber	newest = REHEARSAL_NO_DAY;

	for (const Row *row = student->rows; row != NULL; row = row->next)
		if (row->start > newest)
			newest = row->start;
	return newest;
}

static bool
may_be_one_person(const Row *row, const Row *held)
{
	if (is_blank(held, SENR_GENDER) || is_blank(held, SENR_BIRTH_DATE))
		return true;
	return says(row, SENR_GENDER, text_of(held, SENR_GENDER)) &&
		strncmp(text_of(row, SENR_BIRTH_DATE), text_of(held, SENR_BIRTH_DATE), 4) == 0;
}

/*
 * CALPADS' newest row tells what it knows of the student.  SENR0035 can be
 * read as "gender and birth year both differ" and as "one of them differs";
 * the stricter reading is taken.
 */
static void
judge_demographics(Judgement *judgement)
{
	const StudentState *student = judgement->record->student;
	DayNumber	newest = newest_start(student);
	bool		known = false;

	for (const Row *held = student->rows; held != NULL; held = held->next)
	{
		if (held->start == newest && may_be_one_person(judgement->record->row, held))
			return;
		known = true;
	}
	if (known)
		refuse_by_book(judgement, "SENR0035", SENR_GENDER, "Gender and birth year are not those that "
					   "CALPADS has of the student.");
}

/* Can the record stand beside this other row of the student? */
static void
judge_beside(Judgement *judgement, const Row *other, const char *where)
{
	const Rehearsal *rehearsal = judgement->rehearsal;
	Arena	   *arena = rehearsal->arena;
	const Row  *row = judgement->record->row;

	if (share_a_day(row, other) && in_one_school(row, other))
		refuse(judgement, "SENR0178", SENR_START_DATE,
			   arena_print(arena, "It overlaps %s%s; a school has one enrollment of a student at a time.",
						   row_words(arena, other), where));
	if (share_a_day(row, other) && in_one_lea(row, other) && is_primary(row, rehearsal->today) &&
		is_primary(other, rehearsal->today))
		refuse(judgement, "SENR0027", SENR_START_DATE,
			   arena_print(arena, "It overlaps %s%s; an LEA has one primary enrollment of a student at a "
						   "time.", row_words(arena, other), where));
	if (exits_after(row, other) || exits_after(other, row))
		refuse_by_book(judgement, "SENR0586", SENR_EXIT_DATE,
			   arena_print(arena, "With %s%s, one of the two exits after the student's graduation.",
						   row_words(arena, other), where));
	if (is_open_beside(row, other) || is_open_beside(other, row))
		refuse_by_book(judgement, "SENR0587", SENR_EXIT_DATE,
			   arena_print(arena, "With %s%s, a graduate has an open enrollment.",
						   row_words(arena, other), where));
}

/* How many rows CALPADS would still hold after all deletions of the file. */
static int
rows_left(const StudentState *student)
{
	int			left = 0;

	for (const Row *row = student->rows; row != NULL; row = row->next)
	{
		const Record *record = student->last_record;

		while (record != NULL && !(is_deletion(&replayed_senr, record->row) && have_one_key(record->row, row)))
			record = record->previous_of_student;
		left += record == NULL;
	}
	return left;
}

static void
judge_deletion(Judgement *judgement)
{
	const Record *record = judgement->record;

	if (find_row(&replayed_senr, record->student->rows, record->row) == NULL)
		refuse_by_book(judgement, "SENR0181", -1, "CALPADS has no row with this school, SSID and start date to "
			   "delete.");
	else if (rows_left(record->student) == 0)
		refuse_by_book(judgement, "SENR0180", -1, "The file deletes the last enrollment of the student.");
}

/* ---- differences --------------------------------------------------------------------- */

/* Fields 1.06 and 1.23 to 1.35 (DESIGN section 5, rule 1). */
static bool
is_compared(int field)
{
	return field == SENR_SCHOOL_NPS || field >= SENR_STATUS;
}

/*
 * A no-show that exits at or before its start is what is left of a row, and
 * nobody's to delete or to add (DESIGN section 5, rule 5).
 */
static bool
is_leftover(const Row *row)
{
	return is_no_show(row) && row->end <= row->start;
}

const ReplayedProcess replayed_senr = {
	.record_type = "SENR",
	.form = "A SENR record has 35 fields and 34 carets.",
	.key_words = "school, SSID and start date",
	.row_word = "enrollment",
	.field_count = SENR_FIELD_COUNT,
	.transaction_type = SENR_TRANSACTION_TYPE,
	.lea = SENR_REPORTING_LEA,
	.school = SENR_SCHOOL,
	.ssid = SENR_SSID,
	.start = SENR_START_DATE,
	.end = SENR_EXIT_DATE,
	.program = -1,
	.lea_rule = "SENR0001",
	.ssid_rule = "SENR0032",
	.have_one_key = have_one_key,
	.judge_student = judge_demographics,
	.judge_beside = judge_beside,
	.judge_deletion = judge_deletion,
	.is_compared = is_compared,
	.is_leftover = is_leftover,
};
