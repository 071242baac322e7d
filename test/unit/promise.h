/*-------------------------------------------------------------------------
 *
 * promise.h
 *	  The promise, on districts made by choices: the operations of reconcile,
 *	  in the files of wave, are replayed by rehearse, which shares nothing
 *	  with them.  No record is refused, no file is empty, what differs from
 *	  the SIS in the end is what was held, and so is what a second comparison
 *	  would send.
 *
 * A choice is a random number, or the next byte of a fuzzer.  Half of the
 * districts have a past that CALPADS would take today, the other half has any.
 * Each program includes this file once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PROMISE_H
#define CALPADS_PROMISE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "program.h"
#include "reconcile.h"
#include "rehearse.h"
#include "wave.h"

#define LEA "1912345"
#define MOST_STUDENTS 20
#define MOST_FILES 200

/* Where choices come from. */
typedef struct Choices
{
	uint64_t	random;			/* state of the random numbers */
	const uint8_t *bytes;		/* of a fuzzer, instead; all choices after them are 0 */
	size_t		left;
} Choices;

/* A student, and what was decided. */
typedef struct Pupil
{
	const char *ssid;
	Student		student;
	Reconciliation result;
} Pupil;

typedef struct District
{
	Arena	   *arena;
	const RuleBook *rules;
	const Process *process;
	Choices		choices;
	bool		lawful;			/* CALPADS would take what it holds once more */
	bool		odd;			/* now and then a field has any bytes */
	ReconcileOptions options;
	int			count;
	Pupil		pupils[MOST_STUDENTS];
	WavePlan   *plan;
	Rehearsal  *rehearsal;
	const char *broken;			/* how the promise was broken, or NULL */
	const char *broken_for;		/* SSID */
} District;

static inline void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

static inline bool
is_of_senr(const District *district)
{
	return district->process == &senr_process;
}

/* ---- choices ----------------------------------------------------------------- */

/* xorshift64* */
static inline uint32_t
random_number(Choices *choices)
{
	choices->random ^= choices->random >> 12;
	choices->random ^= choices->random << 25;
	choices->random ^= choices->random >> 27;
	return (uint32_t) ((choices->random * UINT64_C(2685821657736338717)) >> 33);
}

static inline uint32_t
next_byte(Choices *choices)
{
	if (choices->left == 0)
		return 0;
	choices->left--;
	return *choices->bytes++;
}

/* A number below the limit. */
static inline int
choose(District *district, int limit)
{
	uint32_t	number;

	if (district->choices.bytes == NULL)
		number = random_number(&district->choices);
	else if (limit <= 256)
		number = next_byte(&district->choices);
	else
	{
		number = next_byte(&district->choices) << 8;
		number |= next_byte(&district->choices);
	}
	return (int) (number % (uint32_t) limit);
}

#define CHOOSE_FROM(district, list) \
	((list)[choose(district, (int) (sizeof(list) / sizeof((list)[0])))])

/* Any text that a column can hold; what breaks a record, loads set aside, so that only the SIS may have it. */
static inline const char *
odd_text(District *district, bool of_sis)
{
	char		text[40];
	int			length = choose(district, (int) sizeof(text));
	FieldText	trimmed;

	for (int i = 0; i < length; i++)
	{
		text[i] = (char) (1 + choose(district, 127));
		if (!of_sis && (text[i] == '^' || text[i] < ' ' || text[i] == 127))
			text[i] = ' ';
	}
	trimmed = field_trim((FieldText) {text, (size_t) length});
	return trimmed.length == 0 ? NULL : arena_copy(district->arena, trimmed.data, trimmed.length);
}

/*
 * The key of what CALPADS holds was checked when it was loaded, and its rows
 * know one gender of a student; dates stay what they are.
 */
static inline void
make_odd(District *district, PictureRow *row, bool of_sis)
{
	const Process *process = district->process;
	int			field = choose(district, process->field_count);
	bool		fixed = field == (is_of_senr(district) ? SENR_GENDER : SPRG_GENDER);

	for (int part = 0; part < process->key_count; part++)
		fixed |= process->key[part] == field;
	if (field == process->ssid || field == process->lea || field == process->transaction_type || field == 0 ||
		(process->dates & FIELD_BIT(field)) || (fixed && !of_sis))
		return;
	row->value[field] = odd_text(district, of_sis);
	if (field == process->school && row->value[field] == NULL)
		row->value[field] = "";
}

