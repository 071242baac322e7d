/*-------------------------------------------------------------------------
 *
 * fetched_file.h
 *	  A file that came from elsewhere, as calpads.fetched_file: its bytes,
 *	  and when its sender wrote it; and the wait until it is whole.
 *
 * Inline, because two libraries fetch files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_FETCHED_FILE_H
#define CALPADS_FETCHED_FILE_H

#include "postgres.h"

#include <time.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"

/* So many bytes are room for in a row. */
#define FETCHED_FILE_MAX_SIZE ((int64) MaxAllocSize - 1024)

/* changed: Unix time; -1 = nobody said. */
static inline Datum
fetched_file_datum(FunctionCallInfo fcinfo, bytea *content, time_t changed)
{
	TupleDesc	type;
	Datum		values[2] = {PointerGetDatum(content), TimestampTzGetDatum(time_t_to_timestamptz(changed))};
	bool		nulls[2] = {false, changed == (time_t) -1};

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the function gives a row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type), values, nulls));
}

/*
 * Somebody may just be writing the file: what was seen of it is looked at again
 * after so many seconds.  Can be cancelled.
 */
static inline void
fetched_file_wait(int seconds)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), seconds * 1000L);

	/* Not the latch alone: it is also set for other reasons. */
	while (GetCurrentTimestamp() < until)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 100, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

#endif							/* CALPADS_FETCHED_FILE_H */
