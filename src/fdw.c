/*-------------------------------------------------------------------------
 *
 * fdw.c
 *	  calpads_fdw: files of the layouts as foreign tables.
 *
 * The columns of a foreign table are fields of the layout, found by their
 * names.  A scan converts only the columns that the query asks for; on_error
 * 'skip' passes over a line that is no record, or in which such a column
 * cannot be converted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "compat.h"
#include "file_source.h"
#include "layout_catalog.h"
#include "server_reader.h"

/* Bytes of a line when nothing is known: those of an ODS extract have 250. */
#define USUAL_LINE_BYTES 250

/* Pages of a file that cannot be found while a query is planned. */
#define UNKNOWN_FILE_PAGES 10

/* Converting a line costs so many times what a row of a table costs. */
#define LINE_COST_FACTOR 10

/* What the options of a foreign table and its server say. */
typedef struct FileOptions
{
	const char *layout;
	const char *filename;
	const char *layout_year;
	bool		skip_errors;
	ReaderEncoding encoding;
} FileOptions;

/* A column of the foreign table that is to be filled. */
typedef struct FileColumn
{
	int			attribute;		/* from 0 */
	int			field;			/* position in the layout */
	bool		is_date;
} FileColumn;

/* A file that is being scanned. */
typedef struct FileScan
{
	const char *table;
	FileOptions options;
	const Layout *layout;
	FileSource *source;
	ServerReader *reader;
	int			attribute_count;
	int			column_count;
	FileColumn *columns;		/* dates first: only they can be bad */
	int64		lines_skipped;

	/* where we are, for the error context */
	int64		line_no;
	const char *field;			/* NULL = the whole line */
} FileScan;

/* ---- options ------------------------------------------------------------ */

static const struct
{
	const char *name;
	Oid			catalog;		/* where it may be set */
}			known_options[] = {
	{"layout", ForeignTableRelationId},
	{"filename", ForeignTableRelationId},
	{"layout_year", ForeignTableRelationId},
	{"layout_year", ForeignServerRelationId},
	{"on_error", ForeignTableRelationId},
	{"on_error", ForeignServerRelationId},
	{"encoding", ForeignTableRelationId},
	{"encoding", ForeignServerRelationId},
};

static void
check_option_name(const char *name, Oid catalog)
{
	StringInfoData names;

	initStringInfo(&names);
	for (Size i = 0; i < lengthof(known_options); i++)
	{
		if (known_options[i].catalog != catalog)
			continue;
		if (strcmp(known_options[i].name, name) == 0)
			return;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", known_options[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 names.len > 0
			 ? errhint("Valid options in this context are: %s.", names.data)
			 : errhint("There are no valid options in this context.")));
}

static void
check_word(const char *option, const char *value, const char *const *words, int count)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(words[i], value) == 0)
			return;
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", option, value),
			 errhint("Valid values are: %s.", list.data)));
}

/* Whoever may select from the table reads the file, so the right counts here. */
static void
check_filename(const char *filename)
{
	if (!file_source_permitted())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set the \"%s\" option of a foreign table", "filename"),
				 errdetail("Only roles with privileges of the \"%s\" role may set this option.",
						   "pg_read_server_files")));
	file_source_check_path(filename);
}

/*
 * That the layout exists is checked when the table is read: a restore makes
 * foreign tables before it fills calpads.layout.
 */
static void
check_option_value(const char *name, const char *value)
{
	static const char *const error_actions[] = {"stop", "skip"};
	static const char *const encodings[] = {"auto", "utf8", "windows-1252"};

	if (strcmp(name, "filename") == 0)
		check_filename(value);
	else if (strcmp(name, "on_error") == 0)
		check_word(name, value, error_actions, lengthof(error_actions));
	else if (strcmp(name, "encoding") == 0)
		check_word(name, value, encodings, lengthof(encodings));
	else if (strcmp(name, "layout_year") == 0 && !is_academic_year(value))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
				 errhint("Write the academic year like %s.", current_academic_year())));
}

static void
require_option(const char *name, List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
			 errmsg("option \"%s\" is required for foreign tables of calpads_fdw", name)));
}

PG_FUNCTION_INFO_V1(calpads_fdw_validator);

/* Checks the options of a foreign table, server and so on (catalog). */
Datum
calpads_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		check_option_name(option->defname, catalog);
		check_option_value(option->defname, defGetString(option));
	}
	if (catalog == ForeignTableRelationId)
	{
		require_option("layout", options);
		require_option("filename", options);
	}
	PG_RETURN_VOID();
}

