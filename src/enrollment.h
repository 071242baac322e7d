/*-------------------------------------------------------------------------
 *
 * enrollment.h
 *	  One SENR row in memory, and what two rows of a student mean to each
 *	  other.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_ENROLLMENT_H
#define CALPADS_ENROLLMENT_H

#include "picture_row.h"

/* The fields of the SENR layout, 1.01 to 1.35, by position. */
typedef enum SenrField
{
	SENR_RECORD_TYPE,
	SENR_TRANSACTION_TYPE,
	SENR_LOCAL_RECORD_ID,
	SENR_REPORTING_LEA,
	SENR_SCHOOL,
	SENR_SCHOOL_NPS,
	SENR_ACADEMIC_YEAR,
	SENR_SSID,
	SENR_LOCAL_STUDENT_ID,
	SENR_FIRST_NAME,
	SENR_MIDDLE_NAME,
	SENR_LAST_NAME,
	SENR_SUFFIX,
	SENR_ALIAS_FIRST_NAME,
	SENR_ALIAS_MIDDLE_NAME,
	SENR_ALIAS_LAST_NAME,
	SENR_BIRTH_DATE,
	SENR_GENDER,
	SENR_BIRTH_CITY,
	SENR_BIRTH_STATE,
	SENR_BIRTH_COUNTRY,
	SENR_START_DATE,
	SENR_STATUS,
	SENR_GRADE,
	SENR_EXIT_DATE,
	SENR_EXIT_REASON,
	SENR_COMPLETION,
	SENR_RECEIVER_SCHOOL,
	SENR_UC_CSU,
	SENR_TRANSFER,
	SENR_RESIDENCE,
	SENR_MERIT_DIPLOMA,
	SENR_BILITERACY,
	SENR_TRANSITION,
	SENR_EXEMPTION,
	SENR_FIELD_COUNT
} SenrField;

/* What SENR compares: 1.06 and 1.23 to 1.35 (DESIGN section 5, rule 1). */
#define SENR_COMPARED \
	(FIELD_BIT(SENR_SCHOOL_NPS) | \
	 ((FIELD_BIT(SENR_FIELD_COUNT) - 1) & ~(FIELD_BIT(SENR_STATUS) - 1)))

/* A row of SENR; its end is the exit date. */
typedef PictureRow Enrollment;

/* Column names of the fields, and where the SIS keeps them. */
extern const char *const senr_field_name[SENR_FIELD_COUNT];
extern const char *const senr_field_source[SENR_FIELD_COUNT];

/* Same school of attendance, SSID and start date. */
extern bool enrollment_same_key(const Enrollment *a, const Enrollment *b);

/* The compared fields in which two rows differ, as bits. */
extern uint64_t enrollment_difference(const Enrollment *a, const Enrollment *b);

/* A no-show: exit reason N470.  Its interval counts as empty (SENR0028). */
extern bool enrollment_is_no_show(const Enrollment *row);

/*
 * A no-show whose exit is at or before its start: the leftover of a
 * replacement, never to be touched again (DESIGN section 5, rule 5).
 */
extern bool enrollment_is_inert(const Enrollment *row);

/*
 * Status 10, or status 30 longer than 30 days, an open one counted to today
 * (SENR0027, SENR0187).
 */
extern bool enrollment_is_primary(const Enrollment *row, DayNumber today);

/*
 * The rule under which CALPADS would not hold both rows of one student at
 * the same time: SENR0178 (same school, overlap), SENR0027 (two primary ones
 * overlap), SENR0586 and SENR0587 (enrolled after graduation); NULL when they
 * go together.
 */
extern const char *enrollment_conflict(const Enrollment *a, const Enrollment *b,
									   DayNumber today);

/* Age in completed years on a day; -1 without a usable birth date. */
extern int	enrollment_age(const Enrollment *row, DayNumber day);

#endif							/* CALPADS_ENROLLMENT_H */
