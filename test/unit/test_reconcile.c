/*
 * Reconciling and ordering: two pictures of one student in, records and their
 * files out.  A row is written
 *
 *	  school start-end status grade reason completion
 *
 * with dates as month and day of the school year 2025-26 (today is 2025-11-01;
 * with "p" before the date it is 2024-25), "-" alone for a row that is open.
 * What comes out is written as
 *
 *	  file:category school start-end reason/status, held:rule school start
 *
 * with D for removals, E for exits, U for updates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"
#include "process.h"
#include "reconcile.h"
#include "unit.h"
#include "wave.h"

typedef struct Case
{
	const char *name;
	const char *calpads;
	const char *sis;
	const char *expected;
} Case;

static const Case cases[] = {
	{"equal pictures give nothing",
	"A 0820- 10 05", "A 0820- 10 05", ""},
	{"the student left",
	"A 0820- 10 05", "A 0820-1003 10 05 T160", "1:E A 0820-1003 T160/10"},
	{"exit date corrected",
	"A 0820-1003 10 05 T160", "A 0820-1004 10 05 T160", "1:E A 0820-1004 T160/10"},
	{"exit taken back",
	"A 0820-1003 10 05 T160", "A 0820- 10 05", "1:E A 0820- -/10"},
	{"grade corrected",
	"A 0820- 10 05", "A 0820- 10 06", "1:U A 0820- -/10"},
	{"exit and grade in one record",
	"A 0820- 10 05", "A 0820-1003 10 06 T160", "1:E A 0820-1003 T160/10"},
	{"new student",
	"", "A 0820- 10 05", "1:U A 0820- -/10"},
	{"school change inside the LEA",
	"A 0820- 10 05", "A 0820-1003 10 05 T160;B 1006- 10 05",
	"1:E A 0820-1003 T160/10, 2:U B 1006- -/10"},
	{"start moved, another row stays",
	"A p0820-0610 10 04 E155;A 0820- 10 05", "A p0820-0610 10 04 E155;A 0821- 10 05",
	"1:D A 0820- -/10, 2:U A 0821- -/10"},
	{"start moved, only row: N470 with the day before",
	"A 0820- 10 05", "A 0821- 10 05", "1:E A 0820-0819 N470/10, 2:U A 0821- -/10"},
	{"wrong school, only row",
	"A 0820- 10 05", "B 0820- 10 05", "1:E A 0820-0819 N470/10, 2:U B 0820- -/10"},
	{"never had, other rows stay",
	"A 0820- 10 05;B 0820- 20 05", "A 0820- 10 05", "1:D B 0820- -/20"},
	{"all rows go: the oldest of status 10 becomes N470",
	"A 0820-0901 20 05 E170;B 0902- 10 05;C 0903- 20 05", "",
	"1:D A 0820-0901 E170/20, 1:D C 0903- -/20, 2:E B 0902-0901 N470/10"},
	{"only secondary rows: N470 with status 10",
	"A 0820- 20 05", "", "1:E A 0820-0819 N470/10"},
	{"N470 leftover is inert",
	"A 0820-0819 10 05 N470;A 0821- 10 05", "A 0821- 10 05", ""},
	{"N470 leftover keeps a removal from being the last row",
	"A 0820-0819 10 05 N470;A 0821- 10 05", "A 0822- 10 05",
	"1:D A 0821- -/10, 2:U A 0822- -/10"},
	{"N470 on both sides is compared like any row",
	"A 0820-0819 10 05 N470", "A 0820-0820 10 05 N470", "1:E A 0820-0820 N470/10"},
	{"N470 revived",
	"A 0820-0819 10 05 N470", "A 0820- 10 05", "1:E A 0820- -/10"},
	{"no-show of the SIS that CALPADS never had",
	"B p0820-0610 10 04 E155", "B p0820-0610 10 04 E155;A 0820-0819 10 05 N470", ""},
	{"chain of three schools in one autumn",
	"A 0820- 10 05", "A 0820-0905 10 05 T160;B 0908-0926 10 05 T160;C 0929- 10 05",
	"1:E A 0820-0905 T160/10, 2:U B 0908-0926 T160/10, 3:U C 0929- -/10"},
	{"lengthening trap",
	"A 0820-1001 10 05 E150;A 1002- 10 06", "A 0820-1005 10 05 E150;A 1006- 10 06",
	"1:D A 1002- -/10, 2:E A 0820-1005 E150/10, 3:U A 1006- -/10"},
	{"boundary moved between two schools: the shortening comes first",
	"A 0820-1001 10 05 T160;B 1002-1031 10 05 T160",
	"A 0820-0930 10 05 T160;B 1002-1030 10 05 T160",
	"1:E A 0820-0930 T160/10, 2:E B 1002-1030 T160/10"},
	{"lengthening waits for a status change",
	"A 0820-1001 10 05 T160;B 1002- 10 05", "A 0820-1010 10 05 T160;B 1002- 20 05",
	"1:U B 1002- -/20, 2:E A 0820-1010 T160/10"},
	{"prior year still open",
	"A p0820- 10 04", "A p0820-0610 10 04 E155;A 0820- 10 05",
	"1:E A p0820-0610 E155/10, 2:U A 0820- -/10"},
	{"an earlier year is not opened again",
	"A p0820-0605 10 12 E156", "A p0820- 10 12", "held:CERT112 A p0820"},
	{"unmatched rows of an earlier year stay on both sides",
	"A p0820-0610 10 04 E155", "B p0820-0610 10 04 E155",
	"held:EARLIER_YEAR A p0820, held:EARLIER_YEAR B p0820"},
	{"an open row of an earlier year stands in the way",
	"A p0820- 10 04", "B 0820- 10 05",
	"held:EARLIER_YEAR A p0820, held:SENR0027 B 0820"},
	{"overlap in the SIS: the second one is held",
	"", "A 0820- 10 05;B 0901- 10 05", "1:U A 0820- -/10, held:SENR0027 B 0901"},
	{"overlap at one school is held whatever the status",
	"A 0820- 10 05", "A 0820- 10 05;A 0901- 20 05", "held:SENR0178 A 0901"},
	{"a secondary row may overlap at another school",
	"A 0820- 10 05", "A 0820- 10 05;B 0901- 20 05", "1:U B 0901- -/20"},
	{"two rows that hold each other up: one of them is sent after all",
	"A 1220-0110 20 05 E170;A 0228- 20 05", "A 1220- 20 05;A 0228-0401 10 05 T160",
	"1:E A 0228-0401 T160/10, held:SENR0178 A 1220"},
	{"a removal waits for its replacement that is held",
	"A 0820- 10 05;B 0820-0830 20 05 E170", "A 0821- 10 05 T160;B 0820-0830 20 05 E170",
	"held:GERR0001 A 0821, held:REPLACEMENT_HELD A 0820"},
	{"the same key twice in the SIS, once so, once so",
	"A 0820- 10 05", "A 0820- 10 05;A 0820- 10 06", "held:IVR0034 A 0820, held:IVR0034 A 0820"},
	{"the same key twice in the SIS, both alike",
	"", "A 0820- 10 05;A 0820- 10 05", "1:U A 0820- -/10"},
	{"exit before start is held",
	"A 0820- 10 05", "A 0820-0810 10 05 T160", "held:SENR0018 A 0820"},
	{"completion without E230 is held",
	"A 0820- 10 12", "A 0820-1001 10 12 T160 100", "held:SENR0175 A 0820"},
	{"secondary rows exit with E170 only",
	"A 0820- 20 05", "A 0820-1001 20 05 T160", "held:SENR0302 A 0820"},
	{"short-term rows last 30 days",
	"A 0820-0825 30 05 T160", "A 0820-0930 30 05 T160", "held:SENR0187 A 0820"},
	{"nothing stays open after a graduation: the secondary row closes first",
	"A 0820- 10 12;B 0901- 20 12", "A 0820-1001 10 12 E230 100;B 0901-0930 20 12 E170",
	"1:E B 0901-0930 E170/20, 2:E A 0820-1001 E230/10"},
	{"a graduate is not enrolled again",
	"A 0820-1001 10 12 E230 100", "A 0820-1001 10 12 E230 100;B 1006- 10 12",
	"held:SENR0587 B 1006"},
	{"a graduation taken back comes before the next enrollment",
	"A 0820-1001 10 12 E230 100", "A 0820-1001 10 12 T160;B 1006- 10 12",
	"1:E A 0820-1001 T160/10, 2:U B 1006- -/10"},
};

#define STUDENT "1234567890"

static int
calendar_year(bool earlier, int month)
{
	return (month >= 7 ? 2025 : 2026) - (earlier ? 1 : 0);
}

/* "0820" or "p0820" → day; moves *text behind it. */
static DayNumber
parse_day(const char **text)
{
	bool		earlier = **text == 'p';
	int			number;

	if (earlier)
		(*text)++;
	number = (int) strtol(*text, (char **) text, 10);
	return day_from_calendar(calendar_year(earlier, number / 100), number / 100, number % 100);
}

