/*-------------------------------------------------------------------------
 *
 * story.c
 *	  Operations and holds told in sentences that a registrar understands.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

#include <string.h>

/* Names of the compared fields as they are called on CALPADS' pages. */
static const char *const field_words[SENR_FIELD_COUNT] = {
	[SENR_SCHOOL_NPS] = "nonpublic school",
	[SENR_STATUS] = "enrollment status",
	[SENR_GRADE] = "grade level",
	[SENR_EXIT_DATE] = "exit date",
	[SENR_EXIT_REASON] = "exit reason",
	[SENR_COMPLETION] = "completion status",
	[SENR_RECEIVER_SCHOOL] = "expected receiver school",
	[SENR_UC_CSU] = "UC/CSU indicator",
	[SENR_TRANSFER] = "transfer code",
	[SENR_RESIDENCE] = "district of residence",
	[SENR_MERIT_DIPLOMA] = "Golden State Seal",
	[SENR_BILITERACY] = "Seal of Biliteracy",
	[SENR_TRANSITION] = "transition status",
	[SENR_EXEMPTION] = "graduation exemption",
};

/* Told by themselves. */
#define EXIT_FIELDS (FIELD_BIT(SENR_EXIT_DATE) | FIELD_BIT(SENR_EXIT_REASON))

const char *
story_date(Arena *arena, DayNumber number)
{
	int			year,
				month,
				day;

	day_to_calendar(number, &year, &month, &day);
	return arena_print(arena, "%02d/%02d/%04d", month, day, year);
}

const char *
story_school(Arena *arena, const ReconcileOptions *options, const Enrollment *row)
{
	return story_school_of_code(arena, options, row->value[SENR_SCHOOL]);
}

const char *
story_school_of_code(Arena *arena, const ReconcileOptions *options, const char *code)
{
	const char *name = NULL;

	if (options->school_name != NULL)
		name = options->school_name(options->school_context, code);
	if (name == NULL)
		return arena_print(arena, "school %s", code);
	return arena_print(arena, "%s (%s)", name, code);
}

const char *
story_value(const char *value)
{
	return value != NULL ? value : "blank";
}

const char *
story_changes(Arena *arena, const char *const *names, const Operation *operation, uint64_t mask)
{
	const char *words = "";

	for (int field = 0; field < PICTURE_FIELD_COUNT; field++)
		if (operation->changed & mask & FIELD_BIT(field))
			words = arena_print(arena, "%s%s%s %s instead of %s", words, *words ? ", " : "",
								names[field],
								story_value(operation->record->value[field]),
								story_value(operation->before->value[field]));
	return words;
}

const char *
story_also_sent(Arena *arena, const char *changes)
{
	return *changes ? arena_print(arena, " Also sent: %s.", changes) : "";
}

const char *
story_span(Arena *arena, const PictureRow *row)
{
	const char *start = story_date(arena, row->start);

	if (row->end == ROW_OPEN)
		return arena_print(arena, "from %s, which is open", start);
	return arena_print(arena, "from %s to %s", start, story_date(arena, row->end));
}

static const char *
exit_words(Arena *arena, const Enrollment *row)
{
	const char *reason = row->value[SENR_EXIT_REASON];

	if (row->end == ROW_OPEN)
		return "no exit";
	return arena_print(arena, "an exit on %s with %s", story_date(arena, row->end),
					   reason != NULL ? reason : "no exit reason");
}

const char *
story_enrollment(Arena *arena, const ReconcileOptions *options, const Enrollment *row)
{
	return arena_print(arena, "the enrollment at %s %s", story_school(arena, options, row),
					   story_span(arena, row));
}

/* Why a row of CALPADS has to go. */
static const char *
removal_cause(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const Enrollment *before = operation->before;

	switch (operation->reason)
	{
		case REASON_START_MOVED:
			return arena_print(arena, "The enrollment at %s starts on %s in the SIS and on %s in "
							   "CALPADS, where a start date cannot be changed.",
							   story_school(arena, options, before),
							   story_date(arena, operation->related->start),
							   story_date(arena, before->start));
		case REASON_SCHOOL_CHANGED:
			return arena_print(arena, "CALPADS has %s; the SIS has the student at %s from %s.",
							   story_enrollment(arena, options, before),
							   story_school(arena, options, operation->related),
							   story_date(arena, operation->related->start));
		default:
			return arena_print(arena, "CALPADS has %s; the SIS has no such enrollment.",
							   story_enrollment(arena, options, before));
	}
}

