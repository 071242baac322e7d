/*
 * The rehearsal: what CALPADS holds and files in, refusals and differences
 * out.  A row is written
 *
 *	  school start-end status grade reason completion
 *
 * with dates as month and day of the school year 2025-26 (today is 2025-11-01),
 * "-" alone for a row that is open, and words left out at the end or written
 * "." for blank.  Before it may stand "*" for a deletion, and "2:" for another
 * student.  Rows are separated by ";", files by "|".  A file's answer is "ok"
 * or the refusals, line:rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"
#include "process.h"
#include "rehearse.h"
#include "unit.h"

typedef struct Case
{
	const char *name;
	const char *calpads;
	const char *files;
	const char *expected;
} Case;

static const Case cases[] = {
	{"a new student", "", "A 0820- 10 05", "ok"},
	{"an update of the row with the same key", "A 0820- 10 05", "A 0820- 10 06", "ok"},
	{"an exit", "A 0820- 10 05", "A 0820-1003 10 05 T160", "ok"},

	{"SENR0181: a deletion needs a row", "A 0820- 10 05", "*A 0821- 10 05", "1:SENR0181"},
	{"SENR0181: of the same school", "A 0820- 10 05", "*B 0820- 10 05", "1:SENR0181"},
	{"SENR0181: of the same student", "2:A 0820- 10 05", "*A 0820- 10 05", "1:SENR0181"},
	{"SENR0180: the last row stays", "A 0820- 10 05", "*A 0820- 10 05", "1:SENR0180"},
	{"SENR0180: all deletions of the file count",
	"A 0820-0901 10 05 T160;B 0902- 10 05", "*A 0820-0901 10 05 T160;*B 0902- 10 05",
	"1:SENR0180 2:SENR0180"},
	{"SENR0180: a new row of the same file does not help",
	"A 0820- 10 05", "*A 0820- 10 05;B 0901- 10 05", "1:SENR0180 2:SENR0027"},
	{"SENR0180: rows of other students do not help",
	"A 0820- 10 05;2:A 0820- 10 05", "*A 0820- 10 05", "1:SENR0180"},
	{"SENR0180: two of three rows may go",
	"A 0820-0901 10 05 T160;B 0902-0905 10 05 T160;C 0908- 10 05",
	"*A 0820-0901 10 05 T160;*C 0908- 10 05", "ok"},
	{"SENR0180: a changed row is still there",
	"A 0820-0901 10 05 T160;B 0902- 10 05", "*A 0820-0901 10 05 T160;B 0902-1003 10 05 T160", "ok"},
	{"SENR0180: a no-show row is a row", "A 0820-0819 10 05 N470;B 0902- 10 05", "*B 0902- 10 05", "ok"},

	{"IVR0034: two updates of one row", "", "A 0820- 10 05;A 0820- 10 06", "2:IVR0034"},
	{"IVR0034: deletion and addition of one key",
	"A 0820- 10 05;B 0701-0819 10 05 T160", "*A 0820- 10 05;A 0820- 10 06", "2:IVR0034"},
	{"IVR0034: another start date is another key",
	"", "A 0820-0829 10 05 T160;A 0901-0910 10 05 T160", "ok"},
	{"IVR0034: another student is another key", "", "A 0820- 10 05;2:A 0820- 10 05", "ok"},
	{"IVR0034: another file is another question", "", "A 0820- 10 05|A 0820- 10 06", "ok|ok"},

	{"SENR0178: one school holds no two overlapping rows",
	"A 0820- 10 05", "A 0901- 20 05", "1:SENR0178"},
	{"SENR0178: nor rows that share one day",
	"A 0820-0901 10 05 T160", "A 0901- 20 05", "1:SENR0178"},
	{"SENR0178: the next day is free", "A 0820-0901 10 05 E150", "A 0902- 10 06", "ok"},
	{"SENR0178: the row that is replaced is not in the way",
	"A 0820-0901 10 05 T160", "A 0820- 10 05", "ok"},
	{"SENR0178: a secondary row at another school", "A 0820- 10 05", "B 0901- 20 05", "ok"},
	{"SENR0178: a no-show is enrolled on no day", "A 0820-0820 10 05 N470", "A 0818- 10 05", "ok"},
	{"SENR0178: nor is it when it becomes one", "A 0820- 10 05", "A 0825-0825 10 05 N470", "ok"},
	{"SENR0178: inside the file", "", "A 0820- 20 05;A 0901- 20 05", "2:SENR0178"},

	{"SENR0027: one primary enrollment in the LEA", "A 0820- 10 05", "B 0901- 10 05", "1:SENR0027"},
	{"SENR0027: at the same school both rules are broken",
	"A 0820- 10 05", "A 0901- 10 05", "1:SENR0178 1:SENR0027"},
	{"SENR0027: a lengthened row", "A 0820-0901 10 05 T160;B 0902- 10 05", "A 0820-0902 10 05 T160",
	"1:SENR0027"},
	{"SENR0027: a row that becomes primary", "A 0820- 10 05;B 0901- 20 05", "B 0901- 10 05", "1:SENR0027"},
	{"SENR0027: the exit of the same file comes too late",
	"A 0820- 10 05", "A 0820-0829 10 05 T160;B 0901- 10 05", "2:SENR0027"},
	{"SENR0027: the deletion of the same file comes too late",
	"A 0820- 10 05;B 0701-0702 10 05 T160", "*A 0820- 10 05;B 0901- 10 05", "2:SENR0027"},
	{"SENR0027: the exit of an earlier file is in time",
	"A 0820- 10 05", "A 0820-0829 10 05 T160|B 0901- 10 05", "ok|ok"},
	{"SENR0027: inside the file", "", "A 0820- 10 05;B 0901- 10 05", "2:SENR0027"},
	{"SENR0027: a deletion is in nobody's way",
	"A 0820-0829 10 05 T160;B 0701-0702 10 05 T160", "*A 0820- 10 05;C 0901- 10 05", "ok"},
	{"SENR0027: nor is anybody in its way",
	"A 0820- 10 05;B 0701-0702 10 05 T160", "C 0901- 10 05;*A 0820- 10 05", "1:SENR0027"},
	{"SENR0027: two closed rows side by side in one file",
	"", "A 0820-0829 10 05 T160;B 0901- 10 05", "ok"},
	{"SENR0027: thirty days of status 30 are not primary",
	"A 0820- 10 05", "B 0901-0930 30 05 T160", "ok"},
	{"SENR0027: thirty-one days are", "A 0820- 10 05", "B 0901-1001 30 05 T160", "1:SENR0187 1:SENR0027"},
	{"SENR0027: open since thirty days", "B 1003- 30 05", "A 0820- 10 05", "ok"},
	{"SENR0027: open since thirty-one days", "B 1002- 30 05", "A 0820- 10 05", "1:SENR0027"},
	{"SENR0027: a no-show is not primary", "A 0820-0820 10 05 N470", "B 0818- 10 05", "ok"},

	{"SENR0586: no exit after the graduation",
	"A 0820-1001 10 12 E230 100", "B 1002-1010 10 12 T160", "1:SENR0586"},
	{"SENR0586: whichever comes first",
	"B 1002-1010 10 12 T160", "A 0820-1001 10 12 E230 100", "1:SENR0586"},
	{"SENR0586: before it, on its day, or of a secondary row",
	"A 0820-1001 10 12 E230 100", "B 0820-1001 50 12 E170|C 0820-1010 20 12 E170|D 1010-1009 10 12 N470",
	"ok|ok|ok"},
	{"SENR0586: another completion is no graduation",
	"A 0820-1001 10 12 E230 120", "B 1002-1010 10 12 T160", "ok"},
	{"SENR0587: no open row of a graduate", "A 0820-1001 10 12 E230 100", "B 1002- 10 12", "1:SENR0587"},
	{"SENR0587: also a secondary one", "A 0820-1001 10 12 E230 100", "B 1002- 20 12", "1:SENR0587"},
	{"SENR0587: whichever comes first", "B 0901- 20 12", "A 0820-1001 10 12 E230 100", "1:SENR0587"},
	{"SENR0587: of a graduation taken back",
	"A 0820-1001 10 12 E230 100", "A 0820-1001 10 12 T160|B 1002- 10 12", "ok|ok"},

	{"SENR0018: rules about the record by itself", "A 0820- 10 05", "A 0820-0810 10 05 T160", "1:SENR0018"},
	{"SENR0018: they do not hold for deletions",
	"A 0820-0810 10 05 T160;B 0901- 10 05", "*A 0820-0810 10 05 T160", "ok"},

	{"one refused record refuses its file whole",
	"A 0820- 10 05;2:A 0820- 10 05", "2:A 0820-0829 10 05 T160;*A 0820- 10 05|2:B 0901- 10 05",
	"2:SENR0180|1:SENR0027"},
	{"each file is checked against what the one before it left",
	"A 0820-1001 10 05 E150;A 1002- 10 06",
	"*A 1002- 10 06|A 0820-1005 10 05 E150|A 1006- 10 06", "ok|ok|ok"},
	{"in another order it does not go",
	"A 0820-1001 10 05 E150;A 1002- 10 06",
	"A 0820-1005 10 05 E150|*A 1002- 10 06|A 1006- 10 06", "1:SENR0178 1:SENR0027|ok|ok"},
};

#define LEA "1912345"
#define STUDENT "1234567890"
#define OTHER_STUDENT "2345678901"

static LayoutField fields[SENR_FIELD_COUNT];
static Layout layout = {"senr", "SENR", NULL, FORMAT_CARET, HEADER_NEVER,
SENR_FIELD_COUNT, SENR_FIELD_COUNT, fields};

static bool
is_ascii(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char) *value > 0x7F)
			return false;
	return true;
}

/* The rules of the book that the cases break; sorted. */
static const Rule known_rules[] = {
	{"FRMT0004", "FRMT0004", RULE_FATAL},
	{"IVR0034", "IVR0034", RULE_FATAL},
	{"SENR0001", "SENR0001", RULE_FATAL},
	{"SENR0007", "SENR0007", RULE_FATAL},
	{"SENR0018", "SENR0018", RULE_FATAL},
	{"SENR0035", "SENR0035", RULE_FATAL},
	{"SENR0180", "SENR0180", RULE_FATAL},
	{"SENR0181", "SENR0181", RULE_FATAL},
	{"SENR0187", "SENR0187", RULE_FATAL},
	{"SENR0586", "SENR0586", RULE_FATAL},
	{"SENR0587", "SENR0587", RULE_FATAL},
	{"SENR0742", "SENR0742", RULE_FATAL},
};
static RuleBook rules = {.process = &senr_process, .layout = &layout, .encodable = is_ascii, .rules = known_rules,
	.rule_count = sizeof(known_rules) / sizeof(known_rules[0])};

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

