/*-------------------------------------------------------------------------
 *
 * wave.h
 *	  The order of a student's operations, and the numbers of the files.
 *
 * CALPADS checks every record of a file against what it held before that
 * file (spec/senr.md section 5).  So an operation that needs another one to
 * have happened stands in a later file.  In SENR no student stands twice in a
 * file of exits or updates.
 *
 * Removals are the first file: they only need their rows.  Exits and updates
 * of one student are a small graph, its shape.  Students of one shape need
 * the same, and there are few shapes; the shortest row of files that serves
 * every shape is the plan.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_WAVE_H
#define CALPADS_WAVE_H

#include "operation.h"

typedef struct WavePlan WavePlan;

/* What the order of the operations of a process rests on. */
typedef struct WaveRules
{
	/* The rule under which two rows cannot stand beside each other, or NULL. */
	const char *(*conflict) (const PictureRow *a, const PictureRow *b,
							 const ReconcileOptions *options);
	/* Of two operations that could both be posted now, does a go first? */
	bool		(*goes_before) (const Operation *a, const Operation *b);
	bool		many_per_file;	/* a file may hold several records of a student */
} WaveRules;

/*
 * Gives every operation of one student that is not held its place: the
 * number, from 0, in an order in which they could be posted one by one.
 * Returns NULL, or an operation that can never be posted because the
 * operations wait for each other.
 */
extern Operation *wave_order(Operation *operations, const WaveRules *rules,
							 const ReconcileOptions *options);

/*
 * A plan for the files of one LEA, in the arena, which must outlive it, as
 * must the rules and the options.
 */
extern WavePlan *wave_plan_create(Arena *arena, const WaveRules *rules,
								  const ReconcileOptions *options);

/*
 * Makes room in the plan for a student's operations that are not held; they
 * have been through wave_order.  Gives them their shape.
 */
extern void wave_plan_add(WavePlan *plan, Operation *operations);

/* All students are known: settles the files. */
extern void wave_plan_finish(WavePlan *plan);

/*
 * Number of the file, from 1, of an operation with that shape and place.  The
 * plan must be finished.
 */
extern int	wave_file_number(const WavePlan *plan, int shape, int place);

/* Shape of all removals. */
#define WAVE_REMOVAL 0

#endif							/* CALPADS_WAVE_H */
