/*
 * Student programs: two pictures and the enrollments in, operations and file
 * numbers out; then one record for each rule of SPRG that is implemented.
 *
 * A program is "school program start-end" with an optional "/service" or
 * "=unaccompanied"; a day is MMDD of the school year 2025-26, p and o before
 * it are the years before, t the one before the window.  An enrollment is "school start-end reason".
 * Today is 2025-11-01.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "reconcile_sprg.h"
#include "reference_data.h"
#include "rule_check.h"
#include "unit.h"

typedef struct Case
{
	const char *name;
	const char *calpads;
	const char *sis;
	const char *stays;			/* "posted", or "posted>coming" */
	const char *expected;
} Case;

#define HERE "A 0820- -"

static const Case cases[] = {
	{"equal pictures give nothing", "A 127 0901-", "A 127 0901-", HERE, ""},
	{"an end appears", "A 127 0901-", "A 127 0901-1015", HERE, "1:E A 127 0901-1015"},
	{"an end changes", "A 127 0901-1010", "A 127 0901-1015", HERE, "1:E A 127 0901-1015"},
	{"opened again", "A 127 0901-1010", "A 127 0901-", HERE, "1:U A 127 0901-"},
	{"new", "", "A 127 0901-", HERE, "1:U A 127 0901-"},
	{"not in the SIS", "A 127 0901-", "", HERE, "1:D A 127 0901-"},
	{"start corrected: two rows, two files", "A 127 0901-", "A 127 0905-", HERE,
	"1:D A 127 0901-, 2:U A 127 0905-"},
	{"service corrected", "A 122 0901-/05", "A 122 0901-/06", HERE,
	"1:D A 122 0901-/05, 2:U A 122 0901-/06"},
	{"two services beside each other", "A 122 0901-/05", "A 122 0901-/05;A 122 0901-/06", HERE,
	"1:U A 122 0901-/06"},
	{"an older open row is closed by an earlier file", "A 127 0901-", "A 127 0901-1010;A 127 1011-", HERE,
	"1:E A 127 0901-1010, 2:U A 127 1011-"},
	{"several programs of a student stand in one file", "", "A 127 0901-;A 181 0901-;A 192 0901-", HERE,
	"1:U A 127 0901-, 1:U A 181 0901-, 1:U A 192 0901-"},
	{"two overlapping participations leave one after the other",
	"A 108 0901-;A 108 1001-", "A 108 0901-0930;A 108 1001-", HERE, "1:E A 108 0901-0930"},
	{"one open row is replaced by two", "A 108 0901-", "A 108 0901-0915;A 108 0916-0930;A 108 1001-", HERE,
	"1:E A 108 0901-0915, 2:U A 108 0916-0930, 2:U A 108 1001-"},
	{"ended in an earlier year: left alone", "A 127 o0901-p0301", "", HERE, ""},
	{"open since an earlier year and not in the SIS: removed", "A 127 o0901-", "", HERE, "1:D A 127 o0901-"},
	{"a row that ended in an earlier year is not added", "", "A 127 p0901-p0301", HERE,
	"held:EARLIER_YEAR A 127 p0901-p0301"},
	{"one that ended this year is", "", "A 127 o0901-0825", HERE, "1:U A 127 o0901-0825"},
	{"the last day of the year before", "", "A 127 o0901-p0630;A 127 0701-", HERE,
	"1:U A 127 0701-, held:EARLIER_YEAR A 127 o0901-p0630"},
	{"its other key in CALPADS stays", "A 127 p0905-", "A 127 p0901-p0301", HERE,
	"held:EARLIER_YEAR A 127 p0901-p0301, held:REPLACEMENT_HELD A 127 p0905-"},
	{"unless a row of this year replaces that", "A 127 p0905-", "A 127 p0901-p0301;A 127 0901-", HERE,
	"1:D A 127 p0905-, 2:U A 127 0901-, held:EARLIER_YEAR A 127 p0901-p0301"},
	{"a row of this year is not its other key", "A 127 0905-", "A 127 p0901-p0301", HERE,
	"1:D A 127 0905-, held:EARLIER_YEAR A 127 p0901-p0301"},
	{"participation of last year is ended, this year's is added", "A 108 p0901-", "A 108 p0901-p0605;A 108 0820-",
	"A p0820-p0605 E155;A 0820- -", "1:E A 108 p0901-p0605, 2:U A 108 0820-"},
	{"CALPADS has closed it with the exit", "A 108 0901-1003", "A 108 0901-", "A 0820-1003 E140", ""},
	{"but the exit is taken back", "A 108 0901-1003", "A 108 0901-", "A 0820-1003 E140>", "held:GERR0005 A 108 0901-"},
	{"or comes on another day", "A 108 0901-1003", "A 108 0901-", "A 0820-1003 E140>A 0820-0930 E140",
	"held:GERR0005 A 108 0901-"},
	{"CALPADS does not close at an E155", "A 108 0901-1003", "A 108 0901-", "A 0820-1003 E155", "1:U A 108 0901-"},
	{"but the student came back", "A 181 0901-1003", "A 181 0901-", "A 0820-1003 E140;A 1020- -",
	"1:U A 181 0901-"},
	{"it closes no eligibility", "A 127 0901-1003", "A 127 0901-", "A 0820-1003 E140", "1:U A 127 0901-"},
	{"an end that CALPADS will have by itself is sent", "A 108 0901-", "A 108 0901-1003", "A 0820- ->A 0820-1003 E140",
	"1:E A 108 0901-1003"},
	{"an open row is no wish to open it again then", "A 108 0901-", "A 108 0901-", "A 0820- ->A 0820-1003 E140", ""},
	{"not as the SIS has it", "A 108 0901-", "A 108 0901-1001", "A 0820- ->A 0820-1003 E140",
	"1:E A 108 0901-1001"},
	{"it will be opened again for who comes back", "A 181 0901-", "A 181 0901-",
	"A 0820- ->A 0820-1003 E140;A 1020- -", "1:U A 181 0901- after 1003"},
	{"and who has come back has it opened after a second exit too", "A 181 0901-1003", "A 181 0901-",
	"A 0820-1003 E140;A 1010- ->A 0820-1003 E140;A 1010-1015 E140;A 1020- -", "1:U A 181 0901- after 1015"},
	{"a new row waits for the exit that would close it", "", "A 181 0901-",
	"A 0820- ->A 0820-1003 E140;A 1020- -", "1:U A 181 0901- after 1003"},
	{"an E150 to come closes nothing", "A 181 0901-", "A 181 0901-", "A 0820- ->A 0820-1003 E150;A 1004- -", ""},
	{"an E155 to come closes meals only", "A 108 0901-;A 181 0901-", "A 108 0901-1003;A 181 0901-1003",
	"A 0820- ->A 0820-1003 E155", "1:E A 108 0901-1003, 1:E A 181 0901-1003"},
	{"an exit at another school", "A 181 0901-", "A 181 0901-", "A 0820- -;B 0820- ->A 0820- -;B 0820-1003 E140", ""},
	{"an exit before the start", "A 181 1010-", "A 181 1010-", "A 0820- ->A 0820-1003 E140;A 1006- -", ""},
	{"what began before the window may be unknown to the SIS", "A 127 t0901-", "", HERE, ""},
	{"but not where the SIS has the program there", "A 127 t0901-", "A 127 t0902-", HERE,
	"1:D A 127 t0901-, 2:U A 127 t0902-"},
	{"another record of the program replaces the row when the nearest is held", "A 127 0901-",
	"A 127 0902-0801;A 127 0903-", HERE, "1:D A 127 0901-, 2:U A 127 0903-, held:PROGRAM_END_BEFORE_START A 127 0902-0801"},
	{"two that exclude each other, and one row that is in both their ways: one is sent", "A 108 0901-",
	"A 108 0825-0905;A 108 0904-", HERE, "1:D A 108 0901-, 2:U A 108 0825-0905, held:SPRG0070 A 108 0904-"},
	{"the student went to another school", "A 108 0901-1003", "A 108 0901-1003;B 108 1006-",
	"A 0820-1003 T160;B 1006- -", "1:U B 108 1006-"},
	{"no enrollment, and none to come", "", "A 127 0901-", "", "held:GERR0005 A 127 0901-"},
	{"an enrollment to come", "", "A 127 0901-", ">A 0820- -", "1:U A 127 0901- waits"},
	{"an enrollment that goes", "", "A 127 0901-", "A 0820- ->", "held:GERR0005 A 127 0901-"},
	{"eligibility may start before the enrollment", "", "A 127 p0901-", HERE, "1:U A 127 p0901-"},
	{"participation may not", "", "A 108 0801-", HERE, "held:GERR0005 A 108 0801-"},
	{"eligibility ends with the exit at the latest", "", "A 127 0901-1010", "A 0820-1003 E140",
	"held:GERR0005 A 127 0901-1010"},
	{"an E150 is no exit", "", "A 108 0901-1010", "A 0820-1003 E150;A 1004- -", "1:U A 108 0901-1010"},
	{"the replacement is held, so the row stays", "A 108 0901-", "A 108 0801-", HERE,
	"held:GERR0005 A 108 0801-, held:REPLACEMENT_HELD A 108 0901-"},
	{"two open rows in the SIS: one is sent", "", "A 127 0901-;A 127 0915-", HERE,
	"1:U A 127 0901-, held:PROGRAM_OPEN_TWICE A 127 0915-"},
	{"participation overlaps", "", "A 108 0901-1010;A 108 1001-", HERE,
	"1:U A 108 0901-1010, held:SPRG0070 A 108 1001-"},
	{"another's row stands in the way", "A 108 p0901-p0605;A 127 0901-", "A 127 0901-;A 127 0902-", HERE,
	"held:PROGRAM_OPEN_TWICE A 127 0902-"},
	{"a retired program is not looked at", "A 185 0901-", "", HERE, ""},
	{"once unaccompanied, always in the year", "A 191 0901-=Y", "A 191 0901-=N", HERE, ""},
	{"also in the next row of the year", "A 191 0901-1001=Y", "A 191 0901-1001=Y;A 191 1002-=N", HERE,
	"1:U A 191 1002-=Y"},
	{"and when CALPADS gets both at once", "", "A 191 0901-1001=Y;A 191 1002-=N", HERE,
	"1:U A 191 0901-1001=Y, 1:U A 191 1002-=Y"},
	{"not in a row that began before", "A 191 0920-1001=Y", "A 191 0901-0919=N;A 191 0920-1001=Y", HERE,
	"1:U A 191 0901-0919=N"},
	{"the year after it is over", "A 191 p0901-p0601=Y", "A 191 p0901-p0601=Y;A 191 0901-=N", HERE,
	"1:U A 191 0901-=N"},
	{"another school", "A 127 0901-", "B 127 0901-", "A 0820-0825 T160;B 0820- -",
	"1:D A 127 0901-, 2:U B 127 0901-"},
};

