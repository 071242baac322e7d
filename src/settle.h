/*-------------------------------------------------------------------------
 *
 * settle.h
 *	  Which of a student's operations are held, whatever the process.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_SETTLE_H
#define CALPADS_SETTLE_H

#include "operation.h"

typedef struct Settlement
{
	Operation  *operations;		/* at most RECONCILE_MAX_ROWS */
	Finding   **holds;
	/* Holds more and more operations, until those left could be posted. */
	void		(*hold_what_must_be) (void *work);
	void	   *work;
} Settlement;

/*
 * Holds what must be held, and no more: what was held for the sake of another
 * operation (yielded) is tried again when that one is held itself.
 */
extern void settle_operations(const Settlement *settlement);

#endif							/* CALPADS_SETTLE_H */