static ReaderEncoding
encoding_of(const char *value)
{
	if (strcmp(value, "utf8") == 0)
		return ENCODING_UTF8;
	if (strcmp(value, "windows-1252") == 0)
		return ENCODING_WINDOWS_1252;
	return ENCODING_AUTO;
}

static void
set_option(FileOptions *options, const char *name, const char *value)
{
	if (strcmp(name, "layout") == 0)
		options->layout = value;
	else if (strcmp(name, "filename") == 0)
		options->filename = value;
	else if (strcmp(name, "layout_year") == 0)
		options->layout_year = value;
	else if (strcmp(name, "on_error") == 0)
		options->skip_errors = strcmp(value, "skip") == 0;
	else
		options->encoding = encoding_of(value);
}

/* The server's options, and those of the table, which come after and win. */
static FileOptions
merge_options(const ForeignServer *server, List *table_options)
{
	FileOptions options = {.encoding = ENCODING_AUTO};
	ListCell   *cell;

	foreach(cell, list_concat(list_copy(server->options), table_options))
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		set_option(&options, option->defname, defGetString(option));
	}
	if (options.layout_year == NULL)
		options.layout_year = current_academic_year();
	return options;
}

static FileOptions
get_options(Oid foreign_table)
{
	ForeignTable *table = GetForeignTable(foreign_table);
	FileOptions options = merge_options(GetForeignServer(table->serverid), table->options);

	if (options.filename == NULL)	/* the validator lets no table without one be made */
		elog(ERROR, "foreign table %u has no file name", foreign_table);
	return options;
}

/* ---- planning ----------------------------------------------------------- */

static void
estimate_size(PlannerInfo *root, RelOptInfo *baserel, Oid foreign_table)
{
	FileOptions options = get_options(foreign_table);
	double		selectivity = clauselist_selectivity(root, baserel->baserestrictinfo, 0,
													 JOIN_INNER, NULL);
	struct stat status;
	double		bytes = (double) UNKNOWN_FILE_PAGES * BLCKSZ;
	double		lines;

	/* The file may come later: planning does without it. */
	if (stat(options.filename, &status) == 0)
		bytes = (double) status.st_size;

	/* What ANALYZE found about lines in a page still holds when the file grows. */
	if (baserel->tuples > 0 && baserel->pages > 0)
		lines = bytes / BLCKSZ * (baserel->tuples / baserel->pages);
	else
		lines = bytes / USUAL_LINE_BYTES;

	baserel->pages = (BlockNumber) Min(ceil(bytes / BLCKSZ), (double) MaxBlockNumber);
	baserel->tuples = clamp_row_est(lines);
	baserel->rows = clamp_row_est(lines * selectivity);
}

static void
add_scan_path(PlannerInfo *root, RelOptInfo *baserel, Oid foreign_table)
{
	Cost		startup_cost = baserel->baserestrictcost.startup;
	Cost		line_cost = cpu_tuple_cost * LINE_COST_FACTOR +
		baserel->baserestrictcost.per_tuple;
	Cost		total_cost = startup_cost + seq_page_cost * baserel->pages +
		line_cost * baserel->tuples;

	add_path(baserel, make_foreign_scan_path(root, baserel, baserel->rows, startup_cost,
											 total_cost, NIL));
}

/* The numbers of the columns that the query asks for, as a list of integers. */
static List *
needed_columns(RelOptInfo *baserel, Oid foreign_table)
{
	Relation	relation = table_open(foreign_table, AccessShareLock);
	TupleDesc	columns = RelationGetDescr(relation);
	Bitmapset  *used = NULL;
	List	   *needed = NIL;
	bool		whole_row;
	ListCell   *cell;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	foreach(cell, baserel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, baserel->relid, &used);

	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	for (int i = 1; i <= columns->natts; i++)
	{
		if (!TupleDescAttr(columns, i - 1)->attisdropped &&
			(whole_row || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, used)))
			needed = lappend_int(needed, i);
	}
	table_close(relation, AccessShareLock);
	return needed;
}

static ForeignScan *
make_scan_plan(PlannerInfo *root, RelOptInfo *baserel, Oid foreign_table, ForeignPath *best_path,
			   List *target_list, List *clauses, Plan *outer_plan)
{
	/* All clauses are left to the executor. */
	return make_foreignscan(target_list, extract_actual_clauses(clauses, false), baserel->relid,
							NIL, needed_columns(baserel, foreign_table), NIL, NIL, outer_plan);
}