static void
parse_dates(Arena *arena, Enrollment *row, const char *text)
{
	bool		earlier = *text == 'p';

	row->start = parse_day(&text);
	row_set_date(arena, row, SENR_START_DATE, row->start);
	text++;
	row->end = ROW_OPEN;
	if (*text == '\0')
		return;
	if (earlier && *text != 'p')
		text = arena_print(arena, "p%s", text);
	row->end = parse_day(&text);
	row_set_date(arena, row, SENR_EXIT_DATE, row->end);
}

static Enrollment *
parse_row(Arena *arena, const char *text)
{
	static const SenrField rest[] = {SENR_STATUS, SENR_GRADE, SENR_EXIT_REASON, SENR_COMPLETION};
	Enrollment *row = arena_allocate(arena, sizeof(Enrollment));
	char	   *copy = arena_copy(arena, text, strlen(text));
	char	   *state;
	const char *word;
	int			year,
				month,
				day;

	row->value[SENR_SCHOOL] = strtok_r(copy, " ", &state);
	parse_dates(arena, row, strtok_r(NULL, " ", &state));
	for (size_t i = 0; i < 4 && (word = strtok_r(NULL, " ", &state)) != NULL; i++)
		row->value[rest[i]] = word;
	day_to_calendar(school_year_start(row->start), &year, &month, &day);
	row->value[SENR_ACADEMIC_YEAR] = arena_print(arena, "%04d-%04d", year, year + 1);
	row->value[SENR_SSID] = STUDENT;
	if (row_has(row, SENR_COMPLETION, "100"))
		row->value[SENR_EXEMPTION] = "N";	/* SENR0632 */
	row->in_scope = true;
	return row;
}

