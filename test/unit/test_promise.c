/*
 * The promise, on districts made at random: the operations of reconcile, in
 * the files of wave, are replayed by rehearse, which shares nothing with them.
 * No record is refused, no file is empty, and what differs from the SIS in the
 * end is what was held.
 *
 * Half of the districts have a past that CALPADS would take today, the other
 * half has any.  A district that breaks the promise is named by its number,
 * and the student's rows are printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "reconcile.h"
#include "rehearse.h"
#include "unit.h"
#include "wave.h"

#define LEA "1912345"
#define DISTRICT_COUNT 1500
#define MOST_STUDENTS 20

#define FATAL(number) {number, number, RULE_FATAL}

static const Rule known_rules[] = {
	FATAL("IVR0034"),
	FATAL("SENR-EXIT-PAIR"),
	FATAL("SENR0001"),
	FATAL("SENR0018"),
	FATAL("SENR0022"),
	FATAL("SENR0035"),
	FATAL("SENR0175"),
	FATAL("SENR0180"),
	FATAL("SENR0181"),
	FATAL("SENR0187"),
	FATAL("SENR0302"),
	FATAL("SENR0522"),
	FATAL("SENR0523"),
	FATAL("SENR0586"),
	FATAL("SENR0587"),
	FATAL("SENR0630"),
	FATAL("SENR0632"),
	FATAL("SENR0742"),
};

static LayoutField fields[SENR_FIELD_COUNT];
static Layout layout = {"senr", "SENR", NULL, FORMAT_CARET, HEADER_NEVER,
SENR_FIELD_COUNT, SENR_FIELD_COUNT, fields};
static RuleBook rules = {.process = &senr_process, .layout = &layout, .rules = known_rules,
	.rule_count = sizeof(known_rules) / sizeof(known_rules[0])};

/* A student at random, and what was decided. */
typedef struct Pupil
{
	const char *ssid;
	Student		student;
	Reconciliation result;
} Pupil;

typedef struct District
{
	Arena	   *arena;
	uint64_t	random;
	ReconcileOptions options;
	int			count;
	Pupil		pupils[MOST_STUDENTS];
	WavePlan   *plan;
	Rehearsal  *rehearsal;
	const char *broken;			/* how the promise was broken, or NULL */
	const char *broken_for;		/* SSID */
} District;

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

/* ---- students at random ---------------------------------------------------------- */

/* xorshift64*: a number below the limit. */
static int
choose(District *district, int limit)
{
	district->random ^= district->random >> 12;
	district->random ^= district->random << 25;
	district->random ^= district->random >> 27;
	return (int) (((district->random * UINT64_C(2685821657736338717)) >> 33) % (uint64_t) limit);
}

#define CHOOSE_FROM(district, list) \
	((list)[choose(district, (int) (sizeof(list) / sizeof((list)[0])))])

static void
leave(Enrollment *row, DayNumber day, const char *reason, const char *completion)
{
	row->end = day;
	row->value[SENR_EXIT_REASON] = reason;
	row->value[SENR_COMPLETION] = completion;
	row->value[SENR_EXEMPTION] = completion != NULL && strcmp(completion, "100") == 0 ? "N" : NULL;
}

static void
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

static void
set_dates(District *district, Enrollment *row)
{
	int			year,
				month,
				day;

	row_set_date(district->arena, row, SENR_START_DATE, row->start);
	row->value[SENR_EXIT_DATE] = NULL;
	if (row->end != ROW_OPEN)
		row_set_date(district->arena, row, SENR_EXIT_DATE, row->end);
	day_to_calendar(school_year_start(row->start), &year, &month, &day);
	row->value[SENR_ACADEMIC_YEAR] = arena_print(district->arena, "%04d-%04d", year, year + 1);
}

static const char *const schools[] = {"6100101", "6100102", "6100103"};
static const char *const statuses[] = {"10", "10", "10", "10", "20", "20", "30", "50"};

