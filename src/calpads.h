/*-------------------------------------------------------------------------
 *
 * calpads.h
 *	  The module: settings, and what the server-side rooms share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_H
#define CALPADS_H

#include "postgres.h"

#include "utils/date.h"

#include "arena.h"

/* Settings that C code reads; the others are read by SQL (calpads.setting). */
extern PGDLLIMPORT bool calpads_no_future_dates;
extern PGDLLIMPORT int calpads_file_encoding;	/* a pg_enc */
extern PGDLLIMPORT int calpads_comparison_memory;	/* kB */

/* The day that counts as today: setting calpads.today, else the current date. */
extern DateADT calpads_current_date(void);

/*
 * An arena that goes away with the current memory context, also after an
 * error; running out of memory is an error.
 */
extern Arena *calpads_make_arena(void);

#endif							/* CALPADS_H */
