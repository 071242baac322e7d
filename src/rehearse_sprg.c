/*-------------------------------------------------------------------------
 *
 * rehearse_sprg.c
 *	  What CALPADS asks of SPRG records, told a second time
 *	  (spec/sinf_sela_sprg.md sections 1 and 4.1).
 *
 *-------------------------------------------------------------------------
 */
#include "rehearse_process.h"

#include <string.h>

#include "program.h"

/* ---- kinds of programs --------------------------------------------------------- */

static bool
is_one_of(const char *code, const char *const *codes)
{
	for (; *codes != NULL; codes++)
		if (strcmp(*codes, code) == 0)
			return true;
	return false;
}

/* CALPADS' own category, whatever the SIS keeps the program as. */
static bool
participates(const Row *row)
{
	static const char *const codes[] = {"108", "113", "122", "174", "185", NULL};

	return is_one_of(text_of(row, SPRG_PROGRAM), codes);
}

static bool
is_meal(const Row *row)
{
	static const char *const codes[] = {"181", "182", NULL};

	return is_one_of(text_of(row, SPRG_PROGRAM), codes);
}

/* ---- rows ------------------------------------------------------------------------ */

static bool
agree(const Row *a, const Row *b, int field)
{
	return says(a, field, text_of(b, field));
}

static bool
have_one_key(const Row *a, const Row *b)
{
	return a->start == b->start && agree(a, b, SPRG_SCHOOL) && agree(a, b, SPRG_PROGRAM) &&
		agree(a, b, SPRG_SERVICE_YEAR) && agree(a, b, SPRG_SERVICE);
}

static const char *
row_words(Arena *arena, const Row *row)
{
	const char *start = date_words(arena, row->start);
	const char *program = text_of(row, SPRG_PROGRAM);

	if (row->end == ROW_OPEN)
		return arena_print(arena, "program %s at school %s from %s, which is open", program,
						   text_of(row, SPRG_SCHOOL), start);
	return arena_print(arena, "program %s at school %s from %s to %s", program,
					   text_of(row, SPRG_SCHOOL), start, date_words(arena, row->end));
}

static bool
share_a_day(const Row *a, const Row *b)
{
	DayNumber	first = a->start > b->start ? a->start : b->start;
	DayNumber	last = a->end < b->end ? a->end : b->end;

	return first <= last;
}

/* ---- the enrollment (GERR0005) ------------------------------------------------------ */

static bool
ends_with(const CarryingStay *stay, const char *reason)
{
	return stay->reason != NULL && strcmp(stay->reason, reason) == 0;
}

/* The last enrollment at the school that continues the one given without a gap. */
static const CarryingStay *
last_of_chain(const CarryingStay *all, const CarryingStay *first)
{
	const CarryingStay *last = first;

	for (const CarryingStay *next = all; next != NULL;)
	{
		bool		follows = strcmp(next->school, last->school) == 0 && next->end > last->end &&
			(next->start <= last->end ||
			 (ends_with(last, "E150") && next->start - 1 == last->end));

		if (follows)
			last = next;
		next = follows ? all : next->next;
	}
	return last;
}

static bool
open_row_is_carried(const Row *row, const CarryingStay *last)
{
	if (last->end == ROW_OPEN || ends_with(last, "E150"))
		return true;
	if (participates(row))
		return ends_with(last, "E155");
	return !is_meal(row);
}

/* Participation lies inside the enrollment; eligibility touches it and ends with it at the latest. */
static bool
is_carried_by(const Row *row, const CarryingStay *first, const CarryingStay *last)
{
	if (row->start > last->end || (participates(row) && row->start < first->start))
		return false;
	if (row->end == ROW_OPEN)
		return open_row_is_carried(row, last);
	return row->end >= first->start && row->end <= last->end;
}

static bool
is_carried(const Row *row, const CarryingStay *stays)
{
	for (const CarryingStay *stay = stays; stay != NULL; stay = stay->next)
		if (says(row, SPRG_SCHOOL, stay->school) &&
			is_carried_by(row, stay, last_of_chain(stays, stay)))
			return true;
	return false;
}

/*
 * Enrollments of the past are known for two years, so a row that CALPADS took
 * before is not asked again unless it began and reaches into what is known.
 */
static bool
enrollment_is_known(const Judgement *judgement)
{
	const Row  *row = judgement->record->row;
	DayNumber	this_year = school_year_start(judgement->rehearsal->today);

	if (find_row(&replayed_sprg, judgement->record->student->rows, row) == NULL)
		return true;
	return row->end >= this_year && row->start >= this_year - 730;
}

