/*-------------------------------------------------------------------------
 *
 * rule_person.c
 *	  The person against the enrollment: age and birth.
 *
 * Ages are completed years on the start date, where the rules do not say
 * another day.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <string.h>

static DayNumber
birth_day(const Check *check)
{
	const char *text = value_of(check, SENR_BIRTH_DATE);
	DayNumber	birth = INT_MIN;

	if (text != NULL)
		field_parse_date8((FieldText) {text, strlen(text)}, &birth);
	return birth;
}

static void
check_young(Check *check, int age)
{
	const Enrollment *record = check->record;
	DayNumber	september = day_from_calendar(school_year(record->start), 9, 1);

	if (has(check, SENR_GRADE, "KN") && (age < 4 || age > 7))
		break_rule(check, "SENR0262", SENR_BIRTH_DATE,
				   arena_print(check->arena, "A kindergarten student is 4 to 7 years old on the start date, "
							   "and this one is %d.", age));
	if (has(check, SENR_GRADE, "TK") && enrollment_age(record, september) < 4)
		break_rule(check, "SENR0622", SENR_BIRTH_DATE, "A transitional kindergarten student is 4 years old "
				   "by September 1.");
	if (has(check, SENR_GRADE, "PS") && has(check, SENR_STATUS, "50") && age < 3)
		break_rule(check, "SENR0731F1", SENR_BIRTH_DATE, "A child under 3 years is an infant or toddler "
				   "(IN, TD), not in grade PS.");
}

/* Charter schools may have older students: those listed, and those that report for themselves. */
static bool
is_charter_school(const Check *check)
{
	const char *school = value_of(check, SENR_SCHOOL);

	return school == NULL || has(check, SENR_REPORTING_LEA, school) ||
		find_institution(check->book, school, INSTITUTION_CHARTER_SCHOOL) != NULL;
}

static void
check_old(Check *check, int age)
{
	if (has(check, SENR_GRADE, "AD"))
	{
		if (age < 16 || age >= 80)
			break_rule(check, "IVR0012", SENR_BIRTH_DATE,
					   arena_print(check->arena, "A student of grade AD is 16 to 79 years old, and this one "
								   "is %d.", age));
	}
	else if (age > 22 && !is_charter_school(check))
		break_rule(check, "IVR0012", SENR_BIRTH_DATE,
				   arena_print(check->arena, "The student is %d years old; outside of charter schools and "
							   "adult education 22 is the limit.", age));
}

static void
check_birth_place(Check *check)
{
	const char *country = value_of(check, SENR_BIRTH_COUNTRY);
	const char *state = value_of(check, SENR_BIRTH_STATE);
	const PairSet *states = &check->book->state_country;

	if (country == NULL && (has(check, SENR_STATUS, "10") || has(check, SENR_STATUS, "20") ||
							has(check, SENR_STATUS, "30")))
		break_rule(check, "SENR-BIRTH-COUNTRY", SENR_BIRTH_COUNTRY, "Enrollments of status 10, 20 and 30 "
				   "need the country of birth.");
	if (state != NULL && country != NULL && knows_first(states, state) &&
		!may_stand_together(states, state, country, school_year(check->record->start)))
		break_rule(check, "SENR-BIRTH-STATE", SENR_BIRTH_STATE, "The state of birth is not one of the "
				   "country of birth.");
}

void
check_person(Check *check)
{
	DayNumber	birth = birth_day(check);

	check_birth_place(check);
	if (birth == INT_MIN)
		return;
	if (check->record->start <= birth)
		break_rule(check, "SENR-START-RANGE", SENR_START_DATE, "The start date is not after the birth "
				   "date.");
	check_young(check, enrollment_age(check->record, check->record->start));
	check_old(check, enrollment_age(check->record, check->record->start));
}
