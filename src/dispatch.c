/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  calpads.dispatch(): what is due, each thing in a transaction of its own.
 *
 * In C, because a procedure of the server's own languages may end
 * transactions only when it has no search_path of its own.  What is done is
 * said in SQL: see the section of the schedule in the install script.
 *
 *-------------------------------------------------------------------------
 */
#include "calpads.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "compat.h"

/*
 * Calls one of the functions of the schedule.  Gives the number that it gives;
 * 0 = NULL: there is nothing to do.
 *
 * Errors: those of the function, which ends the whole.
 */
static int64
ask(const char *query)
{
	Datum		number;
	bool		is_null;

	CHECK_FOR_INTERRUPTS();
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a step of the dispatcher gave no row");
	number = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	return is_null ? 0 : DatumGetInt64(number);
}

/* The same in a transaction that ends with it. */
static int64
run_step(const char *query)
{
	int64		number = ask(query);

	SPI_commit();
	return number;
}

/*
 * The lock of a job, which outlives the transactions of its run.  The session
 * may go on after an error, so it has to be given up then, too.
 */
typedef struct JobLock
{
	bool		held;
	int64		key;
} JobLock;

static void
release_lock(volatile JobLock *lock)
{
	if (!lock->held)
		return;
	lock->held = false;
	DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(lock->key));
}

/* Starts a job that is due and keeps its lock; 0: none is due. */
static int64
start_job(volatile JobLock *lock)
{
	int64		run = ask("SELECT calpads.start_due_job()");

	if (run != 0)
	{
		lock->key = ask(psprintf("SELECT calpads.job_lock(r.job_id) FROM calpads.job_run r WHERE r.run_id = " INT64_FORMAT, run));
		/* The transaction has it, so there is no waiting. */
		DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum(lock->key));
		lock->held = true;
	}
	SPI_commit();
	return run;
}

/* Runs what is due until nothing is, or a run is cancelled. */
static void
run_jobs(volatile JobLock *lock)
{
	int64		run;

	while ((run = start_job(lock)) != 0)
	{
		int64		ended = run_step(psprintf("SELECT calpads.run_started_job(" INT64_FORMAT ")", run));

		release_lock(lock);
		if (ended == 0)
			break;
	}
}

PG_FUNCTION_INFO_V1(calpads_dispatch);

/*
 * CALL calpads.dispatch()
 *
 * A run is recorded as started and committed before it begins, so that a
 * record is left of it whatever happens to the session.
 * Errors: 2D000 inside of a transaction or a function.
 */
Datum
calpads_dispatch(PG_FUNCTION_ARGS)
{
	volatile JobLock lock = {false, 0};

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("calpads.dispatch() cannot be called inside of a transaction"),
				 errhint("SELECT calpads.run_due_jobs() does the same in one transaction.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	(void) run_step("SELECT calpads.note_interrupted_runs()");
	(void) run_step("SELECT calpads.announce_job_ends()");
	PG_TRY();
	{
		run_jobs(&lock);
	}
	PG_CATCH();
	{
		release_lock(&lock);
		PG_RE_THROW();
	}
	PG_END_TRY();
	(void) run_step("SELECT calpads.shorten_job_history()");
	while (run_step("SELECT (calpads.send_next_mail()).mail_id") != 0)
		;
	SPI_finish();
	PG_RETURN_VOID();
}
