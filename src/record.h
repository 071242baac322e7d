/*-------------------------------------------------------------------------
 *
 * record.h
 *	  A line into fields, where quotes are ordinary characters; and the
 *	  encodings that lines come in.
 *
 * Nothing here allocates memory or raises an error.  Server-free: includes
 * no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RECORD_H
#define CALPADS_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "field.h"
#include "layout.h"

/* So many bytes behind the end of the text may be read, but mean nothing. */
#define RECORD_PADDING 64

/* A character may need so many times the bytes in UTF-8 that it had before. */
#define RECORD_UTF8_GROWTH 3

typedef enum LineStatus
{
	LINE_ENDED,					/* by LF or CR LF */
	LINE_OPEN,					/* the text ends before the line does */
	LINE_NUL_BYTE,				/* a NUL byte before the line's end */
	LINE_LONE_CR				/* a carriage return without line feed */
} LineStatus;

typedef struct Line
{
	size_t		length;			/* bytes, without the line end */
	size_t		size;			/* bytes, with the line end */
	int			field_count;	/* also those that were too many to store */
	bool		maybe_not_ascii;	/* false: surely ASCII */
	bool		has_control;	/* a control character of ASCII in one of its fields */
} Line;

/*
 * Splits the line that begins at start into fields, in one pass that also
 * finds its end.  Fields beyond LAYOUT_MAX_FIELDS are counted, not stored.
 * The text reaches to end; *end must be a line feed (a sentinel that belongs
 * to nobody), and RECORD_PADDING bytes from there on must be readable.
 *
 * *line is set for LINE_ENDED and LINE_OPEN.  In an open line a carriage
 * return at its very end is part of it: the line feed may be still to come.
 */
extern LineStatus record_split(const char *start, const char *end, char separator,
							   Line *line, FieldText fields[LAYOUT_MAX_FIELDS]);

/* Well-formed UTF-8 without surrogates and overlong forms? */
extern bool record_is_utf8(FieldText line);

/*
 * Writes the line as UTF-8 to text, which has room for RECORD_UTF8_GROWTH
 * times its length, and returns the new length.  What has no meaning becomes
 * U+FFFD; *complete tells whether there was none of that.
 */
extern size_t record_from_windows_1252(FieldText line, char *text, bool *complete);

/* The same for a line in faulty UTF-8. */
extern size_t record_repair_utf8(FieldText line, char *text);

#endif							/* CALPADS_RECORD_H */