static bool
is_parallel_safe(PlannerInfo *root, RelOptInfo *baserel, RangeTblEntry *entry)
{
	return true;
}

static void
explain_scan(ForeignScanState *node, ExplainState *es)
{
	FileOptions options = get_options(RelationGetRelid(node->ss.ss_currentRelation));
	struct stat status;

	ExplainPropertyText("Foreign File", options.filename, es);
	if (es->costs && stat(options.filename, &status) == 0)
		ExplainPropertyInteger("Foreign File Size", "b", (int64) status.st_size, es);
}

/* ---- columns ------------------------------------------------------------ */

static void
raise_unknown_column(const FileScan *scan, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("layout \"%s\" has no field \"%s\" in %s", scan->layout->name, column,
					scan->options.layout_year),
			 errhint("The column name of calpads.layout_field has the names; IMPORT FOREIGN SCHEMA makes a table of all fields.")));
}

static bool
is_date_field(const LayoutField *field)
{
	return field->type == FIELD_DATE8 || field->type == FIELD_DATE_MDY;
}

/* Columns are text, varchar without a length, or, for dates, date. */
static void
check_column_type(const LayoutField *field, Form_pg_attribute column)
{
	if (column->atttypid == TEXTOID ||
		(column->atttypid == VARCHAROID && column->atttypmod < 0) ||
		(column->atttypid == DATEOID && is_date_field(field)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" cannot be of type %s", NameStr(column->attname),
					format_type_with_typemod(column->atttypid, column->atttypmod)),
			 is_date_field(field)
			 ? errhint("The types for this field are: date, text, varchar.")
			 : errhint("The types for this field are: text, varchar.")));
}

/* All columns must fit the layout, also those that nobody asks for. */
static void
check_columns(const FileScan *scan, TupleDesc columns)
{
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		int			field = layout_field_position(scan->layout, NameStr(column->attname));

		if (column->attisdropped)
			continue;
		if (field < 0)
			raise_unknown_column(scan, NameStr(column->attname));
		check_column_type(&scan->layout->fields[field], column);
	}
}

/* Adds the columns of the wanted kind, dates or others, out of the needed ones. */
static void
add_columns(FileScan *scan, TupleDesc columns, List *needed, bool dates)
{
	ListCell   *cell;

	foreach(cell, needed)
	{
		int			attribute = lfirst_int(cell) - 1;
		Form_pg_attribute column = TupleDescAttr(columns, attribute);
		int			field = layout_field_position(scan->layout, NameStr(column->attname));

		if ((column->atttypid == DATEOID) == dates)
			scan->columns[scan->column_count++] = (FileColumn) {attribute, field, dates};
	}
}

/* ---- scanning ----------------------------------------------------------- */

static ServerReader *
open_reader(const FileScan *scan)
{
	return server_reader_open(scan->layout, scan->options.layout_year, scan->options.encoding,
							  scan->source, file_source_read, scan->source);
}

/* Lives in the current memory context. */
static FileScan *
open_scan(Relation relation, List *needed)
{
	TupleDesc	columns = RelationGetDescr(relation);
	FileScan   *scan = palloc0(sizeof(FileScan));

	scan->table = pstrdup(RelationGetRelationName(relation));
	scan->options = get_options(RelationGetRelid(relation));
	scan->layout = layout_catalog_read(scan->options.layout, scan->options.layout_year);
	scan->attribute_count = columns->natts;
	scan->columns = palloc(columns->natts * sizeof(FileColumn));
	check_columns(scan, columns);
	add_columns(scan, columns, needed, true);
	add_columns(scan, columns, needed, false);
	scan->source = file_source_open(scan->options.filename);
	scan->reader = open_reader(scan);
	return scan;
}

static void
close_scan(FileScan *scan)
{
	server_reader_close(scan->reader);
	file_source_close(scan->source);
	if (scan->lines_skipped > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld line of foreign table \"%s\" was skipped",
							   "%lld lines of foreign table \"%s\" were skipped",
							   (unsigned long) scan->lines_skipped,
							   (long long) scan->lines_skipped, scan->table)));
}

static void
describe_place(void *arg)
{
	const FileScan *scan = arg;

	if (scan->field == NULL)
		errcontext("file \"%s\", line %lld", scan->options.filename, (long long) scan->line_no);
	else
		errcontext("file \"%s\", line %lld, field \"%s\"", scan->options.filename,
				   (long long) scan->line_no, scan->field);
}

