/*-------------------------------------------------------------------------
 *
 * picture_columns.h
 *	  The rows of a picture as the executor gives them: where each field is, and
 *	  what it says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PICTURE_COLUMNS_H
#define CALPADS_PICTURE_COLUMNS_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/date.h"

#include "process.h"

/* A column that tells rows apart. */
typedef struct WeighedColumn
{
	int			field;
	int			column;
	bool		is_day;
	bool		is_key;
} WeighedColumn;

typedef struct PictureColumns
{
	int			field[PICTURE_FIELD_COUNT]; /* index of the column, from 0 */
	int			problems;		/* what the mapping of the SIS found wrong; -1 = no such column */
	WeighedColumn weighed[PICTURE_FIELD_COUNT]; /* key and compared fields */
	int			weighed_count;
	int			fetched;		/* so many columns hold all that is looked at in every row */
} PictureColumns;

/*
 * Finds the columns by their names.  The fields are of the type text or one
 * that is stored like it, or date; a column more does no harm, one that is
 * missing is an internal error (calpads.picture_fields names it to the user).
 */
extern void picture_columns_find(PictureColumns *columns, const Process *process, TupleDesc description);

/* The bytes of a text value. */
extern FieldText datum_text(Datum datum);

/* The bytes of a text column; a value of only blanks is none: length 0. */
extern FieldText column_text(TupleTableSlot *slot, int column);

/* The same without blanks around it: a district's own view may pad its keys. */
extern FieldText column_key(TupleTableSlot *slot, int column);

/*
 * A date in the eight digits of a record.  What they cannot say, a year of five
 * digits or an infinite date, comes as the server writes it, and is no date for
 * the rules.  In the current memory context.
 */
extern const char *date_as_field(DateADT date);

/*
 * The row that is in the slot, all of it fetched.  Without a start date it
 * starts on the day given.  Lives in the arena.
 */
extern PictureRow *picture_row(Arena *arena, const Process *process, const PictureColumns *columns,
							   TupleTableSlot *slot, DayNumber default_start);

/*
 * Key and compared fields of a row as one number, without the SSID, which is
 * the student's.  The columns are fetched.
 */
extern uint64 picture_row_signature(const PictureColumns *columns, TupleTableSlot *slot);

#endif							/* CALPADS_PICTURE_COLUMNS_H */