static Rehearsal *
new_rehearsal(Arena *arena)
{
	return rehearsal_create(arena, LEA, day_from_calendar(2025, 11, 1), &rules);
}

/* ---- from the short notation to lines and back ------------------------------- */

/* A record as CALPADS would take it, so far as it is filled here. */
static void
fill_record(const char *value[SENR_FIELD_COUNT])
{
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		value[field] = "";
	value[SENR_RECORD_TYPE] = "SENR";
	value[SENR_TRANSACTION_TYPE] = "A";
	value[SENR_REPORTING_LEA] = LEA;
	value[SENR_ACADEMIC_YEAR] = "2025-2026";
	value[SENR_SSID] = STUDENT;
	value[SENR_LOCAL_STUDENT_ID] = "4711";
	value[SENR_BIRTH_DATE] = "20150203";
	value[SENR_GENDER] = "F";
}

static const char *
line_of(Arena *arena, const char *const value[SENR_FIELD_COUNT])
{
	const char *line = value[0];

	for (int field = 1; field < SENR_FIELD_COUNT; field++)
		line = arena_print(arena, "%s^%s", line, value[field]);
	return line;
}

/* "0820" of the school year 2025-26 → "20250820" */
static const char *
date_of(Arena *arena, const char *text)
{
	if (text == NULL || *text == '\0')
		return "";
	return arena_print(arena, "%s%.4s", atoi(text) >= 701 ? "2025" : "2026", text);
}

