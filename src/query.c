/*-------------------------------------------------------------------------
 *
 * query.c
 *	  SQL statements from C: text parameters, pinned search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "query.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

static uint64
execute(const char *statement, bool read_only, int count, const char *const *values)
{
	Oid			types[QUERY_MAX_VALUES];
	Datum		parameters[QUERY_MAX_VALUES];
	char		nulls[QUERY_MAX_VALUES];
	MemoryContext context = CurrentMemoryContext;
	int			settings;
	int			result;

	Assert(count <= QUERY_MAX_VALUES);
	for (int i = 0; i < count; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = values[i] == NULL ? 'n' : ' ';
		parameters[i] = values[i] == NULL ? (Datum) 0 : CStringGetTextDatum(values[i]);
	}

	/* An error takes the setting back with the transaction. */
	settings = NewGUCNestLevel();
	query_set_option("search_path", "pg_catalog, pg_temp");
	result = SPI_execute_with_args(statement, count, types, parameters, nulls, read_only, 0);
	AtEOXact_GUC(true, settings);
	/* SPI leaves its own context behind, which ends with SPI_finish. */
	MemoryContextSwitchTo(context);

	if (result < 0)
		elog(ERROR, "%s in statement: %s", SPI_result_code_string(result), statement);
	return SPI_processed;
}

uint64
query_read(const char *statement, int count, const char *const *values)
{
	return execute(statement, true, count, values);
}

uint64
query_run(const char *statement, int count, const char *const *values)
{
	return execute(statement, false, count, values);
}

char *
query_value(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

bool
query_boolean(uint64 row, int column)
{
	const char *value = query_value(row, column);

	return value != NULL && value[0] == 't';
}

void
query_set_option(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A mapping view joins many small relations, and often tables that were filled
 * a minute ago: where the planner takes a thousand rows for one, a nested loop
 * takes the night.  Compiling such a query costs more than running it.
 */
void
query_set_planner(void)
{
	query_set_option("enable_nestloop", "off");
	query_set_option("jit", "off");
}