static Enrollment *
parse_picture(Arena *arena, const char *text)
{
	char	   *copy = arena_copy(arena, text, strlen(text));
	char	   *state;
	Enrollment *rows = NULL;

	for (char *word = strtok_r(copy, ";", &state); word != NULL; word = strtok_r(NULL, ";", &state))
	{
		Enrollment *row = parse_row(arena, word);

		row->next = rows;
		rows = row;
	}
	return rows;
}

static const char *
print_day(Arena *arena, DayNumber number)
{
	int			year,
				month,
				day;

	if (number == ROW_OPEN)
		return "";
	day_to_calendar(number, &year, &month, &day);
	return arena_print(arena, "%02d%02d", month, day);
}

static const char *
print_operation(Arena *arena, const WavePlan *plan, const Operation *operation)
{
	const Enrollment *row = operation->record;
	bool		earlier = row->start < day_from_calendar(2025, 7, 1);

	return arena_print(arena, "%d:%c %s %s%s-%s %s/%s",
					   wave_file_number(plan, operation->shape, operation->place),
					   "DEU"[operation->category], row->value[SENR_SCHOOL], earlier ? "p" : "",
					   print_day(arena, row->start), print_day(arena, row->end),
					   row->value[SENR_EXIT_REASON] ? row->value[SENR_EXIT_REASON] : "-",
					   row->value[SENR_STATUS]);
}