static ProgramBook programs;
static RuleBook rules;
static ReconcileOptions options;

/* ---- reading ------------------------------------------------------------------- */

static const char *
parse_day(const char *text, DayNumber *day)
{
	int			year = 2025;
	int			number;

	if (*text == 'p' || *text == 'o' || *text == 't')
	{
		year -= *text == 'p' ? 1 : *text == 'o' ? 2 : 11;
		text++;
	}
	number = atoi(text);
	*day = day_from_calendar(number / 100 < 7 ? year + 1 : year, number / 100, number % 100);
	return text + 4;
}

static const char *
date8(Arena *arena, DayNumber day)
{
	char		digits[8];

	day_to_date8(day, digits);
	return arena_copy(arena, digits, sizeof(digits));
}

/* The academic year of the start, or this one when an enrollment of this year carries the row. */
static const char *
academic_year(Arena *arena, const PictureRow *row)
{
	int			year = row->end < options.year_start ? school_year(row->start) : 2025;

	return arena_print(arena, "%d-%d", year, year + 1);
}

static PictureRow *
parse_program(Arena *arena, const char *text)
{
	PictureRow *row = arena_allocate(arena, sizeof(PictureRow));
	const char *rest;

	row->value[SPRG_RECORD_TYPE] = "SPRG";
	row->value[SPRG_REPORTING_LEA] = "0761234";
	row->value[SPRG_SCHOOL] = *text == 'A' ? "6101010" : "6202020";
	row->value[SPRG_SSID] = "1000000001";
	row->value[SPRG_LOCAL_STUDENT_ID] = "1";
	row->value[SPRG_FIRST_NAME] = "Ana";
	row->value[SPRG_LAST_NAME] = "Alder";
	row->value[SPRG_BIRTH_DATE] = "20140301";
	row->value[SPRG_GENDER] = "F";
	row->value[SPRG_PROGRAM] = arena_copy(arena, text + 2, 3);
	rest = parse_day(text + 6, &row->start) + 1;
	row->end = ROW_OPEN;
	if (isdigit((unsigned char) *rest) || *rest == 'p' || *rest == 'o')
		rest = parse_day(rest, &row->end);
	row->value[SPRG_START_DATE] = date8(arena, row->start);
	if (row->end != ROW_OPEN)
		row->value[SPRG_END_DATE] = date8(arena, row->end);
	row->value[SPRG_ACADEMIC_YEAR] = academic_year(arena, row);
	if (strcmp(row->value[SPRG_PROGRAM], "122") == 0)
		row->value[SPRG_SERVICE_YEAR] = "2025-2026";
	if (*rest == '/')
		row->value[SPRG_SERVICE] = arena_copy(arena, rest + 1, 2);
	if (strcmp(row->value[SPRG_PROGRAM], "191") == 0)
	{
		row->value[SPRG_DWELLING] = "100";
		row->value[SPRG_UNACCOMPANIED] = *rest == '=' ? arena_copy(arena, rest + 1, 1) : "N";
		row->value[SPRG_RUNAWAY] = "N";
	}
	row->in_scope = true;
	return row;
}