static void
judge_enrollment(Judgement *judgement)
{
	if (enrollment_is_known(judgement) &&
		!is_carried(judgement->record->row, judgement->record->student->stays))
		refuse_by_book(judgement, "GERR0005", SPRG_START_DATE, "No enrollment at the school carries the dates "
					   "of the record.");
}

/* The first of the exits still to come that closes an open row. */
static DayNumber
closing_day(const StudentState *student, const Row *row)
{
	DayNumber	day = ROW_OPEN;

	if (row->end != ROW_OPEN || !(participates(row) || is_meal(row)))
		return ROW_OPEN;
	for (const CarryingStay *stay = student->stays; stay != NULL; stay = stay->next)
		if (stay->closes && says(row, SPRG_SCHOOL, stay->school) && row->start <= stay->end &&
			stay->end < day && !open_row_is_carried(row, stay))
			day = stay->end;
	return day;
}

/* ---- other rows of the student -------------------------------------------------------- */

/* Services of program 122 stand beside each other. */
static bool
exclude_each_other(const Row *a, const Row *b)
{
	if (!agree(a, b, SPRG_SCHOOL) || !agree(a, b, SPRG_PROGRAM))
		return false;
	return !says(a, SPRG_PROGRAM, "122") || agree(a, b, SPRG_SERVICE);
}

static void
judge_beside(Judgement *judgement, const Row *other, const char *where)
{
	Arena	   *arena = judgement->rehearsal->arena;
	const Row  *row = judgement->record->row;

	if (!exclude_each_other(row, other))
		return;
	if (row->start == other->start && !says(row, SPRG_PROGRAM, "122"))
		refuse(judgement, "SPRG0249", SPRG_START_DATE,
			   arena_print(arena, "There is %s%s with the same start.", row_words(arena, other), where));
	if (participates(row) && share_a_day(row, other))
		refuse(judgement, "SPRG0070", SPRG_START_DATE,
			   arena_print(arena, "It overlaps %s%s.", row_words(arena, other), where));
	if (!participates(row) && row->end == ROW_OPEN && other->end == ROW_OPEN)
		refuse(judgement, "PROGRAM_OPEN_TWICE", SPRG_END_DATE,
			   arena_print(arena, "Beside it stands %s%s.", row_words(arena, other), where));
}

static void
judge_deletion(Judgement *judgement)
{
	const Record *record = judgement->record;

	if (find_row(&replayed_sprg, record->student->rows, record->row) == NULL)
		refuse(judgement, "PROGRAM_NOT_THERE", -1, "CALPADS has no row with this key to delete.");
}

/* ---- differences ------------------------------------------------------------------------ */

static bool
is_compared(int field)
{
	return field == SPRG_END_DATE || field == SPRG_ACADEMY || field == SPRG_MIGRANT_ID ||
		field == SPRG_DWELLING || field == SPRG_UNACCOMPANIED || field == SPRG_RUNAWAY;
}

/*
 * CALPADS ends rows by itself with the enrollment, and keeps the Y of homeless
 * youth until the year ends (section 4.3).
 */
static bool
is_wanted(const StudentState *student, const Row *held, const Row *expected, int field)
{
	if (field == SPRG_UNACCOMPANIED || field == SPRG_RUNAWAY)
		return says(held, field, "Y");
	if (field != SPRG_END_DATE || expected->end != ROW_OPEN || is_carried(expected, student->stays))
		return false;
	for (const CarryingStay *stay = student->stays; stay != NULL; stay = stay->next)
		if (stay->end == held->end && says(held, SPRG_SCHOOL, stay->school) &&
			!open_row_is_carried(held, stay))
			return true;
	return false;
}

const ReplayedProcess replayed_sprg = {
	.record_type = "SPRG",
	.form = "A SPRG record has 26 fields and 25 carets.",
	.key_words = "school, SSID, program, start date, service year and service",
	.row_word = "program",
	.field_count = SPRG_FIELD_COUNT,
	.transaction_type = SPRG_TRANSACTION_TYPE,
	.lea = SPRG_REPORTING_LEA,
	.school = SPRG_SCHOOL,
	.ssid = SPRG_SSID,
	.start = SPRG_START_DATE,
	.end = SPRG_END_DATE,
	.program = SPRG_PROGRAM,
	.lea_rule = "IVR0001",
	.ssid_rule = "GERR0001",
	.have_one_key = have_one_key,
	.judge_student = judge_enrollment,
	.judge_beside = judge_beside,
	.judge_deletion = judge_deletion,
	.closing_day = closing_day,
	.is_compared = is_compared,
	.is_wanted = is_wanted,
};
