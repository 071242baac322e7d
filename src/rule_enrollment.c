/*-------------------------------------------------------------------------
 *
 * rule_enrollment.c
 *	  Fields of the enrollment against each other: key, year, exit,
 *	  completion.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <stdlib.h>
#include <string.h>

/* ---- key and year ---------------------------------------------------------------- */

static void
check_ssid(Check *check)
{
	const char *ssid = value_of(check, SENR_SSID);

	if (ssid == NULL && (has(check, SENR_TRANSACTION_TYPE, "D") || has(check, SENR_TRANSACTION_TYPE, "R")))
		break_rule(check, "SENR0032", SENR_SSID, "A record that deletes or replaces needs the SSID.");
	else if (ssid == NULL || !is_digits(ssid, 10))
		break_rule(check, "SENR0007", SENR_SSID, "An SSID has ten digits.");
}

static void
check_replacement(Check *check)
{
	if (has(check, SENR_TRANSACTION_TYPE, "R") &&
		school_year(check->record->start) != school_year(check->today))
		break_rule(check, "SENR0167", SENR_START_DATE, "A replacement (R) starts in the current academic "
				   "year.");
}

/* First year of "2025-2026", -1 for anything else. */
static int
academic_year_value(const Check *check, const char *text)
{
	int			first = (int) (strtol(text, NULL, 10) % 10000);

	return strcmp(text, arena_print(check->arena, "%04d-%04d", first, first + 1)) == 0 ? first : -1;
}

static void
check_academic_year(Check *check)
{
	const char *text = value_of(check, SENR_ACADEMIC_YEAR);
	int			year = school_year(check->record->start);
	int			stated;

	if (text == NULL)
		return;
	stated = academic_year_value(check, text);
	if (stated < 0)
		break_rule(check, "SENR0006", SENR_ACADEMIC_YEAR, "The academic year is not two years that follow "
				   "each other, as 2025-2026.");
	else if (stated > school_year(check->today) + 1)
		break_rule(check, "SENR0006", SENR_ACADEMIC_YEAR, "The academic year is more than one year ahead.");
	if (stated >= 0 && stated != year)
		break_rule(check, "SENR0742", SENR_ACADEMIC_YEAR,
				   arena_print(check->arena, "The start date is in the academic year %d-%d.", year,
							   year + 1));
}

static DayNumber
six_months_after(DayNumber day)
{
	int			year,
				month,
				day_of_month;

	day_to_calendar(day, &year, &month, &day_of_month);
	return day_from_calendar(month > 6 ? year + 1 : year, month > 6 ? month - 6 : month + 6,
							 day_of_month);
}

static void
check_start(Check *check)
{
	const Enrollment *record = check->record;

	if (record->start > six_months_after(check->today))
		break_rule(check, "SENR-START-RANGE", SENR_START_DATE, "The start date is more than six months "
				   "ahead.");
	if (record->end == ROW_OPEN && school_year(record->start) < school_year(check->today))
		break_rule(check, "CERT112", SENR_EXIT_DATE, "The enrollment of an earlier year has no exit; CALPADS "
				   "wants it closed before August 16.");
}

/* ---- exit ------------------------------------------------------------------------ */

static void
check_exit_pair(Check *check)
{
	bool		has_date = value_of(check, SENR_EXIT_DATE) != NULL;
	bool		has_reason = value_of(check, SENR_EXIT_REASON) != NULL;

	if (has_date && !has_reason)
		break_rule(check, "SENR-EXIT-PAIR", SENR_EXIT_REASON, "There is an exit date without an exit "
				   "reason.");
	if (!has_date && has_reason)
		break_rule(check, "SENR-EXIT-PAIR", SENR_EXIT_DATE, "There is an exit reason without an exit date.");
}

static bool
outside_summer(DayNumber day)
{
	int			year,
				month,
				day_of_month;

	day_to_calendar(day, &year, &month, &day_of_month);
	return month * 100 + day_of_month < 515 || month * 100 + day_of_month > 815;
}

static void
check_exit_date(Check *check)
{
	const Enrollment *record = check->record;
	bool		no_show = enrollment_is_no_show(record);

	if (record->end == ROW_OPEN || value_of(check, SENR_EXIT_REASON) == NULL)
		return;
	if (no_show && record->end != record->start && record->end != record->start - 1)
		break_rule(check, "SENR0018", SENR_EXIT_DATE, "A no-show (N470) exits on its start date or on the "
				   "day before.");
	if (!no_show && record->end < record->start)
		break_rule(check, "SENR0018", SENR_EXIT_DATE, "The exit date is before the start date.");
	if (record->end > check->today + 30)
		break_rule(check, "SENR-EXIT-FUTURE", SENR_EXIT_DATE, "The exit date is more than 30 days ahead.");
	if (has(check, SENR_EXIT_REASON, "E155") && outside_summer(record->end))
		break_rule(check, "SENR-E155-WINDOW", SENR_EXIT_DATE, "A year-end exit (E155) is between May 15 and "
				   "August 15.");
	if (has(check, SENR_EXIT_REASON, "N420") && outside_summer(record->end))
		break_rule(check, "SENR-N420-WINDOW", SENR_EXIT_DATE, "A no-show at the same school (N420) exits "
				   "between May 15 and August 15.");
}