/* Mostly of this autumn, now and then of the year before. */
static Enrollment *
random_row(District *district, const char *ssid)
{
	Enrollment *row = arena_allocate(district->arena, sizeof(Enrollment));

	row->value[SENR_RECORD_TYPE] = "SENR";
	row->value[SENR_REPORTING_LEA] = LEA;
	row->value[SENR_SSID] = ssid;
	row->value[SENR_LOCAL_STUDENT_ID] = "4711";
	row->value[SENR_BIRTH_DATE] = "20080203";
	row->value[SENR_GENDER] = "F";
	row->value[SENR_SCHOOL] = CHOOSE_FROM(district, schools);
	row->value[SENR_STATUS] = CHOOSE_FROM(district, statuses);
	row->value[SENR_GRADE] = choose(district, 3) ? "12" : "11";
	row->in_scope = true;
	row->start = district->options.year_start + 50 +
		(choose(district, 6) ? choose(district, 60) : -50 - choose(district, 250));
	choose_exit(district, row);
	set_dates(district, row);
	return row;
}

/* The row as the SIS has it: the same, or something was corrected. */
static Enrollment *
corrected_row(District *district, const Enrollment *row)
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
	set_dates(district, copy);
	return copy;
}

static bool
has_key(const Enrollment *rows, const Enrollment *row)
{
	while (rows != NULL && !enrollment_same_key(rows, row))
		rows = rows->next;
	return rows != NULL;
}

static void
add_row(Enrollment **list, Enrollment *row)
{
	row->next = *list;
	*list = row;
}

/* ---- lines and the rehearsal ------------------------------------------------------ */

static const char *
line_of(Arena *arena, const Enrollment *row)
{
	char		line[2048];
	int			length = 0;

	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		length += snprintf(line + length, sizeof(line) - (size_t) length, "%s%s", field > 0 ? "^" : "",
						   row->value[field] != NULL ? row->value[field] : "");
	return arena_copy(arena, line, (size_t) length);
}

static void
take_rows(const District *district, Rehearsal *rehearsal, const Student *student)
{
	for (const Enrollment *row = student->baseline; row != NULL; row = row->next)
		rehearsal_take(rehearsal, line_of(district->arena, row));
}

static bool
calpads_would_take(const District *district, const Student *student, const Enrollment *row)
{
	Rehearsal  *rehearsal = rehearsal_create(district->arena, LEA, district->options.today, &rules);

	take_rows(district, rehearsal, student);
	rehearsal_submit(rehearsal, 1, line_of(district->arena, row));
	return rehearsal_end_file(rehearsal).refused == 0;
}

static void
make_student(District *district, Pupil *pupil, bool lawful)
{
	Student    *student = &pupil->student;
	int			rows = choose(district, 5);
	int			new_rows = choose(district, 3);

	for (int i = 0; i < rows; i++)
	{
		Enrollment *row = random_row(district, pupil->ssid);

		if (!has_key(student->baseline, row) && (!lawful || calpads_would_take(district, student, row)))
			add_row(&student->baseline, row);
	}
	for (const Enrollment *row = student->baseline; row != NULL; row = row->next)
		if (choose(district, 5) != 0)
			add_row(&student->target, corrected_row(district, row));
	for (int i = 0; i < new_rows; i++)
		add_row(&student->target, random_row(district, pupil->ssid));
	student->no_show_with_disability = choose(district, 20) == 0;
	if (choose(district, 20) == 0)
		student->doubt = (Doubt) {"PROTECTED", "no row is removed", "calpads.protected_ssid"};
}

static void
make_students(District *district, bool lawful)
{
	district->count = 1 + choose(district, MOST_STUDENTS);
	for (int i = 0; i < district->count; i++)
	{
		Pupil	   *pupil = &district->pupils[i];

		pupil->ssid = arena_print(district->arena, "%010d", 1000000000 + i);
		make_student(district, pupil, lawful);
		pupil->result = reconcile_student(district->arena, &pupil->student, &district->options);
		wave_plan_add(district->plan, pupil->result.operations);
	}
	wave_plan_finish(district->plan);
}

static int
file_of(const District *district, const Operation *operation)
{
	return wave_file_number(district->plan, operation->shape, operation->place);
}

static int
submit_student(const District *district, const Pupil *pupil, int file, int line_no)
{
	const Operation *operation = pupil->result.operations;

	for (; operation != NULL; operation = operation->next)
		if (!operation->held && file_of(district, operation) == file)
			rehearsal_submit(district->rehearsal, ++line_no, line_of(district->arena, operation->record));
	return line_no;
}

