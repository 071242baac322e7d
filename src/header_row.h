/*-------------------------------------------------------------------------
 *
 * header_row.h
 *	  The first line of a file as names of its columns.
 *
 * A cell names a field of the layout by its column name or its label; case
 * and everything but letters and digits is ignored, so that 'Local Student
 * ID' is local_student_id.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_HEADER_ROW_H
#define CALPADS_HEADER_ROW_H

#include <stdbool.h>

#include "field.h"
#include "layout.h"

/* Longer names of extra columns are cut; size with the terminating NUL. */
#define HEADER_NAME_SIZE 64

typedef struct HeaderRow
{
	int			column_count;	/* of the file; 0 when it has no header */
	int			column_of_field[LAYOUT_MAX_FIELDS]; /* -1: not in the file */
	int			extra_count;	/* columns that no field of the layout claimed */
	int			extra_column[LAYOUT_MAX_FIELDS];
	char		extra_name[LAYOUT_MAX_FIELDS][HEADER_NAME_SIZE];
} HeaderRow;

/*
 * Reads the cells, at most LAYOUT_MAX_FIELDS, as names of columns.  Fields
 * that have the same name claim columns from left to right; an extra column
 * without a name is called column_<its number from 1>.
 *
 * Returns whether the cells are a header: the first one names the layout's
 * first field, or most of the filled ones name fields, or all key fields are
 * named.  If not, column_count and extra_count are 0.
 */
extern bool header_read(HeaderRow *header, const Layout *layout, const FieldText *cells,
						int cell_count);

/* The first field that has a column; there is one in every header. */
extern const LayoutField *header_first_field(const HeaderRow *header, const Layout *layout);

/* The first key field that has no column, or NULL. */
extern const LayoutField *header_missing_key(const HeaderRow *header, const Layout *layout);

#endif							/* CALPADS_HEADER_ROW_H */
