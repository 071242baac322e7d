/*-------------------------------------------------------------------------
 *
 * program_waits.c
 *	  Whether a SPRG record has to wait for an enrollment, for SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "calpads.h"
#include "program.h"

/* One of the arrays of enrollments. */
typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Column;

static Column
column_of(FunctionCallInfo fcinfo, int argument, Oid type)
{
	Column		column = {NULL, NULL, 0};

	if (PG_ARGISNULL(argument))
		return column;
	if (type == DATEOID)
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), DATEOID, sizeof(DateADT), true,
						  TYPALIGN_INT, &column.values, &column.nulls, &column.count);
	else
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT,
						  &column.values, &column.nulls, &column.count);
	return column;
}

static char *
text_at(const Column *column, int place)
{
	return place < column->count && !column->nulls[place] ?
		TextDatumGetCString(column->values[place]) : NULL;
}

static DayNumber
day_at(const Column *column, int place, DayNumber when_null)
{
	return place < column->count && !column->nulls[place] ?
		DatumGetDateADT(column->values[place]) : when_null;
}

/* The arrays schools, starts, exits and reasons as posted enrollments. */
static Stay *
stays_of_arrays(FunctionCallInfo fcinfo, int first)
{
	Column		schools = column_of(fcinfo, first, TEXTOID);
	Column		starts = column_of(fcinfo, first + 1, DATEOID);
	Column		exits = column_of(fcinfo, first + 2, DATEOID);
	Column		reasons = column_of(fcinfo, first + 3, TEXTOID);
	Stay	   *stays = NULL;

	for (int place = 0; place < schools.count; place++)
	{
		Stay	   *stay = palloc0(sizeof(Stay));

		stay->school = text_at(&schools, place);
		stay->start = day_at(&starts, place, INT_MIN);
		stay->end = day_at(&exits, place, ROW_OPEN);
		stay->reason = text_at(&reasons, place);
		stay->posted = true;
		stay->next = stays;
		if (stay->school != NULL)
			stays = stay;
	}
	return stays;
}

/* The line's fields as a row; those beyond its last caret are blank. */
static PictureRow *
row_of_line(char *line)
{
	PictureRow *row = palloc0(sizeof(PictureRow));
	int			field = 0;

	for (char *next = line; next != NULL && field < SPRG_FIELD_COUNT; field++)
	{
		char	   *value = strsep(&next, "^");

		row->value[field] = *value != '\0' ? value : NULL;
	}
	return row;
}

static DayNumber
day_of(const PictureRow *row, SprgField field, DayNumber when_blank)
{
	const char *digits = row->value[field];
	DayNumber	day = when_blank;

	if (digits != NULL)
		field_parse_date8((FieldText) {digits, strlen(digits)}, &day);
	return day;
}

PG_FUNCTION_INFO_V1(calpads_sprg_waits);

/*
 * calpads.sprg_waits(line, is_new, participating, year_start, schools, starts,
 * exits, reasons) → boolean: would CALPADS refuse the record by GERR0005?
 */
Datum
calpads_sprg_waits(PG_FUNCTION_ARGS)
{
	PictureRow *row;
	Program		program = {0};
	ProgramBook book = {1, &program};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	row = row_of_line(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	row->start = day_of(row, SPRG_START_DATE, 0);
	row->end = day_of(row, SPRG_END_DATE, ROW_OPEN);
	if (row->value[SPRG_PROGRAM] == NULL)
		PG_RETURN_BOOL(false);
	program.code = row->value[SPRG_PROGRAM];
	program.participating = PG_GETARG_BOOL(2);
	PG_RETURN_BOOL(program_needs_enrollment(row, PG_GETARG_BOOL(1), PG_GETARG_DATEADT(3)) &&
				   !program_is_covered(&book, row, stays_of_arrays(fcinfo, 4), STAY_POSTED));
}
