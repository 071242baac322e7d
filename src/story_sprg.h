/*-------------------------------------------------------------------------
 *
 * story_sprg.h
 *	  Operations and holds of student programs told in sentences.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_STORY_SPRG_H
#define CALPADS_STORY_SPRG_H

#include "operation.h"

/* "program 181 (Free Meal Program) at … from … to …", or "… from …, which is open". */
extern const char *story_program(Arena *arena, const ReconcileOptions *options,
								 const PictureRow *row);

/* Why the operation exists and what it does. */
extern const char *story_program_operation(Arena *arena, const ReconcileOptions *options,
										   const Operation *operation);

/* What the rule between two rows of a student says (program_conflict). */
extern const char *story_program_conflict(const char *rule);

#endif							/* CALPADS_STORY_SPRG_H */
