/*-------------------------------------------------------------------------
 *
 * extract.h
 *	  Records into lines, and files onto the server's disk.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_EXTRACT_H
#define CALPADS_EXTRACT_H

#include "postgres.h"

#include "lib/stringinfo.h"

/*
 * Appends a record as CALPADS reads it: a caret between fields, also between
 * empty ones, and no quotes.  The values hold no caret and no line end: such
 * records have been held.
 */
extern void append_record(StringInfo line, const char *const *values, int count);

#endif							/* CALPADS_EXTRACT_H */