static void
read_mark(const char **value, const char **text)
{
	if (strncmp(*text, "2:", 2) == 0)
	{
		value[SENR_SSID] = OTHER_STUDENT;
		*text += 2;
	}
	if (**text == '*')
	{
		value[SENR_TRANSACTION_TYPE] = "D";
		(*text)++;
	}
}

static const char *
record_line(Arena *arena, const char *text)
{
	static const SenrField rest[] = {SENR_STATUS, SENR_GRADE, SENR_EXIT_REASON, SENR_COMPLETION};
	const char *value[SENR_FIELD_COUNT];
	char	   *state;
	char	   *word;

	fill_record(value);
	read_mark(value, &text);
	value[SENR_SCHOOL] = strtok_r(arena_copy(arena, text, strlen(text)), " ", &state);
	word = strtok_r(NULL, " ", &state);
	value[SENR_START_DATE] = date_of(arena, word);
	value[SENR_EXIT_DATE] = date_of(arena, strchr(word, '-') + 1);
	for (size_t i = 0; i < 4 && (word = strtok_r(NULL, " ", &state)) != NULL; i++)
		value[rest[i]] = strcmp(word, ".") == 0 ? "" : word;
	if (strcmp(value[SENR_COMPLETION], "100") == 0)
		value[SENR_EXEMPTION] = "N";	/* SENR0632 */
	return line_of(arena, value);
}

