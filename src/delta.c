/*-------------------------------------------------------------------------
 *
 * delta.c
 *	  The set-returning functions behind senr_delta(), senr_held() and those
 *	  of the other processes: the pictures' differences as rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/typcache.h"

#include "calpads.h"
#include "compat.h"
#include "extract.h"
#include "picture.h"
#include "program_book.h"
#include "rule_book.h"

/* What a row can say; each function gives those that it has columns for. */
typedef enum DeltaColumn
{
	DELTA_KIND,					/* operation, held, warning, school or student */
	DELTA_LEA,
	DELTA_FILE_NO,
	DELTA_CATEGORY,
	DELTA_TRANSACTION_TYPE,
	DELTA_REASON,
	DELTA_EXPLANATION,
	DELTA_CHANGED,
	DELTA_SCHOOL,
	DELTA_SSID,
	DELTA_START_DATE,
	DELTA_LOCAL_STUDENT_ID,
	DELTA_RECORD,
	DELTA_LINE,
	DELTA_RULE,
	DELTA_FIELD,
	DELTA_VALUE,
	DELTA_FIX,
	DELTA_PROBLEMS,
	DELTA_KEY,
	DELTA_PROGRAM,
	DELTA_AFTER_EXIT,
	DELTA_COLUMN_COUNT
} DeltaColumn;

static const char *const column_name[DELTA_COLUMN_COUNT] = {
	[DELTA_KIND] = "kind",
	[DELTA_LEA] = "lea",
	[DELTA_FILE_NO] = "file_no",
	[DELTA_CATEGORY] = "category",
	[DELTA_TRANSACTION_TYPE] = "transaction_type",
	[DELTA_REASON] = "reason",
	[DELTA_EXPLANATION] = "explanation",
	[DELTA_CHANGED] = "changed",
	[DELTA_SCHOOL] = "school_of_attendance",
	[DELTA_SSID] = "ssid",
	[DELTA_LOCAL_STUDENT_ID] = "local_student_id",
	[DELTA_RECORD] = "rec",
	[DELTA_LINE] = "line",
	[DELTA_RULE] = "rule",
	[DELTA_FIELD] = "field",
	[DELTA_VALUE] = "value",
	[DELTA_FIX] = "fix",
	[DELTA_PROBLEMS] = "problems",
	[DELTA_KEY] = "key",
	[DELTA_PROGRAM] = "education_program_code",
	[DELTA_AFTER_EXIT] = "after_exit",
};

/* The files of one LEA are numbered by themselves. */
typedef struct LeaPlan
{
	char	   *lea;
	WavePlan   *plan;
	struct LeaPlan *next;
} LeaPlan;

typedef struct Delta
{
	const Process *process;
	ReconcileOptions options;
	int			column[DELTA_COLUMN_COUNT]; /* of the result, from 0; -1 = it has none */
	TupleDesc	record_description; /* the process's type; NULL when no column takes records */
	Tuplestorestate *pending;	/* rows whose file_no is still shape and place */
	TupleDesc	pending_description;
	LeaPlan    *plans;
	Arena	   *plan_arena;
	MemoryContext call_context; /* outlives the pictures; the plans are in it */
	Arena	   *arena;
	MemoryContext student_context;
} Delta;

static WavePlan *
plan_of(Delta *delta, const char *lea)
{
	LeaPlan    *plan;

	for (plan = delta->plans; plan != NULL; plan = plan->next)
		if (strcmp(plan->lea, lea) == 0)
			return plan->plan;
	plan = MemoryContextAllocZero(delta->call_context, sizeof(LeaPlan));
	plan->lea = MemoryContextStrdup(delta->call_context, lea);
	plan->plan = wave_plan_create(delta->plan_arena, delta->process->wave, &delta->options);
	plan->next = delta->plans;
	delta->plans = plan;
	return plan->plan;
}

/* ---- values ----------------------------------------------------------------- */

static void
set_text(Datum *values, bool *nulls, int column, const char *value)
{
	nulls[column] = value == NULL;
	if (value != NULL)
		values[column] = CStringGetTextDatum(value);
}

static Datum
date8_datum(const char *digits)
{
	DayNumber	day = 0;

	field_parse_date8((FieldText){digits, strlen(digits)}, &day);
	return DateADTGetDatum(day);
}

