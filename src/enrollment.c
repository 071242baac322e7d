/*-------------------------------------------------------------------------
 *
 * enrollment.c
 *	  One SENR row in memory, and what two rows of a student mean to each
 *	  other.
 *
 *-------------------------------------------------------------------------
 */
#include "enrollment.h"

#include <string.h>

const char *const senr_field_name[SENR_FIELD_COUNT] = {
	[SENR_RECORD_TYPE] = "record_type_code",
	[SENR_TRANSACTION_TYPE] = "transaction_type_code",
	[SENR_LOCAL_RECORD_ID] = "local_record_id",
	[SENR_REPORTING_LEA] = "reporting_lea",
	[SENR_SCHOOL] = "school_of_attendance",
	[SENR_SCHOOL_NPS] = "school_of_attendance_nps",
	[SENR_ACADEMIC_YEAR] = "academic_year_id",
	[SENR_SSID] = "ssid",
	[SENR_LOCAL_STUDENT_ID] = "local_student_id",
	[SENR_FIRST_NAME] = "student_legal_first_name",
	[SENR_MIDDLE_NAME] = "student_legal_middle_name",
	[SENR_LAST_NAME] = "student_legal_last_name",
	[SENR_SUFFIX] = "student_legal_name_suffix_code",
	[SENR_ALIAS_FIRST_NAME] = "student_alias_first_name",
	[SENR_ALIAS_MIDDLE_NAME] = "student_alias_middle_name",
	[SENR_ALIAS_LAST_NAME] = "student_alias_last_name",
	[SENR_BIRTH_DATE] = "student_birth_date",
	[SENR_GENDER] = "student_gender_code",
	[SENR_BIRTH_CITY] = "student_birth_city",
	[SENR_BIRTH_STATE] = "student_birth_state_province_code",
	[SENR_BIRTH_COUNTRY] = "student_birth_country_code",
	[SENR_START_DATE] = "enrollment_start_date",
	[SENR_STATUS] = "enrollment_status_code",
	[SENR_GRADE] = "grade_level_code",
	[SENR_EXIT_DATE] = "enrollment_exit_date",
	[SENR_EXIT_REASON] = "student_exit_reason_code",
	[SENR_COMPLETION] = "student_school_completion_status",
	[SENR_RECEIVER_SCHOOL] = "expected_receiver_school_of_attendance",
	[SENR_UC_CSU] = "student_met_all_uc_csu_requirements_indicator",
	[SENR_TRANSFER] = "student_school_transfer_code",
	[SENR_RESIDENCE] = "district_of_geographic_residence_code",
	[SENR_MERIT_DIPLOMA] = "student_golden_state_seal_merit_diploma_indicator",
	[SENR_BILITERACY] = "student_seal_of_biliteracy_indicator",
	[SENR_TRANSITION] = "adult_age_students_with_disabilities_in_transition_status",
	[SENR_EXEMPTION] = "graduation_exemption_indicator",
};