/* Hands each row of "row;row" on as a line, numbered from 1. */
static void
each_row(Arena *arena, Rehearsal *rehearsal, const char *text,
		 void (*hand_on) (Rehearsal *, int64_t, const char *))
{
	char	   *copy = arena_copy(arena, text, strlen(text));
	char	   *state;
	int64_t		line_no = 0;

	for (char *row = strtok_r(copy, ";", &state); row != NULL; row = strtok_r(NULL, ";", &state))
		hand_on(rehearsal, ++line_no, record_line(arena, row));
}

static void
take(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	(void) line_no;
	rehearsal_take(rehearsal, line);
}

static void
expect(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	(void) line_no;
	rehearsal_expect(rehearsal, line);
}

static const char *
print_verdict(Arena *arena, FileVerdict verdict)
{
	const char *printed = "";

	if (verdict.refused == 0)
		return verdict.refusals == NULL ? "ok" : "refusals of no record";
	for (const Refusal *refusal = verdict.refusals; refusal != NULL; refusal = refusal->next)
		printed = arena_print(arena, "%s%s%lld:%s", printed, *printed != '\0' ? " " : "",
							  (long long) refusal->line_no, refusal->rule);
	return printed;
}

static const char *
post(Arena *arena, Rehearsal *rehearsal, const char *file)
{
	each_row(arena, rehearsal, file, rehearsal_submit);
	return print_verdict(arena, rehearsal_end_file(rehearsal));
}

static const char *
post_line(Arena *arena, Rehearsal *rehearsal, const char *line)
{
	rehearsal_submit(rehearsal, 1, line);
	return print_verdict(arena, rehearsal_end_file(rehearsal));
}

static void
check_same(const char *expected, const char *found, const char *name)
{
	if (strcmp(expected, found) != 0)
		printf("# expected: %s\n# found:    %s\n", expected, found);
	CHECK_NAMED(strcmp(expected, found) == 0, name);
}

/* ---- the rules ------------------------------------------------------------------ */

static void
test_cases(Arena *arena)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Rehearsal  *rehearsal = new_rehearsal(arena);
		char	   *files = arena_copy(arena, cases[i].files, strlen(cases[i].files));
		const char *printed = "";
		char	   *state;

		each_row(arena, rehearsal, cases[i].calpads, take);
		for (char *file = strtok_r(files, "|", &state); file != NULL; file = strtok_r(NULL, "|", &state))
			printed = arena_print(arena, "%s%s%s", printed, *printed != '\0' ? "|" : "",
								  post(arena, rehearsal, file));
		check_same(cases[i].expected, printed, cases[i].name);
		arena_reset(arena);
	}
}

