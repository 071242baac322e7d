/*-------------------------------------------------------------------------
 *
 * rule_school.c
 *	  What is known of schools and districts: the schools of the SIS (LOC)
 *	  and the district's own table calpads.institution.
 *
 * A kind of institution of which the table has no row is not checked.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_check.h"

#include <stdlib.h>
#include <string.h>

/* Schools of attendance that are no schools of their own. */
#define NONPUBLIC_SCHOOLS "0000001"
#define PRIVATE_SCHOOLS "0000002"

/* A nonpublic school that is not certified (SENR0005). */
#define NOT_CERTIFIED "9999999"

#define PUBLIC_SCHOOLS (INSTITUTION_SCHOOL | INSTITUTION_COUNTY_SCHOOL | INSTITUTION_CHARTER_SCHOOL)

static int
compare_school(const void *key, const void *member)
{
	return strcmp(key, ((const SchoolGrades *) member)->code);
}

static const SchoolGrades *
find_school(const RuleBook *book, const char *code)
{
	if (book->school_count == 0)
		return NULL;
	return bsearch(code, book->schools, book->school_count, sizeof(SchoolGrades), compare_school);
}

/* Position of the first row whose code is not before this one. */
static int
first_institution_from(const RuleBook *book, const char *code)
{
	int			low = 0;
	int			high = book->institution_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (strcmp(book->institutions[middle].code, code) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const Institution *
find_institution(const RuleBook *book, const char *code, int kinds)
{
	for (int i = first_institution_from(book, code); i < book->institution_count; i++)
	{
		const Institution *institution = &book->institutions[i];

		if (strcmp(institution->code, code) != 0)
			return NULL;
		if (institution->kind & kinds)
			return institution;
	}
	return NULL;
}

/* ---- codes ------------------------------------------------------------------------ */

static void
check_school_code(Check *check)
{
	const char *code = value_of(check, SENR_SCHOOL);
	bool		shared = has(check, SENR_SCHOOL, NONPUBLIC_SCHOOLS) ||
		has(check, SENR_SCHOOL, PRIVATE_SCHOOLS);

	if (code == NULL || code[0] == '\0')
		return;
	if (!is_digits(code, 7))
		break_rule(check, "SENR0002", SENR_SCHOOL, "A school code has seven digits.");
	else if (!shared && check->book->school_count > 0 && find_school(check->book, code) == NULL)
		break_rule(check, "SENR0002", SENR_SCHOOL, "The SIS has no school with this code.");
}

static void
check_nonpublic_school(Check *check)
{
	const char *code = value_of(check, SENR_SCHOOL_NPS);
	bool		at_nonpublic = has(check, SENR_SCHOOL, NONPUBLIC_SCHOOLS);
	const Institution *school;

	if (at_nonpublic && code == NULL)
		break_rule(check, "SENR0004", SENR_SCHOOL_NPS, "A student at a nonpublic school (0000001) needs the "
				   "code of that school.");
	if (code == NULL)
		return;
	if (!at_nonpublic)
		break_rule(check, "SENR0003", SENR_SCHOOL_NPS, "Only a student at a nonpublic school (0000001) has a "
				   "nonpublic school code.");
	if (!is_digits(code, 7))
		break_rule(check, "SENR0005", SENR_SCHOOL_NPS, "The code of a nonpublic school has seven digits.");
	else if ((check->book->institution_kinds & INSTITUTION_NONPUBLIC_SCHOOL) &&
			 strcmp(code, NOT_CERTIFIED) != 0)
	{
		school = find_institution(check->book, code, INSTITUTION_NONPUBLIC_SCHOOL);
		if (school == NULL || check->record->start < school->opened ||
			check->record->start > school->closed)
			break_rule(check, "SENR0005", SENR_SCHOOL_NPS, "It is not a nonpublic school that was certified "
					   "and open on the start date; one that is not certified has the code 9999999.");
	}
}

/* Open in the academic year, and left before it closed (SENR0192). */
static bool
is_open_district(const Check *check, const char *code)
{
	const Institution *district = find_institution(check->book, code, INSTITUTION_DISTRICT);
	DayNumber	year_end = day_from_calendar(school_year(check->record->start) + 1, 6, 30);

	if (district == NULL || district->opened > year_end)
		return false;
	return district->closed == INT_MAX || check->record->end < district->closed;
}

static void
check_residence_code(Check *check)
{
	const char *code = value_of(check, SENR_RESIDENCE);

	if (code == NULL)
		return;
	if (!is_digits(code, 7))
		break_rule(check, "SENR0192", SENR_RESIDENCE, "The code of a district has seven digits.");
	else if ((check->book->institution_kinds & INSTITUTION_DISTRICT) && !is_open_district(check, code))
		break_rule(check, "SENR0192", SENR_RESIDENCE, "It is not a district (county offices and charter "
				   "schools are none) that is open for the time of the enrollment.");
}

/* ---- grades ----------------------------------------------------------------------- */

/* TK -1, KN 0, 01 to 12; GRADE_UNKNOWN for all others. */
static int
grade_number(const char *grade)
{
	if (grade == NULL)
		return GRADE_UNKNOWN;
	if (strcmp(grade, "TK") == 0)
		return -1;
	if (strcmp(grade, "KN") == 0)
		return 0;
	return is_digits(grade, 2) ? atoi(grade) : GRADE_UNKNOWN;
}

/* A school with kindergarten has TK as well: LOC.LO may be older than that grade. */
static bool
offers_grade(const SchoolGrades *school, int grade)
{
	int			lowest = school->lowest_grade == 0 ? -1 : school->lowest_grade;

	return lowest <= grade && grade <= school->highest_grade;
}

static const char *
grade_words(Arena *arena, int grade)
{
	if (grade <= 0)
		return grade == 0 ? "KN" : grade == -1 ? "TK" : "PS";
	return arena_print(arena, "%02d", grade < 12 ? grade : 12);
}

static void
check_grade_span(Check *check)
{
	const char *code = value_of(check, SENR_SCHOOL);
	const SchoolGrades *school = code != NULL ? find_school(check->book, code) : NULL;
	int			grade = grade_number(value_of(check, SENR_GRADE));

	if (school == NULL || school->lowest_grade == GRADE_UNKNOWN || grade == GRADE_UNKNOWN ||
		offers_grade(school, grade))
		return;
	break_rule_at(check, "SENR0269", SENR_GRADE,
				  arena_print(check->arena, "The school has the grades %s to %s.",
							  grade_words(check->arena, school->lowest_grade),
							  grade_words(check->arena, school->highest_grade)),
				  "ENR.GR, or LOC.LO and LOC.HI");
}

/* ---- kind and type of the school ---------------------------------------------------- */

static bool
is_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(text, *list) == 0)
			return true;
	return false;
}

