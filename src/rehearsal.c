/*-------------------------------------------------------------------------
 *
 * rehearsal.c
 *	  The set-returning function behind calpads.rehearse(): a stored batch is
 *	  replayed, and what would happen is given as rows.
 *
 * Read are the lines as they are stored, not what they were made from, so a
 * batch that was altered by hand is judged by what would be sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "calpads.h"
#include "compat.h"
#include "layout_catalog.h"
#include "query.h"
#include "rehearse.h"
#include "rule_book.h"

#define FETCH_ROWS 1000

/* Columns of calpads.replay_batch. */
typedef enum ReplayColumn
{
	REPLAY_STEP,				/* file, refused or difference */
	REPLAY_SEQ,
	REPLAY_FILE_NAME,
	REPLAY_RECORDS,
	REPLAY_REFUSED,
	REPLAY_LINE_NO,
	REPLAY_RULE,
	REPLAY_SSID,
	REPLAY_SCHOOL,
	REPLAY_START_DATE,
	REPLAY_FIELD,
	REPLAY_EXPLANATION,
	REPLAY_PROGRAM,
	REPLAY_MEMBERSHIP_START,
	REPLAY_COLUMN_COUNT
} ReplayColumn;

typedef struct BatchFile
{
	const char *file_id;
	int			seq;
	const char *name;
	int64		records;
	bool		posted;
} BatchFile;

typedef struct Replay
{
	const char *batch_id;
	const Process *process;
	const char *lea;
	Datum		students;		/* text[]: the SSIDs in the lines of the batch */
	int			encoding;
	BatchFile  *files;
	uint64		file_count;
	Rehearsal  *rehearsal;
	ReturnSetInfo *result;
	MemoryContext row_context;
} Replay;

/* One row to come. */
typedef struct ReplayRow
{
	Datum		values[REPLAY_COLUMN_COUNT];
	bool		nulls[REPLAY_COLUMN_COUNT];
	MemoryContext old_context;
} ReplayRow;

/* ---- rows ------------------------------------------------------------------ */

static void
set_value(ReplayRow *row, ReplayColumn column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

static void
set_text(ReplayRow *row, ReplayColumn column, const char *value)
{
	if (value != NULL)
		set_value(row, column, CStringGetTextDatum(value));
}

static void
begin_row(const Replay *replay, ReplayRow *row, const char *step, const BatchFile *file)
{
	row->old_context = MemoryContextSwitchTo(replay->row_context);
	memset(row->nulls, true, sizeof(row->nulls));
	set_text(row, REPLAY_STEP, step);
	if (file == NULL)
		return;
	set_value(row, REPLAY_SEQ, Int32GetDatum(file->seq));
	set_text(row, REPLAY_FILE_NAME, file->name);
}

static void
set_key(const Replay *replay, ReplayRow *row, const RehearsalKey *key)
{
	bool		has_program = replay->process->program >= 0;

	set_text(row, REPLAY_SSID, key->ssid);
	set_text(row, REPLAY_SCHOOL, key->school);
	set_text(row, REPLAY_PROGRAM, key->program);
	if (key->start != REHEARSAL_NO_DAY)
		set_value(row, has_program ? REPLAY_MEMBERSHIP_START : REPLAY_START_DATE,
				  DateADTGetDatum(key->start));
}

static void
set_field(const Replay *replay, ReplayRow *row, int field)
{
	if (field >= 0)
		set_text(row, REPLAY_FIELD, replay->process->field_name[field]);
}

static void
end_row(const Replay *replay, ReplayRow *row)
{
	tuplestore_putvalues(replay->result->setResult, replay->result->setDesc, row->values, row->nulls);
	MemoryContextSwitchTo(row->old_context);
	MemoryContextReset(replay->row_context);
}

static void
put_file(const Replay *replay, const BatchFile *file, int64 records, int64 refused,
		 const char *explanation)
{
	ReplayRow	row;

	begin_row(replay, &row, "file", file);
	set_value(&row, REPLAY_RECORDS, Int64GetDatum(records));
	set_value(&row, REPLAY_REFUSED, Int64GetDatum(refused));
	set_text(&row, REPLAY_EXPLANATION, explanation);
	end_row(replay, &row);
}

static void
put_refusal(const Replay *replay, const BatchFile *file, const Refusal *refusal)
{
	ReplayRow	row;

	begin_row(replay, &row, "refused", file);
	set_value(&row, REPLAY_LINE_NO, Int64GetDatum(refusal->line_no));
	set_text(&row, REPLAY_RULE, refusal->rule);
	set_key(replay, &row, &refusal->key);
	set_field(replay, &row, refusal->field);
	set_text(&row, REPLAY_EXPLANATION, refusal->explanation);
	end_row(replay, &row);
}

static void
put_difference(const Replay *replay, const Difference *difference)
{
	ReplayRow	row;

	begin_row(replay, &row, "difference", NULL);
	set_key(replay, &row, &difference->key);
	set_field(replay, &row, difference->field);
	set_text(&row, REPLAY_EXPLANATION, difference->explanation);
	end_row(replay, &row);
}

/* ---- lines ------------------------------------------------------------------ */

typedef void (*LineTaker) (Rehearsal *rehearsal, int64_t line_no, const char *line);

static void
take(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	rehearsal_take(rehearsal, line);
}

static void
expect(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	rehearsal_expect(rehearsal, line);
}

static void
hand_on_fetched(Rehearsal *rehearsal, LineTaker hand_on)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		bool		isnull;
		int64		line_no = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		char	   *line = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2);

		CHECK_FOR_INTERRUPTS();
		hand_on(rehearsal, line_no, line);
		pfree(line);
	}
}

