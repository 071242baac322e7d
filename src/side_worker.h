/*-------------------------------------------------------------------------
 *
 * side_worker.h
 *	  A parallel worker that reads one side of the comparison while the session
 *	  reads the other.
 *
 * As long as it works, the session is in parallel mode: it may read tables, but
 * not run functions that change something or catch errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_SIDE_WORKER_H
#define CALPADS_SIDE_WORKER_H

#include "postgres.h"

#include "storage/itemptr.h"

#include "picture_side.h"

/* A row that was read. */
typedef struct WeighedRow
{
	uint64		student;
	uint64		weight;
	ItemPointerData place;		/* in its table; not valid = not known */
} WeighedRow;

typedef struct SideWorker SideWorker;

/* Has a worker read the query's rows, or gives NULL when none can be had. */
extern SideWorker *side_worker_start(PictureSide *side, const char *query);

/* What it has read in the meantime; rows wait until somebody takes them. */
typedef void (*WeighedTaker) (void *context, const WeighedRow *row);
extern void side_worker_take(SideWorker *worker, WeighedTaker take, void *context);

/* All the rest, and the end; the side's schools have their counts then. */
extern void side_worker_finish(SideWorker *worker, WeighedTaker take, void *context);

#endif							/* CALPADS_SIDE_WORKER_H */
