/*-------------------------------------------------------------------------
 *
 * program.c
 *	  One SPRG row in memory, what two rows of a student mean to each other,
 *	  and what the student's enrollments mean to a row.
 *
 *-------------------------------------------------------------------------
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

const char *const sprg_field_name[SPRG_FIELD_COUNT] = {
	[SPRG_RECORD_TYPE] = "record_type_code",
	[SPRG_TRANSACTION_TYPE] = "transaction_type_code",
	[SPRG_LOCAL_RECORD_ID] = "local_record_id",
	[SPRG_REPORTING_LEA] = "reporting_lea",
	[SPRG_SCHOOL] = "school_of_attendance",
	[SPRG_ACADEMIC_YEAR] = "academic_year_id",
	[SPRG_SSID] = "ssid",
	[SPRG_LOCAL_STUDENT_ID] = "local_student_id",
	[SPRG_FIRST_NAME] = "student_legal_first_name",
	[SPRG_LAST_NAME] = "student_legal_last_name",
	[SPRG_BIRTH_DATE] = "student_birth_date",
	[SPRG_GENDER] = "student_gender_code",
	[SPRG_PROGRAM] = "education_program_code",
	[SPRG_MEMBERSHIP] = "education_program_membership_code",
	[SPRG_START_DATE] = "education_program_membership_start_date",
	[SPRG_END_DATE] = "education_program_membership_end_date",
	[SPRG_SERVICE_YEAR] = "education_service_academic_year",
	[SPRG_SERVICE] = "education_service_code",
	[SPRG_ACADEMY] = "california_partnership_academy_id",
	[SPRG_MIGRANT_ID] = "migrant_student_id",
	[SPRG_FILLER_1] = "filler_1",
	[SPRG_FILLER_2] = "filler_2",
	[SPRG_DWELLING] = "homeless_dwelling_type_code",
	[SPRG_UNACCOMPANIED] = "unaccompanied_youth_indicator",
	[SPRG_RUNAWAY] = "runaway_youth_indicator",
	[SPRG_FILLER_3] = "filler_3",
};

/* spec/aeries_logic.md section 8.3; the record's own table is the one of its program. */
const char *const sprg_field_source[SPRG_FIELD_COUNT] = {
	[SPRG_RECORD_TYPE] = "generated",
	[SPRG_TRANSACTION_TYPE] = "generated",
	[SPRG_LOCAL_RECORD_ID] = "generated",
	[SPRG_REPORTING_LEA] = "LOC.CC and LOC.DC of the district record",
	[SPRG_SCHOOL] = "PGM.SCL, or ENR",
	[SPRG_ACADEMIC_YEAR] = "ENR.ED",
	[SPRG_SSID] = "STU.CID",
	[SPRG_LOCAL_STUDENT_ID] = "STU.ID",
	[SPRG_FIRST_NAME] = "STU.FN or LSI.LFN",
	[SPRG_LAST_NAME] = "STU.LN or LSI.LLN",
	[SPRG_BIRTH_DATE] = "STU.BD",
	[SPRG_GENDER] = "STU.GN or LSI.GN",
	[SPRG_PROGRAM] = "PGM.CD or FRE.CD",
	[SPRG_MEMBERSHIP] = "made by CALPADS",
	[SPRG_START_DATE] = "PGM.PSD or PGM.ESD, FRE.ESD, FOF.SD, GTE.ESD",
	[SPRG_END_DATE] = "PGM.PED or PGM.EED, FRE.EED, FOF.ED, GTE.EED",
	[SPRG_SERVICE_YEAR] = "PGM.PSD",
	[SPRG_SERVICE] = "PGM.TY",
	[SPRG_ACADEMY] = "PGM.TY",
	[SPRG_MIGRANT_ID] = "PGM.TY",
	[SPRG_FILLER_1] = "blank",
	[SPRG_FILLER_2] = "blank",
	[SPRG_DWELLING] = "PGM.HDT",
	[SPRG_UNACCOMPANIED] = "PGM.UY",
	[SPRG_RUNAWAY] = "PGM.RY",
	[SPRG_FILLER_3] = "blank",
};

/* ---- programs --------------------------------------------------------------- */

static int
compare_code(const void *key, const void *member)
{
	return strcmp(key, ((const Program *) member)->code);
}

const Program *
program_of(const ProgramBook *book, const PictureRow *row)
{
	const char *code = row->value[SPRG_PROGRAM];

	if (code == NULL || book->count == 0)
		return NULL;
	return bsearch(code, book->programs, book->count, sizeof(Program), compare_code);
}

bool
program_is_meal(const PictureRow *row)
{
	return row_has(row, SPRG_PROGRAM, "181") || row_has(row, SPRG_PROGRAM, "182");
}

bool
program_is_participation(const ProgramBook *book, const PictureRow *row)
{
	const Program *program = program_of(book, row);

	return program != NULL && program->participating;
}

/* ---- two rows --------------------------------------------------------------- */

static bool
same_field(const PictureRow *a, const PictureRow *b, SprgField field)
{
	return same_value(a->value[field], b->value[field]);
}