static inline void
make_odd_at_times(District *district, PictureRow *row, bool of_sis)
{
	if (district->odd && choose(district, 8) == 0)
		make_odd(district, row, of_sis);
}

/* ---- rows ---------------------------------------------------------------------- */

static const char *const schools[] = {"6100101", "6100102", "6100103"};

static inline void
set_dates(District *district, PictureRow *row, int year_field)
{
	const Process *process = district->process;
	int			year,
				month,
				day;

	row_set_date(district->arena, row, process->start, row->start);
	row->value[process->end] = NULL;
	if (row->end != ROW_OPEN)
		row_set_date(district->arena, row, process->end, row->end);
	day_to_calendar(school_year_start(row->start), &year, &month, &day);
	row->value[year_field] = arena_print(district->arena, "%04d-%04d", year, year + 1);
}

static inline bool
has_key(const District *district, const PictureRow *rows, const PictureRow *row)
{
	while (rows != NULL && !district->process->same_key(rows, row))
		rows = rows->next;
	return rows != NULL;
}

static inline void
add_row(PictureRow **list, PictureRow *row)
{
	row->next = *list;
	*list = row;
}

/* ---- enrollments ----------------------------------------------------------------- */

static inline void
leave(Enrollment *row, DayNumber day, const char *reason, const char *completion)
{
	row->end = day;
	row->value[SENR_EXIT_REASON] = reason;
	row->value[SENR_COMPLETION] = completion;
	row->value[SENR_EXEMPTION] = completion != NULL && strcmp(completion, "100") == 0 ? "N" : NULL;
}

static inline void
choose_exit(District *district, Enrollment *row)
{
	static const char *const reasons[] = {"T160", "E150", "E155"};
	DayNumber	last_day = row->start + choose(district, 40);

	if (choose(district, 10) < 4)
		leave(row, ROW_OPEN, NULL, NULL);
	else if (row_has(row, SENR_STATUS, "20"))
		leave(row, last_day, "E170", NULL);
	else if (choose(district, 6) == 0)
		leave(row, row->start - choose(district, 2), "N470", NULL);
	else if (row_has(row, SENR_STATUS, "50"))
		leave(row, last_day, "E170", NULL);
	else if (choose(district, 5) == 0)
		leave(row, last_day, "E230", choose(district, 2) ? "100" : "120");
	else
		leave(row, last_day, CHOOSE_FROM(district, reasons), NULL);
}

static const char *const statuses[] = {"10", "10", "10", "10", "20", "20", "30", "50"};

/* Mostly of this autumn, now and then of the year before. */
static inline Enrollment *
random_enrollment(District *district, const char *ssid)
{
	Enrollment *row = arena_allocate(district->arena, sizeof(Enrollment));

	row->value[SENR_RECORD_TYPE] = "SENR";
	row->value[SENR_REPORTING_LEA] = LEA;
	row->value[SENR_SSID] = ssid;
	row->value[SENR_LOCAL_STUDENT_ID] = "4711";
	row->value[SENR_FIRST_NAME] = "An";
	row->value[SENR_LAST_NAME] = "Lee";
	row->value[SENR_BIRTH_DATE] = "20080203";
	row->value[SENR_GENDER] = "F";
	row->value[SENR_SCHOOL] = CHOOSE_FROM(district, schools);
	row->value[SENR_STATUS] = CHOOSE_FROM(district, statuses);
	row->value[SENR_GRADE] = choose(district, 3) ? "12" : "11";
	row->in_scope = true;
	row->start = district->options.year_start + 50 +
		(choose(district, 6) ? choose(district, 60) : -50 - choose(district, 250));
	choose_exit(district, row);
	set_dates(district, row, SENR_ACADEMIC_YEAR);
	return row;
}

/* The row as the SIS has it: the same, or something was corrected. */
static inline Enrollment *
corrected_enrollment(District *district, const Enrollment *row)
{
	Enrollment *copy = row_copy(district->arena, row);

	switch (choose(district, 9))
	{
		case 0:
			copy->start += choose(district, 11) - 5;
			break;
		case 1:
			copy->value[SENR_SCHOOL] = CHOOSE_FROM(district, schools);
			break;
		case 2:
			choose_exit(district, copy);
			break;
		case 3:
			if (copy->end != ROW_OPEN && !enrollment_is_no_show(copy))
				copy->end += choose(district, 11) - 5;
			break;
		case 4:
			copy->value[SENR_STATUS] = CHOOSE_FROM(district, statuses);
			choose_exit(district, copy);
			break;
		case 5:
			if (!enrollment_is_no_show(copy))
				copy->value[SENR_GRADE] = "10";
			break;
		case 6:
			copy->value[SENR_GENDER] = "M";
			break;
		default:
			break;
	}
	set_dates(district, copy, SENR_ACADEMIC_YEAR);
	return copy;
}

