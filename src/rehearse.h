/*-------------------------------------------------------------------------
 *
 * rehearse.h
 *	  Replays files against what CALPADS holds, under CALPADS' rules.
 *
 * CALPADS checks every record of a file against what it held before the
 * file, and one refused record refuses the whole file (spec/senr.md section
 * 5).  What is known of these rules is told here a second time: nothing is
 * shared with reconcile, wave and the meanings of enrollment.c and program.c, whose
 * mistakes it is there to find.  Only the rules about one record by itself
 * are those of rule.h.
 *
 * Rows and records come as lines: the fields of the process and carets
 * between them, without line end.  The process is that of the rule book.
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_REHEARSE_H
#define CALPADS_REHEARSE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "picture_row.h"
#include "rule.h"

typedef struct Rehearsal Rehearsal;

/* A key part that could not be read. */
#define REHEARSAL_NO_DAY INT_MIN

typedef struct RehearsalKey
{
	const char *ssid;			/* NULL = blank or not readable */
	const char *school;			/* the same */
	const char *program;		/* SPRG; NULL = blank, or another process */
	DayNumber	start;			/* REHEARSAL_NO_DAY = the same */
} RehearsalKey;

/* A record that CALPADS would refuse, and one reason for it. */
typedef struct Refusal
{
	int64_t		line_no;
	const char *rule;			/* CALPADS rule number, or FORMAT */
	int			field;			/* of the process, -1 = the whole record */
	RehearsalKey key;
	const char *explanation;
	struct Refusal *next;
} Refusal;

typedef struct FileVerdict
{
	int64_t		records;
	int64_t		refused;		/* records, not reasons; 0 = CALPADS posts the file */
	const Refusal *refusals;	/* in the order of the lines */
} FileVerdict;

/* An enrollment that CALPADS holds when SPRG files are posted. */
typedef struct CarryingStay
{
	const char *school;
	DayNumber	start;
	DayNumber	end;			/* last day, or ROW_OPEN */
	const char *reason;			/* exit reason, or NULL */
	bool		closes;			/* CALPADS closes programs with the exit before the files come */
	const struct CarryingStay *next;
} CarryingStay;

/* What CALPADS and the SIS still do not agree on. */
typedef struct Difference
{
	RehearsalKey key;
	int			field;			/* of the process, -1 = one side has no such row */
	const char *explanation;
	struct Difference *next;
} Difference;

/*
 * A CALPADS that holds nothing yet, for files of the LEA.  today serves the
 * length of open short-term enrollments.  Arguments must live as long as the
 * rehearsal, which lives in the arena.
 */
extern Rehearsal *rehearsal_create(Arena *arena, const char *lea, DayNumber today,
								   const RuleBook *rules);

/*
 * CALPADS takes the record without a question: a row of the ODS extract, or
 * a record of a file that was posted.  Of a key the last one counts, D takes
 * the row away.  A line that cannot be read changes nothing.
 */
extern void rehearsal_take(Rehearsal *rehearsal, const char *line);

/*
 * SPRG: CALPADS holds the enrollment; what the stay points to is copied.
 * Before rehearsal_take, which closes what the exits close.
 */
extern void rehearsal_enroll(Rehearsal *rehearsal, const char *ssid, const CarryingStay *stay);

/* The next record of the file at hand. */
extern void rehearsal_submit(Rehearsal *rehearsal, int64_t line_no, const char *line);

/*
 * CALPADS' answer to the file.  With no refused record it holds what the file
 * says from now on, else it holds what it held.  A new file begins.
 */
extern FileVerdict rehearsal_end_file(Rehearsal *rehearsal);

/* A row of the SIS picture. */
extern void rehearsal_expect(Rehearsal *rehearsal, const char *line);

/*
 * Where the SIS rows and what CALPADS holds differ in the fields that SENR
 * compares (DESIGN section 5, rules 1 and 5), students in the order of their
 * SSIDs.
 */
extern const Difference *rehearsal_differences(Rehearsal *rehearsal);

#endif							/* CALPADS_REHEARSE_H */
