/*-------------------------------------------------------------------------
 *
 * side_worker.c
 *	  A parallel worker that reads one side of the comparison while the session
 *	  reads the other.
 *
 *-------------------------------------------------------------------------
 */
#include "side_worker.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/instrument.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"

#include "compat.h"
#include "row_places.h"

/* What lies in the shared memory. */
enum
{
	KEY_TASK = 1,
	KEY_QUERY,
	KEY_SCHOOLS,
	KEY_USAGE,
	KEY_QUEUE
};

/* Some ten thousand rows, so that neither process often waits for the other. */
#define QUEUE_SIZE ((Size) 256 * 1024)

typedef struct Task
{
	Side		side;
	char		process[8];
	DayNumber	today;
	DayNumber	year_start;
	DayNumber	window_start;
	long		school_count;
} Task;

/* What the worker read and wrote, to be counted as the session's. */
typedef struct Usage
{
	BufferUsage buffers;
	WalUsage	wal;
} Usage;

struct SideWorker
{
	PictureSide *side;
	ParallelContext *context;
	shm_mq_handle *queue;
	School	   *schools;		/* in shared memory, and so many */
	long		school_count;
	Usage	   *usage;
};

/* ---- the session ----------------------------------------------------------------- */

static void *
add_chunk(ParallelContext *context, uint64 key, Size size)
{
	void	   *chunk = shm_toc_allocate(context->toc, size);

	shm_toc_insert(context->toc, key, chunk);
	return chunk;
}

static void
describe_task(SideWorker *worker, const char *query)
{
	const PictureSide *side = worker->side;
	Task	   *task = add_chunk(worker->context, KEY_TASK, sizeof(Task));
	Size		length = strlen(query) + 1;

	*task = (Task){.side = side->side, .today = side->options->today, .year_start = side->options->year_start,
	.window_start = side->options->window_start, .school_count = worker->school_count};
	strlcpy(task->process, side->process->name, sizeof(task->process));
	memcpy(add_chunk(worker->context, KEY_QUERY, length), query, length);
	worker->schools = add_chunk(worker->context, KEY_SCHOOLS, worker->school_count * sizeof(School));
	school_directory_export(side->schools, worker->schools);
	worker->usage = add_chunk(worker->context, KEY_USAGE, sizeof(Usage));
}

static void
make_queue(SideWorker *worker)
{
	shm_mq	   *queue = shm_mq_create(add_chunk(worker->context, KEY_QUEUE, QUEUE_SIZE), QUEUE_SIZE);

	shm_mq_set_receiver(queue, MyProc);
	worker->queue = shm_mq_attach(queue, worker->context->seg, NULL);
}

/* Room for task, query, schools, usage and queue, and their places in the table of contents. */
static void
estimate_memory(SideWorker *worker, const char *query)
{
	shm_toc_estimator *estimator = &worker->context->estimator;

	shm_toc_estimate_chunk(estimator, sizeof(Task));
	shm_toc_estimate_chunk(estimator, strlen(query) + 1);
	shm_toc_estimate_chunk(estimator, worker->school_count * sizeof(School));
	shm_toc_estimate_chunk(estimator, sizeof(Usage));
	shm_toc_estimate_chunk(estimator, QUEUE_SIZE);
	shm_toc_estimate_keys(estimator, 5);
}

static void
end_parallel_mode(SideWorker *worker)
{
	DestroyParallelContext(worker->context);
	ExitParallelMode();
	pfree(worker);
}

SideWorker *
side_worker_start(PictureSide *side, const char *query)
{
	SideWorker *worker = palloc0(sizeof(SideWorker));

	EnterParallelMode();
	worker->side = side;
	worker->context = CreateParallelContext("$libdir/calpads", "calpads_read_side", 1);
	worker->school_count = school_directory_count(side->schools);
	estimate_memory(worker, query);
	InitializeParallelDSM(worker->context);
	describe_task(worker, query);
	make_queue(worker);
	LaunchParallelWorkers(worker->context);
	if (worker->context->nworkers_launched == 0)
	{
		end_parallel_mode(worker);
		return NULL;
	}
	/* A worker that never comes is then seen as one that went. */
	shm_mq_set_handle(worker->queue, worker->context->worker[0].bgwhandle);
	return worker;
}

