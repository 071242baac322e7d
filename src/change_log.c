/*-------------------------------------------------------------------------
 *
 * change_log.c
 *	  calpads.log_change: what changed in a table of the SIS goes into LGD,
 *	  and addresses into ADH beside it.
 *
 * A statement trigger with transition tables, so that a statement of 100,000
 * rows costs a few large inserts, and none of its rows can get by.  The rows
 * before and after an UPDATE lie in the two transition tables in the same
 * order; they are walked side by side, so no key has to be unique or to stay.
 *
 * Who may change a table need not be able to write its log: the log is written
 * with the rights of the owner of the table that changed, as the server does
 * for foreign keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "calpads.h"
#include "compat.h"
#include "query.h"

/* So many entries are inserted by one statement. */
#define ENTRIES_AT_ONCE 10000

/* ADH has one address for the mail and one of the residence. */
#define ADDRESS_PARTS 5

typedef struct LoggedField
{
	int			attribute;		/* of the table, from 1 */
	const char *name;			/* as LGD.FC has it, in upper case */
	FmgrInfo	output;
	bool		by_value;
	int			length;
	int			address;		/* 0: none, else the index of the address type + 1 */
} LoggedField;

/* An address that ADH keeps: its parts, as columns of the changed table. */
typedef struct LoggedAddress
{
	char		type[2];		/* M, R */
	int			part[ADDRESS_PARTS];	/* index of the logged field, -1: none */
} LoggedAddress;

static const char *const part_names[ADDRESS_PARTS] = {"ad", "cy", "st", "zc", "zx"};

/* Rows for one table of the log, column by column. */
#define MAX_COLUMNS 7
#define SHARED_VALUES 4

typedef struct EntryList
{
	const char *statement;
	MemoryContext context;		/* lasts as long as the list */
	int			columns;
	int			count;
	Datum	   *values[MAX_COLUMNS];	/* allocated with the first entry */
	bool	   *nulls[MAX_COLUMNS];
} EntryList;

/* One call of the trigger. */
typedef struct ChangeLog
{
	TriggerData *trigger;
	TupleDesc	description;
	Oid			owner;			/* of the table that changed */
	char	   *table_name;		/* logical name, as LGD.TC has it: STU */
	int			student;		/* attribute of the student's ID */
	int			school;			/* attribute of the school, 0: none */
	FmgrInfo	student_output;
	FmgrInfo	school_output;
	int			field_count;
	LoggedField *fields;
	int			address_count;
	LoggedAddress addresses[2];
	EntryList	changes;		/* for LGD */
	EntryList	moves;			/* for ADH */
	MemoryContext entries;		/* reset when they were inserted */
	char	   *today;
	char	   *moment;
	char	   *user;
} ChangeLog;

/* ---- what is logged ------------------------------------------------------- */

static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Attribute of that name, or 0. */
static int
find_attribute(TupleDesc description, const char *name)
{
	for (int i = 0; i < description->natts; i++)
		if (!TupleDescAttr(description, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(description, i)->attname), name) == 0)
			return i + 1;
	return 0;
}

static void
find_output(TupleDesc description, int attribute, FmgrInfo *output)
{
	Oid			function;
	bool		is_varlena;

	getTypeOutputInfo(TupleDescAttr(description, attribute - 1)->atttypid, &function, &is_varlena);
	fmgr_info(function, output);
}

static int
find_address(ChangeLog *log, const char *type)
{
	for (int i = 0; i < log->address_count; i++)
		if (strcmp(log->addresses[i].type, type) == 0)
			return i;
	if (log->address_count == lengthof(log->addresses))
		elog(ERROR, "calpads.logged_field has too many types of addresses");
	strlcpy(log->addresses[log->address_count].type, type, sizeof(log->addresses[0].type));
	for (int part = 0; part < ADDRESS_PARTS; part++)
		log->addresses[log->address_count].part[part] = -1;
	return log->address_count++;
}

/* A column that a district's own table lacks is not logged. */
static void
add_field(ChangeLog *log, const char *column, const char *address_type, const char *part)
{
	int			attribute = find_attribute(log->description, column);
	LoggedField *field = &log->fields[log->field_count];

	if (attribute == 0)
		return;
	field->attribute = attribute;
	field->name = asc_toupper(column, strlen(column));
	field->by_value = TupleDescAttr(log->description, attribute - 1)->attbyval;
	field->length = TupleDescAttr(log->description, attribute - 1)->attlen;
	find_output(log->description, attribute, &field->output);
	field->address = 0;
	if (address_type != NULL)
	{
		int			address = find_address(log, address_type);

		field->address = address + 1;
		for (int i = 0; i < ADDRESS_PARTS; i++)
			if (strcmp(part_names[i], part) == 0)
				log->addresses[address].part[i] = log->field_count;
	}
	log->field_count++;
}

