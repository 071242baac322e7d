/*-------------------------------------------------------------------------
 *
 * copy_format.c
 *	  COPY … WITH (FORMAT calpads).
 *
 * COPY (query) TO a file of the server or to the client writes each row as a
 * record: carets between the columns, CR LF at the end, no quotes.  A row of
 * one column is a record already, so that
 *
 *	  COPY (SELECT * FROM calpads.extract_lines(7)) TO STDOUT WITH (FORMAT calpads)
 *
 * gives the bytes of calpads.file_content(7).  What is allowed to whom is as
 * in COPY.  The other direction is in upload.c.
 *
 * Commands with another format, or none, go on untouched.  The hook is there
 * once the library is: after the first call of any of its functions, after
 * LOAD, or from the start with session_preload_libraries.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_format.h"

#include "access/xact.h"
#include "commands/copy.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "calpads.h"
#include "compat.h"
#include "line_writer.h"
#include "new_file.h"
#include "upload.h"

/* Progress is reported after so many rows. */
#define PROGRESS_ROWS 1000

typedef struct OutputColumn
{
	const char *name;
	bool		is_date;
	FmgrInfo	output;
} OutputColumn;

/* Takes the rows of the query. */
typedef struct RecordReceiver
{
	DestReceiver receiver;		/* first, because the executor knows only this */
	LineWriter *writer;
	bool		to_client;
	int			column_count;
	OutputColumn *columns;
	StringInfoData line;
	MemoryContext row_context;
} RecordReceiver;

static ProcessUtility_hook_type previous_hook = NULL;

/* ---- options ---------------------------------------------------------------- */

const char *
copy_option(const CopyStmt *stmt, const char *name)
{
	ListCell   *cell;

	foreach(cell, stmt->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return defGetString(lfirst_node(DefElem, cell));
	return NULL;
}

static void
check_option(const DefElem *option, const char *allowed)
{
	if (strcmp(option->defname, "format") != 0 && strcmp(option->defname, allowed) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY option %s does not go with format calpads here", option->defname),
				 errhint("The other option of this command is %s.", allowed)));
}

void
copy_check_options(const CopyStmt *stmt, const char *allowed)
{
	List	   *seen = NIL;
	ListCell   *cell;

	foreach(cell, stmt->options)
	{
		const DefElem *option = lfirst_node(DefElem, cell);

		check_option(option, allowed);
		if (list_member(seen, makeString(option->defname)))
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("COPY option %s is given twice", option->defname)));
		seen = lappend(seen, makeString(option->defname));
	}
}

/* The setting, unless the command says otherwise. */
static int
file_encoding(const CopyStmt *stmt)
{
	const char *name = copy_option(stmt, "encoding");
	int			encoding = name == NULL ? calpads_file_encoding : pg_char_to_encoding(name);

	if (encoding != PG_UTF8 && encoding != PG_WIN1252)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("CALPADS does not take files in encoding \"%s\"", name),
				 errhint("The encodings are: utf8, windows-1252.")));
	return encoding;
}

/* ---- rows into records -------------------------------------------------------- */

/* Where a value cannot be written: row and column, never the value. */
static int
errdetail_place(const RecordReceiver *self, const OutputColumn *column)
{
	return errdetail("Row %lld, column \"%s\".",
					 (long long) line_writer_lines(self->writer) + 1, column->name);
}

static char *
date_text(const RecordReceiver *self, const OutputColumn *column, DateADT date)
{
	int			year = 0,
				month,
				day;

	if (!DATE_NOT_FINITE(date))
		j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	if (year < 1 || year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a date cannot be written as CCYYMMDD"),
				 errdetail_place(self, column)));
	return psprintf("%04d%02d%02d", year, month, day);
}

static const char *
forbidden_character(const char *value, bool is_record)
{
	switch (value[strcspn(value, is_record ? "\r\n\t" : "\r\n\t^")])
	{
		case '\0':
			return NULL;
		case '\t':
			return "tab";
		case '^':
			return "caret";
		default:
			return "line end";
	}
}

