/*-------------------------------------------------------------------------
 *
 * free_form.h
 *	  Files of a form that nobody has published: what separates their fields,
 *	  how they are encoded, and what a cell may hold by the kind of its
 *	  column.
 *
 * Columns come in any order, so a layout of the reader says nothing about
 * them.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_FREE_FORM_H
#define CALPADS_FREE_FORM_H

#include "reader.h"

/*
 * One encoding for the whole file, UTF-8 or Windows-1252: a line that happens
 * to be valid UTF-8 does not make the others so (spec/casemis.md section 2).
 */
extern ReaderEncoding free_form_encoding(FieldText content);

/* By the separator that the first line has most of. */
extern FileFormat free_form_format(FieldText content);

/* Do lines end in carriage returns alone, as old spreadsheets write them? */
extern bool free_form_ends_in_returns(FieldText content);

/* Lets them end in line feeds. */
extern void free_form_mend_line_ends(char *content, size_t size);

/*
 * A layout of any cells: fields without names, which no header row names.  The
 * fields must live as long as the layout.
 */
extern Layout free_form_layout(const char *name, FileFormat format,
							   LayoutField fields[LAYOUT_MAX_FIELDS]);

/* A type of calpads.layout_field, as cells are judged; Y and N are a code set like others. */
extern FieldType free_form_type(FieldText name);

/* CCYYMMDD, MM/DD/CCYY or M/D/CCYY: files of special education write dates in all of them. */
extern bool free_form_date(FieldText value, DayNumber *day);

/* Why the value is none of that type, or too long (0: any length); NULL when it is one. */
extern const char *free_form_complaint(FieldText value, FieldType type, int max_length);

#endif							/* CALPADS_FREE_FORM_H */