static const char *
removal_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *cause = removal_cause(arena, options, operation);
	const char *follows = operation->related != NULL ? " The right one is added by a later file." : "";
	bool		was_secondary = row_has(operation->before, SENR_STATUS, "20");

	if (!operation->no_show)
		return arena_print(arena, "%s This row is deleted; the student has other rows in CALPADS.%s",
						   cause, follows);
	return arena_print(arena, "%s CALPADS does not delete the last row of a student (SENR0180), so it "
					   "becomes a no-show (N470) with the exit date %s%s.%s%s",
					   cause, story_date(arena, operation->record->end),
					   operation->record->end < operation->before->start ?
					   ", the day before its start" : ", its start date",
					   was_secondary ? " Its status 20 becomes 10, for N470 is not allowed with 20." : "",
					   follows);
}

static const char *
addition_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const Enrollment *row = operation->record;
	const char *enrollment = story_enrollment(arena, options, row);

	switch (operation->reason)
	{
		case REASON_START_MOVED:
			return arena_print(arena, "The SIS has %s; CALPADS has it from %s, and that row goes first.",
							   enrollment, story_date(arena, operation->related->start));
		case REASON_SCHOOL_CHANGED:
			return arena_print(arena, "The SIS has %s; CALPADS has the student at %s instead, and that row "
							   "goes first.", enrollment,
							   story_school(arena, options, operation->related));
		case REASON_NEW_STUDENT:
			return arena_print(arena, "The SIS has %s; CALPADS has no enrollment of the student in this "
							   "LEA.", enrollment);
		default:
			return arena_print(arena, "The SIS has %s; CALPADS does not have it yet.", enrollment);
	}
}

static const char *
change_story(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *school = story_school(arena, options, operation->record);
	const char *start = story_date(arena, operation->record->start);
	const char *now = exit_words(arena, operation->record);
	const char *before = exit_words(arena, operation->before);
	const char *also = story_also_sent(arena, story_changes(arena, field_words, operation, ~EXIT_FIELDS));

	switch (operation->reason)
	{
		case REASON_EXIT_ADDED:
			return arena_print(arena, "The enrollment at %s from %s has %s in the SIS; CALPADS still "
							   "shows it open.%s", school, start, now, also);
		case REASON_EXIT_REMOVED:
			return arena_print(arena, "The enrollment at %s from %s is open in the SIS; CALPADS shows "
							   "%s.%s", school, start, before, also);
		case REASON_NO_SHOW_REVIVED:
			return arena_print(arena, "CALPADS has the enrollment at %s from %s as a no-show (N470); the "
							   "SIS has it with %s.%s", school, start, now, also);
		case REASON_EXIT_CHANGED:
			return arena_print(arena, "The enrollment at %s from %s has %s in the SIS; CALPADS shows "
							   "%s.%s", school, start, now, before, also);
		default:
			return arena_print(arena, "The enrollment at %s from %s has in the SIS: %s in CALPADS.", school,
							   start, story_changes(arena, field_words, operation, ~UINT64_C(0)));
	}
}

const char *
story_operation(Arena *arena, const ReconcileOptions *options, const Operation *operation)
{
	const char *story;

	if (operation->target == NULL)
		story = removal_story(arena, options, operation);
	else if (operation->before == NULL)
		story = addition_story(arena, options, operation);
	else
		story = change_story(arena, options, operation);
	if (operation->demographics_kept)
		story = arena_print(arena, "%s Gender or birth year differ between the SIS and CALPADS; the record "
							"carries those of CALPADS (SENR0035), SINF corrects them.", story);
	return story;
}

const char *
story_conflict(const char *rule)
{
	if (strcmp(rule, "SENR0178") == 0)
		return "CALPADS does not take two rows of a student at one school that overlap";
	if (strcmp(rule, "SENR0027") == 0)
		return "CALPADS does not take two primary enrollments of a student in one LEA that overlap";
	if (strcmp(rule, "SENR0586") == 0)
		return "CALPADS does not take an exit that is later than the student's graduation";
	return "CALPADS does not take an open enrollment of a graduate";
}
