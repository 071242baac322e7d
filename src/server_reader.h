/*-------------------------------------------------------------------------
 *
 * server_reader.h
 *	  The reader inside the server: its memory goes away with an error, and
 *	  its verdicts become messages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_SERVER_READER_H
#define CALPADS_SERVER_READER_H

#include "postgres.h"

#include "mb/pg_wchar.h"

#include "file_source.h"
#include "reader.h"

typedef struct ServerReader ServerReader;

/*
 * Makes a reader over the rest of the source.  layout_year is the academic
 * year of the layout, for messages.  Layout, year and source must outlive it.
 * It lives in the current memory context until it is closed.
 */
extern ServerReader *server_reader_open(const Layout *layout, const char *layout_year,
										ReaderEncoding encoding, FileSource *source,
										ReaderSource read, void *read_context);

/*
 * The next record: READER_RECORD, READER_BAD_RECORD or READER_END.  A file
 * that cannot be used is an error (22P04; 22021 for a NUL byte) with file and
 * line in the detail and the way out as hint.
 */
extern ReaderStatus server_reader_next(ServerReader *reader, Record *record);

/* What is wrong with a READER_BAD_RECORD: a sentence without capital and full stop. */
extern char *server_reader_complaint(const ServerReader *reader, const Record *record);

/* Bytes of the source that were used so far. */
extern int64 server_reader_bytes(const ServerReader *reader);

extern void server_reader_close(ServerReader *reader);

/*
 * A piece of a record in the server's encoding; palloc'd only when converted.
 * Records come as valid UTF-8, so in a UTF-8 database there is nothing to do.
 */
extern FieldText server_text_converted(FieldText utf8);

static inline FieldText
server_text(FieldText utf8)
{
	return GetDatabaseEncoding() == PG_UTF8 ? utf8 : server_text_converted(utf8);
}

#endif							/* CALPADS_SERVER_READER_H */
