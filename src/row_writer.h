/*-------------------------------------------------------------------------
 *
 * row_writer.h
 *	  Rows into a table of the extension, hundreds at a time.
 *
 * The table's own machinery is passed by: only tables without indexes (but a
 * BRIN index over load_id), triggers, check constraints and row-level security
 * can be written.  All rows of a writer have the same load_id.  A row
 * is put together value by value in the order of the table's columns, without
 * Datums and without heap_form_tuple, in the place that it is written from:
 * that is what makes loading twice as fast as COPY.
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

/*
 * Rows are made where they are written from.  How far the row in the making
 * reaches is not kept here: the caller's own variable can stay in a register.
 */
typedef struct RowWriter
{
	Relation	relation;
	HeapTupleHeader row;		/* the one in the making */
	char	   *room_end;		/* where the room for rows ends */
	struct RowBatch *batch;		/* rows that are ready */
} RowWriter;

/*
 * Opens a table (calpads.<name>) for writing; the writer lives in the current
 * memory context.  Errors: 42501 when the current user may not insert, 55000
 * when the table has something that would be passed by.
 */
extern RowWriter *row_writer_open(const char *table);

/*
 * Begins a row whose columns are all null, and returns its end.  A row begun
 * before is forgotten unless it was ended.
 */
extern char *row_writer_begin_row(RowWriter *writer) __attribute__((returns_nonnull));

/* Makes room for so many more bytes of the row, which may move; returns its end. */
extern char *row_writer_enlarge(RowWriter *writer, char *end, Size size);

/* The row is complete. */
extern void row_writer_end_row(RowWriter *writer, char *end);

/* Writes what is still waiting, and closes the table; its lock stays. */
extern void row_writer_close(RowWriter *writer);

/*
 * Values of the row's columns, which count from 0 and come in their order; each
 * call must fit the column's type, and returns the row's new end.  They are
 * called for every field of a file, so they stand here to be inlined.
 */

/* The next place that is a multiple of the alignment. */
static inline char *
aligned(char *place, Size alignment)
{
	return place + (-(uintptr_t) place & (alignment - 1));
}

/* Where the next value begins; the padding before it is zero, as pages want it. */
static inline char *
row_align(RowWriter *writer, char *end, Size alignment, Size size)
{
	/* Padding takes one byte less, but so there is never none of it to write. */
	if (unlikely(size + alignment > (Size) (writer->room_end - end)))
		end = row_writer_enlarge(writer, end, size + alignment);
	/* No value is smaller than its padding could be: what is too much is written over. */
	memset(end, 0, alignment - 1);
	return aligned(end, alignment);
}

static inline void
row_set_not_null(RowWriter *writer, int column, Oid type)
{
	Assert(TupleDescAttr(RelationGetDescr(writer->relation), column)->atttypid == type);
	writer->row->t_bits[(unsigned) column / 8] |= 1 << (unsigned) column % 8;
}

static inline char *
row_add_bigint(RowWriter *writer, char *end, int column, int64 value)
{
	end = row_align(writer, end, ALIGNOF_DOUBLE, sizeof(value));
	memcpy(end, &value, sizeof(value));
	row_set_not_null(writer, column, INT8OID);
	return end + sizeof(value);
}

static inline char *
row_add_date(RowWriter *writer, char *end, int column, DateADT value)
{
	end = row_align(writer, end, ALIGNOF_INT, sizeof(value));
	memcpy(end, &value, sizeof(value));
	row_set_not_null(writer, column, DATEOID);
	return end + sizeof(value);
}

/*
 * Text in the server's encoding.  Short ones have a header of one byte and no
 * alignment, as COPY writes them.
 */
static inline char *
row_add_text(RowWriter *writer, char *end, int column, const char *string, Size length)
{
	Size		size = length + VARHDRSZ_SHORT;

	if (size <= VARATT_SHORT_MAX)
	{
		end = row_align(writer, end, 1, size);
		SET_VARSIZE_SHORT(end, size);
		memcpy(VARDATA_SHORT(end), string, length);
	}
	else
	{
		size = length + VARHDRSZ;
		end = row_align(writer, end, ALIGNOF_INT, size);
		SET_VARSIZE(end, size);
		memcpy(VARDATA(end), string, length);
	}
	row_set_not_null(writer, column, TEXTOID);
	return end + size;
}

#endif							/* CALPADS_ROW_WRITER_H */