/* One field altered in a record that would be taken, or a deletion of a held row. */
typedef struct Alteration
{
	const char *name;
	bool		deletion;
	SenrField	field;
	const char *value;
	const char *expected;
} Alteration;

static const Alteration alterations[] = {
	{"nothing altered", false, SENR_GRADE, "05", "ok"},
	{"a deletion, nothing altered", true, SENR_GRADE, "05", "ok"},
	{"FORMAT: one caret more", false, SENR_LAST_NAME, "a^b", "1:FORMAT"},
	{"FORMAT: a caret more at the end", false, SENR_EXEMPTION, "^", "1:FORMAT"},
	{"FORMAT: another record type", false, SENR_RECORD_TYPE, "SPRG", "1:FORMAT"},
	{"FRMT0004: a carriage return at the end", false, SENR_EXEMPTION, "\r", "1:FRMT0004"},
	{"FRMT0004: a line feed inside", false, SENR_LAST_NAME, "a\nb", "1:FRMT0004"},
	{"FRMT0004: a tab inside", true, SENR_LAST_NAME, "a\tb", "1:FRMT0004"},
	{"FRMT0004: a character beyond the encoding", false, SENR_LAST_NAME, "\305\202", "1:FRMT0004"},
	{"FRMT0004: also in a deletion", true, SENR_LAST_NAME, "\305\202", "1:FRMT0004"},
	{"FRMT0002: a start that is no date", false, SENR_START_DATE, "20250231", "1:FRMT0002"},
	{"FRMT0002: also of a deletion", true, SENR_START_DATE, "2025-08-20", "1:FRMT0002"},
	{"FRMT0002: an exit that is no date", false, SENR_EXIT_DATE, "tomorrow", "1:FRMT0002"},
	{"GERR0001: no start", true, SENR_START_DATE, "", "1:GERR0001"},
	{"GERR0001: no school in a deletion", true, SENR_SCHOOL, "", "1:GERR0001 1:SENR0181"},
	{"GERR0008: a transaction type that there is not", false, SENR_TRANSACTION_TYPE, "X", "1:GERR0008"},
	{"GERR0008: replacements are not made", false, SENR_TRANSACTION_TYPE, "R", "1:GERR0008"},
	{"GERR0008: a space is none", false, SENR_TRANSACTION_TYPE, " ", "ok"},
	{"SENR0001: another LEA", false, SENR_REPORTING_LEA, "1954321", "1:SENR0001"},
	{"SENR0001: also of a deletion", true, SENR_REPORTING_LEA, "", "1:SENR0001"},
	{"SENR0032: a deletion without SSID", true, SENR_SSID, "", "1:SENR0032"},
	{"SENR0007: an addition without SSID", false, SENR_SSID, "", "1:SENR0007"},
	{"SENR0035: another gender", false, SENR_GENDER, "M", "1:SENR0035"},
	{"SENR0035: another birth year", false, SENR_BIRTH_DATE, "20140203", "1:SENR0035"},
	{"SENR0035: another birth day is none of it", false, SENR_BIRTH_DATE, "20150204", "ok"},
	{"SENR0035: nor does it ask of deletions", true, SENR_GENDER, "M", "ok"},
	{"SENR0742: another academic year", false, SENR_ACADEMIC_YEAR, "2024-2025", "1:SENR0742"},
};

static const char *
altered_line(Arena *arena, const Alteration *alteration)
{
	const char *value[SENR_FIELD_COUNT];

	fill_record(value);
	value[SENR_TRANSACTION_TYPE] = alteration->deletion ? "D" : "A";
	value[SENR_SCHOOL] = "A";
	value[SENR_START_DATE] = "20250820";
	value[SENR_STATUS] = "10";
	value[alteration->field] = alteration->value;
	return line_of(arena, value);
}

