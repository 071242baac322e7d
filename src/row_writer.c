/*-------------------------------------------------------------------------
 *
 * row_writer.c
 *	  Rows into a table of the extension, hundreds at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "row_writer.h"

#include "access/brin.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "compat.h"

/*
 * A batch is written when it has so many rows, or so many bytes, which is
 * little enough to stay near the processor.
 */
#define BATCH_ROWS 500
#define BATCH_BYTES ((Size) 128 * 1024)

typedef struct RowBatch
{
	CommandId	command;
	BulkInsertState bulk_insert;
	MemoryContext context;		/* of all that is here */
	MemoryContext write_context;	/* what the table needs to write rows */
	HeapTupleHeader no_values;	/* what every row begins with */
	Size		header_size;	/* of that */
	char	   *rows;			/* one behind the other */
	Size		capacity;		/* for them; aligned, so that the room ends where a row may begin */
	HeapTuple	tuples[BATCH_ROWS]; /* where they are; made when they are first needed */
	TupleTableSlot *slots[BATCH_ROWS];	/* of these tuples */
	int			count;
	uint64		bytes_written;	/* of the batches before */

	/* The index by load: what it summarizes, and the range that it was told of last. */
	Relation	load_index;		/* NULL = there is none */
	IndexInfo  *index_info;
	BlockNumber told_range;
} RowBatch;

/* ---- opening ------------------------------------------------------------ */

static void
check_permission(Relation relation)
{
	AclResult	result = pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_INSERT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, RelationGetRelationName(relation));
}

/*
 * All rows of a load have the same load_id, so an index that summarizes ranges
 * of pages by it need only be told of one row in each range.
 */
static bool
is_load_index(Relation relation, Relation index)
{
	return index->rd_rel->relam == BRIN_AM_OID && index->rd_index->indnatts == 1 &&
		index->rd_index->indkey.values[0] == get_attnum(RelationGetRelid(relation), "load_id") &&
		RelationGetIndexPredicate(index) == NIL;
}

/* The one index that the table may have, or none; *others: has it more? */
static Relation
open_load_index(Relation relation, bool *others)
{
	Relation	load_index = NULL;
	ListCell   *cell;

	*others = false;
	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		if (load_index == NULL && is_load_index(relation, index))
			load_index = index;
		else
			*others = true;
	}
	return load_index;
}

static void
check_plain_table(Relation relation, bool has_other_index)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	const char *obstacle = NULL;

	if (has_other_index)
		obstacle = "an index";
	else if (relation->trigdesc != NULL)
		obstacle = "a trigger or a foreign key";
	else if (constraints != NULL && constraints->num_check > 0)
		obstacle = "a check constraint";
	else if (constraints != NULL && constraints->has_generated_stored)
		obstacle = "a generated column";
	else if (check_enable_rls(RelationGetRelid(relation), InvalidOid, false) == RLS_ENABLED)
		obstacle = "row-level security";

	if (obstacle != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has %s, which loading would pass by",
						RelationGetRelationName(relation), obstacle),
				 errdetail("The table belongs to the extension calpads, which makes it without."),
				 errhint("Drop what was added to the table.")));
}

/*
 * What is loaded is read a moment later, so it stays in the server's cache as
 * long as it is small beside it.  From a quarter on, as in a scan of a table, a
 * ring of few buffers keeps it from pushing everything else out.
 */
static void
choose_buffers(RowBatch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);

	if (batch->bulk_insert->strategy == NULL && batch->bytes_written > (uint64) NBuffers / 4 * BLCKSZ)
		batch->bulk_insert->strategy = GetAccessStrategy(BAS_BULKWRITE);
	MemoryContextSwitchTo(caller);
}

/*
 * A row always has a null bitmap: the room for it is left before the values
 * are known.
 */
static void
make_header(RowBatch *batch, int columns)
{
	batch->header_size = MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(columns));
	batch->no_values = palloc0(batch->header_size);
	ItemPointerSetInvalid(&batch->no_values->t_ctid);
	batch->no_values->t_infomask = HEAP_HASNULL | HEAP_HASVARWIDTH;
	HeapTupleHeaderSetNatts(batch->no_values, columns);
	batch->no_values->t_hoff = batch->header_size;
}

static RowBatch *
make_batch(Relation relation)
{
	RowBatch   *batch = palloc0(sizeof(RowBatch));

	batch->command = GetCurrentCommandId(true);
	batch->bulk_insert = GetBulkInsertState();
	FreeAccessStrategy(batch->bulk_insert->strategy);
	batch->bulk_insert->strategy = NULL;
	batch->context = CurrentMemoryContext;
	batch->write_context = AllocSetContextCreate(CurrentMemoryContext, "calpads batch of rows",
												 ALLOCSET_DEFAULT_SIZES);
	make_header(batch, RelationGetNumberOfAttributes(relation));
	batch->capacity = BATCH_BYTES;
	batch->rows = palloc(batch->capacity);
	return batch;
}

/* The room for rows is empty. */
static void
use_room(RowWriter *writer)
{
	writer->row = (HeapTupleHeader) writer->batch->rows;
	writer->room_end = writer->batch->rows + writer->batch->capacity;
}

