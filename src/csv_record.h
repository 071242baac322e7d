/*-------------------------------------------------------------------------
 *
 * csv_record.h
 *	  A record of a CSV file into fields, by libcsv.
 *
 * RFC 4180 with commas.  Blanks around fields are kept; a quote in a field
 * that does not begin with one is an ordinary character.  The parser is fed
 * line by line, because libcsv can neither be stopped nor says where it is:
 * so the caller keeps count of lines, sees a quote that does not close, and
 * can begin anew with any line.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_CSV_RECORD_H
#define CALPADS_CSV_RECORD_H

#include <stddef.h>

#include "field.h"

typedef struct CsvParser CsvParser;

typedef enum CsvStatus
{
	CSV_RECORD_COMPLETE,
	CSV_RECORD_OPEN,			/* inside quotes: the next line belongs to it */
	CSV_RECORD_BAD_QUOTE		/* text between a closing quote and the comma */
} CsvStatus;

/* For records of up to max_record bytes; NULL when memory runs out. */
extern CsvParser *csv_record_create(size_t max_record);

/* Forgets what came before: the next line is the first of a record. */
extern void csv_record_begin(CsvParser *parser);

/*
 * Takes a line of the record, without its end, and then the line end it had:
 * "\r\n", "\n", or "\n" for the last line of a file that has none.  The line
 * is not blank unless the record is open.
 */
extern CsvStatus csv_record_add_line(CsvParser *parser, FieldText line, const char *line_end);

/*
 * The fields so far, as many as LAYOUT_MAX_FIELDS are stored; their number
 * tells all of them.  They live until csv_record_begin.
 */
extern int	csv_record_field_count(const CsvParser *parser);
extern const FieldText *csv_record_fields(const CsvParser *parser);

extern void csv_record_destroy(CsvParser *parser);

#endif							/* CALPADS_CSV_RECORD_H */
