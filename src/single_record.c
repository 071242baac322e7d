/*-------------------------------------------------------------------------
 *
 * single_record.c
 *	  Single records for SQL: the rules they break, their line, and where the
 *	  SIS keeps their fields.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "calpads.h"
#include "compat.h"
#include "extract.h"
#include "layout_catalog.h"
#include "picture_columns.h"
#include "rule_book.h"

/* Columns of calpads.check_senr and calpads.check_sprg. */
typedef enum CheckColumn
{
	CHECK_RULE,
	CHECK_FIELD,
	CHECK_VALUE,
	CHECK_EXPLANATION,
	CHECK_FIX,
	CHECK_COLUMN_COUNT
} CheckColumn;

/* A value of the process's type as a row of a picture, in the arena. */
static PictureRow *
record_of_datum(Arena *arena, const Process *process, HeapTupleHeader datum)
{
	TupleDesc	description = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(datum),
													 HeapTupleHeaderGetTypMod(datum));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsHeapTuple);
	HeapTupleData tuple = {0};
	PictureColumns columns;
	PictureRow *record;

	tuple.t_len = HeapTupleHeaderGetDatumLength(datum);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_data = datum;
	ExecStoreHeapTuple(&tuple, slot, false);
	slot_getallattrs(slot);
	picture_columns_find(&columns, process, description);
	record = picture_row(arena, process, &columns, slot, school_year_start(calpads_current_date()));
	ExecDropSingleTupleTableSlot(slot);
	ReleaseTupleDesc(description);
	return record;
}

/* The rules of the current year, read once in a query. */
static const RuleBook *
book_of_query(const Process *process, FmgrInfo *function)
{
	if (function->fn_extra == NULL)
	{
		MemoryContext old_context;

		SPI_connect();
		old_context = MemoryContextSwitchTo(function->fn_mcxt);
		function->fn_extra = (void *) rule_book_load(process, current_academic_year(), calpads_file_encoding);
		MemoryContextSwitchTo(old_context);
		SPI_finish();
	}
	return function->fn_extra;
}

static void
put_violation(ReturnSetInfo *result, const Process *process, const PictureRow *record,
			  const Violation *violation)
{
	Datum		values[CHECK_COLUMN_COUNT] = {0};
	bool		nulls[CHECK_COLUMN_COUNT] = {false};
	const char *value = record->value[violation->field];
	const char *fix = violation->fix != NULL ? violation->fix : process->field_source[violation->field];

	values[CHECK_RULE] = CStringGetTextDatum(violation->rule);
	values[CHECK_FIELD] = CStringGetTextDatum(process->field_name[violation->field]);
	nulls[CHECK_VALUE] = value == NULL;
	if (value != NULL)
		values[CHECK_VALUE] = CStringGetTextDatum(value);
	values[CHECK_EXPLANATION] = CStringGetTextDatum(violation->explanation);
	values[CHECK_FIX] = CStringGetTextDatum(fix);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
check_record(FunctionCallInfo fcinfo, const Process *process)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const RuleBook *book = book_of_query(process, fcinfo->flinfo);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "calpads record",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	Arena	   *arena;
	PictureRow *record;

	InitMaterializedSRF(fcinfo, 0);
	old_context = MemoryContextSwitchTo(context);
	arena = calpads_make_arena();
	record = record_of_datum(arena, process, PG_GETARG_HEAPTUPLEHEADER(0));
	for (const Violation *violation = rule_check(arena, book, record, calpads_current_date());
		 violation != NULL; violation = violation->next)
		put_violation(result, process, record, violation);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (Datum) 0;
}

static Datum
line_of_record(FunctionCallInfo fcinfo, const Process *process)
{
	PictureRow *record = record_of_datum(calpads_make_arena(), process, PG_GETARG_HEAPTUPLEHEADER(0));
	StringInfoData line;

	initStringInfo(&line);
	append_record(&line, record->value, process->field_count);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(line.data, line.len));
}

static Datum
places_of_fields(FunctionCallInfo fcinfo, const Process *process)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int field = 0; field < process->field_count; field++)
	{
		Datum		values[] = {CStringGetTextDatum(process->field_name[field]),
		CStringGetTextDatum(process->field_source[field])};
		bool		nulls[] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_check_senr);
PG_FUNCTION_INFO_V1(calpads_check_sprg);

/*
 * calpads.check_senr(record calpads.senr) → setof record: the fatal rules that
 * the record breaks by itself, without the student's other rows; the same for
 * calpads.sprg
 */
Datum
calpads_check_senr(PG_FUNCTION_ARGS)
{
	return check_record(fcinfo, &senr_process);
}

Datum
calpads_check_sprg(PG_FUNCTION_ARGS)
{
	return check_record(fcinfo, &sprg_process);
}

PG_FUNCTION_INFO_V1(calpads_senr_line);
PG_FUNCTION_INFO_V1(calpads_sprg_line);

/* calpads.senr_line(record calpads.senr) → text: the record as it stands in a file, without CR LF */
Datum
calpads_senr_line(PG_FUNCTION_ARGS)
{
	return line_of_record(fcinfo, &senr_process);
}

Datum
calpads_sprg_line(PG_FUNCTION_ARGS)
{
	return line_of_record(fcinfo, &sprg_process);
}

PG_FUNCTION_INFO_V1(calpads_senr_places);
PG_FUNCTION_INFO_V1(calpads_sprg_places);

/* calpads.senr_places() → setof record: the fields of SENR, and where the SIS keeps them */
Datum
calpads_senr_places(PG_FUNCTION_ARGS)
{
	return places_of_fields(fcinfo, &senr_process);
}

Datum
calpads_sprg_places(PG_FUNCTION_ARGS)
{
	return places_of_fields(fcinfo, &sprg_process);
}
