/*-------------------------------------------------------------------------
 *
 * layout_catalog.h
 *	  Layouts out of calpads.layout and calpads.layout_field.
 *
 * All functions read with the rights of the current user and give memory of
 * the current context.  Academic years are written 2025-2026.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_LAYOUT_CATALOG_H
#define CALPADS_LAYOUT_CATALOG_H

#include "postgres.h"

#include "layout.h"

/*
 * The layout as it is in an academic year.  An error (42704) when there is no
 * layout of that name, or none of its fields exists in that year.
 */
extern Layout *layout_catalog_read(const char *name, const char *year);

/* Is this an academic year: CCYY-CCYY, the second one later by one? */
extern bool is_academic_year(const char *year);

/* The academic year that holds calpads.today(). */
extern char *current_academic_year(void);

/*
 * The academic years in which a record of the layout has that many fields, as
 * text for a message ("2016-2017 to 2018-2019, 2020-2021"); NULL when it never
 * had.  Only years are named about which the layout's fields say something,
 * from the first one mentioned to the current year.
 */
extern char *layout_catalog_years(const char *name, int field_count);

/*
 * The newest of these years, or the one before the first that the layout's
 * fields mention, as 2017-2018; NULL when there is none.
 */
extern char *layout_catalog_newest_year(const char *name, int field_count);

/* The name of a layout whose records are of that type, NULL when there is none. */
extern char *layout_catalog_of_record_type(const char *record_type);

#endif							/* CALPADS_LAYOUT_CATALOG_H */