static PictureRow *
parse_programs(Arena *arena, const char *text)
{
	PictureRow *rows = NULL;

	while (*text != '\0')
	{
		PictureRow *row = parse_program(arena, text);

		row->next = rows;
		rows = row;
		text += strcspn(text, ";");
		text += *text == ';';
	}
	return rows;
}

static bool
is_posted(const Stay *stays, const Stay *stay)
{
	for (; stays != NULL; stays = stays->next)
		if (stays->posted && stays->start == stay->start && stays->end == stay->end &&
			strcmp(stays->school, stay->school) == 0 && same_value(stays->reason, stay->reason))
			return true;
	return false;
}

/* Before the > are the posted ones, which stay unless a > follows; after it those to come. */
static Stay *
parse_stays(Arena *arena, const char *text)
{
	const char *change = strchr(text, '>');
	Stay	   *stays = NULL;

	while (*text != '\0')
	{
		Stay	   *stay = arena_allocate(arena, sizeof(Stay));
		const char *rest;

		if (*text == '>')
		{
			text++;
			continue;
		}
		stay->posted = change == NULL || text < change;
		stay->coming = change == NULL || text > change;
		stay->school = *text == 'A' ? "6101010" : "6202020";
		rest = parse_day(text + 2, &stay->start) + 1;
		stay->end = ROW_OPEN;
		if (*rest != ' ')
			rest = parse_day(rest, &stay->end);
		if (rest[1] != '-')
			stay->reason = arena_copy(arena, rest + 1, 4);
		stay->closes = stay->coming && !stay->posted && stay->end != ROW_OPEN && !is_posted(stays, stay);
		stay->next = stays;
		stays = stay;
		text += strcspn(text, ";>");
		text += *text == ';';
	}
	return stays;
}