static bool
is_date(const Delta *delta, int field)
{
	return (delta->process->dates & FIELD_BIT(field)) != 0;
}

static Datum
record_datum(Delta *delta, const PictureRow *row)
{
	Datum		values[PICTURE_FIELD_COUNT];
	bool		nulls[PICTURE_FIELD_COUNT];

	for (int field = 0; field < delta->process->field_count; field++)
	{
		const char *value = row->value[field];

		nulls[field] = value == NULL;
		if (value == NULL)
			continue;
		values[field] = is_date(delta, field) ? date8_datum(value) : CStringGetTextDatum(value);
	}
	return HeapTupleGetDatum(heap_form_tuple(delta->record_description, values, nulls));
}

static void
append_json_value(StringInfo json, bool is_a_date, const char *value)
{
	if (value == NULL)
		appendStringInfoString(json, "null");
	else if (is_a_date)
		appendStringInfo(json, "\"%.4s-%.2s-%.2s\"", value, value + 4, value + 6);
	else
		escape_json(json, value);
}

/* {"grade_level_code": ["04", "05"]} */
static Datum
changed_datum(const Delta *delta, const Operation *operation)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int field = 0; field < delta->process->field_count; field++)
	{
		if (!(operation->changed & FIELD_BIT(field)))
			continue;
		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		escape_json(&json, delta->process->field_name[field]);
		appendStringInfoString(&json, ":[");
		append_json_value(&json, is_date(delta, field), operation->before->value[field]);
		appendStringInfoChar(&json, ',');
		append_json_value(&json, is_date(delta, field), operation->record->value[field]);
		appendStringInfoChar(&json, ']');
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* ---- rows --------------------------------------------------------------------- */

static void
put_row(Delta *delta, const Datum *values, const bool *nulls)
{
	Datum		result[DELTA_COLUMN_COUNT + 1] = {0};
	bool		is_null[DELTA_COLUMN_COUNT + 1];

	memset(is_null, true, sizeof(is_null));
	for (int column = 0; column < DELTA_COLUMN_COUNT; column++)
	{
		int			place = delta->column[column];

		if (place < 0)
			continue;
		result[place] = values[column];
		is_null[place] = nulls[column];
	}
	tuplestore_putvalues(delta->pending, delta->pending_description, result, is_null);
}

static void
set_key(const Delta *delta, Datum *values, bool *nulls, const char *lea, const char *ssid,
		const PictureRow *row)
{
	const Process *process = delta->process;

	set_text(values, nulls, DELTA_LEA, lea);
	set_text(values, nulls, DELTA_SCHOOL, row->value[process->school]);
	set_text(values, nulls, DELTA_SSID, ssid);
	set_text(values, nulls, DELTA_LOCAL_STUDENT_ID, row->value[process->local_student_id]);
	set_text(values, nulls, DELTA_KEY, process_key(delta->arena, process, row));
	if (process->program >= 0)
		set_text(values, nulls, DELTA_PROGRAM, row->value[process->program]);
	nulls[DELTA_START_DATE] = row->value[process->start] == NULL;
	values[DELTA_START_DATE] = DateADTGetDatum(row->start);
}

static void
put_operation(Delta *delta, const char *lea, const char *ssid, const Operation *operation)
{
	Datum		values[DELTA_COLUMN_COUNT] = {0};
	bool		nulls[DELTA_COLUMN_COUNT];
	StringInfoData line;

	memset(nulls, true, sizeof(nulls));
	initStringInfo(&line);
	append_record(&line, operation->record->value, delta->process->field_count);

	set_text(values, nulls, DELTA_KIND, "operation");
	set_key(delta, values, nulls, lea, ssid, operation->record);
	values[DELTA_FILE_NO] = Int32GetDatum(operation->shape << 8 | operation->place);
	set_text(values, nulls, DELTA_CATEGORY, operation_category_name(operation->category));
	set_text(values, nulls, DELTA_TRANSACTION_TYPE, operation->record->value[delta->process->transaction_type]);
	set_text(values, nulls, DELTA_REASON, operation_reason_code(operation->reason));
	set_text(values, nulls, DELTA_EXPLANATION, operation->explanation);
	values[DELTA_CHANGED] = changed_datum(delta, operation);
	if (delta->record_description != NULL)
		values[DELTA_RECORD] = record_datum(delta, operation->record);
	nulls[DELTA_RECORD] = delta->record_description == NULL;
	values[DELTA_LINE] = PointerGetDatum(cstring_to_text_with_len(line.data, line.len));
	nulls[DELTA_FILE_NO] = nulls[DELTA_CHANGED] = nulls[DELTA_LINE] = false;
	nulls[DELTA_AFTER_EXIT] = !operation->follows_exit;
	values[DELTA_AFTER_EXIT] = DateADTGetDatum(operation->exit_day);
	put_row(delta, values, nulls);
}

static void
put_findings(Delta *delta, const char *kind, const char *lea, const char *ssid, const Finding *finding)
{
	for (; finding != NULL; finding = finding->next)
	{
		Datum		values[DELTA_COLUMN_COUNT] = {0};
		bool		nulls[DELTA_COLUMN_COUNT];

		memset(nulls, true, sizeof(nulls));
		set_text(values, nulls, DELTA_KIND, kind);
		set_key(delta, values, nulls, lea, ssid, finding->row);
		set_text(values, nulls, DELTA_RULE, finding->rule);
		set_text(values, nulls, DELTA_FIELD, finding->field >= 0 ? delta->process->field_name[finding->field] : NULL);
		set_text(values, nulls, DELTA_VALUE, finding->value);
		set_text(values, nulls, DELTA_EXPLANATION, finding->explanation);
		set_text(values, nulls, DELTA_FIX, finding->fix);
		set_text(values, nulls, DELTA_PROBLEMS, finding->row->problems);
		put_row(delta, values, nulls);
	}
}

static void
put_student(void *context, const char *lea, const char *ssid)
{
	Delta	   *delta = context;
	Datum		values[DELTA_COLUMN_COUNT] = {0};
	bool		nulls[DELTA_COLUMN_COUNT];
	MemoryContext old_context = MemoryContextSwitchTo(delta->student_context);

	memset(nulls, true, sizeof(nulls));
	set_text(values, nulls, DELTA_KIND, "student");
	set_text(values, nulls, DELTA_LEA, lea);
	set_text(values, nulls, DELTA_SSID, ssid);
	put_row(delta, values, nulls);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(delta->student_context);
}

/* A school of which CALPADS holds rows: value is the number of those of the current year. */
static void
put_school(void *context, const char *lea, const char *school, uint64 current_rows)
{
	Delta	   *delta = context;
	Datum		values[DELTA_COLUMN_COUNT] = {0};
	bool		nulls[DELTA_COLUMN_COUNT];

	memset(nulls, true, sizeof(nulls));
	set_text(values, nulls, DELTA_KIND, "school");
	set_text(values, nulls, DELTA_LEA, lea);
	set_text(values, nulls, DELTA_SCHOOL, school);
	set_text(values, nulls, DELTA_VALUE, psprintf(UINT64_FORMAT, current_rows));
	put_row(delta, values, nulls);
}

static void
visit_student(void *context, const char *lea, const char *ssid, const Student *student)
{
	Delta	   *delta = context;
	Reconciliation result = delta->process->reconcile(delta->arena, student, &delta->options);
	WavePlan   *plan = plan_of(delta, lea);
	MemoryContext old_context = MemoryContextSwitchTo(delta->student_context);

	wave_plan_add(plan, result.operations);
	for (const Operation *operation = result.operations; operation != NULL; operation = operation->next)
		if (!operation->held)
			put_operation(delta, lea, ssid, operation);
	put_findings(delta, "held", lea, ssid, result.holds);
	put_findings(delta, "warning", lea, ssid, result.warnings);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(delta->student_context);
	arena_reset(delta->arena);
}

/* ---- the function -------------------------------------------------------------- */

/* Now that all students are known, shapes and places become file numbers. */
static void
put_numbered(Delta *delta, ReturnSetInfo *result)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(delta->pending_description, &TTSOpsMinimalTuple);
	int			file_no = delta->column[DELTA_FILE_NO];

	for (LeaPlan *plan = delta->plans; plan != NULL; plan = plan->next)
		wave_plan_finish(plan->plan);
	while (tuplestore_gettupleslot(delta->pending, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (!slot->tts_isnull[file_no])
		{
			int			place = DatumGetInt32(slot->tts_values[file_no]);
			char	   *lea = TextDatumGetCString(slot->tts_values[delta->column[DELTA_LEA]]);

			slot->tts_values[file_no] =
				Int32GetDatum(wave_file_number(plan_of(delta, lea), place >> 8, place & 0xFF));
			pfree(lea);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, slot->tts_values, slot->tts_isnull);
	}
	ExecDropSingleTupleTableSlot(slot);
}

static void
set_options(const Process *process, ReconcileOptions *options)
{
	int			year,
				month,
				day;

	options->today = calpads_current_date();
	options->year_start = school_year_start(options->today);
	day_to_calendar(options->year_start, &year, &month, &day);
	options->window_start = day_from_calendar(year - process->window_years, 7, 1);
	options->rules = rule_book_load(process, psprintf("%04d-%04d", year, year + 1), calpads_file_encoding);
	options->school_name = school_directory_name;
	options->school_context = school_directory_load();
	if (process->program >= 0)
		options->programs = program_book_load();
}

static void
find_columns(Delta *delta, TupleDesc description)
{
	for (int column = 0; column < DELTA_COLUMN_COUNT; column++)
	{
		const char *name = column_name[column];

		if (column == DELTA_START_DATE)
			name = delta->process->program >= 0 ? "membership_start_date" : "enrollment_start_date";
		delta->column[column] = SPI_fnumber(description, name) - 1;
	}
	if (delta->column[DELTA_RECORD] >= 0)
		delta->record_description =
			lookup_rowtype_tupdesc(TupleDescAttr(description, delta->column[DELTA_RECORD])->atttypid, -1);
}

static void
reconcile(FunctionCallInfo fcinfo, const Process *process, const char *lea, const char *ssid, bool with_students)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = CurrentMemoryContext;
	Delta		delta = {0};
	PictureVisitor visitor = {&delta, with_students ? put_student : NULL, put_school, visit_student};

	InitMaterializedSRF(fcinfo, 0);
	delta.process = process;
	delta.pending = tuplestore_begin_heap(false, false, Max(64, calpads_comparison_memory / 4));
	delta.pending_description = result->setDesc;
	find_columns(&delta, result->setDesc);
	delta.call_context = context;
	delta.student_context = AllocSetContextCreate(context, "calpads student", ALLOCSET_DEFAULT_SIZES);
	delta.arena = calpads_make_arena();
	delta.plan_arena = calpads_make_arena();

	SPI_connect();
	set_options(process, &delta.options);
	picture_compare(process, lea, ssid, &delta.options, &visitor);
	SPI_finish();

	put_numbered(&delta, result);
	if (delta.record_description != NULL)
		ReleaseTupleDesc(delta.record_description);
	tuplestore_end(delta.pending);
}

