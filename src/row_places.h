/*-------------------------------------------------------------------------
 *
 * row_places.h
 *	  Where the rows of a table were, so that a few of them can be fetched again
 *	  without reading the table once more.
 *
 * Places are good for the snapshot under which they were noted.  They wait in
 * a temporary file, so they take no memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_ROW_PLACES_H
#define CALPADS_ROW_PLACES_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "storage/itemptr.h"

typedef struct RowPlaces RowPlaces;

extern RowPlaces *row_places_create(void);

/* The place of the row in its table; not valid when it is not the table's own tuple. */
extern ItemPointerData row_place(const TupleTableSlot *slot);

/* A row of the student.  Places help only when none is invalid, that is not known. */
extern void row_places_note(RowPlaces *places, uint64 student, ItemPointerData tid);

/* Is the student one whose rows are wanted? */
typedef bool (*StudentPicker) (void *context, uint64 student);

/*
 * The places of the wanted students' rows, and the end of the places: a tid[],
 * or 0 when not all places are known, or when so many rows are wanted that it
 * is quicker to read the table.
 */
extern Datum row_places_finish(RowPlaces *places, StudentPicker wanted, void *context);

/* The end of places that nobody asks for. */
extern void row_places_end(RowPlaces *places);

#endif							/* CALPADS_ROW_PLACES_H */