/* ---- printing ------------------------------------------------------------------- */

static const char *
print_day(Arena *arena, DayNumber number)
{
	int			year,
				month,
				day;

	if (number == ROW_OPEN)
		return "";
	day_to_calendar(number, &year, &month, &day);
	year = month < 7 ? year - 1 : year;
	return arena_print(arena, "%s%02d%02d", year == 2025 ? "" : year == 2024 ? "p" : year == 2023 ? "o" : "t", month, day);
}

static const char *
print_row(Arena *arena, const PictureRow *row)
{
	const char *text = arena_print(arena, "%s %s %s-%s", row_has(row, SPRG_SCHOOL, "6101010") ? "A" : "B",
								   row->value[SPRG_PROGRAM], print_day(arena, row->start),
								   print_day(arena, row->end));

	if (row->value[SPRG_SERVICE] != NULL)
		text = arena_print(arena, "%s/%s", text, row->value[SPRG_SERVICE]);
	if (row->value[SPRG_UNACCOMPANIED] != NULL)
		text = arena_print(arena, "%s=%s", text, row->value[SPRG_UNACCOMPANIED]);
	return text;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static const char *
print_result(Arena *arena, const Reconciliation *result)
{
	const char *parts[64];
	const char *printed = "";
	size_t		count = 0;
	WavePlan   *plan = wave_plan_create(arena, &sprg_wave_rules, &options);

	wave_plan_add(plan, result->operations);
	wave_plan_finish(plan);
	for (const Operation *operation = result->operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			parts[count++] = arena_print(arena, "%d:%c %s%s",
										 wave_file_number(plan, operation->shape, operation->place),
										 "DEU"[operation->category], print_row(arena, operation->record),
										 operation->follows_exit ?
										 arena_print(arena, " after %s", print_day(arena, operation->exit_day)) :
										 operation->waits ? " waits" : "");
	for (const Finding *hold = result->holds; hold != NULL; hold = hold->next)
		parts[count++] = arena_print(arena, "held:%s %s", hold->rule, print_row(arena, hold->row));
	qsort(parts, count, sizeof(parts[0]), compare_strings);
	for (size_t i = 0; i < count; i++)
		printed = arena_print(arena, "%s%s%s", printed, i > 0 ? ", " : "", parts[i]);
	return printed;
}

static void
test_cases(Arena *arena)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Student		student = {.in_sis = true};
		Reconciliation result;
		const char *printed;

		student.baseline = parse_programs(arena, cases[i].calpads);
		student.target = parse_programs(arena, cases[i].sis);
		student.stays = parse_stays(arena, cases[i].stays);
		result = reconcile_programs(arena, &student, &options);
		printed = print_result(arena, &result);
		CHECK_NAMED(strcmp(printed, cases[i].expected) == 0,
					arena_print(arena, "%s: %s", cases[i].name, printed));
	}
}

