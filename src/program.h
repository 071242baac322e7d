/*-------------------------------------------------------------------------
 *
 * program.h
 *	  One SPRG row in memory, what two rows of a student mean to each other,
 *	  and what the student's enrollments mean to a row.
 *
 * Eligible (1) and participating (3) rows go by different rules for their
 * dates (spec/sinf_sela_sprg.md section 4.1).  Server-free: includes no
 * postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PROGRAM_H
#define CALPADS_PROGRAM_H

#include "picture_row.h"

/* The fields of the SPRG layout, 3.01 to 3.26, by position. */
typedef enum SprgField
{
	SPRG_RECORD_TYPE,
	SPRG_TRANSACTION_TYPE,
	SPRG_LOCAL_RECORD_ID,
	SPRG_REPORTING_LEA,
	SPRG_SCHOOL,
	SPRG_ACADEMIC_YEAR,
	SPRG_SSID,
	SPRG_LOCAL_STUDENT_ID,
	SPRG_FIRST_NAME,
	SPRG_LAST_NAME,
	SPRG_BIRTH_DATE,
	SPRG_GENDER,
	SPRG_PROGRAM,
	SPRG_MEMBERSHIP,
	SPRG_START_DATE,
	SPRG_END_DATE,
	SPRG_SERVICE_YEAR,
	SPRG_SERVICE,
	SPRG_ACADEMY,
	SPRG_MIGRANT_ID,
	SPRG_FILLER_1,
	SPRG_FILLER_2,
	SPRG_DWELLING,
	SPRG_UNACCOMPANIED,
	SPRG_RUNAWAY,
	SPRG_FILLER_3,
	SPRG_FIELD_COUNT
} SprgField;

/*
 * What SPRG compares: 3.16, 3.19, 3.20 and 3.23 to 3.25.  CALPADS makes 3.14
 * itself, and the fillers hold what is no longer taken.
 */
#define SPRG_COMPARED \
	(FIELD_BIT(SPRG_END_DATE) | FIELD_BIT(SPRG_ACADEMY) | FIELD_BIT(SPRG_MIGRANT_ID) | \
	 FIELD_BIT(SPRG_DWELLING) | FIELD_BIT(SPRG_UNACCOMPANIED) | FIELD_BIT(SPRG_RUNAWAY))

/* Column names of the fields, and where the SIS keeps them. */
extern const char *const sprg_field_name[SPRG_FIELD_COUNT];
extern const char *const sprg_field_source[SPRG_FIELD_COUNT];

/* A program that is reported today. */
typedef struct Program
{
	const char *code;
	const char *name;			/* for sentences; may be NULL */
	bool		participating;	/* else eligible */
	bool		ends_with_exit; /* CALPADS closes open rows when the student leaves */
} Program;

typedef struct ProgramBook
{
	int			count;
	const Program *programs;	/* sorted by code, bytewise */
} ProgramBook;

/* An enrollment of the student, as SENR has it; no no-shows. */
typedef struct Stay
{
	const char *school;
	DayNumber	start;
	DayNumber	end;			/* last day, or ROW_OPEN */
	const char *reason;			/* exit reason, or NULL */
	bool		posted;			/* CALPADS holds it */
	bool		coming;			/* it will, once the SENR difference is posted */
	bool		closes;			/* its exit is still to be posted, and will close programs then */
	struct Stay *next;
} Stay;

/* Which of a student's enrollments count. */
typedef enum StayKind
{
	STAY_POSTED,
	STAY_COMING
} StayKind;

/* The program of the row, or NULL when it is not reported today. */
extern const Program *program_of(const ProgramBook *book, const PictureRow *row);

/* Meals (181, 182) start and end in one academic year and end with the enrollment. */
extern bool program_is_meal(const PictureRow *row);

/* Participating by the book; eligible when the book does not have the program. */
extern bool program_is_participation(const ProgramBook *book, const PictureRow *row);

/* Same school, SSID, program, start, service year and service; blank equals blank. */
extern bool program_same_key(const PictureRow *a, const PictureRow *b);

/* Same school and program. */
extern bool program_same_place(const PictureRow *a, const PictureRow *b);

/*
 * The rule under which CALPADS would not hold both rows of one student at the
 * same time: SPRG0249 (one start twice; 122 excepted), SPRG0070
 * (participation overlaps), PROGRAM_OPEN_TWICE; NULL when they go together.
 */
extern const char *program_conflict(const ProgramBook *book, const PictureRow *a,
									const PictureRow *b);

/*
 * Are the enrollments asked for the record at all?  Of rows that CALPADS has,
 * and that began or ended long ago, the SENR picture need not know them: its
 * window is shorter than that of SPRG.
 */
extern bool program_needs_enrollment(const PictureRow *record, bool is_new, DayNumber year_start);

/* Do the enrollments carry the row's dates (GERR0005)? */
extern bool program_is_covered(const ProgramBook *book, const PictureRow *row, const Stay *stays,
							   StayKind kind);

/*
 * Will CALPADS close the open row by itself when SENR posts the exit of the
 * stay?
 */
extern bool program_will_be_closed(const ProgramBook *book, const PictureRow *row, const Stay *stay);

/*
 * Has CALPADS put this end date on a row that was open, because the student
 * left the school (spec/sinf_sela_sprg.md sections 4.2 and 4.4)?  An exit that
 * SENR is to take back is no reason any more.
 */
extern bool program_was_closed(const ProgramBook *book, const PictureRow *row, const Stay *stays);

#endif							/* CALPADS_PROGRAM_H */