/* Passes over the line, or raises the error, as on_error says. */
static void
skip_or_stop(FileScan *scan, int sqlstate, const char *message)
{
	if (!scan->options.skip_errors)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg_internal("%s", message),
				 errhint("The option on_error 'skip' passes over such lines.")));
	scan->lines_skipped++;
}

/* Fills a column; false when its value is no date. */
static bool
convert_column(const FileScan *scan, const FileColumn *column, const Record *record,
			   Datum *value, bool *is_null)
{
	const LayoutField *field = &scan->layout->fields[column->field];
	FieldText	content = field_normalise(field, record->fields[column->field]);
	DayNumber	day;

	*is_null = content.length == 0;
	if (*is_null)
		return true;
	if (column->is_date)
	{
		if (field_check(field, content, &day) != FIELD_OK)
			return false;
		*value = DateADTGetDatum(day);
	}
	else
	{
		content = server_text(content);
		*value = PointerGetDatum(cstring_to_text_with_len(content.data, (int) content.length));
	}
	return true;
}

static bool
convert_record(FileScan *scan, const Record *record, Datum *values, bool *nulls)
{
	memset(nulls, true, scan->attribute_count * sizeof(bool));
	for (int i = 0; i < scan->column_count; i++)
	{
		const FileColumn *column = &scan->columns[i];

		scan->field = scan->layout->fields[column->field].name;
		if (!convert_column(scan, column, record, &values[column->attribute],
							&nulls[column->attribute]))
		{
			skip_or_stop(scan, ERRCODE_INVALID_DATETIME_FORMAT,
						 field_error_message(FIELD_BAD_DATE));
			return false;
		}
	}
	return true;
}

/* Uses one record; false when it was skipped. */
static bool
take_record(FileScan *scan, ReaderStatus status, const Record *record, Datum *values,
			bool *nulls)
{
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = describe_place,
		.arg = scan
	};
	bool		taken = false;

	scan->line_no = record->line_no;
	scan->field = NULL;
	error_context_stack = &callback;
	if (status == READER_RECORD)
		taken = convert_record(scan, record, values, nulls);
	else
		skip_or_stop(scan, ERRCODE_BAD_COPY_FILE_FORMAT,
					 server_reader_complaint(scan->reader, record));
	error_context_stack = callback.previous;
	return taken;
}

/* The next row, text in the current memory context; false at the end. */
static bool
next_row(FileScan *scan, Datum *values, bool *nulls)
{
	Record		record;
	ReaderStatus status;

	while ((status = server_reader_next(scan->reader, &record)) != READER_END)
	{
		CHECK_FOR_INTERRUPTS();
		if (take_record(scan, status, &record, values, nulls))
			return true;
	}
	return false;
}

static void
begin_scan(ForeignScanState *node, int flags)
{
	List	   *needed = ((ForeignScan *) node->ss.ps.plan)->fdw_private;

	if (!(flags & EXEC_FLAG_EXPLAIN_ONLY))
		node->fdw_state = open_scan(node->ss.ss_currentRelation, needed);
}

static TupleTableSlot *
iterate_scan(ForeignScanState *node)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (next_row(node->fdw_state, slot->tts_values, slot->tts_isnull))
		ExecStoreVirtualTuple(slot);
	return slot;
}

static void
restart_scan(ForeignScanState *node)
{
	FileScan   *scan = node->fdw_state;
	MemoryContext caller = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

	server_reader_close(scan->reader);
	file_source_rewind(scan->source);
	scan->lines_skipped = 0;
	scan->reader = open_reader(scan);
	MemoryContextSwitchTo(caller);
}

static void
end_scan(ForeignScanState *node)
{
	if (node->fdw_state != NULL)
		close_scan(node->fdw_state);
}

/* ---- ANALYZE ------------------------------------------------------------ */

static List *
all_columns(TupleDesc columns)
{
	List	   *all = NIL;

	for (int i = 1; i <= columns->natts; i++)
	{
		if (!TupleDescAttr(columns, i - 1)->attisdropped)
			all = lappend_int(all, i);
	}
	return all;
}

/* Where the next row goes in the sample, -1 = nowhere (Vitter's algorithm). */
static int
choose_place(ReservoirState reservoir, double seen, int targets, double *to_skip)
{
	if (seen < targets)
		return (int) seen;
	if (*to_skip < 0)
		*to_skip = reservoir_get_next_S(reservoir, seen, targets);
	*to_skip -= 1;
	if (*to_skip >= 0)
		return -1;
	return (int) (targets * reservoir_random_fract(reservoir));
}

