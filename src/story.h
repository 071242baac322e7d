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

/* "from 08/11/2025 to 05/29/2026", or "from 08/11/2025, which is open". */
extern const char *story_span(Arena *arena, const PictureRow *row);

/* The value, or "blank". */
extern const char *story_value(const char *value);

/*
 * "grade level 05 instead of 04" for each changed field of the mask, with
 * commas between; names by field of the process, at least of those in changed.
 */
extern const char *story_changes(Arena *arena, const char *const *names,
								 const Operation *operation, uint64_t mask);

/* " Also sent: ….", or nothing without changes. */
extern const char *story_also_sent(Arena *arena, const char *changes);

/* "the enrollment at … from … to …", or "… from …, which is open". */
extern const char *story_enrollment(Arena *arena, const ReconcileOptions *options,
									const Enrollment *row);

/* Why the operation exists and what it does. */
extern const char *story_operation(Arena *arena, const ReconcileOptions *options,
								   const Operation *operation);

/* What the rule between two rows of a student says (enrollment_conflict). */
extern const char *story_conflict(const char *rule);

#endif							/* CALPADS_STORY_H */
