/*-------------------------------------------------------------------------
 *
 * story_sprg.c
 *	  Operations and holds of student programs told in sentences.
 *
 *-------------------------------------------------------------------------
 */
#include "story_sprg.h"

#include <string.h>

#include "program.h"
#include "story.h"

/* Names of the compared fields as they are called on CALPADS' pages. */
static const char *const field_words[SPRG_FIELD_COUNT] = {
	[SPRG_END_DATE] = "end date",
	[SPRG_ACADEMY] = "partnership academy",
	[SPRG_MIGRANT_ID] = "migrant student ID",
	[SPRG_DWELLING] = "dwelling type",
	[SPRG_UNACCOMPANIED] = "unaccompanied youth",
	[SPRG_RUNAWAY] = "runaway youth",
};

static const char *
school_words(Arena *arena, const ReconcileOptions *options, const PictureRow *row)
{
	return story_school_of_code(arena, options, row->value[SPRG_SCHOOL]);
}

/* "program 181 (Free Meal Program)" */
static const char *
program_words(Arena *arena, const ReconcileOptions *options, const PictureRow *row)
{
	const Program *program = program_of(options->programs, row);
	const char *code = row->value[SPRG_PROGRAM];
	const char *words = arena_print(arena, "program %s", code != NULL ? code : "without a code");

	if (program != NULL && program->name != NULL)
		words = arena_print(arena, "%s (%s)", words, program->name);
	if (row->value[SPRG_SERVICE] != NULL)
		words = arena_print(arena, "%s, service %s,", words, row->value[SPRG_SERVICE]);
	return words;
}

const char *
story_program(Arena *arena, const ReconcileOptions *options, const PictureRow *row)
{
	return arena_print(arena, "%s at %s %s", program_words(arena, options, row),
					   school_words(arena, options, row), story_span(arena, row));
}

/* What the SIS has in place of the row, or CALPADS in place of the record. */
static const char *
other_words(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const PictureRow *other = operation->related;

	switch (operation->reason)
	{
		case REASON_START_MOVED:
			return arena_print(arena, "with the start date %s", story_date(arena, other->start));
		case REASON_SCHOOL_CHANGED:
			return arena_print(arena, "at %s", school_words(arena, options, other));
		case REASON_PROGRAM_CHANGED:
			return arena_print(arena, "as %s", program_words(arena, options, other));
		default:
			return arena_print(arena, "with the service %s of %s", story_value(other->value[SPRG_SERVICE]),
							   story_value(other->value[SPRG_SERVICE_YEAR]));
	}
}

static const char *
removal_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *row = story_program(arena, options, operation->before);

	if (operation->related == NULL)
		return arena_print(arena, "CALPADS has %s; the SIS has no such record. The row is deleted.", row);
	return arena_print(arena, "CALPADS has %s; the SIS has it %s, and CALPADS cannot change that in a row: "
					   "the row is deleted, and the right one is added by a later file.",
					   row, other_words(arena, options, operation));
}

static const char *
addition_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *record = story_program(arena, options, operation->record);

	if (operation->related == NULL)
		return arena_print(arena, "The SIS has %s; CALPADS does not have it yet.", record);
	return arena_print(arena, "The SIS has %s; CALPADS has it %s, and that row goes first.", record,
					   other_words(arena, options, operation));
}

static const char *
end_words(Arena *arena, const PictureRow *row)
{
	if (row->end == ROW_OPEN)
		return "no end";
	return arena_print(arena, "the end date %s", story_date(arena, row->end));
}

static const char *
change_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *row = arena_print(arena, "%s at %s from %s", program_words(arena, options, operation->record),
								  school_words(arena, options, operation->record),
								  story_date(arena, operation->record->start));
	const char *also = story_changes(arena, field_words, operation, ~FIELD_BIT(SPRG_END_DATE));

	if (operation->reason == REASON_FIELDS_CHANGED)
		return arena_print(arena, "The SIS has for %s: %s in CALPADS.", row, also);
	return arena_print(arena, "The SIS has %s for %s; CALPADS has %s.%s",
					   end_words(arena, operation->record), row, end_words(arena, operation->before),
					   story_also_sent(arena, also));
}

const char *
story_program_operation(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *story;

	if (operation->target == NULL)
		story = removal_story(arena, options, operation);
	else if (operation->before == NULL)
		story = addition_story(arena, options, operation);
	else
		story = change_story(arena, options, operation);
	if (operation->follows_exit)
		story = arena_print(arena, "%s CALPADS closes the program by itself with the exit on %s, which is not posted "
							"yet: the file waits for SENR.", story, story_date(arena, operation->exit_day));
	else if (operation->waits)
		story = arena_print(arena, "%s The enrollment that carries it is not posted yet: the file waits for "
							"SENR (GERR0005).", story);
	return story;
}

const char *
story_program_conflict(const char *rule)
{
	if (strcmp(rule, "SPRG0249") == 0)
		return "CALPADS does not take one program twice with one start date at a school";
	if (strcmp(rule, "SPRG0070") == 0)
		return "CALPADS does not take two participations in one program at a school that overlap";
	return "CALPADS does not take two open records of one program at a school";
}