static int
acquire_sample_rows(Relation relation, int elevel, HeapTuple *rows, int targets,
					double *total_rows, double *total_dead_rows)
{
	TupleDesc	columns = RelationGetDescr(relation);
	FileScan   *scan = open_scan(relation, all_columns(columns));
	Datum	   *values = palloc0(columns->natts * sizeof(Datum));
	bool	   *nulls = palloc(columns->natts * sizeof(bool));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row_context = AllocSetContextCreate(caller, "calpads sampled row",
													  ALLOCSET_DEFAULT_SIZES);
	ReservoirStateData reservoir;
	double		to_skip = -1;
	double		seen = 0;

	reservoir_init_selection_state(&reservoir, targets);
	/* NOLINTNEXTLINE(cert-flp30-c): counts as the server's samplers do */
	for (;; seen++)
	{
		int			place;
		bool		found;

		analyze_delay_point();
		MemoryContextReset(row_context);
		MemoryContextSwitchTo(row_context);
		found = next_row(scan, values, nulls);
		MemoryContextSwitchTo(caller);
		if (!found)
			break;

		place = choose_place(&reservoir, seen, targets, &to_skip);
		if (place < 0)
			continue;
		if (seen >= targets)
			heap_freetuple(rows[place]);
		rows[place] = heap_form_tuple(columns, values, nulls);
	}
	MemoryContextDelete(row_context);
	close_scan(scan);

	ereport(elevel,
			(errmsg("\"%s\": file contains %.0f rows; %d rows in sample",
					RelationGetRelationName(relation), seen, (int) Min(seen, targets))));
	*total_rows = seen;
	*total_dead_rows = 0;
	return (int) Min(seen, targets);
}

static bool
analyze_table(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *total_pages)
{
	FileOptions options = get_options(RelationGetRelid(relation));
	struct stat status;

	if (stat(options.filename, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", options.filename)));
	/* Statistics of no pages would be taken for none at all. */
	*total_pages = Max((status.st_size + BLCKSZ - 1) / BLCKSZ, 1);
	*function = acquire_sample_rows;
	return true;
}

/* ---- IMPORT FOREIGN SCHEMA ---------------------------------------------- */

/* The options become those of the table, but for layout: that is the schema. */
static void
check_import_options(List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "layout") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"layout\" is not allowed here"),
					 errhint("The name of the foreign schema is the layout.")));
		check_option_name(option->defname, ForeignTableRelationId);
		check_option_value(option->defname, defGetString(option));
	}
	require_option("filename", options);
}

static char *
create_table_command(const Layout *layout, const char *server, List *options)
{
	StringInfoData command;
	ListCell   *cell;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(layout->name));
	for (int i = 0; i < layout->field_count; i++)
		appendStringInfo(&command, "%s%s %s", i > 0 ? ", " : "",
						 quote_identifier(layout->fields[i].name),
						 is_date_field(&layout->fields[i]) ?
						 "pg_catalog.date" : "pg_catalog.text COLLATE pg_catalog.\"C\"");
	appendStringInfo(&command, ") SERVER %s OPTIONS (layout %s", quote_identifier(server),
					 quote_literal_cstr(layout->name));
	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		appendStringInfo(&command, ", %s %s", quote_identifier(option->defname),
						 quote_literal_cstr(defGetString(option)));
	}
	appendStringInfoChar(&command, ')');
	return command.data;
}

/*
 * One table of the layout's name with all its fields.  The server itself drops
 * it again when LIMIT TO or EXCEPT do not want it.
 */
static List *
import_schema(ImportForeignSchemaStmt *statement, Oid server_id)
{
	const ForeignServer *server = GetForeignServer(server_id);
	const Layout *layout;

	check_import_options(statement->options);
	layout = layout_catalog_read(statement->remote_schema,
								 merge_options(server, statement->options).layout_year);
	return list_make1(create_table_command(layout, server->servername, statement->options));
}

/* ---- handler ------------------------------------------------------------ */

PG_FUNCTION_INFO_V1(calpads_fdw_handler);

Datum
calpads_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = estimate_size;
	routine->GetForeignPaths = add_scan_path;
	routine->GetForeignPlan = make_scan_plan;
	routine->BeginForeignScan = begin_scan;
	routine->IterateForeignScan = iterate_scan;
	routine->ReScanForeignScan = restart_scan;
	routine->EndForeignScan = end_scan;
	routine->IsForeignScanParallelSafe = is_parallel_safe;
	routine->ExplainForeignScan = explain_scan;
	routine->AnalyzeForeignTable = analyze_table;
	routine->ImportForeignSchema = import_schema;
	PG_RETURN_POINTER(routine);
}
