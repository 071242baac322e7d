/*-------------------------------------------------------------------------
 *
 * line_writer.h
 *	  Lines into the bytes of a file: encoding, CR LF, blocks.
 *
 * Every way by which a file leaves the database goes through here, so that
 * they all give the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_LINE_WRITER_H
#define CALPADS_LINE_WRITER_H

#include "postgres.h"

/* A block for files; a client that wants line by line gets blocks of 0 bytes. */
#define LINE_WRITER_BLOCK (256 * 1024)

typedef struct LineWriter LineWriter;

/* Takes the next bytes of the file; the context is that of the LineWriter. */
typedef void (*LineSink) (void *context, const char *bytes, int length);

/*
 * A writer of lines that come in the server's encoding and go out in encoding
 * (a pg_enc).  The sink gets whole lines, as many at a time as fill a block of
 * so many bytes; with block = 0 each on its own.  The name is for messages.
 */
extern LineWriter *line_writer_create(const char *name, int encoding, int block,
									  LineSink sink, void *context);

/*
 * Adds a line, which comes without its end.  Error 22P05: a character that the
 * file's encoding does not have; its context names the file and the line.
 */
extern void line_writer_add(LineWriter *writer, const char *line, int length);

/* Hands the rest to the sink and frees the writer. */
extern void line_writer_finish(LineWriter *writer);

/* So far: lines, and bytes in the file's encoding. */
extern int64 line_writer_lines(const LineWriter *writer);
extern int64 line_writer_bytes(const LineWriter *writer);

#endif							/* CALPADS_LINE_WRITER_H */
