/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 13 and 18, in one place.
 *
 * Include it after the server's own headers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_COMPAT_H
#define CALPADS_COMPAT_H

#include "access/genam.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "optimizer/pathnode.h"
#include "pgstat.h"
#include "storage/shm_mq.h"
#if PG_VERSION_NUM < 140000
#include "executor/spi.h"
#include "tcop/pquery.h"
#endif
#if PG_VERSION_NUM < 150000
#include "funcapi.h"
#include "miscadmin.h"
#endif
#include "tcop/tcopprot.h"
#include "tcop/utility.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* What a library does when it is loaded: 16 declares the function. */
#if PG_VERSION_NUM < 160000
extern PGDLLEXPORT void _PG_init(void);
#endif

/* Settings with the prefix: 15 refuses unknown ones, before it only warned. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved EmitWarningsOnPlaceholders
#endif

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* A function that does not return: 18 has another word, which comes first. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* The roles that may read and write files of the server. */
#if PG_VERSION_NUM < 140000
#define ROLE_PG_READ_SERVER_FILES DEFAULT_ROLE_READ_SERVER_FILES
#define ROLE_PG_WRITE_SERVER_FILES DEFAULT_ROLE_WRITE_SERVER_FILES
#endif

/* May the role use the foreign server?  16 has one function for all objects. */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server.h"
#define foreign_server_aclcheck(server, role, mode) \
	object_aclcheck(ForeignServerRelationId, server, role, mode)
#else
#define foreign_server_aclcheck pg_foreign_server_aclcheck
#endif

/* What a ProcessUtility hook gets and passes on. */
#if PG_VERSION_NUM >= 140000
#define PROCESS_UTILITY_PARAMETERS \
	PlannedStmt *pstmt, const char *queryString, bool readOnlyTree, \
	ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *queryEnv, \
	DestReceiver *dest, QueryCompletion *qc
#define PROCESS_UTILITY_ARGUMENTS \
	pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc
#else
#define PROCESS_UTILITY_PARAMETERS \
	PlannedStmt *pstmt, const char *queryString, \
	ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *queryEnv, \
	DestReceiver *dest, QueryCompletion *qc
#define PROCESS_UTILITY_ARGUMENTS \
	pstmt, queryString, context, params, queryEnv, dest, qc
#endif

/* A query without parameters; 15 renamed the function. */
static inline List *
analyze_and_rewrite(RawStmt *statement, const char *source)
{
#if PG_VERSION_NUM >= 150000
	return pg_analyze_and_rewrite_fixedparams(statement, source, NULL, 0, NULL);
#else
	return pg_analyze_and_rewrite(statement, source, NULL, 0, NULL);
#endif
}

/* Runs a started query to its end. */
static inline void
run_executor(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
}

/* 14 has a flag for keys that are strings; before, they were the default. */
#if PG_VERSION_NUM < 140000
#define HASH_STRINGS 0
#endif

/* A query whose rows go to a receiver, without being stored: new in 14. */
#if PG_VERSION_NUM < 140000
typedef struct SPIExecuteOptions
{
	ParamListInfo params;
	bool		read_only;
	DestReceiver *dest;
} SPIExecuteOptions;

static inline int
SPI_execute_extended(const char *source, const SPIExecuteOptions *options)
{
	ParamListInfo parameters = options->params;
	SPIPlanPtr	plan = SPI_prepare_params(source, parameters ? parameters->parserSetup : NULL,
										  parameters ? parameters->parserSetupArg : NULL, 0);
	Portal		portal;

	if (plan == NULL)
		return SPI_result;
	portal = SPI_cursor_open_with_paramlist(NULL, plan, parameters, options->read_only);
	PortalRunFetch(portal, FETCH_FORWARD, FETCH_ALL, options->dest);
	SPI_cursor_close(portal);
	return SPI_OK_SELECT;
}
#endif

/* A function that returns a set collects it in a tuplestore: a helper since 15. */
#if PG_VERSION_NUM < 150000
#define MAT_SRF_USE_EXPECTED_DESC 0x01

static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, int flags)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	TupleDesc	description;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize) ||
		result->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (flags & MAT_SRF_USE_EXPECTED_DESC)
		description = CreateTupleDescCopy(result->expectedDesc);
	else if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	result->returnMode = SFRM_Materialize;
	result->setDesc = description;
	MemoryContextSwitchTo(caller);
}
#endif

/* 15 has options of a sort where one flag was; 16 says whether to copy the datum. */
#if PG_VERSION_NUM < 150000
#define TUPLESORT_NONE false
#endif

#if PG_VERSION_NUM >= 160000
#define tuplesort_next_datum(sort, value, is_null) tuplesort_getdatum(sort, true, false, value, is_null, NULL)
#else
#define tuplesort_next_datum(sort, value, is_null) tuplesort_getdatum(sort, true, value, is_null, NULL)
#endif

/* Into a queue between processes; 15 has an argument more.  Waits; a receiver that is gone needs nothing. */
static inline void
send_through_queue(shm_mq_handle *queue, Size bytes, const void *data)
{
#if PG_VERSION_NUM >= 150000
	(void) shm_mq_send(queue, bytes, data, false, false);
#else
	(void) shm_mq_send(queue, bytes, data, false);
#endif
}

