/*-------------------------------------------------------------------------
 *
 * picture.h
 *	  Reads what CALPADS holds (calpads.ods_senr, …) and what it should hold
 *	  (sis.senr, …), and gives the students whose rows are not the same.
 *
 * Both sides are read once.  A student is a sum of row signatures: equal sums
 * on both sides mean equal rows, and nothing is kept of such a student.  The
 * others are visited one after the other.  Rows wait in tuplestores, which
 * spill to disk beyond work_mem, and are taken up in portions, so memory does
 * not grow with the size of the district.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PICTURE_H
#define CALPADS_PICTURE_H

#include "postgres.h"

#include "process.h"

/* Called for each student that differs; all memory is the picture's. */
typedef void (*StudentVisitor) (void *context, const char *lea, const char *ssid,
								const Student *student);

/* Called once for each student whom the SIS reports. */
typedef void (*StudentNamer) (void *context, const char *lea, const char *ssid);

/*
 * Compares the pictures of the LEA, or of all LEAs that have a baseline when
 * lea is NULL; of one student when ssid is given.  name may be NULL, and is called before
 * visit.  Needs an SPI connection.  Errors: 55000 without a baseline, 42P01 /
 * 42703 when the SIS view is missing or lacks a column.
 */
extern void picture_compare(const Process *process, const char *lea, const char *ssid,
							const ReconcileOptions *options,
							StudentNamer name, StudentVisitor visit, void *context);

/* Names and selection of the schools, for scope and for sentences. */
typedef struct SchoolDirectory SchoolDirectory;
extern SchoolDirectory *school_directory_load(void);
extern const char *school_directory_name(void *directory, const char *code);

#endif							/* CALPADS_PICTURE_H */