static void
test_alterations(Arena *arena)
{
	for (size_t i = 0; i < sizeof(alterations) / sizeof(alterations[0]); i++)
	{
		Rehearsal  *rehearsal = new_rehearsal(arena);

		each_row(arena, rehearsal, "A 0820- 10 05;B 0701-0702 10 05 T160", take);
		check_same(alterations[i].expected,
				   post_line(arena, rehearsal, altered_line(arena, &alterations[i])), alterations[i].name);
		arena_reset(arena);
	}
}

static void
test_short_line(Arena *arena)
{
	Rehearsal  *rehearsal = new_rehearsal(arena);
	const char *line = record_line(arena, "A 0820- 10 05");
	const char *shorter = arena_copy(arena, line, strlen(line) - 1);

	check_same("1:FORMAT", post_line(arena, rehearsal, shorter), "FORMAT: a caret missing");
	check_same("1:FORMAT", post_line(arena, rehearsal, ""), "FORMAT: an empty line");
	check_same("ok", post_line(arena, rehearsal, line), "the whole line");
	arena_reset(arena);
}

/*
 * With no rule in force, only what is no record of the file and what the order
 * of the files rests on is refused.
 */
static void
test_empty_book(Arena *arena)
{
	static const RuleBook no_rules = {.process = &senr_process, .layout = &layout};
	Rehearsal  *rehearsal = rehearsal_create(arena, LEA, day_from_calendar(2025, 11, 1), &no_rules);

	check_same("ok", post(arena, rehearsal, "A 0820-1001 10 12 E230 100;B 0820- 20 12;B 0820- 20 12"),
			   "no rules: a double record, an open row of a graduate");
	check_same("ok", post(arena, rehearsal, "C 1002-1010 10 12 T160"), "no rules: an exit after graduation");
	check_same("ok", post(arena, rehearsal, "*C 1002- 10 12;*B 0821- 20 12;*A 0820-1001 10 12;*B 0820- 20 12"),
			   "no rules: a row that is not there, the last row");
	check_same("ok", post_line(arena, rehearsal, "SENR^^^^^^^^^^^^^^^^^^^^^20250820^^^^^^^^^^^^^"),
			   "no rules: a record of nobody");
	check_same("2:SENR0178 3:SENR0027", post(arena, rehearsal, "A 0820- 10 12;A 0821- 20 12;B 0901- 10 12"),
			   "no rules: overlaps");
	check_same("1:FRMT0002", post(arena, rehearsal, "A 0840- 10 12"), "no rules: no date");
	arena_reset(arena);
}

/* What CALPADS knows of the student stands in the newest row. */
static void
test_older_demographics(Arena *arena)
{
	Rehearsal  *rehearsal = new_rehearsal(arena);
	const char *value[SENR_FIELD_COUNT];

	each_row(arena, rehearsal, "A 0820-0829 10 05 T160;A 0901- 10 05", take);
	fill_record(value);
	value[SENR_GENDER] = "M";
	value[SENR_SCHOOL] = "A";
	value[SENR_START_DATE] = value[SENR_EXIT_DATE] = "20250819";
	value[SENR_EXIT_REASON] = "T160";
	rehearsal_take(rehearsal, line_of(arena, value));
	check_same("ok", post(arena, rehearsal, "A 0901- 10 06"), "SENR0035: an older row says nothing");
	check_same("1:SENR0035", post_line(arena, rehearsal, line_of(arena, value)),
			   "SENR0035: not even about itself");
	arena_reset(arena);
}

/* Rows of two LEAs do not meet at one school and are not primary to each other. */
static void
test_other_lea(Arena *arena)
{
	Rehearsal  *rehearsal = new_rehearsal(arena);
	const char *value[SENR_FIELD_COUNT];

	fill_record(value);
	value[SENR_REPORTING_LEA] = "1954321";
	value[SENR_SCHOOL] = "A";
	value[SENR_START_DATE] = "20250820";
	value[SENR_STATUS] = "10";
	rehearsal_take(rehearsal, line_of(arena, value));
	check_same("ok", post(arena, rehearsal, "A 0901- 10 05"), "another LEA has its own enrollments");
	arena_reset(arena);
}

