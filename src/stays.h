/*-------------------------------------------------------------------------
 *
 * stays.h
 *	  The enrollments by which student programs go: what SENR has posted, and
 *	  what it will have posted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_STAYS_H
#define CALPADS_STAYS_H

#include "postgres.h"

#include "program.h"

typedef struct StayDirectory StayDirectory;

/* Is the student one whose enrollments are asked for? */
typedef bool (*StudentFilter) (void *context, const char *lea, const char *ssid);

/*
 * Reads the enrollments of one LEA, or of all that have programs loaded when
 * lea is NULL; of one student when ssid is given; of those that the filter
 * lets pass.  In the current memory context.  Needs an SPI connection.
 */
extern StayDirectory *stays_load(const char *lea, const char *ssid, StudentFilter filter,
								 void *context);

/* Sets the student's enrollments, and whether the SIS reports one. */
extern void stays_of_student(StayDirectory *directory, const char *lea, const char *ssid,
							 const Stay **stays, bool *in_sis);

#endif							/* CALPADS_STAYS_H */
