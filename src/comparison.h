/*-------------------------------------------------------------------------
 *
 * comparison.h
 *	  What comparing two pictures of one student takes, whatever the process.
 *
 * Which rows differ, and what a difference means, is the process's to say
 * (reconcile.c, reconcile_sprg.c).  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_COMPARISON_H
#define CALPADS_COMPARISON_H

#include "operation.h"
#include "process.h"

/* The comparison of one student, as far as it has come. */
typedef struct Comparison
{
	Arena	   *arena;
	const Process *process;
	const Student *student;
	const ReconcileOptions *options;
	Operation  *operations;
	Finding    *holds;
	Finding    *warnings;
	int			row_count;		/* of both pictures */
	const PictureRow **final_rows;	/* what collect_final_rows found */
	int			final_count;
} Comparison;

/* Begins the comparison of a student; all that it gives lives in the arena. */
extern Comparison comparison_begin(Arena *arena, const Process *process, const Student *student,
								   const ReconcileOptions *options);

/* What is said of an SSID with more rows than a student can have: nothing is sent of it. */
extern Reconciliation too_many_rows(Comparison *work);

/* ---- findings ---- */

/* Tells why a row is not sent; fix = SIS table and column. */
extern void add_hold(Comparison *work, const PictureRow *row, const char *rule, int field,
					 const char *explanation, const char *fix);

/* Holds the operation, and tells why. */
extern void hold_operation(Comparison *work, Operation *operation, const char *rule, int field,
						   const char *explanation, const char *fix);

/* ---- rows and their twins ---- */

/* The row of the other picture with the same key, or NULL. */
extern const PictureRow *find_twin(const Comparison *work, const PictureRow *rows,
								   const PictureRow *row);

/* Does the SIS have another row with this key, and does it say the same? */
extern bool has_double(const Comparison *work, const PictureRow *target, bool same);

/*
 * A new operation of the student; its record is a copy of target, or of before
 * when there is none, which still lacks record type and transaction type.
 */
extern Operation *add_operation(Comparison *work, const PictureRow *before,
								const PictureRow *target);

/* ---- what CALPADS would refuse ---- */

/* Holds what cannot be trusted: a load that set rows aside, an SSID of two students, doubts. */
extern void hold_doubtful_student(Comparison *work);

/* The student's rows as CALPADS will hold them, into final_rows. */
extern void collect_final_rows(Comparison *work);

/*
 * Holds the records that break a fatal rule; false when there is none.  A
 * deletion only needs the key of a row that CALPADS has, and has to be
 * written.
 */
extern bool hold_rule_breakers(Comparison *work);

/* Two rows that exclude each other, as the process sees it. */
typedef struct Exclusion
{
	/* The rule under which the two could not stand beside each other, or NULL. */
	const char *(*conflict) (const PictureRow *a, const PictureRow *b,
							 const ReconcileOptions *options);
	/* Which of two operations that exclude each other is sent? */
	bool		(*yields_to) (const Operation *operation, const Operation *other);
	/* The rule and the row in words. */
	const char *(*rule_words) (const char *rule);
	const char *(*row_words) (Arena *arena, const ReconcileOptions *options, const PictureRow *row);
	const char *fix;			/* SIS table and column */
} Exclusion;

/*
 * Holds one operation whose record could not stand beside another row in the
 * end; false when there is none.
 */
extern bool hold_obstructed(Comparison *work, const Exclusion *exclusion);

/* Warnings about a record that is sent, beside final_rows. */
extern void warn_of_violations(Comparison *work, const Operation *operation);

#endif							/* CALPADS_COMPARISON_H */