/* ---- programs --------------------------------------------------------------------- */

static const Program offered_programs[] = {
	{"101", "504", false, false},
	{"108", NULL, true, true},
	{"113", NULL, true, true},
	{"122", NULL, true, true},
	{"127", NULL, false, false},
	{"181", "Free Meal Program", false, true},
	{"182", NULL, false, true},
	{"191", NULL, false, false},
};
static const ProgramBook program_book = {sizeof(offered_programs) / sizeof(offered_programs[0]), offered_programs};

static inline Stay *
add_stay(District *district, Student *student, const char *school, DayNumber start, DayNumber end,
		 const char *reason)
{
	Stay	   *stay = arena_allocate(district->arena, sizeof(Stay));

	*stay = (Stay) {.school = school, .start = start, .end = end,
		.reason = end != ROW_OPEN ? reason : NULL, .next = (Stay *) student->stays};
	student->stays = stay;
	return stay;
}

/*
 * An enrollment that CALPADS holds and will hold; or SENR removes it, adds it,
 * or changes its exit or something else of it.
 */
static inline void
enroll(District *district, Student *student)
{
	static const char *const reasons[] = {"T160", "E150", "E155"};
	const char *school = CHOOSE_FROM(district, schools);
	const char *reason = CHOOSE_FROM(district, reasons);
	DayNumber	start = district->options.year_start + choose(district, 60) - (choose(district, 4) == 0 ? 365 : 0);
	DayNumber	end = choose(district, 2) ? ROW_OPEN : start + choose(district, 150);
	int			change = choose(district, 6);
	Stay	   *stay = add_stay(district, student, school, start, end, reason);

	stay->posted = change == 1 || change == 2 || change == 3;
	stay->coming = change != 1;
	stay->closes = (change == 0 || change == 4) && end != ROW_OPEN;
	if (change == 4)			/* another exit before, or none */
		end = end != ROW_OPEN && choose(district, 2) ? end + 10 : ROW_OPEN;
	if (change == 4 || change == 5)
		add_stay(district, student, school, start, end, reason)->posted = true;
}

/* What only one program has. */
static inline void
set_program(District *district, PictureRow *row, const char *code)
{
	bool		homeless = strcmp(code, "191") == 0;
	bool		title_one = strcmp(code, "122") == 0;

	row->value[SPRG_PROGRAM] = code;
	row->value[SPRG_ACADEMY] = strcmp(code, "113") == 0 ? "1234567" : NULL;
	row->value[SPRG_SERVICE] = title_one ? (choose(district, 2) ? "01" : "02") : NULL;
	row->value[SPRG_SERVICE_YEAR] = title_one ? "2025-2026" : NULL;
	row->value[SPRG_DWELLING] = homeless ? (choose(district, 2) ? "100" : "110") : NULL;
	row->value[SPRG_RUNAWAY] = homeless ? (choose(district, 2) ? "Y" : "N") : NULL;
	row->value[SPRG_UNACCOMPANIED] = homeless ?
		(row_has(row, SPRG_RUNAWAY, "Y") || choose(district, 2) ? "Y" : "N") : NULL;
}

static inline void
choose_end(District *district, PictureRow *row)
{
	row->end = choose(district, 2) ? ROW_OPEN : row->start + choose(district, 90);
}

static inline PictureRow *
random_program(District *district, const char *ssid)
{
	PictureRow *row = arena_allocate(district->arena, sizeof(PictureRow));

	row->value[SPRG_RECORD_TYPE] = "SPRG";
	row->value[SPRG_REPORTING_LEA] = LEA;
	row->value[SPRG_SSID] = ssid;
	row->value[SPRG_LOCAL_STUDENT_ID] = "4711";
	row->value[SPRG_FIRST_NAME] = "An";
	row->value[SPRG_LAST_NAME] = "Lee";
	row->value[SPRG_BIRTH_DATE] = "20080203";
	row->value[SPRG_GENDER] = "F";
	row->value[SPRG_SCHOOL] = CHOOSE_FROM(district, schools);
	row->in_scope = true;
	row->start = district->options.year_start + choose(district, 120) -
		(choose(district, 6) == 0 ? 365 * (1 + choose(district, 4)) : 0);
	set_program(district, row, CHOOSE_FROM(district, offered_programs).code);
	choose_end(district, row);
	set_dates(district, row, SPRG_ACADEMIC_YEAR);
	return row;
}

