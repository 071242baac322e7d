/*-------------------------------------------------------------------------
 *
 * school_directory.h
 *	  The schools: which are selected, what they are called, and how many rows
 *	  CALPADS holds of each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_SCHOOL_DIRECTORY_H
#define CALPADS_SCHOOL_DIRECTORY_H

#include "postgres.h"

#include "field.h"

typedef struct School
{
	char		code[NAMEDATALEN];	/* seven digits, or the LEA's and these */
	const char *name;
	bool		selected;
	uint64		rows;			/* that CALPADS holds of it */
	uint64		current_rows;	/* those of the current year */
} School;

typedef struct SchoolDirectory SchoolDirectory;

/* All schools of calpads.school, without rows.  Needs an SPI connection. */
extern SchoolDirectory *school_directory_load(void);

/* The name for sentences; directory is a SchoolDirectory.  NULL when nobody knows it. */
extern const char *school_directory_name(void *directory, const char *code);

/* The school of the LEA, or NULL. */
extern School *school_directory_find(SchoolDirectory *directory, FieldText lea, FieldText code);

/* Called for each school of which CALPADS holds rows. */
typedef void (*SchoolTaker) (void *context, const char *lea, const char *school, uint64 current_rows);
extern void school_directory_visit(SchoolDirectory *directory, SchoolTaker take, void *context);

/*
 * For another process that counts rows: the schools as an array without names,
 * in which it also gives its counts; a directory of such an array, without rows;
 * and the array's counts added here.
 */
extern long school_directory_count(SchoolDirectory *directory);
extern void school_directory_export(SchoolDirectory *directory, School *schools);
extern SchoolDirectory *school_directory_import(const School *schools, long count);
extern void school_directory_add_counts(SchoolDirectory *directory, const School *schools, long count);

#endif							/* CALPADS_SCHOOL_DIRECTORY_H */
