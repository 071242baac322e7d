/*-------------------------------------------------------------------------
 *
 * extract.h
 *	  Records into lines, and the files of a batch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_EXTRACT_H
#define CALPADS_EXTRACT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "line_writer.h"

/* One file of a batch. */
typedef struct ExtractFile
{
	char	   *file_id;
	char	   *name;			/* as 001_Removals.txt */
	int			encoding;		/* a pg_enc */
} ExtractFile;

/*
 * Appends a record as CALPADS reads it: a caret between fields, also between
 * empty ones, and no quotes.  The values hold no caret and no line end: such
 * records have been held.
 */
extern void append_record(StringInfo line, const char *const *values, int count);

/*
 * The files of a batch as a list of ExtractFile, in their order; between
 * SPI_connect and SPI_finish.  Error 42704: there is no such batch.
 */
extern List *extract_files(const char *batch_id);

/* One file of any batch.  Error 42704: there is no such file. */
extern ExtractFile *extract_file(const char *file_id);

/*
 * Hands the bytes of a file to the sink, some hundred kilobytes at a time;
 * between SPI_connect and SPI_finish.  Can be cancelled.
 */
extern void extract_send(const ExtractFile *file, LineSink sink, void *context);

#endif							/* CALPADS_EXTRACT_H */