static void
check_school_type(Check *check, const char *type)
{
	static const char *const educational_options[] = {"JUV", "COMM", "COMMDAY", "CON", "HOMHOS",
	"OPP", NULL};
	bool		adult_school = strcmp(type, "ADULT") == 0;
	bool		adult_grade = has(check, SENR_GRADE, "AD");

	if (adult_grade && !adult_school)
		break_rule(check, "SENR0319", SENR_GRADE, "Grade AD is for adult education centers.");
	if (!adult_grade && adult_school)
		break_rule(check, "SENR0319", SENR_GRADE, "An adult education center has the grade AD only.");
	if (has(check, SENR_STATUS, "30") && !is_one_of(type, educational_options))
		break_rule(check, "SENR0189", SENR_STATUS, "Short-term enrollments (30) are for juvenile court, "
				   "community, continuation, home and hospital, and opportunity schools.");
}

static void
check_school_dates(Check *check, const Institution *school)
{
	if (check->record->start < school->opened)
		break_rule(check, "SENR0182", SENR_START_DATE, "The start date is before the school opened.");
	if (check->record->start > school->closed)
		break_rule(check, "SENR0184", SENR_START_DATE, "The start date is after the school closed.");
}

/* Schools of a county office, and charter schools of some types (Update Flash 318). */
static bool
needs_residence(const Check *check, const Institution *school)
{
	static const char *const charter_types[] = {"OPP", "COMM", "SPEC", NULL};

	if (!has(check, SENR_STATUS, "10") && !has(check, SENR_STATUS, "30"))
		return false;
	if (school->kind == INSTITUTION_COUNTY_SCHOOL)
		return true;
	return school->kind == INSTITUTION_CHARTER_SCHOOL && school->school_type != NULL &&
		is_one_of(school->school_type, charter_types);
}

static void
check_transfer(Check *check, const Institution *school)
{
	if (value_of(check, SENR_TRANSFER) == NULL || has(check, SENR_TRANSFER, "5") ||
		value_of(check, SENR_RESIDENCE) != NULL)
		return;
	if (school != NULL && needs_residence(check, school))
		break_rule(check, "SENR-COE-RESIDENCE", SENR_RESIDENCE, "A transfer to a school of a county office "
				   "tells the district where the student lives.");
	else
		break_rule(check, "SENR-RESIDENCE", SENR_RESIDENCE, "A transfer tells the district where the student "
				   "lives.");
}

void
check_schools(Check *check)
{
	const char *code = value_of(check, SENR_SCHOOL);
	const Institution *school = code != NULL ?
		find_institution(check->book, code, PUBLIC_SCHOOLS) : NULL;

	check_school_code(check);
	check_nonpublic_school(check);
	check_residence_code(check);
	check_grade_span(check);
	check_transfer(check, school);
	if (school == NULL)
		return;
	check_school_dates(check, school);
	if (school->school_type != NULL)
		check_school_type(check, school->school_type);
}