/* All that has come; all there will be, when it waits. */
static void
take_rows(SideWorker *worker, WeighedTaker take, void *context, bool wait)
{
	Size		bytes;
	void	   *rows;

	while (shm_mq_receive(worker->queue, &bytes, &rows, !wait) == SHM_MQ_SUCCESS)
		for (const WeighedRow *row = rows; (const char *) row < (char *) rows + bytes; row++)
			take(context, row);
}

void
side_worker_take(SideWorker *worker, WeighedTaker take, void *context)
{
	take_rows(worker, take, context, false);
}

void
side_worker_finish(SideWorker *worker, WeighedTaker take, void *context)
{
	take_rows(worker, take, context, true);
	/* Its error, if it ended by one, comes here. */
	WaitForParallelWorkersToFinish(worker->context);
	InstrAccumParallelQuery(&worker->usage->buffers, &worker->usage->wal);
	school_directory_add_counts(worker->side->schools, worker->schools, worker->school_count);
	end_parallel_mode(worker);
}

/* ---- the worker ------------------------------------------------------------------- */

/* Rows on their way to the session. */
typedef struct Parcel
{
	PictureSide *side;
	shm_mq_handle *queue;
	WeighedRow	rows[512];
	int			count;
} Parcel;

/* A session that is gone needs no rows: the server will end this process. */
static void
send_rows(Parcel *parcel)
{
	send_through_queue(parcel->queue, parcel->count * sizeof(WeighedRow), parcel->rows);
	parcel->count = 0;
}

static void
send_row(void *context, const RowKey *key, TupleTableSlot *slot)
{
	Parcel	   *parcel = context;

	parcel->rows[parcel->count++] =
		(WeighedRow){key->student, picture_side_weigh(parcel->side, key, slot), row_place(slot)};
	if (parcel->count == lengthof(parcel->rows))
		send_rows(parcel);
}

static shm_mq_handle *
attach_queue(dsm_segment *segment, shm_toc *contents)
{
	shm_mq	   *queue = shm_toc_lookup(contents, KEY_QUEUE, false);

	shm_mq_set_sender(queue, MyProc);
	return shm_mq_attach(queue, segment, NULL);
}

/* The server's views and log name what the process does. */
static void
name_query(const char *query)
{
	debug_query_string = query;
	pgstat_report_activity(STATE_RUNNING, query);
}

static void
read_side(const Task *task, const char *query, School *schools, shm_mq_handle *queue)
{
	ReconcileOptions options = {.today = task->today, .year_start = task->year_start,
	.window_start = task->window_start};
	Parcel	   *parcel = palloc0(sizeof(Parcel));
	PictureSide side;

	picture_side_begin(&side, task->side, process_named(task->process), &options,
					   school_directory_import(schools, task->school_count));
	parcel->side = &side;
	parcel->queue = queue;
	picture_side_read(&side, query, NULL, send_row, parcel);
	if (parcel->count > 0)
		send_rows(parcel);
	school_directory_export(side.schools, schools);
}

/* The entry of the worker, in which transaction, snapshot and settings are those of the session. */
PGDLLEXPORT void calpads_read_side(dsm_segment *segment, shm_toc *contents);

void
calpads_read_side(dsm_segment *segment, shm_toc *contents)
{
	const char *query = shm_toc_lookup(contents, KEY_QUERY, false);
	Usage	   *usage = shm_toc_lookup(contents, KEY_USAGE, false);
	shm_mq_handle *queue;

	name_query(query);
	InstrStartParallelQuery();
	SPI_connect();
	queue = attach_queue(segment, contents);
	read_side(shm_toc_lookup(contents, KEY_TASK, false), query, shm_toc_lookup(contents, KEY_SCHOOLS, false), queue);
	InstrEndParallelQuery(&usage->buffers, &usage->wal);
	/* From now on the session takes what is in the shared memory. */
	shm_mq_detach(queue);
	SPI_finish();
}