static void
post_file(District *district, int file)
{
	FileVerdict verdict;
	int			line_no = 0;

	for (int i = 0; i < district->count; i++)
		line_no = submit_student(district, &district->pupils[i], file, line_no);
	verdict = rehearsal_end_file(district->rehearsal);
	if (line_no == 0)
		district->broken = arena_print(district->arena, "file %d is empty", file);
	else if (verdict.refused > 0)
	{
		district->broken = arena_print(district->arena, "file %d is refused: %s", file, verdict.refusals->rule);
		district->broken_for = verdict.refusals->key.ssid;
	}
}

static void
post_files(District *district)
{
	int			files = 0;

	for (int i = 0; i < district->count; i++)
	{
		const Operation *operation = district->pupils[i].result.operations;

		for (; operation != NULL; operation = operation->next)
			if (!operation->held && file_of(district, operation) > files)
				files = file_of(district, operation);
	}
	for (int file = 1; file <= files && district->broken == NULL; file++)
		post_file(district, file);
}

static bool
is_held(const District *district, const RehearsalKey *key)
{
	for (int i = 0; i < district->count; i++)
		for (const Finding *hold = district->pupils[i].result.holds; hold != NULL; hold = hold->next)
			if (hold->row->start == key->start && row_has(hold->row, SENR_SCHOOL, key->school) &&
				row_has(hold->row, SENR_SSID, key->ssid))
				return true;
	return false;
}

static void
compare_with_sis(District *district)
{
	const Difference *difference;

	for (int i = 0; i < district->count; i++)
		for (const Enrollment *row = district->pupils[i].student.target; row != NULL; row = row->next)
			rehearsal_expect(district->rehearsal, line_of(district->arena, row));
	difference = rehearsal_differences(district->rehearsal);
	while (difference != NULL && is_held(district, &difference->key))
		difference = difference->next;
	if (difference == NULL)
		return;
	district->broken = arena_print(district->arena, "school %s, %s: %s", difference->key.school,
								   difference->field >= 0 ? senr_field_name[difference->field] : "row",
								   difference->explanation);
	district->broken_for = difference->key.ssid;
}

/* ---- the districts ------------------------------------------------------------------ */

static void
print_rows(const District *district, const char *side, const Enrollment *row)
{
	for (; row != NULL; row = row->next)
		printf("#   %s %s\n", side, line_of(district->arena, row));
}

static void
print_broken(const District *district, int number)
{
	printf("# district %d: %s\n", number, district->broken);
	for (int i = 0; i < district->count; i++)
	{
		const Pupil *pupil = &district->pupils[i];

		if (district->broken_for == NULL || strcmp(pupil->ssid, district->broken_for) != 0)
			continue;
		print_rows(district, "CALPADS", pupil->student.baseline);
		print_rows(district, "SIS    ", pupil->student.target);
	}
}

/* Does the promise hold for the district of that number? */
static bool
try_district(Arena *arena, int number, bool lawful)
{
	District	district = {.arena = arena, .random = (uint64_t) number * 2 + (lawful ? 1 : 2)};

	district.options.rules = &rules;
	district.options.today = day_from_calendar(2025, 11, 1);
	district.options.year_start = day_from_calendar(2025, 7, 1);
	district.options.window_start = day_from_calendar(2023, 7, 1);
	district.plan = wave_plan_create(arena, &senr_wave_rules, &district.options);
	for (int i = 0; i < 20; i++)
		choose(&district, 2);	/* near seeds drift apart */
	make_students(&district, lawful);
	district.rehearsal = rehearsal_create(arena, LEA, district.options.today, &rules);
	for (int i = 0; i < district.count; i++)
		take_rows(&district, district.rehearsal, &district.pupils[i].student);
	post_files(&district);
	if (district.broken == NULL)
		compare_with_sis(&district);
	if (district.broken != NULL)
		print_broken(&district, number);
	return district.broken == NULL;
}

static void
try_districts(bool lawful)
{
	Arena	   *arena = arena_create(out_of_memory);
	int			broken = 0;

	for (int number = 1; number <= DISTRICT_COUNT && broken < 5; number++)
	{
		broken += !try_district(arena, number, lawful);
		arena_reset(arena);
	}
	CHECK_INT(0, broken);
	arena_destroy(arena);
}

static void
test_districts_with_lawful_past(void)
{
	try_districts(true);
}

static void
test_districts_with_any_past(void)
{
	try_districts(false);
}

int
main(void)
{
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		fields[field].name = fields[field].label = senr_field_name[field];
	RUN(test_districts_with_lawful_past);
	RUN(test_districts_with_any_past);
	return unit_finish();
}