static const char *
print_hold(Arena *arena, const Finding *hold)
{
	bool		earlier = hold->row->start < day_from_calendar(2025, 7, 1);

	return arena_print(arena, "held:%s %s %s%s", hold->rule, hold->row->value[SENR_SCHOOL],
					   earlier ? "p" : "", print_day(arena, hold->row->start));
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Everything that came out, sorted, as one text. */
static const char *
print_result(Arena *arena, const Reconciliation *result)
{
	const char *parts[64];
	const char *printed = "";
	size_t		count = 0;
	ReconcileOptions options = {.today = day_from_calendar(2025, 11, 1)};
	WavePlan   *plan = wave_plan_create(arena, &senr_wave_rules, &options);

	wave_plan_add(plan, result->operations);
	wave_plan_finish(plan);
	for (const Operation *operation = result->operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			parts[count++] = print_operation(arena, plan, operation);
	for (const Finding *hold = result->holds; hold != NULL; hold = hold->next)
		parts[count++] = print_hold(arena, hold);
	qsort(parts, count, sizeof(parts[0]), compare_strings);
	for (size_t i = 0; i < count; i++)
		printed = arena_print(arena, "%s%s%s", printed, i > 0 ? ", " : "", parts[i]);
	return printed;
}

static LayoutField fields[SENR_FIELD_COUNT];
static Layout layout = {"senr", "SENR", NULL, FORMAT_CARET, HEADER_NEVER,
SENR_FIELD_COUNT, SENR_FIELD_COUNT, fields};
/* The rules that the cases break. */
static const Rule known_rules[] = {
	{"SENR-EXIT-PAIR", "GERR0001", RULE_FATAL},
	{"SENR0018", "SENR0018", RULE_FATAL},
	{"SENR0175", "SENR0175", RULE_FATAL},
	{"SENR0187", "SENR0187", RULE_FATAL},
	{"SENR0302", "SENR0302", RULE_FATAL},
	{"SENR0586", "SENR0586", RULE_FATAL},
	{"SENR0587", "SENR0587", RULE_FATAL},
};
static RuleBook rules = {.process = &senr_process, .layout = &layout, .rules = known_rules,
	.rule_count = sizeof(known_rules) / sizeof(known_rules[0])};

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

static ReconcileOptions
options_of_today(void)
{
	ReconcileOptions options = {.rules = &rules};

	options.today = day_from_calendar(2025, 11, 1);
	options.year_start = day_from_calendar(2025, 7, 1);
	options.window_start = day_from_calendar(2023, 7, 1);
	return options;
}

static void
test_cases(Arena *arena)
{
	ReconcileOptions options = options_of_today();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Student		student = {0};
		Reconciliation result;
		const char *printed;

		student.baseline = parse_picture(arena, cases[i].calpads);
		student.target = parse_picture(arena, cases[i].sis);
		result = reconcile_student(arena, &student, &options);
		printed = print_result(arena, &result);
		if (strcmp(printed, cases[i].expected) != 0)
			printf("# expected: %s\n# found:    %s\n", cases[i].expected, printed);
		CHECK_NAMED(strcmp(printed, cases[i].expected) == 0, cases[i].name);
		arena_reset(arena);
	}
}

static void
test_students(Arena *arena)
{
	ReconcileOptions options = options_of_today();
	Student		student = {0};
	Reconciliation result;

	student.baseline = parse_picture(arena, "A 0820- 10 05;B p0820-0610 10 04 E155");
	student.target = parse_picture(arena, "B p0820-0610 10 04 E155");
	student.doubt = (Doubt) {"PROTECTED", "no row is removed", "calpads.protected_ssid"};
	result = reconcile_student(arena, &student, &options);
	CHECK_NAMED(strcmp(print_result(arena, &result), "held:PROTECTED A 0820") == 0,
				"a protected student loses no row");

	student.doubt = (Doubt) {"SENR0007", "the SIS has the student without SSID", "STU.CID"};
	result = reconcile_student(arena, &student, &options);
	CHECK_NAMED(strcmp(print_result(arena, &result), "held:SENR0007 A 0820") == 0,
				"a doubtful student loses no row");

	student.doubt.rule = NULL;
	student.load_problem = "a line was set aside";
	result = reconcile_student(arena, &student, &options);
	CHECK_NAMED(strcmp(print_result(arena, &result), "held:LOAD_ERROR A 0820") == 0,
				"half a picture makes no operation");

	student = (Student){0};
	student.baseline = parse_picture(arena, "A 0820- 10 05");
	student.no_show_with_disability = true;
	result = reconcile_student(arena, &student, &options);
	CHECK_NAMED(strcmp(print_result(arena, &result), "1:E A 0820-0820 N470/10") == 0,
				"a real no-show with disability exits on its start date");
}

int
main(void)
{
	Arena	   *arena = arena_create(out_of_memory);

	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		fields[field].name = fields[field].label = senr_field_name[field];
	test_cases(arena);
	test_students(arena);
	arena_destroy(arena);
	return unit_finish();
}
