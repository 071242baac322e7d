/*-------------------------------------------------------------------------
 *
 * query.h
 *	  SQL statements from C: text parameters, pinned search_path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_QUERY_H
#define CALPADS_QUERY_H

#include "postgres.h"

/* The most parameters a statement may have. */
#define QUERY_MAX_VALUES 16

/*
 * Runs one statement between SPI_connect and SPI_finish, with the rights of
 * the current user and search_path = pg_catalog, pg_temp.  Parameters are of
 * type text, NULL stands for SQL's null; the statement casts them.  Gives the
 * number of rows.
 *
 * query_read sees what the caller's snapshot sees; query_run also sees what
 * this transaction did just now, and may change data.
 */
extern uint64 query_read(const char *statement, int count, const char *const *values);
extern uint64 query_run(const char *statement, int count, const char *const *values);

/*
 * A value of the last result as text, NULL for null; row counts from 0, column
 * from 1.  In the current memory context, which after SPI_connect is one that
 * ends with SPI_finish.
 */
extern char *query_value(uint64 row, int column);

/* The same for a boolean; null is false. */
extern bool query_boolean(uint64 row, int column);

/* Sets an option in the level of settings that the caller has begun (NewGUCNestLevel), and ends. */
extern void query_set_option(const char *name, const char *value);

/* Lets statements join by hashing, for relations that the planner knows nothing of. */
extern void query_set_planner(void);

#endif							/* CALPADS_QUERY_H */
