/*-------------------------------------------------------------------------
 *
 * reconcile.h
 *	  Two pictures of one student's enrollments into operations, or into
 *	  reasons why there is none.
 *
 * The rules are those of DESIGN section 5 and spec/senr.md sections 4 to 7.
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RECONCILE_H
#define CALPADS_RECONCILE_H

#include "enrollment.h"
#include "operation.h"
#include "rule.h"
#include "wave.h"

/* What the order of a student's SENR records rests on. */
extern const WaveRules senr_wave_rules;

/*
 * Compares the two pictures of one student.  Everything in the result lives
 * in the arena.  Never fails.
 */
extern Reconciliation reconcile_student(Arena *arena, const Student *student,
										const ReconcileOptions *options);

#endif							/* CALPADS_RECONCILE_H */
