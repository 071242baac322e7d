/*-------------------------------------------------------------------------
 *
 * wrong_cell.c
 *	  Cells of files whose columns come in any order: dates, numbers and
 *	  lengths, each by the kind of its column.
 *
 * Special education files write dates in two forms, and their codes are
 * judged in SQL (spec/casemis.md sections 2 and 6); so a layout of the reader
 * does not serve.
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
#include "field.h"

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

static bool
is_named(FieldText name, const char *wanted)
{
	return name.length == strlen(wanted) && memcmp(name.data, wanted, name.length) == 0;
}

/* A type of calpads.layout_field; Y and N are a code set like others. */
static FieldType
type_named(FieldText name)
{
	if (is_named(name, "date8") || is_named(name, "date_mdy"))
		return FIELD_DATE8;
	if (is_named(name, "integer"))
		return FIELD_INTEGER;
	return is_named(name, "text") ? FIELD_TEXT : FIELD_CODE;
}

static bool
parse_date(FieldText value, DayNumber *day)
{
	return field_parse_date8(value, day) || field_parse_date_mdy(value, day);
}

static const char *
complaint_about(FieldText value, FieldType type, int max_length)
{
	LayoutField field = {.name = "", .label = "", .type = type, .max_length = max_length};
	DayNumber	day;
	FieldError	error;

	if (type == FIELD_DATE8)
		return parse_date(value, &day) ? NULL : "the value is no date written CCYYMMDD or MM/DD/CCYY";
	error = field_check(&field, value, &day);
	return error == FIELD_OK ? NULL : field_error_message(error);
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
		complaint = complaint_about(field_text(cells.values[cell]),
									type_named(field_text(types.values[cell])),
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

	if (!parse_date(field_text(PG_GETARG_DATUM(0)), &day))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(day);
}