static void
append_value(RecordReceiver *self, Datum datum, OutputColumn *column)
{
	char	   *value = column->is_date ? date_text(self, column, DatumGetDateADT(datum))
		: OutputFunctionCall(&column->output, datum);
	const char *forbidden = forbidden_character(value, self->column_count == 1);

	if (forbidden != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("a value cannot be written to the file: it holds a %s", forbidden),
				 errdetail_place(self, column),
				 errhint("CALPADS files have no quotes; correct the value where it comes from.")));
	appendStringInfoString(&self->line, value);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
	RecordReceiver *self = (RecordReceiver *) receiver;
	MemoryContext caller = MemoryContextSwitchTo(self->row_context);

	slot_getallattrs(slot);
	resetStringInfo(&self->line);
	for (int i = 0; i < self->column_count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&self->line, '^');
		if (!slot->tts_isnull[i])
			append_value(self, slot->tts_values[i], &self->columns[i]);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(self->row_context);

	line_writer_add(self->writer, self->line.data, self->line.len);
	if (line_writer_lines(self->writer) % PROGRESS_ROWS == 0)
		copy_progress_update(line_writer_bytes(self->writer), line_writer_lines(self->writer), 0);
	return true;
}

static void
start_column(OutputColumn *column, Form_pg_attribute attribute)
{
	Oid			function;
	bool		is_varlena;

	getTypeOutputInfo(attribute->atttypid, &function, &is_varlena);
	fmgr_info(function, &column->output);
	column->is_date = getBaseType(attribute->atttypid) == DATEOID;
	column->name = NameStr(attribute->attname);
}

/* The client learns how the bytes come: as text, one record a message. */
static void
announce_data(int column_count)
{
	StringInfoData message;

	pq_beginmessage(&message, 'H'); /* CopyOutResponse */
	pq_sendbyte(&message, 0);
	pq_sendint16(&message, column_count);
	for (int i = 0; i < column_count; i++)
		pq_sendint16(&message, 0);
	pq_endmessage(&message);
}

/* The query may run: its tables are open and their rights checked. */
static void
start_rows(DestReceiver *receiver, int operation, TupleDesc row)
{
	RecordReceiver *self = (RecordReceiver *) receiver;

	self->column_count = row->natts;
	self->columns = palloc0(row->natts * sizeof(OutputColumn));
	for (int i = 0; i < row->natts; i++)
		start_column(&self->columns[i], TupleDescAttr(row, i));
	initStringInfo(&self->line);
	self->row_context = AllocSetContextCreate(CurrentMemoryContext, "calpads COPY row",
											  ALLOCSET_DEFAULT_SIZES);
	if (self->to_client)
		announce_data(row->natts);
}

static void
do_nothing(DestReceiver *receiver)
{
	/* What was allocated goes away with the command. */
}

static RecordReceiver *
make_receiver(LineWriter *writer, bool to_client)
{
	RecordReceiver *self = palloc0(sizeof(RecordReceiver));

	self->receiver.receiveSlot = receive_row;
	self->receiver.rStartup = start_rows;
	self->receiver.rShutdown = do_nothing;
	self->receiver.rDestroy = do_nothing;
	self->receiver.mydest = DestNone;
	self->writer = writer;
	self->to_client = to_client;
	return self;
}

/* ---- the query ------------------------------------------------------------------ */

static void
refuse_query(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("COPY TO with format calpads takes the rows of a SELECT"),
			 errhint("Write COPY (SELECT … ORDER BY …) TO …: the records of a file have an order.")));
}

static PlannedStmt *
plan_query(const PlannedStmt *command, const char *source)
{
	const CopyStmt *stmt = castNode(CopyStmt, command->utilityStmt);
	RawStmt    *raw = makeNode(RawStmt);
	Query	   *query;

	if (stmt->query == NULL || !IsA(stmt->query, SelectStmt))
		refuse_query();
	/* Analysis scribbles on it, and the command may be a cached plan. */
	raw->stmt = copyObject(stmt->query);
	raw->stmt_location = command->stmt_location;
	raw->stmt_len = command->stmt_len;
	query = linitial_node(Query, analyze_and_rewrite(raw, source));
	if (query->commandType != CMD_SELECT)
		refuse_query();			/* SELECT INTO */
	return pg_plan_query(query, source, CURSOR_OPT_PARALLEL_OK, NULL);
}

