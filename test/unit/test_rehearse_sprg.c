/*
 * The rehearsal of student programs: what CALPADS holds and one file in,
 * refusals out.  A row is written "program start-end", with dates as month and
 * day of 2025, an open end left out, and "*" before it for a deletion; rows
 * are separated by ";".  CALPADS holds an enrollment since 08/20.  The answer
 * is "ok" or the refusals, line:rule.
 */
#include <stdio.h>
#include <stdlib.h>

#include "process.h"
#include "program.h"
#include "rehearse.h"
#include "unit.h"

#define LEA "1912345"
#define STUDENT "1234567890"

typedef struct Case
{
	const char *name;
	const char *calpads;
	const char *file;
	const char *expected;
} Case;

static const Case cases[] = {
	{"a new program", "", "181 0901-", "ok"},
	{"an end", "181 0901-", "181 0901-1003", "ok"},
	{"a deletion", "181 0901-", "*181 0901-", "ok"},
	{"PROGRAM_NOT_THERE: a deletion needs a row", "181 0901-", "*181 0902-", "1:PROGRAM_NOT_THERE"},
	{"IVR0034: one key twice", "", "181 0901-;181 0901-1003", "2:IVR0034"},
	{"SPRG0249: one start twice", "", "108 0901-0910/x;108 0901-0910/y", "2:SPRG0249 2:SPRG0070"},
	{"SPRG0249: eligibility too", "181 0901-0910/x", "181 0901-0910/y", "1:SPRG0249"},
	{"SPRG0249: but not services of 122", "", "122 0901-/x;122 0901-/y", "ok"},
	{"SPRG0070: participation overlaps", "108 0901-", "108 0910-0920", "1:SPRG0070"},
	{"SPRG0070: the next day is free", "108 0901-0909", "108 0910-0920", "ok"},
	{"PROGRAM_OPEN_TWICE: eligibility", "127 0901-", "127 0910-", "1:PROGRAM_OPEN_TWICE"},
	{"PROGRAM_OPEN_TWICE: a closed row stands beside an open one", "127 0901-", "127 0910-0920", "ok"},
	{"GERR0005: participation before the enrollment", "", "108 0801-", "1:GERR0005"},
	{"GERR0005: eligibility may begin before it", "", "127 0801-", "ok"},
	{"GERR0005: but not end before it", "", "127 0701-0801", "1:GERR0005"},
};

static LayoutField fields[SPRG_FIELD_COUNT];
static const Layout layout = {"sprg", "SPRG", NULL, FORMAT_CARET, HEADER_NEVER, SPRG_FIELD_COUNT,
SPRG_FIELD_COUNT, fields};
static const Rule known_rules[] = {
	{"GERR0005", "GERR0005", RULE_FATAL},
	{"IVR0034", "IVR0034", RULE_FATAL},
};
static const RuleBook rules = {.process = &sprg_process, .layout = &layout, .rules = known_rules, .rule_count = 2};

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

static const char *
line_of_row(Arena *arena, const char *row)
{
	char		program[4] = "";
	char		start[5] = "";
	char		end[5] = "";
	const char *service = strchr(row, '/');
	const char *type = row[0] == '*' ? "D" : "A";

	sscanf(row + (row[0] == '*'), "%3[0-9] %4[0-9]-%4[0-9]", program, start, end);
	return arena_print(arena, "SPRG^%s^^" LEA "^6100101^2025-2026^" STUDENT "^4711^An^Lee^20150203^F^%s^^2025%s^%s%s^^%s^^^^^^^^",
					   type, program, start, end[0] != '\0' ? "2025" : "", end, service != NULL ? service + 1 : "");
}

static const char *
answer(Arena *arena, Rehearsal *rehearsal)
{
	const char *printed = "";
	FileVerdict verdict = rehearsal_end_file(rehearsal);

	for (const Refusal *refusal = verdict.refusals; refusal != NULL; refusal = refusal->next)
		printed = arena_print(arena, "%s%s%lld:%s", printed, *printed != '\0' ? " " : "",
							  (long long) refusal->line_no, refusal->rule);
	return verdict.refused == 0 ? "ok" : printed;
}

static void
try_case(Arena *arena, const Case *tried)
{
	const CarryingStay stay = {"6100101", day_from_calendar(2025, 8, 20), ROW_OPEN, NULL, false, NULL};
	Rehearsal  *rehearsal = rehearsal_create(arena, LEA, day_from_calendar(2025, 11, 1), &rules);
	char	   *calpads = arena_copy(arena, tried->calpads, strlen(tried->calpads));
	char	   *file = arena_copy(arena, tried->file, strlen(tried->file));
	const char *found;
	char	   *state;
	int			line_no = 0;

	rehearsal_enroll(rehearsal, STUDENT, &stay);
	for (char *row = strtok_r(calpads, ";", &state); row != NULL; row = strtok_r(NULL, ";", &state))
		rehearsal_take(rehearsal, line_of_row(arena, row));
	for (char *row = strtok_r(file, ";", &state); row != NULL; row = strtok_r(NULL, ";", &state))
		rehearsal_submit(rehearsal, ++line_no, line_of_row(arena, row));
	found = answer(arena, rehearsal);
	if (strcmp(tried->expected, found) != 0)
		printf("# expected: %s\n# found:    %s\n", tried->expected, found);
	CHECK_NAMED(strcmp(tried->expected, found) == 0, tried->name);
}

int
main(void)
{
	Arena	   *arena = arena_create(out_of_memory);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_case(arena, &cases[i]);
	arena_destroy(arena);
	return unit_finish();
}