static inline PictureRow *
corrected_program(District *district, const PictureRow *row)
{
	PictureRow *copy = row_copy(district->arena, row);

	switch (choose(district, 8))
	{
		case 0:
			copy->start += choose(district, 11) - 5;
			break;
		case 1:
			copy->value[SPRG_SCHOOL] = CHOOSE_FROM(district, schools);
			break;
		case 2:
		case 3:
			choose_end(district, copy);
			break;
		case 4:
			set_program(district, copy, copy->value[SPRG_PROGRAM]);
			break;
		case 5:
			set_program(district, copy, CHOOSE_FROM(district, offered_programs).code);
			break;
		default:
			break;
	}
	set_dates(district, copy, SPRG_ACADEMIC_YEAR);
	return copy;
}

/* ---- lines and the rehearsal ------------------------------------------------------ */

static inline PictureRow *
random_row(District *district, const char *ssid)
{
	return is_of_senr(district) ? random_enrollment(district, ssid) : random_program(district, ssid);
}

static inline PictureRow *
corrected_row(District *district, const PictureRow *row)
{
	return is_of_senr(district) ? corrected_enrollment(district, row) : corrected_program(district, row);
}

static inline const char *
line_of(const District *district, const PictureRow *row)
{
	char		line[4096];
	int			length = 0;

	for (int field = 0; field < district->process->field_count; field++)
		length += snprintf(line + length, sizeof(line) - (size_t) length, "%s%s", field > 0 ? "^" : "",
						   row->value[field] != NULL ? row->value[field] : "");
	return arena_copy(district->arena, line, (size_t) length);
}

/* Whether the enrollments are those of before SENR is posted, or of afterwards. */
static inline void
enroll_pupil(Rehearsal *rehearsal, const Pupil *pupil, StayKind kind)
{
	for (const Stay *stay = pupil->student.stays; stay != NULL; stay = stay->next)
		if (kind == STAY_POSTED ? stay->posted : stay->coming)
			rehearsal_enroll(rehearsal, pupil->ssid,
							 &(CarryingStay) {stay->school, stay->start, stay->end, stay->reason,
							 kind == STAY_COMING && stay->closes, NULL});
}

static inline void
take_rows(const District *district, Rehearsal *rehearsal, const Student *student)
{
	for (const PictureRow *row = student->baseline; row != NULL; row = row->next)
		rehearsal_take(rehearsal, line_of(district, row));
}

static inline bool
calpads_would_take(const District *district, const Pupil *pupil, const PictureRow *row)
{
	Rehearsal  *rehearsal = rehearsal_create(district->arena, LEA, district->options.today, district->rules);

	enroll_pupil(rehearsal, pupil, STAY_POSTED);
	take_rows(district, rehearsal, &pupil->student);
	rehearsal_submit(rehearsal, 1, line_of(district, row));
	return rehearsal_end_file(rehearsal).refused == 0;
}

/* ---- students ---------------------------------------------------------------------- */

static inline void
make_baseline(District *district, Pupil *pupil)
{
	Student    *student = &pupil->student;

	/* Few have so many that their order is no graph any more (wave.c). */
	for (int i = choose(district, choose(district, 40) == 39 ? 30 : 5); i > 0; i--)
	{
		PictureRow *row = random_row(district, pupil->ssid);

		make_odd_at_times(district, row, false);
		if (!has_key(district, student->baseline, row) &&
			(!district->lawful || calpads_would_take(district, pupil, row)))
			add_row(&student->baseline, row);
	}
}

static inline void
make_target(District *district, Pupil *pupil)
{
	Student    *student = &pupil->student;

	for (const PictureRow *row = student->baseline; row != NULL; row = row->next)
		if (choose(district, 5) != 0)
			add_row(&student->target, corrected_row(district, row));
	for (int i = choose(district, 3); i > 0; i--)
		add_row(&student->target, random_row(district, pupil->ssid));
	for (PictureRow *row = student->target; row != NULL; row = row->next)
		make_odd_at_times(district, row, true);
}