/*
 * Reads calpads.logged_field, as the owner of the function: who changes the
 * table need not see the extension.  Rows that come are logged only when
 * CALPADS has SINF records from here: the first loading of the SIS is no
 * change of anything.
 */
static void
read_logged_fields(ChangeLog *log, MemoryContext context, const char *table_name)
{
	static const char *const statement =
		"SELECT f.column_name, f.student_column, f.address_type, f.address_part"
		" FROM calpads.logged_field f"
		" WHERE f.table_name = $1"
		" AND CASE WHEN $2 = 'insert' THEN f.event IN ('insert', 'every')"
		"  AND (EXISTS (SELECT FROM calpads.current_load c WHERE c.process = 'SINF')"
		"   OR EXISTS (SELECT FROM calpads.extract_file x"
		"    WHERE x.process = 'SINF' AND x.posted_at IS NOT NULL))"
		"  WHEN $2 = 'delete' THEN f.event = 'every'"
		"  ELSE f.event <> 'insert' END"
		" ORDER BY f.column_name";
	TriggerEvent event = log->trigger->tg_event;
	const char *values[] = {
		table_name,
		TRIGGER_FIRED_BY_INSERT(event) ? "insert" : TRIGGER_FIRED_BY_DELETE(event) ? "delete" : "update"
	};
	Oid			user;
	int			security;
	uint64		count;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(function_owner(log->trigger->tg_trigger->tgfoid),
						   security | SECURITY_LOCAL_USERID_CHANGE);
	count = query_run(statement, lengthof(values), values);
	SetUserIdAndSecContext(user, security);

	context = MemoryContextSwitchTo(context);
	log->fields = palloc0((count + 1) * sizeof(LoggedField));
	for (uint64 row = 0; row < count; row++)
	{
		if (log->student == 0)
			log->student = find_attribute(log->description, query_value(row, 2));
		add_field(log, query_value(row, 1), query_value(row, 3), query_value(row, 4));
	}
	MemoryContextSwitchTo(context);
	if (log->field_count > 0 && log->student == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("changes of table \"%s\" cannot be logged: it has no column of the student's ID",
						RelationGetRelationName(log->trigger->tg_relation)),
				 errhint("calpads.logged_field names the column.")));
}

/* ---- entries ---------------------------------------------------------------- */

static void
make_list(EntryList *list, int columns, const char *statement)
{
	list->statement = statement;
	list->context = CurrentMemoryContext;
	list->columns = columns;
}

/*
 * Inserts the entries with the rights of the owner of the table that changed.
 * The arrays come first, then what all entries share: table, day, moment, user.
 */
