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

#include "compat.h"

/*
 * Calls one of the functions of the schedule and ends the transaction.  Gives
 * the number that it gives; 0 = NULL: there is nothing to do.
 *
 * Errors: those of the function, which ends the whole.
 */
static int64
run_step(const char *query)
{
	Datum		number;
	bool		is_null;

	CHECK_FOR_INTERRUPTS();
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a step of the dispatcher gave no row");
	number = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	/* The row goes away with the transaction. */
	number = is_null ? Int64GetDatum(0) : Int64GetDatum(DatumGetInt64(number));
	SPI_commit();
	return DatumGetInt64(number);
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
	int64		run;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("calpads.dispatch() cannot be called inside of a transaction"),
				 errhint("SELECT calpads.run_due_jobs() does the same in one transaction.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	(void) run_step("SELECT calpads.note_interrupted_runs()");
	(void) run_step("SELECT calpads.announce_job_ends()");
	while ((run = run_step("SELECT calpads.start_due_job(true)")) != 0)
	{
		if (run_step(psprintf("SELECT calpads.run_started_job(" INT64_FORMAT ", true)", run)) == 0)
			break;
	}
	(void) run_step("SELECT calpads.shorten_job_history()");
	while (run_step("SELECT (calpads.send_next_mail()).mail_id") != 0)
		;
	SPI_finish();
	PG_RETURN_VOID();
}