/* ---- what is noted of a student ----------------------------------------------------- */

static void
check_student(Arena *arena, Student student, const char *name, const char *expected)
{
	Reconciliation result;
	const char *printed;

	student.baseline = parse_programs(arena, "A 127 0901-;A 192 0901-");
	student.target = parse_programs(arena, "A 127 0901-1001");
	student.stays = parse_stays(arena, HERE);
	result = reconcile_programs(arena, &student, &options);
	printed = print_result(arena, &result);
	CHECK_NAMED(strcmp(printed, expected) == 0, arena_print(arena, "%s: %s", name, printed));
}

static void
test_students(Arena *arena)
{
	Student		student = {.in_sis = true};
	PictureRow *unclear;
	Reconciliation result;

	check_student(arena, student, "a student without marks", "1:D A 192 0901-, 2:E A 127 0901-1001");
	student.doubt = (Doubt){"PROTECTED", "No.", "calpads.protected_ssid"};
	check_student(arena, student, "a protected one", "1:E A 127 0901-1001, held:PROTECTED A 192 0901-");
	student.doubt.rule = NULL;
	student.load_problem = "Line 3 was set aside.";
	check_student(arena, student, "a row was set aside",
				  "held:LOAD_ERROR A 127 0901-1001, held:LOAD_ERROR A 192 0901-");
	student.load_problem = NULL;
	student.in_sis = false;
	check_student(arena, student, "SENR does not report the student", "1:E A 127 0901-1001");

	student = (Student){.in_sis = true};
	student.baseline = parse_programs(arena, "A 127 0901-;A 192 0901-");
	unclear = parse_programs(arena, "A 127 0905-");
	unclear->value[SPRG_START_DATE] = NULL;
	unclear->problems = "[]";
	student.target = unclear;
	student.stays = parse_stays(arena, HERE);
	result = reconcile_programs(arena, &student, &options);
	CHECK_NAMED(strcmp(print_result(arena, &result), "1:D A 192 0901-, held:MAPPING A 127 0905-, "
					   "held:PROGRAM_UNCLEAR A 127 0901-") == 0,
				"a wrong record holds its program and no other");
}

