/*
 * The promise (promise.h) on districts made at random, of enrollments and of
 * student programs.  A district that breaks it is named by its number.
 */
#include <stdio.h>

#include "promise.h"
#include "unit.h"

#define DISTRICT_COUNT 1500

#define FATAL(number) {number, number, RULE_FATAL}

static const Rule senr_rules[] = {
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

static const Rule sprg_rules[] = {
	FATAL("GERR0001"),
	FATAL("GERR0005"),
	FATAL("IVR0001"),
	FATAL("IVR0034"),
	FATAL("PROGRAM_END_BEFORE_START"),
	FATAL("PROGRAM_RUNAWAY"),
	FATAL("SPRG0081"),
	FATAL("SPRG0645F1"),
};

static LayoutField fields[PICTURE_FIELD_COUNT];
static const Layout senr_layout = {"senr", "SENR", NULL, FORMAT_CARET, HEADER_NEVER, SENR_FIELD_COUNT,
SENR_FIELD_COUNT, fields};
static const Layout sprg_layout = {"sprg", "SPRG", NULL, FORMAT_CARET, HEADER_NEVER, SPRG_FIELD_COUNT,
SPRG_FIELD_COUNT, fields};

static const RuleBook senr_book = {.process = &senr_process, .layout = &senr_layout, .rules = senr_rules,
	.rule_count = sizeof(senr_rules) / sizeof(senr_rules[0])};
static const RuleBook sprg_book = {.process = &sprg_process, .layout = &sprg_layout, .rules = sprg_rules,
	.rule_count = sizeof(sprg_rules) / sizeof(sprg_rules[0])};

static bool
try_district(Arena *arena, const RuleBook *rules, int number, bool lawful)
{
	Choices		choices = {.random = (uint64_t) number * 2 + (lawful ? 1 : 2)};

	for (int i = 0; i < 20; i++)
		random_number(&choices);	/* near seeds drift apart */
	if (promise_holds(arena, rules, choices, lawful, false))
		return true;
	printf("# in district %d\n", number);
	return false;
}

static void
try_districts(const RuleBook *rules, bool lawful)
{
	Arena	   *arena = arena_create(out_of_memory);
	int			broken = 0;

	for (int number = 1; number <= DISTRICT_COUNT && broken < 5; number++)
	{
		broken += !try_district(arena, rules, number, lawful);
		arena_reset(arena);
	}
	CHECK_INT(0, broken);
	arena_destroy(arena);
}

static void
test_districts_with_lawful_past(void)
{
	try_districts(&senr_book, true);
}

static void
test_districts_with_any_past(void)
{
	try_districts(&senr_book, false);
}

static void
test_programs_with_lawful_past(void)
{
	try_districts(&sprg_book, true);
}

static void
test_programs_with_any_past(void)
{
	try_districts(&sprg_book, false);
}

int
main(void)
{
	for (int field = 0; field < PICTURE_FIELD_COUNT; field++)
		fields[field].name = fields[field].label = senr_field_name[field];
	RUN(test_districts_with_lawful_past);
	RUN(test_districts_with_any_past);
	RUN(test_programs_with_lawful_past);
	RUN(test_programs_with_any_past);
	return unit_finish();
}