static void
check_exit_and_status(Check *check)
{
	bool		secondary = has(check, SENR_STATUS, "20");
	bool		non_ada = has(check, SENR_STATUS, "50");
	bool		leaves_secondary = has(check, SENR_EXIT_REASON, "E170");

	if (value_of(check, SENR_EXIT_REASON) == NULL)
		return;
	if (secondary && !leaves_secondary)
		break_rule(check, "SENR0302", SENR_EXIT_REASON, "A secondary enrollment (20) exits with E170 only.");
	if (non_ada && !leaves_secondary && !has(check, SENR_EXIT_REASON, "N470") &&
		!has(check, SENR_EXIT_REASON, "E150"))
		break_rule(check, "SENR0522", SENR_EXIT_REASON, "A non-ADA enrollment (50) exits with E170, N470 or "
				   "E150 only.");
	if (leaves_secondary && !secondary && !non_ada)
		break_rule(check, "SENR0523", SENR_EXIT_REASON, "E170 closes secondary (20) and non-ADA (50) "
				   "enrollments only.");
}

/*
 * Is the code known in other grades, but not in that of the record?  TK, a
 * grade since 2023-24, counts as KN where a set is older (spec/senr.md
 * section 15).
 */
static bool
contradicts_grade(const Check *check, const PairSet *set, const char *code)
{
	const char *grade = value_of(check, SENR_GRADE);
	int			year = school_year(check->record->start);

	if (code == NULL || grade == NULL || !knows_first(set, code))
		return false;
	if (may_stand_together(set, code, grade, year))
		return false;
	return strcmp(grade, "TK") != 0 || !may_stand_together(set, code, "KN", year);
}

static void
check_exit_and_grade(Check *check)
{
	if (contradicts_grade(check, &check->book->exit_grade, value_of(check, SENR_EXIT_REASON)))
		break_rule(check, "SENR-EXIT-GRADE", SENR_EXIT_REASON, "The exit reason is not one of this grade.");
	if (has(check, SENR_EXIT_REASON, "T165") && value_of(check, SENR_RECEIVER_SCHOOL) == NULL)
		break_rule(check, "SENR-T165-RECEIVER", SENR_RECEIVER_SCHOOL, "A transfer for disciplinary reasons "
				   "(T165) tells the school where the student is expected.");
}

/* ---- completion ------------------------------------------------------------------ */

static void
check_completion(Check *check)
{
	const char *completion = value_of(check, SENR_COMPLETION);
	bool		completer = has(check, SENR_EXIT_REASON, "E230");
	bool		graduated = has(check, SENR_COMPLETION, "100");

	if (completion == NULL && completer)
		break_rule(check, "SENR-E230-COMPLETION", SENR_COMPLETION, "Exit reason E230 needs a completion "
				   "status.");
	if (completion == NULL)
		return;
	if (!completer)
		break_rule(check, graduated ? "SENR0175" : "SENR0022", SENR_COMPLETION,
				   "A completion status goes with exit reason E230 only.");
	else if (check->book->exit_completion.count > 0 &&
			 !may_stand_together(&check->book->exit_completion, "E230", completion,
								 school_year(check->record->start)))
		break_rule(check, "SENR0022", SENR_COMPLETION, "Exit reason and completion status do not go "
				   "together.");
	if (contradicts_grade(check, &check->book->completion_grade, completion))
		break_rule(check, "SENR-COMPLETION-GRADE", SENR_COMPLETION, "The completion status is not one of "
				   "this grade.");
}

static void
check_without_graduation(Check *check)
{
	if (has(check, SENR_MERIT_DIPLOMA, "Y"))
		break_rule(check, "SENR0315", SENR_MERIT_DIPLOMA, "The Golden State Seal goes with completion status "
				   "100 only.");
	if (has(check, SENR_BILITERACY, "Y"))
		break_rule(check, "SENR0316", SENR_BILITERACY, "The Seal of Biliteracy goes with completion status "
				   "100 only.");
	if (value_of(check, SENR_EXEMPTION) != NULL)
		break_rule(check, "SENR0630", SENR_EXEMPTION, "The graduation exemption goes with completion status "
				   "100 only.");
}

static void
check_graduation(Check *check)
{
	const Enrollment *record = check->record;

	if (value_of(check, SENR_EXEMPTION) == NULL && record->end != ROW_OPEN &&
		record->end > day_from_calendar(2023, 6, 30))
		break_rule(check, "SENR0632", SENR_EXEMPTION, "A graduate who left after 06/30/2023 needs the "
				   "graduation exemption, Y or N.");
	if (value_of(check, SENR_UC_CSU) == NULL)
		break_rule(check, "SENR-UC-CSU", SENR_UC_CSU, "A graduate needs the UC/CSU indicator, Y or N.");
}

/* ---- status ---------------------------------------------------------------------- */

static void
check_short_term(Check *check)
{
	const Enrollment *record = check->record;

	if (has(check, SENR_STATUS, "30") && enrollment_is_primary(record, check->today))
		break_rule(check, "SENR0187", SENR_STATUS,
				   arena_print(check->arena, "A short-term enrollment (30) lasts at most 30 days; this one "
							   "has %d%s.",
							   (record->end == ROW_OPEN ? check->today : record->end) -
							   record->start + 1,
							   record->end == ROW_OPEN ? " until today" : ""));
}

void
check_enrollment(Check *check)
{
	check_ssid(check);
	check_replacement(check);
	check_academic_year(check);
	check_start(check);
	check_exit_pair(check);
	check_exit_date(check);
	check_exit_and_status(check);
	check_exit_and_grade(check);
	check_completion(check);
	if (has(check, SENR_COMPLETION, "100"))
		check_graduation(check);
	else
		check_without_graduation(check);
	check_short_term(check);
}