/* spec/aeries_logic.md section 3 */
const char *const senr_field_source[SENR_FIELD_COUNT] = {
	[SENR_RECORD_TYPE] = "generated",
	[SENR_TRANSACTION_TYPE] = "generated",
	[SENR_LOCAL_RECORD_ID] = "generated",
	[SENR_REPORTING_LEA] = "LOC.CC and LOC.DC of the district record",
	[SENR_SCHOOL] = "LOC.SC",
	[SENR_SCHOOL_NPS] = "ENR.NPS or CSE.SS",
	[SENR_ACADEMIC_YEAR] = "ENR.ED",
	[SENR_SSID] = "STU.CID",
	[SENR_LOCAL_STUDENT_ID] = "STU.ID",
	[SENR_FIRST_NAME] = "STU.FN or LSI.LFN",
	[SENR_MIDDLE_NAME] = "STU.MN or LSI.LMN",
	[SENR_LAST_NAME] = "STU.LN or LSI.LLN",
	[SENR_SUFFIX] = "STU.SF or LSI.LSF",
	[SENR_ALIAS_FIRST_NAME] = "STU.FNA",
	[SENR_ALIAS_MIDDLE_NAME] = "STU.MNA",
	[SENR_ALIAS_LAST_NAME] = "STU.LNA",
	[SENR_BIRTH_DATE] = "STU.BD",
	[SENR_GENDER] = "STU.GN or LSI.GN",
	[SENR_BIRTH_CITY] = "STU.BCY",
	[SENR_BIRTH_STATE] = "STU.BST",
	[SENR_BIRTH_COUNTRY] = "STU.BCU",
	[SENR_START_DATE] = "ENR.ED",
	[SENR_STATUS] = "ENR.PR or STU.SP",
	[SENR_GRADE] = "ENR.GR",
	[SENR_EXIT_DATE] = "ENR.LD",
	[SENR_EXIT_REASON] = "ENR.ER",
	[SENR_COMPLETION] = "STU.HSG",
	[SENR_RECEIVER_SCHOOL] = "ENR.NS or STU.ENS",
	[SENR_UC_CSU] = "STU.CCO",
	[SENR_TRANSFER] = "ENR.IT",
	[SENR_RESIDENCE] = "ENR.ITD",
	[SENR_MERIT_DIPLOMA] = "ACT.CD",
	[SENR_BILITERACY] = "ACT.CD",
	[SENR_TRANSITION] = "CSE (column of the setting calpads.transition_status_field)",
	[SENR_EXEMPTION] = "STU.GEX",
};

bool
enrollment_same_key(const Enrollment *a, const Enrollment *b)
{
	return a->start == b->start &&
		same_value(a->value[SENR_SCHOOL], b->value[SENR_SCHOOL]) &&
		same_value(a->value[SENR_SSID], b->value[SENR_SSID]);
}

uint64_t
enrollment_difference(const Enrollment *a, const Enrollment *b)
{
	return row_difference(a, b, SENR_COMPARED);
}

bool
enrollment_is_no_show(const Enrollment *row)
{
	return row_has(row, SENR_EXIT_REASON, "N470");
}

bool
enrollment_is_inert(const Enrollment *row)
{
	return enrollment_is_no_show(row) && row->end <= row->start;
}

bool
enrollment_is_primary(const Enrollment *row, DayNumber today)
{
	DayNumber	end;

	if (enrollment_is_no_show(row))
		return false;
	if (row_has(row, SENR_STATUS, "10"))
		return true;
	if (!row_has(row, SENR_STATUS, "30"))
		return false;
	end = row->end == ROW_OPEN ? today : row->end;
	return (int64_t) end - row->start + 1 > 30;
}

static bool
overlap(const Enrollment *a, const Enrollment *b)
{
	if (enrollment_is_no_show(a) || enrollment_is_no_show(b))
		return false;
	return a->start <= b->end && b->start <= a->end &&
		a->start <= a->end && b->start <= b->end;
}

/* Is row an enrollment that a graduate cannot have? */
static const char *
after_graduation(const Enrollment *graduation, const Enrollment *row)
{
	if (!row_has(graduation, SENR_COMPLETION, "100") || enrollment_is_no_show(row))
		return NULL;
	if (row->end == ROW_OPEN)
		return "SENR0587";
	if (row->end > graduation->end && !row_has(row, SENR_STATUS, "20"))
		return "SENR0586";
	return NULL;
}

const char *
enrollment_conflict(const Enrollment *a, const Enrollment *b, DayNumber today)
{
	const char *rule;

	if (overlap(a, b))
	{
		if (same_value(a->value[SENR_SCHOOL], b->value[SENR_SCHOOL]))
			return "SENR0178";
		if (enrollment_is_primary(a, today) && enrollment_is_primary(b, today))
			return "SENR0027";
	}
	rule = after_graduation(a, b);
	return rule != NULL ? rule : after_graduation(b, a);
}

int
enrollment_age(const Enrollment *row, DayNumber day)
{
	return age_on(row->value[SENR_BIRTH_DATE], day);
}
