/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  A file in, records out: one reader for every layout.
 *
 * Caret and tab records are split by record.c, where quotes are ordinary
 * characters; CSV goes through libcsv (csv_record.c), also records of several
 * lines.  Bytes may be UTF-8, with or without a byte order mark, or
 * Windows-1252; records come out as UTF-8.  Lines end in CR LF or LF.
 * Server-free: includes no postgres.h.
 *
 * Memory comes from malloc; whoever made the reader calls reader_destroy,
 * also when it leaves by an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_READER_H
#define CALPADS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field.h"
#include "layout.h"

/*
 * A line of more bytes, without its end, is no record of any layout; neither
 * is a CSV record of several lines.  The fuzzers build with a smaller limit,
 * to get to the borders.
 */
#ifndef READER_MAX_LINE
#define READER_MAX_LINE 65536
#endif

/*
 * Gives up to size bytes into buffer; 0 at the end.  Errors of the source are
 * the source's own to raise.
 */
typedef size_t (*ReaderSource) (void *context, char *buffer, size_t size);

typedef enum ReaderEncoding
{
	ENCODING_AUTO,				/* UTF-8, a line that is not valid: Windows-1252 */
	ENCODING_UTF8,
	ENCODING_WINDOWS_1252		/* a byte order mark overrules it: ENCODING_AUTO */
} ReaderEncoding;

typedef enum ReaderStatus
{
	READER_RECORD,				/* a record with the right number of fields */
	READER_BAD_RECORD,			/* one line cannot be used, reading goes on */
	READER_END,					/* the file was read to its end */
	READER_REFUSED				/* the file cannot be used, reading is over */
} ReaderStatus;

/* Why a line (READER_BAD_RECORD) or the file (READER_REFUSED) cannot be used. */
typedef enum ReaderError
{
	READER_NO_ERROR = 0,
	/* lines */
	READER_FIELD_COUNT,			/* another number of fields than the layout has */
	READER_TRUNCATED,			/* last line: too few fields and no line end */
	READER_ENCODING,			/* not valid in the encoding that was asked for */
	READER_QUOTE,				/* CSV: text behind a closing quote, or a quote
								 * that does not close within 100 lines */
	READER_RECORD_TYPE,			/* first field is not the layout's record type */
	/* files */
	READER_EMPTY,				/* no bytes, or only blank lines */
	READER_NUL_BYTE,
	READER_LINE_TOO_LONG,
	READER_LONE_CR,				/* carriage return without line feed */
	READER_NOT_THIS_FORMAT,		/* other separator, e.g. commas where carets belong */
	READER_HEADER_ROW,			/* a header where none may be */
	READER_NO_HEADER,			/* none where one must be, or it lacks a key field */
	READER_OTHER_RECORD_TYPE,	/* the file is of another record type */
	READER_OTHER_FIELD_COUNT	/* most lines have another number of fields, or a
								 * header has more than LAYOUT_MAX_FIELDS */
} ReaderError;

/*
 * One record.  Everything it points to lives until the next reader_next.
 *
 * In a bad record the fields are those that could be told apart, so that the
 * student may still be found in them; with READER_ENCODING, U+FFFD stands for
 * what has no meaning.  With READER_QUOTE the record is one line, and the
 * next one begins with the next line.
 */
typedef struct Record
{
	int64_t		line_no;		/* of its first line, from 1 */
	ReaderError error;			/* READER_NO_ERROR but with READER_BAD_RECORD */
	bool		is_plain;		/* its fields are surely printable ASCII */
	FieldText	line;			/* all of it as UTF-8, without its line end */
	int			field_count;	/* fields really found, may be more than stored */
	FieldText	fields[LAYOUT_MAX_FIELDS];	/* by position in the layout, raw; set
											 * for all fields of the layout */
} Record;

/* What a refusal is about, for the message. */
typedef struct ReaderRefusal
{
	ReaderError error;
	int64_t		line_no;		/* 0 = the whole file */
	int			found_fields;	/* READER_OTHER_FIELD_COUNT; at most
								 * LAYOUT_MAX_FIELDS + 1: so many or more */
	char		found[64];		/* see below; never data of a student */
} ReaderRefusal;

/*
 * found tells, or is empty when it is not known:
 * READER_OTHER_RECORD_TYPE	the type: SPRG-R
 * READER_HEADER_ROW		the label of a field that the header names
 * READER_NO_HEADER			the label of the key field that it does not name
 * READER_NOT_THIS_FORMAT	what separates fields instead: caret, tab, comma,
 *							semicolon, vertical bar
 */

typedef struct Reader Reader;

/*
 * Makes a reader; NULL when memory runs out or the layout has no field or too
 * many.  The layout must outlive it.  The start of the file (up to 64 kB) is
 * looked at with the first reader_next: the kind of file is judged by the
 * majority of these lines, so that one bad first line does not condemn it.
 */
extern Reader *reader_create(const Layout *layout, ReaderEncoding encoding,
							 ReaderSource source, void *source_context);

/*
 * The next record.  Blank lines are passed over (they count as lines).
 * Missing optional trailing fields come as empty ones.  A file with a header
 * and no records is at its end at once.
 */
extern ReaderStatus reader_next(Reader *reader, Record *record);

/* Why the file was refused; valid after READER_REFUSED. */
extern const ReaderRefusal *reader_refusal(const Reader *reader);

/* Bytes of the source that were used so far, for progress reports. */
extern int64_t reader_bytes_read(const Reader *reader);

/*
 * Files with a header: columns that no field of the layout claimed, with their
 * names there, and their values in the last record.  column counts from 0.
 */
extern int	reader_extra_column_count(const Reader *reader);
extern const char *reader_extra_column_name(const Reader *reader, int column);
extern FieldText reader_extra_column_value(const Reader *reader, int column);

extern void reader_destroy(Reader *reader);

#endif							/* CALPADS_READER_H */
