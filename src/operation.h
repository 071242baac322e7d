/*-------------------------------------------------------------------------
 *
 * operation.h
 *	  What the comparison of two pictures takes and gives, whatever the
 *	  process: a student, operations, findings.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_OPERATION_H
#define CALPADS_OPERATION_H

#include "arena.h"
#include "picture_row.h"

typedef enum OperationCategory
{
	CATEGORY_REMOVALS,
	CATEGORY_EXITS,
	CATEGORY_UPDATES
} OperationCategory;

/* Why there is an operation; the short codes are in operation_reason_code. */
typedef enum OperationReason
{
	REASON_NOT_IN_SIS,			/* the SIS has no such row */
	REASON_START_MOVED,			/* the SIS has it with another start date */
	REASON_SCHOOL_CHANGED,		/* the SIS has it at another school */
	REASON_EXIT_ADDED,
	REASON_EXIT_CHANGED,
	REASON_EXIT_REMOVED,
	REASON_NO_SHOW_REVIVED,		/* a no-show row is an enrollment again */
	REASON_FIELDS_CHANGED,		/* status, grade, transfer, … */
	REASON_NEW_STUDENT,			/* CALPADS holds nothing of the student here */
	REASON_NEW_ENROLLMENT,
	REASON_SERVICE_CHANGED,		/* SPRG: the SIS has it with another service */
	REASON_PROGRAM_CHANGED,		/* SPRG: the SIS has it as another program */
	REASON_END_ADDED,
	REASON_END_CHANGED,
	REASON_END_REMOVED,
	REASON_NEW_PROGRAM,
	REASON_COUNT
} OperationReason;

typedef struct Operation
{
	OperationCategory category;
	OperationReason reason;
	bool		no_show;		/* SENR: a removal that must become N470 */
	const PictureRow *before;	/* row in CALPADS, or NULL */
	const PictureRow *target;	/* row in the SIS, or NULL */
	PictureRow *record;			/* what is sent; its values are what CALPADS holds afterwards */
	const PictureRow *related;	/* the other row of a moved start or school */
	uint64_t	changed;		/* fields in which before and record differ */
	bool		demographics_kept;	/* SENR: gender and birth date of CALPADS were sent */
	const char *explanation;
	bool		held;
	bool		yielded;		/* held for the sake of other rows only */
	bool		waits;			/* SPRG: its enrollment is still to be posted by SENR */
	bool		follows_exit;	/* SPRG: CALPADS would close it again by an exit to be posted ... */
	DayNumber	exit_day;		/* ... on this day */
	int			place;			/* wave.h: order among the student's operations */
	int			shape;
	struct Operation *next;
} Operation;

/* What is wrong with a record: why it is not sent, or a warning. */
typedef struct Finding
{
	const char *rule;			/* CALPADS rule number or a word of ours (calpads.rule) */
	int			field;			/* of the process, -1 = the whole record */
	const char *value;
	const char *explanation;
	const char *fix;			/* SIS table and column */
	const PictureRow *row;		/* the record, or the row it is about */
	struct Finding *next;
} Finding;

/* Why no row of a student is removed: it is forbidden, or the SIS may have it after all. */
typedef struct Doubt
{
	const char *rule;			/* NULL = nothing speaks against it */
	const char *explanation;
	const char *fix;
} Doubt;

/* What is known of a student. */
typedef struct Student
{
	PictureRow *baseline;		/* all rows that CALPADS holds in this LEA */
	PictureRow *target;			/* all rows of the SIS */
	bool		no_show_with_disability;	/* SIS: tag N and in special education */
	const char *load_problem;	/* a row of the ODS file was set aside: its sentence */
	Doubt		doubt;			/* keeps the student's rows from being removed */
	const struct Stay *stays;	/* SPRG: enrollments, posted and to come (program.h) */
	bool		in_sis;			/* SPRG: the SIS reports an enrollment of the student */
} Student;

struct RuleBook;
struct ProgramBook;

typedef struct ReconcileOptions
{
	DayNumber	today;
	DayNumber	year_start;		/* July 1 of the current school year */
	DayNumber	window_start;	/* July 1 of the first school year that is compared */
	const struct RuleBook *rules;
	/* Name of a school for sentences, by its code; may be NULL. */
	const char *(*school_name) (void *context, const char *code);
	void	   *school_context;
	const struct ProgramBook *programs; /* SPRG only */
} ReconcileOptions;

typedef struct Reconciliation
{
	Operation  *operations;		/* those not held have their place */
	Finding    *holds;			/* reasons why a record is not sent */
	Finding    *warnings;		/* about records that are sent */
} Reconciliation;

/* A student with more operations than this is not a student. */
#define RECONCILE_MAX_ROWS 100

/* Adds a finding to a list; the value is that of the field. */
extern void add_finding(Arena *arena, Finding **list, const PictureRow *row, const char *rule,
						int field, const char *explanation, const char *fix);

/* Does the SIS no longer have the row? */
extern bool operation_is_removal(const Operation *operation);

/* Does CALPADS not have the row yet? */
extern bool operation_is_addition(const Operation *operation);

/* Is the row deleted?  A removal can also become a no-show. */
extern bool operation_is_deletion(const Operation *operation);

extern const char *operation_category_name(OperationCategory category);
extern const char *operation_reason_code(OperationReason reason);

#endif							/* CALPADS_OPERATION_H */