static const char *
text_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

PG_FUNCTION_INFO_V1(calpads_reconcile_senr);

/*
 * calpads.reconcile_senr(lea text, ssid text, with_students boolean) → setof
 * record: every operation, every record that is held, every warning about a
 * record that is sent, and every school of which CALPADS holds rows, of one LEA
 * or of all that have a baseline, of one student or of all; on demand every
 * student whom the SIS reports.
 */
Datum
calpads_reconcile_senr(PG_FUNCTION_ARGS)
{
	reconcile(fcinfo, &senr_process, text_argument(fcinfo, 0), text_argument(fcinfo, 1),
			  !PG_ARGISNULL(2) && PG_GETARG_BOOL(2));
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_reconcile_sprg);

/* calpads.reconcile_sprg(lea text, ssid text) → setof record: the same for student programs */
Datum
calpads_reconcile_sprg(PG_FUNCTION_ARGS)
{
	reconcile(fcinfo, &sprg_process, text_argument(fcinfo, 0), text_argument(fcinfo, 1), false);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(calpads_reconcile);

/* calpads.reconcile(process text, lea text) → setof record: the same for either of them, without the records */
Datum
calpads_reconcile(PG_FUNCTION_ARGS)
{
	const char *name = text_argument(fcinfo, 0);
	const Process *process = name != NULL ? process_named(name) : NULL;

	if (process == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no difference is worked out for the process %s", name != NULL ? name : "null"),
				 errhint("The processes with two pictures are SENR and SPRG.")));
	reconcile(fcinfo, process, text_argument(fcinfo, 1), NULL, false);
	return (Datum) 0;
}
