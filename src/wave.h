/*-------------------------------------------------------------------------
 *
 * wave.h
 *	  The order of a student's operations, and the numbers of the files.
 *
 * CALPADS checks every record of a file against what it held before that
 * file (spec/senr.md section 5).  So an operation that needs another one to
 * have happened stands in a later file, and no student stands twice in a
 * file of exits or updates.
 *
 * Files come in blocks: Removals, Exits, Updates, and again Exits, Updates
 * as long as somebody needs it (a row may have to change its status before
 * another can be lengthened).  A block has as many files as the longest row
 * of operations that any one student has in it; that is all that has to be
 * known of the other students.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_WAVE_H
#define CALPADS_WAVE_H

#include "reconcile.h"

#define WAVE_MAX_BLOCKS 64

/* How many files each block needs; zero one to start with. */
typedef struct WavePlan
{
	int			files[WAVE_MAX_BLOCKS];
} WavePlan;

/*
 * Gives every operation of one student that is not held its block and its
 * position in it.  Returns NULL, or an operation that can never be posted because the
 * operations wait for each other.
 */
extern Operation *wave_order(Operation *operations, DayNumber today);

/* Makes room in the plan for a student's operations that are not held. */
extern void wave_plan_add(WavePlan *plan, const Operation *operations);

/* Number of the file, from 1, over all blocks and without gaps. */
extern int	wave_file_number(const WavePlan *plan, int block, int position);

#endif							/* CALPADS_WAVE_H */