/* The largest message of a client: 13 has no limit but that of a buffer. */
#if PG_VERSION_NUM < 140000
#define PQ_LARGE_MESSAGE_LIMIT 0
#endif

/* The random state of a reservoir became a struct in 15. */
#if PG_VERSION_NUM >= 150000
#define reservoir_random_fract(reservoir) sampler_random_fract(&(reservoir)->randstate)
#else
#define reservoir_random_fract(reservoir) sampler_random_fract((reservoir)->randstate)
#endif

#if PG_VERSION_NUM >= 180000
#define analyze_delay_point() vacuum_delay_point(true)
#else
#define analyze_delay_point() vacuum_delay_point()
#endif

/* An index entry that need not be unique; 14 has an argument more, and 17 an end. */
static inline void
insert_into_index(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexInfo *info)
{
#if PG_VERSION_NUM >= 140000
	(void) index_insert(index, values, isnull, tid, heap, UNIQUE_CHECK_NO, false, info);
#else
	(void) index_insert(index, values, isnull, tid, heap, UNIQUE_CHECK_NO, info);
#endif
}

static inline void
end_index_inserts(Relation index, IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#endif
}

/* A foreign scan without sort order, parameters or an outer path. */
static inline Path *
make_foreign_scan_path(PlannerInfo *root, RelOptInfo *relation, double rows,
					   Cost startup_cost, Cost total_cost, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return (Path *) create_foreignscan_path(root, relation, NULL, rows, 0,
											startup_cost, total_cost, NIL,
											relation->lateral_relids, NULL,
											NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return (Path *) create_foreignscan_path(root, relation, NULL, rows,
											startup_cost, total_cost, NIL,
											relation->lateral_relids, NULL,
											NIL, fdw_private);
#else
	return (Path *) create_foreignscan_path(root, relation, NULL, rows,
											startup_cost, total_cost, NIL,
											relation->lateral_relids, NULL,
											fdw_private);
#endif
}

/*
 * SHA-256 of a stream.  The state is freed by sha256_finish, or with the
 * transaction when an error comes first.
 */
#if PG_VERSION_NUM >= 140000
#include "common/cryptohash.h"
#endif
#include "common/sha2.h"

#if PG_VERSION_NUM >= 140000
typedef pg_cryptohash_ctx Sha256State;

static inline Sha256State *
sha256_start(void)
{
	Sha256State *state = pg_cryptohash_create(PG_SHA256);

	if (state == NULL || pg_cryptohash_init(state) < 0)
		elog(ERROR, "could not start a SHA-256 digest");
	return state;
}

static inline void
sha256_add(Sha256State *state, const char *data, size_t length)
{
	if (pg_cryptohash_update(state, (const uint8 *) data, length) < 0)
		elog(ERROR, "could not add to a SHA-256 digest");
}

static inline void
sha256_finish(Sha256State *state, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	if (pg_cryptohash_final(state, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not finish a SHA-256 digest");
	pg_cryptohash_free(state);
}
#else
typedef pg_sha256_ctx Sha256State;

static inline Sha256State *
sha256_start(void)
{
	Sha256State *state = palloc(sizeof(Sha256State));

	pg_sha256_init(state);
	return state;
}

static inline void
sha256_add(Sha256State *state, const char *data, size_t length)
{
	pg_sha256_update(state, (const uint8 *) data, length);
}

static inline void
sha256_finish(Sha256State *state, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_sha256_final(state, digest);
	pfree(state);
}
#endif

/*
 * pg_stat_progress_copy, which 13 does not have.  The row goes away with
 * copy_progress_end, or with the transaction.  A command is one of
 * PROGRESS_COPY_COMMAND_…, a type one of PROGRESS_COPY_TYPE_….
 */
#if PG_VERSION_NUM < 140000
enum
{
	PROGRESS_COPY_COMMAND_FROM,
	PROGRESS_COPY_COMMAND_TO,
	PROGRESS_COPY_TYPE_FILE,
	PROGRESS_COPY_TYPE_PIPE,
	PROGRESS_COPY_TYPE_CALLBACK
};
#endif

static inline void
copy_progress_start(Oid relation, int command, int type, int64 bytes_total)
{
#if PG_VERSION_NUM >= 140000
	const int	index[] = {PROGRESS_COPY_COMMAND, PROGRESS_COPY_TYPE, PROGRESS_COPY_BYTES_TOTAL};
	const int64 value[] = {command, type, bytes_total};

	pgstat_progress_start_command(PROGRESS_COMMAND_COPY, relation);
	pgstat_progress_update_multi_param(lengthof(index), index, value);
#endif
}

static inline void
copy_progress_update(int64 bytes, int64 rows, int64 rows_excluded)
{
#if PG_VERSION_NUM >= 140000
	const int	index[] = {
		PROGRESS_COPY_BYTES_PROCESSED,
		PROGRESS_COPY_TUPLES_PROCESSED,
		PROGRESS_COPY_TUPLES_EXCLUDED
	};
	const int64 value[] = {bytes, rows, rows_excluded};

	pgstat_progress_update_multi_param(lengthof(index), index, value);
#endif
}

static inline void
copy_progress_end(void)
{
#if PG_VERSION_NUM >= 140000
	pgstat_progress_end_command();
#endif
}

#endif							/* CALPADS_COMPAT_H */
