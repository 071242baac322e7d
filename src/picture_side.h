/*-------------------------------------------------------------------------
 *
 * picture_side.h
 *	  One side of the comparison: reads the rows of a query, and tells whose each
 *	  row is, whether it counts, and what it weighs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PICTURE_SIDE_H
#define CALPADS_PICTURE_SIDE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "nodes/params.h"

#include "picture_columns.h"
#include "process.h"
#include "school_directory.h"

typedef enum Side
{
	SIDE_CALPADS,
	SIDE_SIS
} Side;

/* A school that was looked up lately. */
typedef struct KnownSchool
{
	uint64		digest;			/* of LEA and school; 0 = none */
	bool		in_scope;
	School	   *school;			/* NULL = nobody knows it */
} KnownSchool;

typedef struct PictureSide
{
	Side		side;
	const Process *process;
	const ReconcileOptions *options;	/* the days are all that is asked of them */
	SchoolDirectory *schools;
	MemoryContext memory;		/* rows are read in shorter ones */
	TupleDesc	description;	/* of the rows that were read last, and its columns */
	PictureColumns columns;
	KnownSchool known_schools[256];
} PictureSide;

/* Whose the row is. */
typedef struct RowKey
{
	FieldText	lea;
	FieldText	ssid;
	uint64		lea_digest;
	uint64		student;
} RowKey;

/* A side in the current memory context, of which nothing has been read. */
extern void picture_side_begin(PictureSide *side, Side which, const Process *process,
							   const ReconcileOptions *options, SchoolDirectory *schools);

/*
 * Hands on each row that has an SSID: without one there is no key yet, the SSID
 * request is for these rows.  Needs an SPI connection.
 */
typedef void (*RowTaker) (void *context, const RowKey *key, TupleTableSlot *slot);
extern void picture_side_read(PictureSide *side, const char *query, ParamListInfo parameters,
							  RowTaker take, void *context);

/* The same for one row of the side, which may be stored since; false = it has no SSID. */
extern bool picture_side_find_key(const PictureSide *side, TupleTableSlot *slot, RowKey *key);

/*
 * Is the row part of the comparison: a selected school, inside the window
 * (DESIGN section 5, rule 2), and not after today when future dates stay out?
 */
extern bool picture_side_in_scope(PictureSide *side, const RowKey *key, TupleTableSlot *slot);

/*
 * What the row weighs in the balance of its student; counts it with its school
 * when CALPADS holds it.  Errors: 22004 when it belongs to no LEA.
 */
extern uint64 picture_side_weigh(PictureSide *side, const RowKey *key, TupleTableSlot *slot);

/* The student as a number. */
extern uint64 student_digest(FieldText lea, FieldText ssid);

#endif							/* CALPADS_PICTURE_SIDE_H */