bool
program_same_place(const PictureRow *a, const PictureRow *b)
{
	return same_field(a, b, SPRG_SCHOOL) && same_field(a, b, SPRG_PROGRAM);
}

bool
program_same_key(const PictureRow *a, const PictureRow *b)
{
	return a->start == b->start && program_same_place(a, b) && same_field(a, b, SPRG_SSID) &&
		same_field(a, b, SPRG_SERVICE_YEAR) && same_field(a, b, SPRG_SERVICE);
}

static bool
overlap(const PictureRow *a, const PictureRow *b)
{
	return a->start <= b->end && b->start <= a->end &&
		a->start <= a->end && b->start <= b->end;
}

/* Several services of program 122 stand beside each other. */
static bool
are_two_services(const PictureRow *a, const PictureRow *b)
{
	return row_has(a, SPRG_PROGRAM, "122") && !same_field(a, b, SPRG_SERVICE);
}

const char *
program_conflict(const ProgramBook *book, const PictureRow *a, const PictureRow *b)
{
	if (!program_same_place(a, b) || are_two_services(a, b))
		return NULL;
	if (a->start == b->start && !row_has(a, SPRG_PROGRAM, "122"))
		return "SPRG0249";
	if (program_is_participation(book, a))
		return overlap(a, b) ? "SPRG0070" : NULL;
	return a->end == ROW_OPEN && b->end == ROW_OPEN ? "PROGRAM_OPEN_TWICE" : NULL;
}

/* ---- a row and the enrollments ----------------------------------------------- */

static bool
counts(const Stay *stay, StayKind kind)
{
	return kind == STAY_POSTED ? stay->posted : stay->coming;
}

static bool
left_with(const Stay *stay, const char *reason)
{
	return same_value(stay->reason, reason);
}

/* After an E150 the enrollment goes on at the same school. */
static bool
goes_on_with(const Stay *stay, const Stay *other)
{
	if (strcmp(other->school, stay->school) != 0 || other->end <= stay->end)
		return false;
	return other->start <= stay->end ||
		(left_with(stay, "E150") && other->start == stay->end + 1);
}

/* The enrollment with those that go on with it, as one. */
static Stay
whole_stay(const Stay *first, const Stay *stays, StayKind kind)
{
	Stay		whole = *first;
	const Stay *other = stays;

	while (other != NULL)
		if (counts(other, kind) && goes_on_with(&whole, other))
		{
			whole.end = other->end;
			whole.reason = other->reason;
			other = stays;
		}
		else
			other = other->next;
	return whole;
}

/*
 * May a row without an end date stand beside the enrollment?  CALPADS leaves
 * eligibility open when the student leaves, meals at an E150, participation
 * at an E150 or E155 (spec/sinf_sela_sprg.md sections 4.1 and 4.2).
 */
static bool
leaves_open(const ProgramBook *book, const PictureRow *row, const Stay *stay)
{
	if (stay->end == ROW_OPEN || left_with(stay, "E150"))
		return true;
	if (program_is_participation(book, row))
		return left_with(stay, "E155");
	return !program_is_meal(row);
}

static bool
carries(const ProgramBook *book, const Stay *stay, const PictureRow *row)
{
	if (row->start > stay->end)
		return false;
	if (program_is_participation(book, row) && row->start < stay->start)
		return false;
	if (row->end == ROW_OPEN)
		return leaves_open(book, row, stay);
	return row->end >= stay->start && row->end <= stay->end;
}

/* SENR compares this school year and the two before it. */
#define KNOWN_DAYS 730

bool
program_needs_enrollment(const PictureRow *record, bool is_new, DayNumber year_start)
{
	return is_new || record->start >= year_start - KNOWN_DAYS;
}

bool
program_is_covered(const ProgramBook *book, const PictureRow *row, const Stay *stays, StayKind kind)
{
	for (const Stay *stay = stays; stay != NULL; stay = stay->next)
	{
		Stay		whole;

		if (!counts(stay, kind) || !row_has(row, SPRG_SCHOOL, stay->school))
			continue;
		whole = whole_stay(stay, stays, kind);
		if (carries(book, &whole, row))
			return true;
	}
	return false;
}

/* The category is CALPADS' own here, whatever the SIS keeps 504 plans as. */
static bool
exit_closes(const ProgramBook *book, const PictureRow *row, const Stay *stay)
{
	const Program *program = program_of(book, row);

	return program != NULL && program->ends_with_exit && stay->end != ROW_OPEN &&
		row_has(row, SPRG_SCHOOL, stay->school) && !left_with(stay, "E150") &&
		(program_is_meal(row) || !left_with(stay, "E155"));
}

bool
program_will_be_closed(const ProgramBook *book, const PictureRow *row, const Stay *stay)
{
	return stay->closes && row->end == ROW_OPEN && row->start <= stay->end &&
		exit_closes(book, row, stay);
}

bool
program_was_closed(const ProgramBook *book, const PictureRow *row, const Stay *stays)
{
	if (row->end == ROW_OPEN)
		return false;
	for (const Stay *stay = stays; stay != NULL; stay = stay->next)
		if (stay->coming && stay->end == row->end && exit_closes(book, row, stay))
			return true;
	return false;
}
