/*-------------------------------------------------------------------------
 *
 * story.h
 *	  Operations and holds told in sentences that a registrar understands.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_STORY_H
#define CALPADS_STORY_H

#include "reconcile.h"

/* "09/30/2025" */
extern const char *story_date(Arena *arena, DayNumber day);

/* "Roosevelt Middle (0123456)", or "school 0123456" without a name. */
extern const char *story_school_of_code(Arena *arena, const ReconcileOptions *options,
										const char *code);
extern const char *story_school(Arena *arena, const ReconcileOptions *options,
								const Enrollment *row);

/* "the enrollment at … from … to …", or "… from …, which is open". */
extern const char *story_enrollment(Arena *arena, const ReconcileOptions *options,
									const Enrollment *row);

/* Why the operation exists and what it does. */
extern const char *story_operation(Arena *arena, const ReconcileOptions *options,
								   const Operation *operation);

/* What the rule between two rows of a student says (enrollment_conflict). */
extern const char *story_conflict(const char *rule);

#endif							/* CALPADS_STORY_H */