/* ---- verdict, refusals, differences ----------------------------------------------- */

static void
test_verdict(void)
{
	Arena	   *arena = arena_create(out_of_memory);
	Rehearsal  *rehearsal = new_rehearsal(arena);
	FileVerdict verdict;

	each_row(arena, rehearsal, "A 0820- 10 05", take);
	each_row(arena, rehearsal, "2:A 0820- 10 05;A 0901- 10 05;B 0901- 10 05", rehearsal_submit);
	verdict = rehearsal_end_file(rehearsal);
	CHECK_INT(3, verdict.records);
	CHECK_INT(2, verdict.refused);
	CHECK_INT(2, verdict.refusals->line_no);
	CHECK_INT(SENR_START_DATE, verdict.refusals->field);
	CHECK_TEXT(STUDENT, text_of(verdict.refusals->key.ssid));
	CHECK_TEXT("A", text_of(verdict.refusals->key.school));
	CHECK_INT(day_from_calendar(2025, 9, 1), verdict.refusals->key.start);
	CHECK_TEXT("It overlaps the enrollment at school A from 08/20/2025, which is open; a school has one "
			   "enrollment of a student at a time.", text_of(verdict.refusals->explanation));
	verdict = rehearsal_end_file(rehearsal);
	CHECK_INT(0, verdict.records);
	CHECK_INT(0, verdict.refused);
	arena_destroy(arena);
}

static const char *
print_differences(Arena *arena, Rehearsal *rehearsal)
{
	const Difference *difference = rehearsal_differences(rehearsal);
	const char *printed = "";

	for (; difference != NULL; difference = difference->next)
	{
		char		day[9] = {0};

		day_to_date8(difference->key.start, day);
		printed = arena_print(arena, "%s%s%s %s %s %s", printed, *printed != '\0' ? ", " : "",
							  difference->key.ssid, difference->key.school, day + 4,
							  difference->field < 0 ? difference->explanation :
							  senr_field_name[difference->field]);
	}
	return printed;
}

/* CALPADS, files (all of them taken or not), SIS, differences. */
static void
check_differences(const char *name, const char *calpads, const char *file, const char *sis,
				  const char *expected)
{
	Arena	   *arena = arena_create(out_of_memory);
	Rehearsal  *rehearsal = new_rehearsal(arena);

	each_row(arena, rehearsal, calpads, take);
	post(arena, rehearsal, file);
	each_row(arena, rehearsal, sis, expect);
	check_same(expected, print_differences(arena, rehearsal), name);
	arena_destroy(arena);
}

static void
test_differences(void)
{
	check_differences("nothing differs after the file", "A 0820- 10 05", "A 0820-1003 10 06 T160",
					  "A 0820-1003 10 06 T160", "");
	check_differences("a refused file changes nothing, not even by its good records",
					  "A 0820- 10 05;2:A 0820- 10 05", "2:A 0820-1003 10 05 T160;*A 0820- 10 05",
					  "A 0820- 10 05;2:A 0820-1003 10 05 T160",
					  "2345678901 A 0820 enrollment_exit_date, 2345678901 A 0820 student_exit_reason_code");
	check_differences("a row too many, a row too few, in the order of the SSIDs",
					  "2:A 0820- 10 05;2:B 0901- 20 05;A 0820- 10 05", "", "A 0821- 10 05;2:A 0820- 10 05",
					  "1234567890 A 0821 The SIS has this enrollment, CALPADS would not., "
					  "1234567890 A 0820 CALPADS would hold this enrollment, the SIS has none., "
					  "2345678901 B 0901 CALPADS would hold this enrollment, the SIS has none.");
	check_differences("leftovers of either side are none",
					  "A 0820-0819 10 05 N470;B 0901- 10 05", "", "B 0901- 10 05;C 0820-0820 10 05 N470", "");
	check_differences("a no-show of both sides is compared",
					  "A 0820-0819 10 05 N470", "", "A 0820-0820 10 05 N470",
					  "1234567890 A 0820 enrollment_exit_date");
	check_differences("a no-show that ended later is a row",
					  "A 0820-0825 10 05 N470", "", "",
					  "1234567890 A 0820 CALPADS would hold this enrollment, the SIS has none.");
	check_differences("an enrollment of one day is a row", "A 0820-0820 10 05 T160", "", "",
					  "1234567890 A 0820 CALPADS would hold this enrollment, the SIS has none.");
	check_differences("the same row twice in the SIS is one", "A 0820- 10 05", "",
					  "A 0820- 10 05;A 0820- 10 05", "");
}