static inline void
make_student(District *district, Pupil *pupil)
{
	Student    *student = &pupil->student;

	student->in_sis = choose(district, 10) != 0;
	if (!is_of_senr(district))
		for (int i = choose(district, 4); i > 0; i--)
			enroll(district, student);
	make_baseline(district, pupil);
	make_target(district, pupil);
	student->no_show_with_disability = choose(district, 20) == 0;
	if (choose(district, 20) == 0)
		student->doubt = (Doubt) {"PROTECTED", "no row is removed", "calpads.protected_ssid"};
	if (district->odd && student->target != NULL && choose(district, 20) == 0)
		student->target->problems = "{}";
	if (district->odd && choose(district, 20) == 0)
		student->load_problem = "A row was set aside.";
}

static inline Reconciliation
reconcile(const District *district, const Student *student)
{
	return district->process->reconcile(district->arena, student, &district->options);
}

static inline void
make_students(District *district)
{
	district->count = 1 + choose(district, MOST_STUDENTS);
	for (int i = 0; i < district->count; i++)
	{
		Pupil	   *pupil = &district->pupils[i];

		pupil->ssid = arena_print(district->arena, "%010d", 1000000000 + i);
		make_student(district, pupil);
		pupil->result = reconcile(district, &pupil->student);
		wave_plan_add(district->plan, pupil->result.operations);
	}
	wave_plan_finish(district->plan);
}

/* ---- the files --------------------------------------------------------------------- */

static inline void
break_promise(District *district, const char *ssid, const char *how)
{
	district->broken = how;
	district->broken_for = ssid;
}

static inline int
file_of(const District *district, const Operation *operation)
{
	return wave_file_number(district->plan, operation->shape, operation->place);
}

static inline int
submit_student(const District *district, const Pupil *pupil, int file, int line_no)
{
	const Operation *operation = pupil->result.operations;

	for (; operation != NULL; operation = operation->next)
		if (!operation->held && file_of(district, operation) == file)
			rehearsal_submit(district->rehearsal, ++line_no, line_of(district, operation->record));
	return line_no;
}

static inline void
post_file(District *district, int file)
{
	FileVerdict verdict;
	int			line_no = 0;

	for (int i = 0; i < district->count; i++)
		line_no = submit_student(district, &district->pupils[i], file, line_no);
	verdict = rehearsal_end_file(district->rehearsal);
	if (line_no == 0)
		break_promise(district, NULL, arena_print(district->arena, "file %d is empty", file));
	else if (verdict.refused > 0)
		break_promise(district, verdict.refusals->key.ssid,
					  arena_print(district->arena, "file %d is refused: %s, %s", file, verdict.refusals->rule,
								  verdict.refusals->explanation));
}

/* An operation stands in one category's file, and says what it does. */
static inline void
check_operation(District *district, OperationCategory categories[MOST_FILES], const Operation *operation)
{
	int			file = file_of(district, operation);
	const char *ssid = operation->record->value[district->process->ssid];

	if (file < 1 || file >= MOST_FILES)
		break_promise(district, ssid, "an operation is in no file");
	else if (categories[file] != CATEGORY_UPDATES + 1 && categories[file] != operation->category)
		break_promise(district, ssid, "a file has operations of two categories");
	else
		categories[file] = operation->category;
	if (operation->explanation == NULL || operation->explanation[0] == '\0')
		break_promise(district, ssid, "an operation is not explained");
}

static inline void
post_files(District *district)
{
	OperationCategory categories[MOST_FILES];
	int			files = 0;

	for (int file = 0; file < MOST_FILES; file++)
		categories[file] = CATEGORY_UPDATES + 1;
	for (int i = 0; i < district->count; i++)
	{
		const Operation *operation = district->pupils[i].result.operations;

		for (; operation != NULL; operation = operation->next)
			if (!operation->held)
			{
				check_operation(district, categories, operation);
				files = file_of(district, operation) > files ? file_of(district, operation) : files;
			}
	}
	for (int file = 1; file <= files && district->broken == NULL; file++)
		post_file(district, file);
}

/* ---- what is left ------------------------------------------------------------------- */