/* ---- rules ------------------------------------------------------------------------------ */

typedef struct RuleCase
{
	const char *number;
	const char *row;			/* a lawful record */
	int			field;			/* what breaks the rule */
	const char *value;
	bool		warns;
	const char *beside;			/* another row of the student */
} RuleCase;

static const RuleCase rule_cases[] = {
	{"FRMT0001", "A 127 0901-", SPRG_LOCAL_STUDENT_ID, "1234567890123456", false, ""},
	{"FRMT0002", "A 127 0901-", SPRG_BIRTH_DATE, "20140230", false, ""},
	{"FRMT0004", "A 127 0901-", SPRG_LAST_NAME, "Al^der", false, ""},
	{"GERR0001", "A 127 0901-", SPRG_LAST_NAME, NULL, false, ""},
	{"GERR0002", "A 127 0901-", SPRG_GENDER, "Q", false, ""},
	{"GERR0007", "A 127 0901-", SPRG_PROGRAM, "185", false, ""},
	{"IVR0006", "A 127 0901-", SPRG_ACADEMIC_YEAR, "2025-2027", false, ""},
	{"PROGRAM_ACADEMY", "A 127 0901-", SPRG_ACADEMY, "12345", false, ""},
	{"PROGRAM_BEFORE_BIRTH", "A 127 0901-", SPRG_BIRTH_DATE, "20250901", false, ""},
	{"PROGRAM_END_BEFORE_START", "A 127 0901-0831", -1, NULL, false, ""},
	{"PROGRAM_FAR_AHEAD", "A 127 0601-", -1, NULL, true, ""},
	{"PROGRAM_HOMELESS", "A 191 0901-", SPRG_DWELLING, NULL, false, ""},
	{"PROGRAM_MIGRANT_ID", "A 127 0901-", SPRG_MIGRANT_ID, "06123456789", false, ""},
	{"PROGRAM_RUNAWAY", "A 191 0901-", SPRG_RUNAWAY, "Y", false, ""},
	{"PROGRAM_SERVICE_YEAR", "A 127 0901-", SPRG_SERVICE_YEAR, "2025-2026", false, ""},
	{"SPRG0081", "A 122 0901-/05", SPRG_SERVICE, NULL, false, ""},
	{"SPRG0150", "A 127 0901-", SPRG_SERVICE, "05", false, ""},
	{"SPRG0168", "A 122 0901-/05", SPRG_SERVICE_YEAR, NULL, false, ""},
	{"SPRG0253", "A 127 0901-", SPRG_MIGRANT_ID, "07123456789", false, ""},
	{"SPRG0645F1", "A 181 p0901-0901", -1, NULL, true, ""},
	{"SPRG0723E2", "A 162 0901-", SPRG_BIRTH_DATE, "20050901", true, ""},
	{"SPRG0746E1", "A 191 0901-o0901", -1, NULL, true, ""},
	{"SPRG0747E1", "A 191 0901-", -1, NULL, true, "A 191 p0901-"},
};