/* The field in which a held row and the row of the SIS are found to differ, or -1. */
static int
found_field(int altered)
{
	Arena	   *arena = arena_create(out_of_memory);
	Rehearsal  *rehearsal = new_rehearsal(arena);
	const char *value[SENR_FIELD_COUNT];
	const Difference *difference;
	int			field;

	fill_record(value);
	value[SENR_SCHOOL] = "A";
	value[SENR_START_DATE] = "20250820";
	rehearsal_take(rehearsal, line_of(arena, value));
	value[altered] = altered == SENR_EXIT_DATE ? "20250901" : "7";
	rehearsal_expect(rehearsal, line_of(arena, value));
	difference = rehearsal_differences(rehearsal);
	field = difference != NULL ? difference->field : -1;
	arena_destroy(arena);
	return field;
}

/* Only fields 1.06 and 1.23 to 1.35 count. */
static void
test_compared_fields(void)
{
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
	{
		bool		in_key = field == SENR_SCHOOL || field == SENR_SSID || field == SENR_START_DATE;
		bool		compared = field == SENR_SCHOOL_NPS || field >= SENR_STATUS;

		if (!in_key)
			CHECK_INT(compared ? field : -1, found_field(field));
	}
}

static void
test_posted_records(void)
{
	Arena	   *arena = arena_create(out_of_memory);
	Rehearsal  *rehearsal = new_rehearsal(arena);

	each_row(arena, rehearsal, "A 0820- 10 05;B 0901- 10 05;A 0820-0829 10 05 T160;*B 0901- 10 05;"
			 "C 0901- 10 05", take);
	rehearsal_take(rehearsal, "no record");
	each_row(arena, rehearsal, "A 0820-0829 10 05 T160;C 0901- 10 05", expect);
	CHECK_TEXT("", text_of(print_differences(arena, rehearsal)));
	arena_destroy(arena);
}

/* More students than there were buckets at first. */
static void
test_many_students(void)
{
	Arena	   *arena = arena_create(out_of_memory);
	Rehearsal  *rehearsal = new_rehearsal(arena);
	const char *value[SENR_FIELD_COUNT];
	FileVerdict verdict;

	fill_record(value);
	value[SENR_SCHOOL] = "A";
	value[SENR_STATUS] = "10";
	for (int student = 0; student < 5000; student++)
	{
		value[SENR_SSID] = arena_print(arena, "%010d", student);
		value[SENR_START_DATE] = "20250820";
		rehearsal_take(rehearsal, line_of(arena, value));
		value[SENR_START_DATE] = student == 4321 ? "20250901" : "20250820";
		rehearsal_submit(rehearsal, student + 1, line_of(arena, value));
	}
	verdict = rehearsal_end_file(rehearsal);
	CHECK_INT(5000, verdict.records);
	CHECK_INT(1, verdict.refused);
	CHECK_INT(4322, verdict.refusals->line_no);
	arena_destroy(arena);
}

int
main(void)
{
	Arena	   *arena = arena_create(out_of_memory);

	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		fields[field].name = fields[field].label = senr_field_name[field];
	test_cases(arena);
	test_alterations(arena);
	test_short_line(arena);
	test_empty_book(arena);
	test_older_demographics(arena);
	test_other_lea(arena);
	RUN(test_verdict);
	test_differences();
	RUN(test_compared_fields);
	RUN(test_posted_records);
	RUN(test_many_students);
	arena_destroy(arena);
	return unit_finish();
}