/* The query's parameters are the number, as text, and the students of the batch. */
static Portal
open_query(const Replay *replay, const char *query, const char *number)
{
	Oid			types[] = {TEXTOID, TEXTARRAYOID};
	Datum		values[] = {CStringGetTextDatum(number), replay->students};

	return SPI_cursor_open_with_args(NULL, query, lengthof(types), types, values, NULL, true, 0);
}

/* The query gives line_no and line. */
static void
each_line(const Replay *replay, const char *query, const char *number, LineTaker hand_on)
{
	Portal		portal = open_query(replay, query, number);

	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		hand_on_fetched(replay->rehearsal, hand_on);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

/* ---- the batch --------------------------------------------------------------- */

static void
read_batch(Replay *replay)
{
	if (query_read("SELECT process, lea, encoding FROM calpads.batch WHERE batch_id = $1::bigint",
				   1, &replay->batch_id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no batch %s", replay->batch_id),
				 errhint("calpads.history lists the batches.")));
	replay->process = process_named(query_value(0, 1));
	if (replay->process == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("batch %s cannot be rehearsed", replay->batch_id),
				 errdetail("It is a batch of %s; the rules that are replayed are those of SENR and SPRG.",
						   query_value(0, 1))));
	replay->lea = query_value(0, 2);
	replay->encoding = pg_char_to_encoding(query_value(0, 3));
}

static void
read_files(Replay *replay)
{
	replay->file_count = query_read("SELECT file_id, seq, file_name, records, status = 'Posted' "
									"FROM calpads.extract_file WHERE batch_id = $1::bigint ORDER BY seq",
									1, &replay->batch_id);
	replay->files = palloc0((replay->file_count + 1) * sizeof(BatchFile));
	for (uint64 row = 0; row < replay->file_count; row++)
	{
		BatchFile  *file = &replay->files[row];

		file->file_id = query_value(row, 1);
		file->seq = atoi(query_value(row, 2));
		file->name = query_value(row, 3);
		file->records = strtoll(query_value(row, 4), NULL, 10);
		file->posted = query_boolean(row, 5);
	}
}