static void
write_entries(ChangeLog *log, EntryList *list)
{
	Oid			types[MAX_COLUMNS + SHARED_VALUES];
	Datum		parameters[MAX_COLUMNS + SHARED_VALUES];
	const char *shared[SHARED_VALUES] = {log->table_name, log->today, log->moment, log->user};
	int			lower = 1;
	Oid			user;
	int			security;
	int			settings;
	int			result;

	if (list->count == 0)
		return;
	for (int i = 0; i < list->columns; i++)
	{
		types[i] = TEXTARRAYOID;
		parameters[i] = PointerGetDatum(construct_md_array(list->values[i], list->nulls[i], 1,
														   &list->count, &lower, TEXTOID, -1, false,
														   TYPALIGN_INT));
	}
	for (Size i = 0; i < lengthof(shared); i++)
	{
		types[list->columns + i] = TEXTOID;
		parameters[list->columns + i] = CStringGetTextDatum(shared[i]);
	}

	/* An error takes both back with the transaction. */
	settings = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(log->owner, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	result = SPI_execute_with_args(list->statement, list->columns + lengthof(shared), types,
								   parameters, NULL, false, 0);
	SetUserIdAndSecContext(user, security);
	AtEOXact_GUC(true, settings);
	if (result < 0)
		elog(ERROR, "%s in statement: %s", SPI_result_code_string(result), list->statement);
	list->count = 0;
}

static void
flush_entries(ChangeLog *log)
{
	write_entries(log, &log->changes);
	write_entries(log, &log->moves);
	MemoryContextReset(log->entries);
}

static void
put_value(EntryList *list, int column, const char *value)
{
	if (list->values[column] == NULL)
	{
		list->values[column] = MemoryContextAlloc(list->context, ENTRIES_AT_ONCE * sizeof(Datum));
		list->nulls[column] = MemoryContextAlloc(list->context, ENTRIES_AT_ONCE * sizeof(bool));
	}
	list->nulls[column][list->count] = value == NULL;
	list->values[column][list->count] = value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

/* A value as text; what is blank counts as nothing. */
static const char *
text_of(const LoggedField *field, TupleTableSlot *slot)
{
	bool		is_null;
	Datum		value;
	char	   *found;
	Size		length;

	if (slot == NULL)
		return NULL;
	value = slot_getattr(slot, field->attribute, &is_null);
	if (is_null)
		return NULL;
	found = OutputFunctionCall((FmgrInfo *) &field->output, value);
	found += strspn(found, " ");
	length = strlen(found);
	while (length > 0 && found[length - 1] == ' ')
		length--;
	found[length] = '\0';
	return length == 0 ? NULL : found;
}

static const char *
key_of(TupleTableSlot *slot, int attribute, FmgrInfo *output)
{
	bool		is_null;
	Datum		value = attribute == 0 ? (Datum) 0 : slot_getattr(slot, attribute, &is_null);

	return attribute == 0 || is_null ? NULL : OutputFunctionCall(output, value);
}

/* Most rows of a statement have most fields as they were. */
static bool
has_same_image(const LoggedField *field, TupleTableSlot *before, TupleTableSlot *after)
{
	bool		before_is_null,
				after_is_null;
	Datum		old_value = slot_getattr(before, field->attribute, &before_is_null);
	Datum		new_value = slot_getattr(after, field->attribute, &after_is_null);

	if (before_is_null || after_is_null)
		return before_is_null && after_is_null;
	return datum_image_eq(old_value, new_value, field->by_value, field->length);
}

static void
log_address(ChangeLog *log, const LoggedAddress *address, TupleTableSlot *after)
{
	EntryList  *list = &log->moves;

	put_value(list, 0, key_of(after, log->student, &log->student_output));
	put_value(list, 1, address->type);
	for (int part = 0; part < ADDRESS_PARTS; part++)
		put_value(list, part + 2,
				  address->part[part] < 0 ? NULL : text_of(&log->fields[address->part[part]], after));
	list->count++;
}

static void
log_field(ChangeLog *log, const LoggedField *field, TupleTableSlot *row, const char *old_text,
		  const char *new_text)
{
	EntryList  *list = &log->changes;

	put_value(list, 0, key_of(row, log->student, &log->student_output));
	put_value(list, 1, key_of(row, log->school, &log->school_output));
	put_value(list, 2, field->name);
	put_value(list, 3, old_text);
	put_value(list, 4, new_text);
	list->count++;
}

/* A row before and after the statement; one of the two is NULL when it came or went. */
static void
log_row(ChangeLog *log, TupleTableSlot *before, TupleTableSlot *after)
{
	MemoryContext context = MemoryContextSwitchTo(log->entries);
	bool		moved[lengthof(log->addresses)] = {false};

	for (int i = 0; i < log->field_count; i++)
	{
		const LoggedField *field = &log->fields[i];
		const char *old_text,
				   *new_text;

		if (before != NULL && after != NULL && has_same_image(field, before, after))
			continue;
		old_text = text_of(field, before);
		new_text = text_of(field, after);
		if (old_text == NULL ? new_text == NULL : new_text != NULL && strcmp(old_text, new_text) == 0)
			continue;
		log_field(log, field, after != NULL ? after : before, old_text, new_text);
		if (field->address > 0)
			moved[field->address - 1] = true;
	}
	for (int i = 0; i < log->address_count; i++)
		if (moved[i] && after != NULL)
			log_address(log, &log->addresses[i], after);
	MemoryContextSwitchTo(context);
	if (log->changes.count > ENTRIES_AT_ONCE - log->field_count ||
		log->moves.count > ENTRIES_AT_ONCE - (int) lengthof(log->addresses))
		flush_entries(log);
}

/* ---- the trigger -------------------------------------------------------------- */

static TupleTableSlot *
open_rows(ChangeLog *log, Tuplestorestate *rows, int *pointer)
{
	if (rows == NULL)
		return NULL;
	*pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(rows, *pointer);
	tuplestore_rescan(rows);
	return MakeSingleTupleTableSlot(log->description, &TTSOpsMinimalTuple);
}

static bool
next_row(Tuplestorestate *rows, int pointer, TupleTableSlot *slot)
{
	if (rows == NULL)
		return true;
	/* A statement that the log caused may have moved it. */
	tuplestore_select_read_pointer(rows, pointer);
	return tuplestore_gettupleslot(rows, true, false, slot);
}

static void
log_rows(ChangeLog *log)
{
	Tuplestorestate *old_rows = log->trigger->tg_oldtable;
	Tuplestorestate *new_rows = log->trigger->tg_newtable;
	int			old_pointer = 0,
				new_pointer = 0;
	TupleTableSlot *before = open_rows(log, old_rows, &old_pointer);
	TupleTableSlot *after = open_rows(log, new_rows, &new_pointer);

	/* Every trigger of the log has one of them; without, there would be no end. */
	if (before == NULL && after == NULL)
		return;
	while (next_row(old_rows, old_pointer, before) && next_row(new_rows, new_pointer, after))
	{
		CHECK_FOR_INTERRUPTS();
		log_row(log, before, after);
	}
	flush_entries(log);
	if (before != NULL)
		ExecDropSingleTupleTableSlot(before);
	if (after != NULL)
		ExecDropSingleTupleTableSlot(after);
}

/* LGD and ADH stand beside the table that changed, whatever the schema is called now. */
static void
prepare_entries(ChangeLog *log)
{
	const char *schema = quote_identifier(get_namespace_name(RelationGetNamespace(log->trigger->tg_relation)));

	make_list(&log->changes, 5,
			  psprintf("INSERT INTO %s.lgd (id, sc, tc, fc, ov, nv, dt, dts, un)"
					   " SELECT e.id::integer, e.sc::integer, $6, e.fc, e.ov, e.nv, $7::date,"
					   " $8::timestamptz, $9"
					   " FROM unnest($1, $2, $3, $4, $5) AS e (id, sc, fc, ov, nv)", schema));
	/* A student has a row in STU for each school, and one address. */
	make_list(&log->moves, 7,
			  psprintf("INSERT INTO %1$s.adh (id, sq, dt, ad, cy, st, rz, ty)"
					   " SELECT m.id, coalesce((SELECT max(a.sq) FROM %1$s.adh a WHERE a.id = m.id), 0)"
					   " + row_number() OVER (PARTITION BY m.id), $9::date, m.ad, m.cy, m.st, m.rz, m.ty"
					   " FROM (SELECT DISTINCT e.id::integer AS id, e.ty, e.ad, e.cy, e.st,"
					   "  e.zc || coalesce('-' || e.zx, '') AS rz"
					   "  FROM unnest($1, $2, $3, $4, $5, $6, $7) AS e (id, ty, ad, cy, st, zc, zx)) AS m",
					   schema));
}

static void
check_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("calpads.log_change() is a trigger function")));
	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 1 || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ||
		(!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && trigger->tg_oldtable == NULL) ||
		(!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && trigger->tg_newtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" does not call calpads.log_change() as it has to be",
						trigger->tg_trigger->tgname),
				 errhint("calpads.log_changes() makes the triggers: after each statement, with transition tables.")));
}

