/*-------------------------------------------------------------------------
 *
 * picture_row.h
 *	  One row of a picture in memory: an enrollment of SENR, a program of SPRG.
 *
 * Which fields there are and what they mean is the process's to say
 * (process.h).  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PICTURE_ROW_H
#define CALPADS_PICTURE_ROW_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "field.h"

/* The most fields of a process whose pictures are compared: those of SENR. */
#define PICTURE_FIELD_COUNT 35

#define FIELD_BIT(field) (UINT64_C(1) << (field))

/* End of a row without an end date. */
#define ROW_OPEN INT_MAX

typedef struct PictureRow
{
	const char *value[PICTURE_FIELD_COUNT]; /* NULL = blank, dates as CCYYMMDD */
	DayNumber	start;
	DayNumber	end;			/* last day, inclusive, or ROW_OPEN */
	bool		in_scope;		/* selected school, inside the window */
	const char *problems;		/* SIS rows: what the mapping found wrong (jsonb) */
	struct PictureRow *next;
} PictureRow;

/* Are two values the same?  NULL is blank. */
extern bool same_value(const char *a, const char *b);

/* Is the field empty or does it hold exactly this text? */
extern bool row_has(const PictureRow *row, int field, const char *text);

/* Those of the fields (bits) in which two rows differ, as bits. */
extern uint64_t row_difference(const PictureRow *a, const PictureRow *b, uint64_t fields);

/* A copy whose fields can be changed. */
extern PictureRow *row_copy(Arena *arena, const PictureRow *row);

/* Writes a date into a field; start and end of the row are not touched. */
extern void row_set_date(Arena *arena, PictureRow *row, int field, DayNumber day);

/* Age in completed years on a day; -1 without a usable birth date (CCYYMMDD). */
extern int	age_on(const char *birth_date, DayNumber day);

/* July 1 of the school year that holds the day. */
extern DayNumber school_year_start(DayNumber day);

#endif							/* CALPADS_PICTURE_ROW_H */