static void
read_students(Replay *replay)
{
	bool		isnull;

	if (query_read("SELECT calpads.batch_students($1::bigint)", 1, &replay->batch_id) != 1)
		elog(ERROR, "batch %s has no list of students", replay->batch_id);
	replay->students = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

static const char *
verdict_words(const FileVerdict *verdict)
{
	if (verdict->refused == 0)
		return "accepted";
	return psprintf("refused: " INT64_FORMAT " of " INT64_FORMAT " records, the first by %s in line "
					INT64_FORMAT, verdict->refused, verdict->records, verdict->refusals->rule,
					verdict->refusals->line_no);
}

static void
replay_file(const Replay *replay, const BatchFile *file)
{
	FileVerdict verdict;

	if (file->posted)
	{
		put_file(replay, file, file->records, 0, "posted");
		return;
	}
	each_line(replay, "SELECT line_no, line FROM calpads.extract_record "
			  "WHERE file_id = $1::bigint ORDER BY line_no", file->file_id, rehearsal_submit);
	verdict = rehearsal_end_file(replay->rehearsal);
	put_file(replay, file, verdict.records, verdict.refused, verdict_words(&verdict));
	for (const Refusal *refusal = verdict.refusals; refusal != NULL; refusal = refusal->next)
		put_refusal(replay, file, refusal);
}

static void
enroll_fetched(Rehearsal *rehearsal)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	description = SPI_tuptable->tupdesc;
		bool		isnull;
		CarryingStay stay = {0};
		Datum		end;

		CHECK_FOR_INTERRUPTS();
		stay.school = SPI_getvalue(tuple, description, 2);
		stay.start = DatumGetDateADT(SPI_getbinval(tuple, description, 3, &isnull));
		end = SPI_getbinval(tuple, description, 4, &isnull);
		stay.end = isnull ? ROW_OPEN : DatumGetDateADT(end);
		stay.reason = SPI_getvalue(tuple, description, 5);
		stay.closes = DatumGetBool(SPI_getbinval(tuple, description, 6, &isnull));
		rehearsal_enroll(rehearsal, SPI_getvalue(tuple, description, 1), &stay);
	}
}

/* SPRG files are posted when SENR is: its difference counts as posted. */
static void
enroll_students(const Replay *replay)
{
	Portal		portal = open_query(replay, "SELECT ssid, school, start_date, exit_date, exit_reason, closes "
									"FROM calpads.rehearsal_enrollments($1::bigint, $2)", replay->batch_id);

	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		enroll_fetched(replay->rehearsal);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

static void
replay_batch(Replay *replay)
{
	Rehearsal  *rehearsal = rehearsal_create(calpads_make_arena(), replay->lea, calpads_current_date(),
											 rule_book_load(replay->process, current_academic_year(),
															replay->encoding));

	replay->rehearsal = rehearsal;
	if (replay->process->program >= 0)
		enroll_students(replay);
	each_line(replay, "SELECT line_no, line FROM calpads.rehearsal_state($1::bigint, $2)",
			  replay->batch_id, take);
	for (uint64 file = 0; file < replay->file_count; file++)
		replay_file(replay, &replay->files[file]);
	each_line(replay, "SELECT 0::bigint, line FROM calpads.rehearsal_picture($1::bigint, $2) AS line",
			  replay->batch_id, expect);
	for (const Difference *difference = rehearsal_differences(rehearsal); difference != NULL;
		 difference = difference->next)
		put_difference(replay, difference);
}

PG_FUNCTION_INFO_V1(calpads_replay_batch);

/*
 * calpads.replay_batch(batch_id bigint) → setof record: a row for each file
 * and each refused record and rule in it, then every difference to the SIS
 * that is left.
 */
Datum
calpads_replay_batch(PG_FUNCTION_ARGS)
{
	Replay		replay = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("there is no batch without a number"),
				 errhint("calpads.history lists the batches.")));
	replay.batch_id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	InitMaterializedSRF(fcinfo, 0);
	replay.result = (ReturnSetInfo *) fcinfo->resultinfo;
	replay.row_context = AllocSetContextCreate(CurrentMemoryContext, "calpads rehearsal row",
											   ALLOCSET_SMALL_SIZES);

	SPI_connect();
	read_batch(&replay);
	read_files(&replay);
	read_students(&replay);
	replay_batch(&replay);
	SPI_finish();
	return (Datum) 0;
}
