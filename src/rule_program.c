/*-------------------------------------------------------------------------
 *
 * rule_program.c
 *	  CALPADS' rules about SPRG records (spec/sinf_sela_sprg_validations.tsv).
 *
 * Those without a known number have a name of ours that begins with PROGRAM.
 * Which rows go together (SPRG0070 and its like) is in program.c, and that an
 * enrollment carries the dates (GERR0005) too: both decide what is sent first.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"

static bool
is_program(const Check *check, const char *code)
{
	return has(check, SPRG_PROGRAM, code);
}

/* ---- fields that belong to one program ------------------------------------------- */

static void
check_only_for(Check *check, const char *rule, int field, const char *code)
{
	if (value_of(check, field) != NULL && !is_program(check, code))
		break_rule(check, rule, field,
				   arena_print(check->arena, "The field is for program %s only.", code));
}

static void
check_needed_by(Check *check, const char *rule, int field, const char *code)
{
	if (value_of(check, field) == NULL && is_program(check, code))
		break_rule(check, rule, field,
				   arena_print(check->arena, "A record of program %s needs the field.", code));
}

static void
check_service(Check *check)
{
	check_needed_by(check, "SPRG0168", SPRG_SERVICE_YEAR, "122");
	check_needed_by(check, "SPRG0081", SPRG_SERVICE, "122");
	check_only_for(check, "PROGRAM_SERVICE_YEAR", SPRG_SERVICE_YEAR, "122");
	check_only_for(check, "SPRG0150", SPRG_SERVICE, "122");
}

static void
check_academy(Check *check)
{
	check_needed_by(check, "PROGRAM_ACADEMY", SPRG_ACADEMY, "113");
	check_only_for(check, "PROGRAM_ACADEMY", SPRG_ACADEMY, "113");
}

static void
check_migrant_id(Check *check)
{
	const char *id = value_of(check, SPRG_MIGRANT_ID);

	check_needed_by(check, "PROGRAM_MIGRANT_ID", SPRG_MIGRANT_ID, "135");
	check_only_for(check, "PROGRAM_MIGRANT_ID", SPRG_MIGRANT_ID, "135");
	if (id != NULL && (strlen(id) != 11 || strncmp(id, "06", 2) != 0))
		break_rule(check, "SPRG0253", SPRG_MIGRANT_ID, "The migrant student ID has 11 characters and begins "
				   "with 06.");
}

static void
check_homeless(Check *check)
{
	static const int fields[] = {SPRG_DWELLING, SPRG_UNACCOMPANIED, SPRG_RUNAWAY};

	for (int i = 0; i < 3; i++)
	{
		check_needed_by(check, "PROGRAM_HOMELESS", fields[i], "191");
		check_only_for(check, "PROGRAM_HOMELESS", fields[i], "191");
	}
	if (has(check, SPRG_RUNAWAY, "Y") && !has(check, SPRG_UNACCOMPANIED, "Y"))
		break_rule(check, "PROGRAM_RUNAWAY", SPRG_UNACCOMPANIED, "A runaway youth is an unaccompanied youth.");
}

/* ---- dates ------------------------------------------------------------------------ */

#define MONTHS_AHEAD 6

static DayNumber
months_after(DayNumber from, int months)
{
	int			year,
				month,
				day;

	day_to_calendar(from, &year, &month, &day);
	month += months;
	return day_from_calendar(year + (month - 1) / 12, (month - 1) % 12 + 1, day > 28 ? 28 : day);
}

static void
check_birth(Check *check)
{
	const char *birth_date = value_of(check, SPRG_BIRTH_DATE);
	DayNumber	birth;

	if (birth_date == NULL ||
		!field_parse_date8((FieldText) {birth_date, strlen(birth_date)}, &birth))
		return;
	/* A child of the armed forces is one from birth. */
	if (check->record->start < birth || (check->record->start == birth && !is_program(check, "192")))
		break_rule(check, "PROGRAM_BEFORE_BIRTH", SPRG_START_DATE, "The program starts before the student was "
				   "born.");
}

static void
check_dates(Check *check)
{
	const PictureRow *record = check->record;

	if (record->end < record->start)
		break_rule(check, "PROGRAM_END_BEFORE_START", SPRG_END_DATE, "The program ends before it starts.");
	if (record->start > months_after(check->today, MONTHS_AHEAD))
		break_rule(check, "PROGRAM_FAR_AHEAD", SPRG_START_DATE, "The program starts more than six months from "
				   "now.");
	check_birth(check);
}

static bool
in_one_year(const PictureRow *record)
{
	return record->end != ROW_OPEN &&
		school_year_start(record->start) == school_year_start(record->end);
}

/* So long before the end of the year an open row is said to be due. */
#define DUE_DAYS 30

/* Rules of certification: an open row may still be closed before the snapshot. */
static void
check_year(Check *check)
{
	const PictureRow *record = check->record;
	DayNumber	year = school_year_start(check->today);

	if (program_is_meal(record) && record->end != ROW_OPEN && !in_one_year(record))
		break_rule(check, "SPRG0645F1", SPRG_END_DATE, "Eligibility for meals starts and ends in one academic "
				   "year.");
	if (is_program(check, "191") && school_year_start(record->start) == year && !in_one_year(record) &&
		(record->end != ROW_OPEN || school_year_start(check->today + DUE_DAYS) != year))
		break_rule(check, "SPRG0746E1", SPRG_END_DATE, "Homelessness of this academic year ends in this "
				   "academic year.");
}

/* CCYY-CCYY, two years that follow each other, and no more than one ahead. */
static void
check_academic_year(Check *check)
{
	const char *id = value_of(check, SPRG_ACADEMIC_YEAR);
	int			first;

	if (id == NULL)
		return;
	first = atoi(id);
	if (strlen(id) != 9 || id[4] != '-' || strspn(id, "0123456789") != 4 ||
		!is_digits(id + 5, 4) || atoi(id + 5) != first + 1 || first > school_year(check->today) + 1)
		break_rule(check, "IVR0006", SPRG_ACADEMIC_YEAR, "The academic year is not one like 2025-2026, or is "
				   "more than one year ahead.");
}

/* The end of an open row is still to come: today counts. */
static void
check_age(Check *check)
{
	const PictureRow *record = check->record;
	DayNumber	end = record->end == ROW_OPEN ? check->today : record->end;

	if (is_program(check, "162") && age_on(value_of(check, SPRG_BIRTH_DATE), end) >= 20)
		break_rule(check, "SPRG0723E2", SPRG_END_DATE, "A student of 20 years or more is not in program 162.");
}

void
check_sprg_record(Check *check)
{
	check_fields(check);
	check_service(check);
	check_academy(check);
	check_migrant_id(check);
	check_homeless(check);
	check_dates(check);
	check_academic_year(check);
	check_year(check);
	check_age(check);
}

/* A row of an earlier year is to be closed once there is one of this year. */
void
check_other_programs(Check *check)
{
	const PictureRow *record = check->record;

	if (!is_program(check, "191") ||
		school_year_start(record->start) != school_year_start(check->today))
		return;
	for (int i = 0; i < check->row_count; i++)
	{
		const PictureRow *row = check->rows[i];

		if (row != record && row_has(row, SPRG_PROGRAM, "191") && row->end == ROW_OPEN &&
			school_year_start(row->start) < school_year_start(check->today))
			break_rule(check, "SPRG0747E1", SPRG_START_DATE, "A record of an earlier academic year is still "
					   "open beside this one.");
	}
}
