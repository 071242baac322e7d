/*-------------------------------------------------------------------------
 *
 * wrong_cell.c
 *	  Cells of files whose columns come in any order, judged for SQL: dates,
 *	  numbers and lengths, each by the kind of its column (free_form.c).
 *
 * Codes are judged in SQL (spec/casemis.md section 6).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "free_form.h"

/* Elements of a one-dimensional array. */
typedef struct Elements
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Elements;

static Elements
elements_of(ArrayType *array)
{
	Elements	elements = {0};
	Oid			type = ARR_ELEMTYPE(array);

	deconstruct_array(array, type, type == TEXTOID ? -1 : (int) sizeof(int32), type != TEXTOID,
					  TYPALIGN_INT, &elements.values, &elements.nulls, &elements.count);
	return elements;
}

static FieldText
field_text(Datum value)
{
	text	   *content = DatumGetTextPP(value);

	return (FieldText) {VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content)};
}

PG_FUNCTION_INFO_V1(calpads_wrong_cell);

/*
 * calpads.wrong_cell(cells text[], types text[], lengths integer[], OUT
 * "position" integer, OUT complaint text): the first cell that is not of its
 * column's type or is longer than its column, and why; nulls when there is
 * none.  A column whose type is null takes anything; length null: any.
 */
Datum
calpads_wrong_cell(PG_FUNCTION_ARGS)
{
	Elements	cells = elements_of(PG_GETARG_ARRAYTYPE_P(0));
	Elements	types = elements_of(PG_GETARG_ARRAYTYPE_P(1));
	Elements	lengths = elements_of(PG_GETARG_ARRAYTYPE_P(2));
	int			count = Min(cells.count, Min(types.count, lengths.count));
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	TupleDesc	result;

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int cell = 0; cell < count && nulls[0]; cell++)
	{
		const char *complaint;

		if (cells.nulls[cell] || types.nulls[cell])
			continue;
		complaint = free_form_complaint(field_text(cells.values[cell]),
										free_form_type(field_text(types.values[cell])),
										lengths.nulls[cell] ? 0 : DatumGetInt32(lengths.values[cell]));
		if (complaint == NULL)
			continue;
		values[0] = Int32GetDatum(cell + 1);
		values[1] = CStringGetTextDatum(complaint);
		nulls[0] = nulls[1] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}

PG_FUNCTION_INFO_V1(calpads_casemis_date);

/* calpads.casemis_date(value text) → date: CCYYMMDD, MM/DD/CCYY or M/D/CCYY; null: anything else */
Datum
calpads_casemis_date(PG_FUNCTION_ARGS)
{
	DayNumber	day;

	if (!free_form_date(field_text(PG_GETARG_DATUM(0)), &day))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(day);
}
