/*-------------------------------------------------------------------------
 *
 * copy_format.h
 *	  COPY … WITH (FORMAT calpads).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_COPY_FORMAT_H
#define CALPADS_COPY_FORMAT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Takes over COPY commands with FORMAT calpads, and no others. */
extern void copy_format_install(void);

/*
 * The value of an option of a COPY command, NULL when it was not given.
 * Error 42601: it was given without a value.
 */
extern const char *copy_option(const CopyStmt *stmt, const char *name);

/*
 * Raises 42601 when the command has an option twice, and 0A000 when it has any
 * but FORMAT and this one.
 */
extern void copy_check_options(const CopyStmt *stmt, const char *allowed);

#endif							/* CALPADS_COPY_FORMAT_H */