static void
run_query(PlannedStmt *plan, const char *source, RecordReceiver *receiver)
{
	QueryDesc  *query;

	/* The query sees what the commands before it in this transaction did. */
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	query = CreateQueryDesc(plan, source, GetActiveSnapshot(), InvalidSnapshot,
							&receiver->receiver, NULL, NULL, 0);
	ExecutorStart(query, 0);
	run_executor(query);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
	PopActiveSnapshot();
}

/* ---- where to -------------------------------------------------------------------- */

/* Runs the query into the writer and gives the number of rows. */
static uint64
write_rows(PlannedStmt *plan, const char *source, LineWriter *writer, bool to_client)
{
	uint64		rows;

	copy_progress_start(InvalidOid, PROGRESS_COPY_COMMAND_TO,
						to_client ? PROGRESS_COPY_TYPE_PIPE : PROGRESS_COPY_TYPE_FILE, 0);
	run_query(plan, source, make_receiver(writer, to_client));
	rows = line_writer_lines(writer);
	line_writer_finish(writer);
	copy_progress_end();
	return rows;
}

static uint64
copy_to_file(const CopyStmt *stmt, const char *source, PlannedStmt *plan)
{
	NewFile    *file = new_file_create(stmt->filename);
	uint64		rows = write_rows(plan, source,
								  line_writer_create(stmt->filename, file_encoding(stmt), LINE_WRITER_BLOCK,
													 new_file_write, file),
								  false);

	new_file_close(file);
	new_file_publish(file);
	return rows;
}

/* A LineSink. */
static void
send_to_client(void *context, const char *bytes, int length)
{
	StringInfoData message;

	pq_beginmessage(&message, 'd'); /* CopyData */
	pq_sendbytes(&message, bytes, length);
	pq_endmessage(&message);
}

static uint64
copy_to_client(const CopyStmt *stmt, const char *source, PlannedStmt *plan)
{
	uint64		rows = write_rows(plan, source,
								  line_writer_create("STDOUT", file_encoding(stmt), 0,
													 send_to_client, NULL),
								  true);

	pq_putemptymessage('c');	/* CopyDone */
	return rows;
}

static void
check_place(const CopyStmt *stmt)
{
	if (stmt->is_program)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY with format calpads does not run programs of the server"),
				 errhint("psql's \\copy can run one beside the client.")));
	if (stmt->filename != NULL)
		new_file_check_permission("Anyone can COPY to stdout; psql's \\copy writes a file of the client.");
	else if (whereToSendOutput != DestRemote)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY TO STDOUT with format calpads needs a client")));
}

static uint64
copy_to(const PlannedStmt *command, const char *source)
{
	const CopyStmt *stmt = castNode(CopyStmt, command->utilityStmt);
	PlannedStmt *plan;

	copy_check_options(stmt, "encoding");
	check_place(stmt);
	plan = plan_query(command, source);
	return stmt->filename != NULL ? copy_to_file(stmt, source, plan) : copy_to_client(stmt, source, plan);
}

/* ---- the hook ---------------------------------------------------------------------- */

static bool
is_calpads_copy(const Node *statement)
{
	ListCell   *cell;

	if (!IsA(statement, CopyStmt))
		return false;
	foreach(cell, ((const CopyStmt *) statement)->options)
	{
		const DefElem *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "format") == 0 && option->arg != NULL &&
			IsA(option->arg, String) && strcmp(strVal(option->arg), "calpads") == 0)
			return true;
	}
	return false;
}

static void
run_copy(const PlannedStmt *command, const char *source, QueryCompletion *completion)
{
	const CopyStmt *stmt = castNode(CopyStmt, command->utilityStmt);
	uint64		rows = stmt->is_from ? upload_receive(stmt) : copy_to(command, source);

	if (completion != NULL)
		SetQueryCompletion(completion, CMDTAG_COPY, rows);
}

static void
process_utility(PROCESS_UTILITY_PARAMETERS)
{
	if (is_calpads_copy(pstmt->utilityStmt))
		run_copy(pstmt, queryString, qc);
	else if (previous_hook != NULL)
		previous_hook(PROCESS_UTILITY_ARGUMENTS);
	else
		standard_ProcessUtility(PROCESS_UTILITY_ARGUMENTS);
}

void
copy_format_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
