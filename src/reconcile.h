/*-------------------------------------------------------------------------
 *
 * reconcile.h
 *	  Two pictures of one student into operations, or into reasons why there
 *	  is none.
 *
 * The rules are those of DESIGN section 5 and spec/senr.md sections 4 to 7.
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RECONCILE_H
#define CALPADS_RECONCILE_H

#include "arena.h"
#include "enrollment.h"
#include "rule.h"

typedef enum OperationCategory
{
	CATEGORY_REMOVALS,
	CATEGORY_EXITS,
	CATEGORY_UPDATES
} OperationCategory;

/* Why there is an operation; the short codes are in operation_reason_code. */
typedef enum OperationReason
{
	REASON_NOT_IN_SIS,			/* the SIS has no such enrollment */
	REASON_START_MOVED,			/* the SIS has it with another start date */
	REASON_SCHOOL_CHANGED,		/* the SIS has it at another school */
	REASON_EXIT_ADDED,
	REASON_EXIT_CHANGED,
	REASON_EXIT_REMOVED,
	REASON_NO_SHOW_REVIVED,		/* a no-show row is an enrollment again */
	REASON_FIELDS_CHANGED,		/* status, grade, transfer, … */
	REASON_NEW_STUDENT,			/* CALPADS holds nothing of the student here */
	REASON_NEW_ENROLLMENT,
	REASON_COUNT
} OperationReason;

typedef struct Operation
{
	OperationCategory category;
	OperationReason reason;
	bool		no_show;		/* a removal that must become N470 */
	const Enrollment *before;	/* row in CALPADS, or NULL */
	const Enrollment *target;	/* row in the SIS, or NULL */
	Enrollment *record;			/* what is sent; its values are what CALPADS holds afterwards */
	const Enrollment *related;	/* the other row of a moved start or school */
	uint64_t	changed;		/* fields in which before and record differ */
	bool		demographics_kept;	/* gender and birth date of CALPADS were sent */
	const char *explanation;
	bool		held;
	bool		yielded;		/* held for the sake of other rows only */
	int			place;			/* wave.h: order among the student's operations */
	int			shape;
	struct Operation *next;
} Operation;

/* What is wrong with a record: why it is not sent, or a warning. */
typedef struct Finding
{
	const char *rule;			/* CALPADS rule number or a word of ours (calpads.rule) */
	int			field;			/* SenrField, -1 = the whole record */
	const char *value;
	const char *explanation;
	const char *fix;			/* SIS table and column */
	const Enrollment *row;		/* the record, or the row it is about */
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
	Enrollment *baseline;		/* all rows that CALPADS holds in this LEA */
	Enrollment *target;			/* all rows of the SIS */
	bool		no_show_with_disability;	/* SIS: tag N and in special education */
	const char *load_problem;	/* a row of the ODS file was set aside: its sentence */
	Doubt		doubt;			/* keeps the student's rows from being removed */
} Student;

typedef struct ReconcileOptions
{
	DayNumber	today;
	DayNumber	year_start;		/* July 1 of the current school year */
	DayNumber	window_start;	/* July 1 two years before */
	const RuleBook *rules;
	/* Name of a school for sentences, by its code; may be NULL. */
	const char *(*school_name) (void *context, const char *code);
	void	   *school_context;
} ReconcileOptions;

typedef struct Reconciliation
{
	Operation  *operations;		/* those not held have their place */
	Finding    *holds;			/* reasons why a record is not sent */
	Finding    *warnings;		/* about records that are sent */
} Reconciliation;

/* A student with more rows than this is not a student. */
#define RECONCILE_MAX_ROWS 100

/*
 * Compares the two pictures of one student.  Everything in the result lives
 * in the arena.  Never fails.
 */
extern Reconciliation reconcile_student(Arena *arena, const Student *student,
										const ReconcileOptions *options);

extern const char *operation_category_name(OperationCategory category);
extern const char *operation_reason_code(OperationReason reason);

#endif							/* CALPADS_RECONCILE_H */
