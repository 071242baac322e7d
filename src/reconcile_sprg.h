/*-------------------------------------------------------------------------
 *
 * reconcile_sprg.h
 *	  Two pictures of one student's programs into operations, or into reasons
 *	  why there is none.
 *
 * The rules are those of spec/sinf_sela_sprg.md section 4.4 and, where SPRG
 * is like SENR, of DESIGN section 5.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RECONCILE_SPRG_H
#define CALPADS_RECONCILE_SPRG_H

#include "operation.h"
#include "program.h"
#include "rule.h"
#include "wave.h"

/* What the order of a student's SPRG records rests on. */
extern const WaveRules sprg_wave_rules;

/* A student with more programs than this, on both sides, is not a student. */
#define SPRG_MAX_ROWS 500

/*
 * Compares the two pictures of one student.  options->programs holds the
 * programs that are reported; rows of others are not looked at.  Everything
 * in the result lives in the arena.  Never fails.
 */
extern Reconciliation reconcile_programs(Arena *arena, const Student *student,
										 const ReconcileOptions *options);

#endif							/* CALPADS_RECONCILE_SPRG_H */
