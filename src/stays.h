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

typedef void (*StudentTaker) (void *context, const char *lea, const char *ssid);

/*
 * Reads what the SENR difference will change in the enrollments of one LEA, or
 * of all that have programs loaded when lea is NULL; of one student when ssid
 * is given.  Tells the students of whom an exit to come closes programs, before
 * it asks the filter who of those that the SIS reports is of interest.  In the
 * current memory context.  Needs an SPI connection, as the next one does.
 */
extern StayDirectory *stays_begin(const char *lea, const char *ssid, StudentTaker closing,
								  StudentFilter filter, void *context);

/* Adds the posted enrollments of the students whom the filter lets pass. */
extern void stays_finish(StayDirectory *directory, StudentFilter filter, void *context);

/* Sets the student's enrollments, and whether the SIS reports one. */
extern void stays_of_student(StayDirectory *directory, const char *lea, const char *ssid,
							 const Stay **stays, bool *in_sis);

#endif							/* CALPADS_STAYS_H */