/*
 * A log table of the district's own may refuse an entry.  The server's detail
 * would show all of it, also what the student's data were before.
 */
static void
describe_log(void *relation)
{
	if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		errdetail("The log takes no such entry.");
	errcontext("logging changes of table \"%s\"", RelationGetRelationName((Relation) relation));
}

static void
run_log(ChangeLog *log, const char *table_name)
{
	MemoryContext context = CurrentMemoryContext;
	int			settings = NewGUCNestLevel();

	/* Dates of the log do not depend on who changes them. */
	(void) set_config_option("DateStyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	SPI_connect();
	if (SPI_register_trigger_data(log->trigger) < 0)
		elog(ERROR, "could not register the rows of the trigger");
	read_logged_fields(log, context, table_name);
	if (log->field_count > 0)
	{
		MemoryContext spi_context = MemoryContextSwitchTo(context);

		log->table_name = asc_toupper(table_name, strlen(table_name));
		log->school = find_attribute(log->description, "sc");
		find_output(log->description, log->student, &log->student_output);
		if (log->school > 0)
			find_output(log->description, log->school, &log->school_output);
		log->today = DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(calpads_current_date())));
		log->moment = DatumGetCString(DirectFunctionCall1(timestamptz_out,
														TimestampTzGetDatum(GetCurrentTimestamp())));
		log->user = GetUserNameFromId(GetSessionUserId(), false);
		log->entries = AllocSetContextCreate(context, "calpads log entries", ALLOCSET_DEFAULT_SIZES);
		prepare_entries(log);
		log_rows(log);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
	AtEOXact_GUC(true, settings);
}

PG_FUNCTION_INFO_V1(calpads_log_change);

/*
 * calpads.log_change('stu') → trigger: the argument is the name by which
 * calpads.logged_field knows the table
 */
Datum
calpads_log_change(PG_FUNCTION_ARGS)
{
	ChangeLog	log = {0};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = describe_log
	};

	check_trigger(fcinfo);
	log.trigger = (TriggerData *) fcinfo->context;
	log.description = RelationGetDescr(log.trigger->tg_relation);
	log.owner = log.trigger->tg_relation->rd_rel->relowner;
	callback.arg = log.trigger->tg_relation;
	error_context_stack = &callback;
	run_log(&log, log.trigger->tg_trigger->tgargs[0]);
	error_context_stack = callback.previous;
	PG_RETURN_POINTER(NULL);
}