/* Rules whose test is one of the cases above, or in sql/sprg.sql. */
static const char *const tested_elsewhere[] = {
	"EARLIER_YEAR", "GERR0005", "GERR0008", "IVR0001", "IVR0002", "IVR0034", "PROGRAM_NOT_THERE", "PROGRAM_OPEN_TWICE", "PROGRAM_UNCLEAR",
	"SPRG0070", "SPRG0249",
};

static bool
breaks(Arena *arena, const RuleCase *rule_case, const PictureRow *record)
{
	const PictureRow *rows[2] = {record, parse_programs(arena, rule_case->beside)};
	const Violation *violation = rule_case->warns ?
		rule_warnings(arena, &rules, record, rows, rows[1] != NULL ? 2 : 1, options.today) :
		rule_check(arena, &rules, record, options.today);

	for (; violation != NULL; violation = violation->next)
		if (strcmp(violation->rule, rule_case->number) == 0)
			return true;
	return false;
}

static void
test_rules(Arena *arena)
{
	for (size_t i = 0; i < sizeof(rule_cases) / sizeof(rule_cases[0]); i++)
	{
		const RuleCase *rule_case = &rule_cases[i];
		PictureRow *record = parse_program(arena, rule_case->row);

		record->value[SPRG_TRANSACTION_TYPE] = "A";
		if (rule_case->field >= 0)
		{
			CHECK_NAMED(!breaks(arena, rule_case, record),
						arena_print(arena, "%s lets a lawful record pass", rule_case->number));
			record->value[rule_case->field] = rule_case->value;
		}
		CHECK_NAMED(breaks(arena, rule_case, record), arena_print(arena, "%s fires", rule_case->number));
	}
}

static bool
is_tested(const char *number)
{
	for (size_t i = 0; i < sizeof(rule_cases) / sizeof(rule_cases[0]); i++)
		if (strcmp(rule_cases[i].number, number) == 0)
			return true;
	for (size_t i = 0; i < sizeof(tested_elsewhere) / sizeof(tested_elsewhere[0]); i++)
		if (strcmp(tested_elsewhere[i], number) == 0)
			return true;
	return false;
}

static void
test_coverage(Arena *arena)
{
	Table		table = read_table(arena, "rule");
	int			count = 0;

	for (int row = 0; row < table.row_count; row++)
	{
		const char *number = cell(&table, row, "number");
		bool		implemented = strcmp(cell(&table, row, "coverage"), "implemented") == 0;

		if (strcmp(cell(&table, row, "process"), "SPRG") != 0)
			continue;
		count++;
		CHECK_NAMED(implemented == is_tested(number),
					arena_print(arena, "%s is %s", number, implemented ? "implemented, and tested" :
								"not implemented"));
	}
	CHECK_NAMED(count > 40, "the rules of SPRG are in the table");
}

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

int
main(void)
{
	static const Program offered[] = {
		{"108", "Opportunity Program", true, true}, {"122", "Title I", true, true}, {"127", NULL, false, false},
		{"162", NULL, false, false}, {"181", NULL, false, true}, {"191", NULL, false, false},
		{"192", NULL, false, false},
	};
	Arena	   *arena = arena_create(out_of_memory);

	programs = (ProgramBook){sizeof(offered) / sizeof(offered[0]), offered};
	rules = load_process_book(arena, &sprg_process, 2025);
	options = (ReconcileOptions){
		.today = day_from_calendar(2025, 11, 1),
		.year_start = day_from_calendar(2025, 7, 1),
		.window_start = day_from_calendar(2015, 7, 1),
		.rules = &rules,
		.programs = &programs,
	};
	test_cases(arena);
	test_students(arena);
	test_rules(arena);
	test_coverage(arena);
	arena_destroy(arena);
	return unit_finish();
}