static inline bool
is_held(const District *district, const RehearsalKey *key)
{
	const Process *process = district->process;
	const char *school = key->school != NULL ? key->school : "";

	for (int i = 0; i < district->count; i++)
		for (const Finding *hold = district->pupils[i].result.holds; hold != NULL; hold = hold->next)
			if (hold->row->start == key->start && row_has(hold->row, process->school, school) &&
				row_has(hold->row, process->ssid, key->ssid) &&
				(process->program < 0 || row_has(hold->row, process->program, key->program)))
				return true;
	return false;
}

static inline bool
breaks_record(const char *value)
{
	return value != NULL && strpbrk(value, "^\r\n") != NULL;
}

/* A key that cannot be written is held, and programs that are not offered are not compared. */
static inline bool
is_expected(const District *district, const PictureRow *row)
{
	const Process *process = district->process;

	for (int part = 0; part < process->key_count; part++)
		if (breaks_record(row->value[process->key[part]]))
			return false;
	return is_of_senr(district) || row->value[SPRG_PROGRAM] == NULL || program_of(&program_book, row) != NULL;
}

/* The line of a row of the SIS, in which anything may stand. */
static inline const char *
expected_line(const District *district, const PictureRow *row)
{
	PictureRow *copy = row_copy(district->arena, row);

	for (int field = 0; field < district->process->field_count; field++)
		if (breaks_record(copy->value[field]))
			copy->value[field] = "?";
	return line_of(district, copy);
}

/*
 * SPRG: what only CALPADS has stays when it ended in an earlier year, or the
 * SIS does not know the student; and what the SIS cannot make a record of is
 * not told when it ended in an earlier year.
 */
static inline bool
is_history(const District *district, const PictureRow *row, DayNumber start)
{
	return row->start == start && row->end < district->options.year_start;
}

static inline bool
is_left_alone(const District *district, const Difference *difference)
{
	const Pupil *pupil = district->pupils;

	if (is_of_senr(district))
		return false;
	while (strcmp(pupil->ssid, difference->key.ssid) != 0)
		pupil++;
	for (const PictureRow *row = pupil->student.target; row != NULL; row = row->next)
		if (row->problems != NULL && is_history(district, row, difference->key.start))
			return true;
	for (const PictureRow *row = pupil->student.baseline; row != NULL && difference->field < 0; row = row->next)
		if (!pupil->student.in_sis || is_history(district, row, difference->key.start))
			return true;
	return false;
}

static inline void
compare_with_sis(District *district)
{
	const Difference *difference;

	for (int i = 0; i < district->count; i++)
		for (const PictureRow *row = district->pupils[i].student.target; row != NULL; row = row->next)
			if (is_expected(district, row))
				rehearsal_expect(district->rehearsal, expected_line(district, row));
	difference = rehearsal_differences(district->rehearsal);
	while (difference != NULL && (is_held(district, &difference->key) || is_left_alone(district, difference)))
		difference = difference->next;
	if (difference != NULL)
		break_promise(district, difference->key.ssid,
					  arena_print(district->arena, "school %s, %s: %s",
								  difference->key.school != NULL ? difference->key.school : "",
								  difference->field >= 0 ? district->process->field_name[difference->field] : "row",
								  difference->explanation));
}

/* ---- the second difference ------------------------------------------------------------ */

/* The operation that was sent about the row, or NULL. */
static inline const Operation *
operation_on(const District *district, const Pupil *pupil, const PictureRow *row)
{
	const Operation *operation = pupil->result.operations;

	while (operation != NULL && (operation->held || operation->before == NULL ||
								 !district->process->same_key(operation->before, row)))
		operation = operation->next;
	return operation;
}

/* The row as CALPADS has it once SENR is posted. */
static inline PictureRow *
after_exits(const District *district, const Pupil *pupil, const PictureRow *row)
{
	PictureRow *copy = row_copy(district->arena, row);

	for (const Stay *stay = pupil->student.stays; stay != NULL; stay = stay->next)
		if (program_will_be_closed(&program_book, row, stay) && stay->end < copy->end)
		{
			copy->end = stay->end;
			row_set_date(district->arena, copy, SPRG_END_DATE, copy->end);
		}
	return copy;
}

static inline PictureRow *
posted_rows(const District *district, const Pupil *pupil)
{
	PictureRow *rows = NULL;

	for (const PictureRow *row = pupil->student.baseline; row != NULL; row = row->next)
		if (operation_on(district, pupil, row) == NULL)
			add_row(&rows, after_exits(district, pupil, row));
	for (const Operation *operation = pupil->result.operations; operation != NULL; operation = operation->next)
		if (!operation->held && !operation_is_deletion(operation))
			add_row(&rows, row_copy(district->arena, operation->record));
	return rows;
}

