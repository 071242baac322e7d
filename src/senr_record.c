/*-------------------------------------------------------------------------
 *
 * senr_record.c
 *	  Single SENR records for SQL: the rules they break, their line, and where
 *	  the SIS keeps their fields.
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
#include "picture.h"
#include "rule_book.h"

/* Columns of calpads.check_senr. */
typedef enum CheckColumn
{
	CHECK_RULE,
	CHECK_FIELD,
	CHECK_VALUE,
	CHECK_EXPLANATION,
	CHECK_FIX,
	CHECK_COLUMN_COUNT
} CheckColumn;

/* A calpads.senr as a row of a picture, in the arena. */
static Enrollment *
record_of_datum(Arena *arena, HeapTupleHeader datum)
{
	TupleDesc	description = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(datum),
													 HeapTupleHeaderGetTypMod(datum));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsHeapTuple);
	HeapTupleData tuple = {0};
	Enrollment *record;

	tuple.t_len = HeapTupleHeaderGetDatumLength(datum);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_data = datum;
	ExecStoreHeapTuple(&tuple, slot, false);
	slot_getallattrs(slot);
	record = picture_row(arena, &senr_process, slot, school_year_start(calpads_current_date()));
	ExecDropSingleTupleTableSlot(slot);
	ReleaseTupleDesc(description);
	return record;
}

/* The rules of the current year, read once in a query. */
static const RuleBook *
book_of_query(FmgrInfo *function)
{
	if (function->fn_extra == NULL)
	{
		MemoryContext old_context;

		SPI_connect();
		old_context = MemoryContextSwitchTo(function->fn_mcxt);
		function->fn_extra = (void *) rule_book_load(&senr_process, current_academic_year(), calpads_file_encoding);
		MemoryContextSwitchTo(old_context);
		SPI_finish();
	}
	return function->fn_extra;
}

static void
put_violation(ReturnSetInfo *result, const Enrollment *record, const Violation *violation)
{
	Datum		values[CHECK_COLUMN_COUNT] = {0};
	bool		nulls[CHECK_COLUMN_COUNT] = {false};
	const char *value = record->value[violation->field];
	const char *fix = violation->fix != NULL ? violation->fix : senr_field_source[violation->field];

	values[CHECK_RULE] = CStringGetTextDatum(violation->rule);
	values[CHECK_FIELD] = CStringGetTextDatum(senr_field_name[violation->field]);
	nulls[CHECK_VALUE] = value == NULL;
	if (value != NULL)
		values[CHECK_VALUE] = CStringGetTextDatum(value);
	values[CHECK_EXPLANATION] = CStringGetTextDatum(violation->explanation);
	values[CHECK_FIX] = CStringGetTextDatum(fix);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(calpads_check_senr);

/*
 * calpads.check_senr(record calpads.senr) → setof record: the fatal rules that
 * the record breaks by itself, without the student's other rows
 */
Datum
calpads_check_senr(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const RuleBook *book = book_of_query(fcinfo->flinfo);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "calpads record",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	Arena	   *arena;
	Enrollment *record;

	InitMaterializedSRF(fcinfo, 0);
	old_context = MemoryContextSwitchTo(context);
	arena = calpads_make_arena();
	record = record_of_datum(arena, PG_GETARG_HEAPTUPLEHEADER(0));
	for (const Violation *violation = rule_check(arena, book, record, calpads_current_date());
		 violation != NULL; violation = violation->next)
		put_violation(result, record, violation);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_senr_line);

/* calpads.senr_line(record calpads.senr) → text: the record as it stands in a file, without CR LF */
Datum
calpads_senr_line(PG_FUNCTION_ARGS)
{
	Enrollment *record = record_of_datum(calpads_make_arena(), PG_GETARG_HEAPTUPLEHEADER(0));
	StringInfoData line;

	initStringInfo(&line);
	append_record(&line, record->value, SENR_FIELD_COUNT);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(line.data, line.len));
}

PG_FUNCTION_INFO_V1(calpads_senr_places);

/* calpads.senr_places() → setof record: the fields of SENR, and where the SIS keeps them */
Datum
calpads_senr_places(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
	{
		Datum		values[] = {CStringGetTextDatum(senr_field_name[field]),
		CStringGetTextDatum(senr_field_source[field])};
		bool		nulls[] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
