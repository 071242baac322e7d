/*-------------------------------------------------------------------------
 *
 * picture.h
 *	  Reads what CALPADS holds (calpads.ods_senr, …) and what it should hold
 *	  (sis.senr, …), and gives the students whose rows are not the same.
 *
 * Both sides are read once, large tables at the same time by two processes.  A
 * student is a sum of row signatures: equal sums on both sides mean equal rows,
 * and nothing is kept of such a student.  The others are visited one after the
 * other.  Rows wait in tuplestores, which spill to disk beyond work_mem, and are
 * taken up in portions; sums and portions together stay below
 * calpads.comparison_memory, so memory does not grow with the size of the
 * district.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PICTURE_H
#define CALPADS_PICTURE_H

#include "postgres.h"

#include "process.h"
#include "school_directory.h"

/* Who is told what; all memory is the picture's. */
typedef struct PictureVisitor
{
	void	   *context;

	/* Once for each student whom the SIS reports, before all others; may be NULL. */
	void		(*name) (void *context, const char *lea, const char *ssid);

	/* For each school of which CALPADS holds rows, with the number of those of the current year. */
	SchoolTaker school;

	/* For each student that differs. */
	void		(*student) (void *context, const char *lea, const char *ssid, const Student *student);
} PictureVisitor;

/*
 * Compares the pictures of the LEA, or of all LEAs that have a baseline when
 * lea is NULL; of one student when ssid is given.  Needs an SPI connection.
 * Errors: 55000 without a baseline, 42P01 / 42703 when the SIS view is missing
 * or lacks a column.
 */
extern void picture_compare(const Process *process, const char *lea, const char *ssid,
							const ReconcileOptions *options, const PictureVisitor *visitor);

#endif							/* CALPADS_PICTURE_H */
