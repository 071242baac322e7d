/*-------------------------------------------------------------------------
 *
 * row_writer.c
 *	  Rows into a table of the extension, a thousand at a time.
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

/* A batch is written when it has so many rows, or so many bytes. */
#define BATCH_ROWS 1000
#define BATCH_BYTES ((Size) 1024 * 1024)

typedef struct RowBatch
{
	CommandId	command;
	BulkInsertState bulk_insert;
	MemoryContext context;		/* of the rows */
	MemoryContext write_context;	/* what the table needs to write them */
	TupleTableSlot *rows[BATCH_ROWS];	/* made when they are first needed */
	int			count;
	Size		bytes;
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

static RowBatch *
make_batch(void)
{
	RowBatch   *batch = palloc0(sizeof(RowBatch));

	batch->command = GetCurrentCommandId(true);
	batch->bulk_insert = GetBulkInsertState();
	FreeAccessStrategy(batch->bulk_insert->strategy);
	batch->bulk_insert->strategy = NULL;
	batch->context = CurrentMemoryContext;
	batch->write_context = AllocSetContextCreate(CurrentMemoryContext, "calpads batch of rows",
												 ALLOCSET_DEFAULT_SIZES);
	return batch;
}

RowWriter *
row_writer_open(const char *table)
{
	RowWriter  *writer = palloc0(sizeof(RowWriter));
	Oid			relation = get_relname_relid(table, get_namespace_oid("calpads", false));
	bool		has_other_index;

	writer->relation = table_open(relation, RowExclusiveLock);
	check_permission(writer->relation);
	writer->batch = make_batch();
	writer->batch->load_index = open_load_index(writer->relation, &has_other_index);
	check_plain_table(writer->relation, has_other_index);
	if (writer->batch->load_index != NULL)
		writer->batch->index_info = BuildIndexInfo(writer->batch->load_index);
	writer->batch->told_range = InvalidBlockNumber;
	writer->capacity = BLCKSZ;
	writer->row = palloc(writer->capacity);
	row_writer_drop_row(writer);
	return writer;
}

/* ---- rows --------------------------------------------------------------- */

/*
 * A row always has a null bitmap: the room for it is left before the values
 * are known.
 */
static Size
header_size(Relation relation)
{
	return MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(RelationGetNumberOfAttributes(relation)));
}

void
row_writer_drop_row(RowWriter *writer)
{
	writer->length = header_size(writer->relation);
	memset(writer->row, 0, writer->length);
	writer->column = 0;
}

void
row_writer_enlarge(RowWriter *writer, Size size)
{
	writer->capacity = Max(size, 2 * writer->capacity);
	writer->row = repalloc(writer->row, writer->capacity);
}

/* The row is on its page: should its range be summarized, the summary holds it from now on. */
static void
tell_load_index(RowWriter *writer, TupleTableSlot *row)
{
	RowBatch   *batch = writer->batch;
	BlockNumber range = ItemPointerGetBlockNumber(&row->tts_tid) / BrinGetPagesPerRange(batch->load_index);
	Datum		load_id;
	bool		isnull;

	if (range == batch->told_range)
		return;
	load_id = slot_getattr(row, batch->index_info->ii_IndexAttrNumbers[0], &isnull);
	insert_into_index(batch->load_index, &load_id, &isnull, &row->tts_tid, writer->relation, batch->index_info);
	batch->told_range = range;
}

static void
write_batch(RowWriter *writer)
{
	RowBatch   *batch = writer->batch;
	MemoryContext caller = MemoryContextSwitchTo(batch->write_context);

	choose_buffers(batch);
	table_multi_insert(writer->relation, batch->rows, batch->count, batch->command, 0,
					   batch->bulk_insert);
	for (int i = 0; i < batch->count && batch->load_index != NULL; i++)
		tell_load_index(writer, batch->rows[i]);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->write_context);

	for (int i = 0; i < batch->count; i++)
		ExecClearTuple(batch->rows[i]);
	batch->bytes_written += batch->bytes;
	batch->count = 0;
	batch->bytes = 0;
}

/* The row as a tuple in one piece of memory. */
static HeapTuple
make_tuple(const RowWriter *writer)
{
	HeapTuple	tuple = MemoryContextAlloc(writer->batch->context, HEAPTUPLESIZE + writer->length);

	tuple->t_len = writer->length;
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = RelationGetRelid(writer->relation);
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	memcpy(tuple->t_data, writer->row, writer->length);

	ItemPointerSetInvalid(&tuple->t_data->t_ctid);
	tuple->t_data->t_infomask = HEAP_HASNULL | HEAP_HASVARWIDTH;
	HeapTupleHeaderSetNatts(tuple->t_data, RelationGetNumberOfAttributes(writer->relation));
	tuple->t_data->t_hoff = header_size(writer->relation);
	return tuple;
}

/* The batch's next place for a row. */
static TupleTableSlot *
next_slot(RowWriter *writer)
{
	RowBatch   *batch = writer->batch;

	if (batch->rows[batch->count] == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(batch->context);

		batch->rows[batch->count] =
			MakeSingleTupleTableSlot(RelationGetDescr(writer->relation), &TTSOpsHeapTuple);
		MemoryContextSwitchTo(caller);
	}
	return batch->rows[batch->count++];
}

void
row_writer_end_row(RowWriter *writer)
{
	RowBatch   *batch = writer->batch;

	Assert(writer->column == RelationGetNumberOfAttributes(writer->relation));
	ExecStoreHeapTuple(make_tuple(writer), next_slot(writer), true);
	batch->bytes += writer->length;
	row_writer_drop_row(writer);
	if (batch->count == BATCH_ROWS || batch->bytes >= BATCH_BYTES)
		write_batch(writer);
}

void
row_writer_close(RowWriter *writer)
{
	if (writer->batch->count > 0)
		write_batch(writer);
	for (int i = 0; i < BATCH_ROWS && writer->batch->rows[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->batch->rows[i]);
	FreeBulkInsertState(writer->batch->bulk_insert);
	if (writer->batch->load_index != NULL)
	{
		end_index_inserts(writer->batch->load_index, writer->batch->index_info);
		index_close(writer->batch->load_index, NoLock);
	}
	table_finish_bulk_insert(writer->relation, 0);
	table_close(writer->relation, NoLock);
}
