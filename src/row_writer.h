/*-------------------------------------------------------------------------
 *
 * row_writer.h
 *	  Rows into a table of the extension, a thousand at a time.
 *
 * The table's own machinery is passed by: only tables without indexes (but a
 * BRIN index over load_id), triggers, check constraints and row-level security
 * can be written.  All rows of a writer have the same load_id.  A row
 * is put together value by value in the order of the table's columns, without
 * Datums and without heap_form_tuple: that is what makes loading twice as fast
 * as COPY.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_ROW_WRITER_H
#define CALPADS_ROW_WRITER_H

#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/rel.h"

#include "compat.h"

/* A row in the making, as it will stand on the page. */
typedef struct RowWriter
{
	Relation	relation;
	char	   *row;
	Size		capacity;
	Size		length;
	int			column;			/* the next one, from 0 */
	struct RowBatch *batch;		/* rows that are ready */
} RowWriter;

/*
 * Opens a table (calpads.<name>) for writing; the writer lives in the current
 * memory context.  Errors: 42501 when the current user may not insert, 55000
 * when the table has something that would be passed by.
 */
extern RowWriter *row_writer_open(const char *table);

/* Makes room for so many more bytes of the row. */
extern void row_writer_enlarge(RowWriter *writer, Size size);

/* Ends the row; all columns must have got their value. */
extern void row_writer_end_row(RowWriter *writer);

/* Forgets the values that the row has so far. */
extern void row_writer_drop_row(RowWriter *writer);

/* Writes what is still waiting, and closes the table; its lock stays. */
extern void row_writer_close(RowWriter *writer);

/*
 * Values for the next column of the row; each call must fit the column's type.
 * They are called for every field of a file, so they stand here to be inlined.
 */

/* Room for a value; the padding before it is zero, as pages want it. */
static inline char *
row_writer_append(RowWriter *writer, Size alignment, Size size)
{
	Size		start = TYPEALIGN(alignment, writer->length);

	if (start + size > writer->capacity)
		row_writer_enlarge(writer, start + size);
	for (Size pad = writer->length; pad < start; pad++)
		writer->row[pad] = 0;
	writer->length = start + size;
	return writer->row + start;
}

/* Takes the next column, whose value is not null. */
static inline void
row_writer_next_column(RowWriter *writer, Oid type)
{
	HeapTupleHeader header = (HeapTupleHeader) writer->row;

	Assert(TupleDescAttr(RelationGetDescr(writer->relation), writer->column)->atttypid == type);
	header->t_bits[writer->column / 8] |= 1 << writer->column % 8;
	writer->column++;
}

static inline void
row_writer_add_null(RowWriter *writer)
{
	writer->column++;
}

static inline void
row_writer_add_bigint(RowWriter *writer, int64 value)
{
	row_writer_next_column(writer, INT8OID);
	memcpy(row_writer_append(writer, ALIGNOF_DOUBLE, sizeof(value)), &value, sizeof(value));
}

static inline void
row_writer_add_date(RowWriter *writer, DateADT value)
{
	row_writer_next_column(writer, DATEOID);
	memcpy(row_writer_append(writer, ALIGNOF_INT, sizeof(value)), &value, sizeof(value));
}

/*
 * Text in the server's encoding.  Short ones have a header of one byte and no
 * alignment, as COPY writes them.
 */
static inline void
row_writer_add_text(RowWriter *writer, const char *string, Size length)
{
	char	   *value;

	row_writer_next_column(writer, TEXTOID);
	if (length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		value = row_writer_append(writer, 1, length + VARHDRSZ_SHORT);
		SET_VARSIZE_SHORT(value, length + VARHDRSZ_SHORT);
		memcpy(VARDATA_SHORT(value), string, length);
	}
	else
	{
		value = row_writer_append(writer, ALIGNOF_INT, length + VARHDRSZ);
		SET_VARSIZE(value, length + VARHDRSZ);
		memcpy(VARDATA(value), string, length);
	}
}

#endif							/* CALPADS_ROW_WRITER_H */