static inline Stay *
posted_stays(const District *district, const Pupil *pupil)
{
	Stay	   *stays = NULL;

	for (const Stay *stay = pupil->student.stays; stay != NULL; stay = stay->next)
		if (stay->coming)
		{
			Stay	   *copy = arena_allocate(district->arena, sizeof(Stay));

			*copy = *stay;
			copy->posted = true;
			copy->closes = false;
			copy->next = stays;
			stays = copy;
		}
	return stays;
}

/* With everything posted, only what was held before may be sent. */
static inline void
compare_again(District *district, const Pupil *pupil)
{
	const Process *process = district->process;
	Student		student = pupil->student;
	const Operation *operation;

	student.baseline = posted_rows(district, pupil);
	student.stays = posted_stays(district, pupil);
	for (operation = reconcile(district, &student).operations; operation != NULL; operation = operation->next)
		if (!operation->held &&
			!is_held(district, &(RehearsalKey) {pupil->ssid, operation->record->value[process->school],
					 process->program < 0 ? NULL : operation->record->value[process->program],
					 operation->record->start}))
			break_promise(district, pupil->ssid, arena_print(district->arena, "a second difference sends %s",
															 line_of(district, operation->record)));
}

/* ---- the districts ------------------------------------------------------------------ */

static inline void
print_rows(const District *district, const char *side, const PictureRow *row)
{
	for (; row != NULL; row = row->next)
		printf("#   %s %s\n", side, line_of(district, row));
}

static inline void
print_stays(const Stay *stay)
{
	for (; stay != NULL; stay = stay->next)
		printf("#   enrollment at %s, days %d to %d, %s:%s%s%s\n", stay->school, stay->start, stay->end,
			   stay->reason != NULL ? stay->reason : "open", stay->posted ? " posted" : "",
			   stay->coming ? " coming" : "", stay->closes ? " closes" : "");
}

static inline void
print_broken(const District *district)
{
	printf("# %s: %s\n", district->process->name, district->broken);
	for (int i = 0; i < district->count; i++)
	{
		const Pupil *pupil = &district->pupils[i];
		const Operation *operation = pupil->result.operations;

		if (district->broken_for == NULL || strcmp(pupil->ssid, district->broken_for) != 0)
			continue;
		print_stays(pupil->student.stays);
		print_rows(district, "CALPADS", pupil->student.baseline);
		print_rows(district, "SIS    ", pupil->student.target);
		for (; operation != NULL; operation = operation->next)
			printf("#   %s %s\n", operation->held ? "held   " : "sent   ", line_of(district, operation->record));
		for (const Finding *hold = pupil->result.holds; hold != NULL; hold = hold->next)
			printf("#   %s: %s\n", hold->rule, hold->explanation);
	}
	fflush(stdout);				/* a fuzzer aborts */
}

/* Does the promise hold for the district that the choices make?  Prints what breaks it. */
static inline bool
promise_holds(Arena *arena, const RuleBook *rules, Choices choices, bool lawful, bool odd)
{
	District	district = {.arena = arena, .rules = rules, .process = rules->process, .choices = choices,
	.lawful = lawful, .odd = odd};

	district.options.rules = rules;
	district.options.today = day_from_calendar(2025, 11, 1);
	district.options.year_start = day_from_calendar(2025, 7, 1);
	district.options.window_start = day_from_calendar(2025 - district.process->window_years, 7, 1);
	district.options.programs = &program_book;
	district.plan = wave_plan_create(arena, district.process->wave, &district.options);
	make_students(&district);
	district.rehearsal = rehearsal_create(arena, LEA, district.options.today, rules);
	for (int i = 0; i < district.count; i++)
	{
		enroll_pupil(district.rehearsal, &district.pupils[i], STAY_COMING);
		take_rows(&district, district.rehearsal, &district.pupils[i].student);
	}
	post_files(&district);
	if (district.broken == NULL)
		compare_with_sis(&district);
	for (int i = 0; i < district.count && district.broken == NULL; i++)
		compare_again(&district, &district.pupils[i]);
	if (district.broken != NULL)
		print_broken(&district);
	return district.broken == NULL;
}

#endif							/* CALPADS_PROMISE_H */
