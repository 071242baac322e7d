/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  What a record of a CALPADS file looks like in one academic year.
 *
 * A layout is data (src/data/layout.tsv and layout_field.tsv); this header
 * only gives it a shape in memory.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_LAYOUT_H
#define CALPADS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

/* The most fields a record of any layout may have. */
#define LAYOUT_MAX_FIELDS 128

typedef enum FieldType
{
	FIELD_TEXT,					/* names, free text: blanks inside are kept */
	FIELD_CODE,					/* codes and identifiers: outer blanks go */
	FIELD_DATE8,				/* CCYYMMDD */
	FIELD_DATE_MDY,				/* MM/DD/YYYY, also M/D/YYYY */
	FIELD_YN,					/* Y or N */
	FIELD_INTEGER				/* decimal digits, optional sign */
} FieldType;

typedef struct LayoutField
{
	const char *name;			/* column name: enrollment_start_date */
	const char *label;			/* printed name: Enrollment Start Date */
	const char *number;			/* number in the file specification: 1.22 */
	const char *codeset;		/* name of its code set, or NULL */
	FieldType	type;
	int			max_length;		/* in characters, 0 = not known */
	bool		required;		/* must be filled in every record */
	bool		key;			/* part of the operational key */
} LayoutField;

typedef enum FileFormat
{
	FORMAT_CARET,				/* ^ between fields, quotes are data */
	FORMAT_TAB,					/* tab between fields, quotes are data */
	FORMAT_CSV					/* comma between fields, RFC 4180 quotes */
} FileFormat;

typedef enum HeaderRule
{
	HEADER_NEVER,				/* a header row is an error */
	HEADER_OPTIONAL,			/* recognised by its names; then as if required */
	HEADER_REQUIRED				/* columns are found by the header's names */
} HeaderRule;

typedef struct Layout
{
	const char *name;			/* senr_ods */
	const char *record_type;	/* first field of each record (SENR-R), or NULL */
	const char *other_record_type;	/* also accepted (SENR), or NULL */
	FileFormat	format;
	HeaderRule	header;
	int			field_count;	/* 1 to LAYOUT_MAX_FIELDS */
	int			min_field_count;	/* 1 to field_count; the fields after these are
									 * optional: with HEADER_NEVER all or none of
									 * them are there, else it may end after any */
	const LayoutField *fields;
} Layout;

/* Position (from 0) of a field by its column name, -1 when there is none. */
extern int	layout_field_position(const Layout *layout, const char *name);

#endif							/* CALPADS_LAYOUT_H */