RowWriter *
row_writer_open(const char *table)
{
	RowWriter  *writer = palloc0(sizeof(RowWriter));
	Oid			relation = get_relname_relid(table, get_namespace_oid("calpads", false));
	bool		has_other_index;

	writer->relation = table_open(relation, RowExclusiveLock);
	check_permission(writer->relation);
	writer->batch = make_batch(writer->relation);
	writer->batch->load_index = open_load_index(writer->relation, &has_other_index);
	check_plain_table(writer->relation, has_other_index);
	if (writer->batch->load_index != NULL)
		writer->batch->index_info = BuildIndexInfo(writer->batch->load_index);
	writer->batch->told_range = InvalidBlockNumber;
	use_room(writer);
	return writer;
}

/* ---- rows --------------------------------------------------------------- */

/* The row is on its page: should its range be summarized, the summary holds it from now on. */
static void
tell_load_index(RowWriter *writer, HeapTuple tuple, ItemPointer place)
{
	RowBatch   *batch = writer->batch;
	BlockNumber range = ItemPointerGetBlockNumber(place) / BrinGetPagesPerRange(batch->load_index);
	Datum		load_id;
	bool		isnull;

	if (range == batch->told_range)
		return;
	load_id = heap_getattr(tuple, batch->index_info->ii_IndexAttrNumbers[0],
						   RelationGetDescr(writer->relation), &isnull);
	insert_into_index(batch->load_index, &load_id, &isnull, place, writer->relation, batch->index_info);
	batch->told_range = range;
}

static void
write_batch(RowWriter *writer)
{
	RowBatch   *batch = writer->batch;
	MemoryContext caller = MemoryContextSwitchTo(batch->write_context);

	choose_buffers(batch);
	table_multi_insert(writer->relation, batch->slots, batch->count, batch->command, 0,
					   batch->bulk_insert);
	for (int i = 0; i < batch->count && batch->load_index != NULL; i++)
		tell_load_index(writer, batch->tuples[i], &batch->slots[i]->tts_tid);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->write_context);

	batch->bytes_written += (char *) writer->row - batch->rows;
	batch->count = 0;
	use_room(writer);
}

char *
row_writer_begin_row(RowWriter *writer)
{
	Size		size = writer->batch->header_size;
	char	   *end = (char *) writer->row;

	if (size > (Size) (writer->room_end - end))
		end = row_writer_enlarge(writer, end, size);
	memcpy(end, writer->batch->no_values, size);
	return end + size;
}

/* The rows before are written, so that this one is the first; if it must, the room grows. */
char *
row_writer_enlarge(RowWriter *writer, char *end, Size size)
{
	RowBatch   *batch = writer->batch;
	char	   *row = (char *) writer->row;
	Size		length = end - row;

	if (batch->count > 0)
		write_batch(writer);
	memmove(batch->rows, row, length);
	if (length + size > batch->capacity)
	{
		batch->capacity = MAXALIGN(Max(length + size, 2 * batch->capacity));
		batch->rows = repalloc(batch->rows, batch->capacity);
		use_room(writer);
	}
	return batch->rows + length;
}

/*
 * A slot keeps its tuple: what changes is only where the tuple's row stands.  So
 * no slot may be read by columns, which it would remember.  A slot makes a copy
 * of a tuple that it does not own, so it owns this one, of which the row is no part.
 */
static void
make_slot(RowWriter *writer, int number)
{
	RowBatch   *batch = writer->batch;
	MemoryContext caller = MemoryContextSwitchTo(batch->context);

	batch->tuples[number] = palloc0(HEAPTUPLESIZE);
	batch->tuples[number]->t_data = writer->row;
	batch->slots[number] = MakeSingleTupleTableSlot(RelationGetDescr(writer->relation), &TTSOpsHeapTuple);
	ExecStoreHeapTuple(batch->tuples[number], batch->slots[number], true);
	MemoryContextSwitchTo(caller);
}

void
row_writer_end_row(RowWriter *writer, char *end)
{
	RowBatch   *batch = writer->batch;
	HeapTuple	tuple;

	if (batch->slots[batch->count] == NULL)
		make_slot(writer, batch->count);
	tuple = batch->tuples[batch->count++];
	tuple->t_len = end - (char *) writer->row;
	tuple->t_data = writer->row;
	writer->row = (HeapTupleHeader) aligned(end, MAXIMUM_ALIGNOF);
	if (batch->count == BATCH_ROWS)
		write_batch(writer);
}

void
row_writer_close(RowWriter *writer)
{
	if (writer->batch->count > 0)
		write_batch(writer);
	for (int i = 0; i < BATCH_ROWS && writer->batch->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->batch->slots[i]);
	FreeBulkInsertState(writer->batch->bulk_insert);
	if (writer->batch->load_index != NULL)
	{
		end_index_inserts(writer->batch->load_index, writer->batch->index_info);
		index_close(writer->batch->load_index, NoLock);
	}
	table_finish_bulk_insert(writer->relation, 0);
	table_close(writer->relation, NoLock);
}
