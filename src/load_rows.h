/*-------------------------------------------------------------------------
 *
 * load_rows.h
 *	  Records of an ODS extract into the baseline, or set aside.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_LOAD_ROWS_H
#define CALPADS_LOAD_ROWS_H

#include "postgres.h"

#include "reader.h"

/* The most fields a key has, and the most rules about the form of a value. */
#define MAX_KEY_FIELDS 6
#define MAX_FORMS 4

/* A field that must have so many characters; without it a row means nothing. */
typedef struct ValueForm
{
	const char *field;
	size_t		length;
	bool		digits;			/* and all of them digits */
	const char *rule;			/* CALPADS rule number when it is not so */
} ValueForm;

/* An ODS extract that can be loaded.  A list ends with NULL. */
typedef struct OdsProcess
{
	const char *name;			/* SENR */
	const char *layout;			/* of the extract */
	const char *baseline;		/* table calpads.<baseline> */
	const char *sis_view;		/* view of the SIS schema with the same columns */
	const char *key[MAX_KEY_FIELDS + 1];	/* operational key: what cannot be blank in it */
	const char *blank_key[MAX_KEY_FIELDS + 1];	/* the rest of the key */
	const char *required[MAX_KEY_FIELDS + 1];	/* cannot be blank, as the key fields cannot */
	const char *school;			/* field of the school, or NULL */
	const char *exit_date;		/* field that is blank in active records, or NULL */
	const char *exit_name;		/* that date in a message */
	const char *record_name;	/* many records in a message */
	const char *window;			/* how far back an extract reaches, in a message */
	const char *lea_rule;		/* CALPADS rule number of a record of another LEA, or NULL: it is taken */
	bool		any_year;		/* a file of an earlier year is recognised by its number of fields */
	const char *follow_up;		/* statement that ends a load, of parameter load_id, or NULL */
	ValueForm	forms[MAX_FORMS];
} OdsProcess;

/* What came of the records. */
typedef struct LoadTally
{
	int64		rows_read;
	int64		rows_loaded;
	int64		rows_rejected;
	int64		rows_selected;	/* loaded ones of schools that are selected */
	int64		rows_closed;	/* loaded ones with an exit date */
	const char *first_errors;	/* up to three, for a message: line, field, what is wrong;
								 * there when the loader is finished */
} LoadTally;

typedef struct RowLoader RowLoader;

/*
 * Makes a loader in the current memory context, which must last as long.  The
 * layout is that of the file, whose size is in bytes; lea is the one whose rows
 * are loaded.  Reads calpads.school.
 */
extern RowLoader *row_loader_create(const OdsProcess *process, const Layout *layout,
									int64 load_id, const char *lea, int64 file_size);

/*
 * Takes a record into the baseline.  Sets it aside in calpads.load_error when
 * a field is bad (a row there for each bad field), when it is of another LEA
 * and the process has a lea_rule, or when its key is known to have been there
 * before (IVR0034).
 */
extern void row_loader_take(RowLoader *loader, const Record *record);

/* Sets a line aside that is no record; message says what is wrong with it. */
extern void row_loader_set_aside(RowLoader *loader, const Record *record, const char *message);

/*
 * When the records are over: were any taken whose key was there before?  Of a
 * large file that is known only then.  If so, the records must be passed to
 * row_loader_take_back again, in the same order.
 */
extern bool row_loader_has_late_duplicates(RowLoader *loader);

/*
 * Sets a record aside if it is one of these.  It is in the baseline still, as
 * the only one with a line number of calpads.load_error.
 */
extern void row_loader_take_back(RowLoader *loader, const Record *record);

/*
 * Writes what is still waiting.  False when not all records came back to
 * row_loader_take_back as they had been.
 */
extern bool row_loader_finish(RowLoader *loader);

extern const LoadTally *row_loader_tally(const RowLoader *loader);

/*
 * The schools of the loaded rows that are (or are not) selected, as text for a
 * message: at most ten codes; *count gets the number of schools.
 */
extern char *row_loader_schools(const RowLoader *loader, bool selected, int *count);

/* The oid of the baseline table, for progress reports. */
extern Oid	row_loader_relation(const RowLoader *loader);

#endif							/* CALPADS_LOAD_ROWS_H */
