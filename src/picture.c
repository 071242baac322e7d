/*-------------------------------------------------------------------------
 *
 * picture.c
 *	  Reads the two pictures and gives the students that differ.
 *
 *-------------------------------------------------------------------------
 */
#include "picture.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/tuplestore.h"

#include "balance.h"
#include "calpads.h"
#include "compat.h"
#include "picture_side.h"
#include "query.h"
#include "row_places.h"
#include "side_worker.h"
#include "stays.h"

/* Two rows of a table. */
#define BYTES_PER_STUDENT 512

/* Rows of the SIS after which the session looks what a worker has read. */
#define ROWS_PER_PARCEL 1024

/* What a row of a differing student takes, and what comes of it. */
#define BYTES_PER_ROW 1024

/* simplehash.h hides a variable of its own. */
#pragma GCC diagnostic ignored "-Wshadow"

/* A student that differs, in the portion at hand. */
typedef struct DifferingStudent
{
	const char *lea;
	const char *ssid;
	Student		student;
	struct DifferingStudent *same_key;	/* another student with an equal hash */
} DifferingStudent;

typedef struct Portion
{
	uint64		key;
	DifferingStudent *students;
	char		status;
} Portion;

#define SH_PREFIX portion
#define SH_ELEMENT_TYPE Portion
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* What is noted about single students outside the pictures. */
typedef struct Mark
{
	char		id[NAMEDATALEN];	/* SSID, or "local " and the local student id */
	bool		no_show_with_disability;
	char	   *load_problem;
	Doubt		doubt;
} Mark;

typedef struct Picture
{
	PictureSide side;
	const char *query;
	Tuplestorestate *kept;		/* all rows, where reading them again would cost more; or NULL */
	RowPlaces  *places;			/* where the rows are, when they are those of a table; or NULL */
	Tuplestorestate **portions; /* rows of the students that differ */
} Picture;

typedef struct Comparison
{
	const Process *process;
	const ReconcileOptions *options;
	uint64		students;		/* as many are expected */
	BalanceSheet *balances;
	HTAB	   *marks;
	StayDirectory *stays;		/* SPRG: the enrollments of differing students */
	Picture		picture[2];		/* by Side */
	SideWorker *worker;			/* who reads what CALPADS holds; NULL = nobody else */
	uint64		rows_of_sis;
	portion_hash *differing;	/* keys of the students that differ */
	uint64		differing_rows;
	portion_hash *named;		/* those that the SIS reports and name was called with */
	const PictureVisitor *visitor;
	uint64		portion_count;
	Arena	   *arena;
	portion_hash *portion;
} Comparison;

/* Signatures take one half, and after them rows that wait; the rows of a portion take the other. */
static Size
half_of_memory(void)
{
	return (Size) calpads_comparison_memory * 1024 / 2;
}

/* ---- marks --------------------------------------------------------------------- */

static HTAB *
make_mark_table(void)
{
	HASHCTL		control = {0};

	control.keysize = NAMEDATALEN;
	control.entrysize = sizeof(Mark);
	control.hcxt = CurrentMemoryContext;
	return hash_create("calpads marks", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
load_marks(Comparison *comparison)
{
	uint64		rows = query_read("SELECT id, kind, sentence, rule, fix FROM calpads.student_marks($1)",
								  1, &comparison->process->name);

	comparison->marks = make_mark_table();
	for (uint64 row = 0; row < rows; row++)
	{
		bool		found;
		Mark	   *mark = hash_search(comparison->marks, query_value(row, 1), HASH_ENTER, &found);
		const char *kind = query_value(row, 2);

		if (!found)
		{
			mark->no_show_with_disability = false;
			mark->load_problem = NULL;
			mark->doubt = (Doubt){NULL, NULL, NULL};
		}
		if (strcmp(kind, "no-show with disability") == 0)
			mark->no_show_with_disability = true;
		else if (strcmp(kind, "doubt") == 0 && mark->doubt.rule == NULL)
			mark->doubt = (Doubt){pstrdup(query_value(row, 4)), pstrdup(query_value(row, 3)),
			pstrdup(query_value(row, 5))};
		else if (strcmp(kind, "load error") == 0)
			mark->load_problem = pstrdup(query_value(row, 3));
	}
}

static void
apply_mark(Comparison *comparison, Student *student, const char *id)
{
	Mark	   *mark = hash_search(comparison->marks, id, HASH_FIND, NULL);

	if (mark == NULL)
		return;
	student->no_show_with_disability |= mark->no_show_with_disability;
	if (mark->load_problem != NULL)
		student->load_problem = mark->load_problem;
	if (student->doubt.rule == NULL)
		student->doubt = mark->doubt;
}

/* ---- first reading: signatures --------------------------------------------- */

/* Is it a table, or a view, or something else that is dear to read twice?  $1 is the layout. */
static const char calpads_is_table[] =
"SELECT c.relkind IN ('r', 'm', 'p') FROM pg_class c WHERE c.oid = calpads.picture_relation(upper($1))";
static const char sis_is_table[] =
"SELECT c.relkind IN ('r', 'm', 'p') FROM pg_class c WHERE c.oid = calpads.sis_view($1)";

/* Are both read as they are, without functions and policies, of which nobody knows what they do? */
static const char both_are_plain[] =
"SELECT calpads.is_plain_picture(upper($1), s.oid) AND NOT s.relrowsecurity AND NOT c.relrowsecurity "
"FROM pg_class s, pg_class c WHERE s.oid = calpads.sis_view($1) AND c.oid = calpads.picture_relation(upper($1))";

/* Does one of these questions have the answer yes? */
static bool
relation_is(const Process *process, const char *question)
{
	const char *const name[] = {process->layout};

	return query_read(question, 1, name) == 1 && query_boolean(0, 1);
}

static const char *
text_copy(FieldText value)
{
	return pnstrdup(value.data, value.length);
}

static void
name_student(Comparison *comparison, const RowKey *key)
{
	bool		found;

	portion_insert(comparison->named, key->student, &found);
	if (!found)
		comparison->visitor->name(comparison->visitor->context, text_copy(key->lea), text_copy(key->ssid));
}

/* Takes up the row: on both sides the same rows weigh the same. */
static void
settle_row(Comparison *comparison, Side side, const WeighedRow *row)
{
	RowPlaces  *places = comparison->picture[side].places;

	balance_sheet_add(comparison->balances, row->student, side == SIDE_CALPADS ? row->weight : -row->weight);
	if (places != NULL)
		row_places_note(places, row->student, row->place);
}

static void
settle_row_of_calpads(void *context, const WeighedRow *row)
{
	settle_row(context, SIDE_CALPADS, row);
}

static void
weigh_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	WeighedRow	row = {key->student, picture_side_weigh(&comparison->picture[side].side, key, slot), row_place(slot)};

	settle_row(comparison, side, &row);
}

static void
weigh_row_of_calpads(void *context, const RowKey *key, TupleTableSlot *slot)
{
	weigh_row(context, SIDE_CALPADS, key, slot);
}

static void
weigh_row_of_sis(void *context, const RowKey *key, TupleTableSlot *slot)
{
	Comparison *comparison = context;
	Tuplestorestate *kept = comparison->picture[SIDE_SIS].kept;

	weigh_row(comparison, SIDE_SIS, key, slot);
	if (comparison->visitor->name != NULL)
		name_student(comparison, key);
	if (kept != NULL)
		tuplestore_puttupleslot(kept, slot);
	if (comparison->worker != NULL && ++comparison->rows_of_sis % ROWS_PER_PARCEL == 0)
		side_worker_take(comparison->worker, settle_row_of_calpads, comparison);
}

/*
 * Both sides are tables that can be read in parallel mode, and large enough by
 * the measure of the planner.
 */
static bool
worker_is_worth_it(const Comparison *comparison)
{
	return comparison->picture[SIDE_CALPADS].places != NULL && comparison->picture[SIDE_SIS].places != NULL &&
		!IsInParallelMode() && max_parallel_workers_per_gather > 0 &&
		comparison->students * BYTES_PER_STUDENT >= (uint64) min_parallel_table_scan_size * BLCKSZ &&
		relation_is(comparison->process, both_are_plain);
}

static bool
start_worker(Comparison *comparison)
{
	Picture    *picture = &comparison->picture[SIDE_CALPADS];

	comparison->worker = side_worker_start(&picture->side, picture->query);
	return comparison->worker != NULL;
}

/* The rows of tables have to come from the tables themselves, not through other processes, to have places. */
static void
read_beside_worker(Comparison *comparison)
{
	Picture    *picture = &comparison->picture[SIDE_SIS];
	int			settings = NewGUCNestLevel();

	query_set_option("max_parallel_workers_per_gather", "0");
	picture_side_read(&picture->side, picture->query, NULL, weigh_row_of_sis, comparison);
	AtEOXact_GUC(true, settings);
	side_worker_finish(comparison->worker, settle_row_of_calpads, comparison);
}

static void
read_sides(Comparison *comparison)
{
	Picture    *calpads = &comparison->picture[SIDE_CALPADS];
	Picture    *sis = &comparison->picture[SIDE_SIS];

	if (worker_is_worth_it(comparison) && start_worker(comparison))
	{
		read_beside_worker(comparison);
		return;
	}
	picture_side_read(&calpads->side, calpads->query, NULL, weigh_row_of_calpads, comparison);
	picture_side_read(&sis->side, sis->query, NULL, weigh_row_of_sis, comparison);
}

/* ---- second reading: the students that differ -------------------------------- */

static PictureRow *
copy_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	Arena	   *arena = comparison->arena;
	PictureSide *picture = &comparison->picture[side].side;
	const PictureColumns *columns = &picture->columns;
	/* Without a start date the row is one of this year that will be held. */
	PictureRow *row = picture_row(arena, comparison->process, columns, slot, comparison->options->year_start);

	row->in_scope = picture_side_in_scope(picture, key, slot);
	if (columns->problems >= 0 && !slot->tts_isnull[columns->problems])
	{
		FieldText	problems = column_text(slot, columns->problems);

		row->problems = arena_copy(arena, problems.data, problems.length);
	}
	return row;
}

static DifferingStudent *
find_student(Comparison *comparison, uint64 key, const PictureRow *row)
{
	const char *lea = row->value[comparison->process->lea];
	const char *ssid = row->value[comparison->process->ssid];
	bool		found;
	Portion    *portion = portion_insert(comparison->portion, key, &found);
	DifferingStudent *student;

	if (!found)
		portion->students = NULL;
	for (student = portion->students; student != NULL; student = student->same_key)
		if (strcmp(student->lea, lea) == 0 && strcmp(student->ssid, ssid) == 0)
			return student;
	student = arena_allocate(comparison->arena, sizeof(DifferingStudent));
	student->lea = lea;
	student->ssid = ssid;
	student->same_key = portion->students;
	portion->students = student;
	apply_mark(comparison, &student->student, ssid);
	if (comparison->stays != NULL)
		stays_of_student(comparison->stays, lea, ssid, &student->student.stays,
						 &student->student.in_sis);
	return student;
}

static void
add_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	PictureRow *row = copy_row(comparison, side, key, slot);
	Student    *student = &find_student(comparison, key->student, row)->student;
	PictureRow **list = side == SIDE_CALPADS ? &student->baseline : &student->target;
	const char *local_id = row->value[comparison->process->local_student_id];

	if (local_id != NULL)
		apply_mark(comparison, student, psprintf("local %s", local_id));
	row->next = *list;
	*list = row;
}

/* CALPADS will have closed programs of the student when SPRG is posted. */
static void
add_differing(void *context, const char *lea, const char *ssid)
{
	Comparison *comparison = context;
	bool		found;

	portion_insert(comparison->differing,
				   student_digest((FieldText){lea, strlen(lea)}, (FieldText){ssid, strlen(ssid)}), &found);
}

/* Of two students with an equal hash the enrollments of both are read. */
static bool
student_differs(void *context, const char *lea, const char *ssid)
{
	Comparison *comparison = context;
	uint64		key = student_digest((FieldText){lea, strlen(lea)}, (FieldText){ssid, strlen(ssid)});

	return portion_lookup(comparison->differing, key) != NULL;
}

static void
visit_portion(Comparison *comparison)
{
	const PictureVisitor *visitor = comparison->visitor;
	portion_iterator iterator;
	Portion    *portion;

	portion_start_iterate(comparison->portion, &iterator);
	while ((portion = portion_iterate(comparison->portion, &iterator)) != NULL)
		for (DifferingStudent *student = portion->students; student != NULL; student = student->same_key)
		{
			CHECK_FOR_INTERRUPTS();
			visitor->student(visitor->context, student->lea, student->ssid, &student->student);
		}
}

static void
note_differing(void *context, uint64 student, uint64 rows)
{
	Comparison *comparison = context;
	bool		found;

	portion_insert(comparison->differing, student, &found);
	comparison->differing_rows += rows;
}

PG_FUNCTION_INFO_V1(calpads_student_keys);

/* calpads.student_keys(lea text, ssids text[]) → bigint[]: the numbers that student_is_among takes */
Datum
calpads_student_keys(PG_FUNCTION_ARGS)
{
	FieldText	lea = datum_text(PG_GETARG_DATUM(0));
	Datum	   *ssids;
	bool	   *nulls;
	int			count;
	int			found = 0;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &ssids, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			ssids[found++] = UInt64GetDatum(student_digest(lea, field_trim(datum_text(ssids[i]))));
	PG_RETURN_ARRAYTYPE_P(construct_array(ssids, found, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
}

/*
 * calpads.student_is_among(lea text, ssid text, students bigint[]) → boolean:
 * is the student one of these?  Spares the second reading of a table the
 * columns of all other rows.
 */
PG_FUNCTION_INFO_V1(calpads_student_is_among);

Datum
calpads_student_is_among(PG_FUNCTION_ARGS)
{
	portion_hash *students = fcinfo->flinfo->fn_extra;

	if (students == NULL)
	{
		Datum	   *keys;
		int			count;
		bool		found;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE,
						  &keys, NULL, &count);
		students = portion_create(fcinfo->flinfo->fn_mcxt, count, NULL);
		for (int i = 0; i < count; i++)
			portion_insert(students, DatumGetUInt64(keys[i]), &found);
		fcinfo->flinfo->fn_extra = students;
	}
	PG_RETURN_BOOL(portion_lookup(students, student_digest(field_trim(datum_text(PG_GETARG_DATUM(0))),
														   field_trim(datum_text(PG_GETARG_DATUM(1))))) != NULL);
}

static Datum
differing_keys(Comparison *comparison)
{
	Datum	   *keys = palloc(Max(1, comparison->differing->members) * sizeof(Datum));
	portion_iterator iterator;
	Portion    *student;
	int			count = 0;

	portion_start_iterate(comparison->differing, &iterator);
	while ((student = portion_iterate(comparison->differing, &iterator)) != NULL)
		keys[count++] = UInt64GetDatum(student->key);
	return PointerGetDatum(construct_array(keys, count, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
}

static bool
is_differing(void *context, uint64 student)
{
	return portion_lookup(((Comparison *) context)->differing, student) != NULL;
}

/* Not to be taken into the plan as a constant: the planner would look at each of its elements. */
static ParamListInfo
one_parameter(Oid type, Datum value)
{
	ParamListInfo parameters = makeParamList(1);

	parameters->params[0] = (ParamExternData){value, false, 0, type};
	return parameters;
}

static uint64
portion_of(Comparison *comparison, uint64 key)
{
	return (key >> 32) % comparison->portion_count;
}

typedef struct Division
{
	Comparison *comparison;
	Picture    *picture;
} Division;

/* The row of a student that differs goes into its portion. */
static void
put_into_portion(void *context, const RowKey *key, TupleTableSlot *slot)
{
	const Division *division = context;

	if (portion_lookup(division->comparison->differing, key->student) != NULL)
		tuplestore_puttupleslot(division->picture->portions[portion_of(division->comparison, key->student)], slot);
}

/* The query once more, with a condition that lets few rows through, and the option that the planner needs for it. */
static void
read_few(Comparison *comparison, Side side, const char *condition, ParamListInfo parameters,
		 const char *option, const char *value)
{
	Picture    *picture = &comparison->picture[side];
	Division	division = {comparison, picture};
	int			settings = NewGUCNestLevel();

	query_set_option(option, value);
	picture_side_read(&picture->side, psprintf("%s AND %s", picture->query, condition), parameters,
					  put_into_portion, &division);
	AtEOXact_GUC(true, settings);
}

/* The rows at their places, where these are known, or those of the students that differ. */
static void
read_differing(Comparison *comparison, Side side)
{
	RowPlaces  *noted = comparison->picture[side].places;
	Datum		places = noted == NULL ? (Datum) 0 : row_places_finish(noted, is_differing, comparison);

	if (places != (Datum) 0)
		read_few(comparison, side, "p.ctid = ANY ($1)", one_parameter(TIDARRAYOID, places), "enable_seqscan", "off");
	else
		read_few(comparison, side, "calpads.student_is_among(p.reporting_lea::text, p.ssid::text, $1)",
				 one_parameter(INT8ARRAYOID, differing_keys(comparison)), "parallel_tuple_cost", "0");
}

/* The rows that were kept. */
static void
divide_kept(Comparison *comparison, Side side)
{
	Picture    *picture = &comparison->picture[side];
	Division	division = {comparison, picture};
	TupleTableSlot *slot = MakeSingleTupleTableSlot(picture->side.description, &TTSOpsMinimalTuple);
	RowKey		key;

	while (tuplestore_gettupleslot(picture->kept, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, picture->side.columns.fetched);
		if (picture_side_find_key(&picture->side, slot, &key))
			put_into_portion(&division, &key, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(picture->kept);
}

/* The rows that were kept, or those of the query once more, by portions. */
static void
divide_side(Comparison *comparison, Side side)
{
	Picture    *picture = &comparison->picture[side];
	/* The room of the signatures is free by now. */
	int			memory = Max(64, calpads_comparison_memory / (8 * (int) comparison->portion_count));

	picture->portions = palloc(comparison->portion_count * sizeof(Tuplestorestate *));
	for (uint64 portion = 0; portion < comparison->portion_count; portion++)
		picture->portions[portion] = tuplestore_begin_heap(false, false, memory);
	if (picture->kept != NULL)
		divide_kept(comparison, side);
	else
		read_differing(comparison, side);
}

static void
collect_side(Comparison *comparison, Side side, uint64 portion)
{
	const Picture *picture = &comparison->picture[side];
	TupleTableSlot *slot = MakeSingleTupleTableSlot(picture->side.description, &TTSOpsMinimalTuple);
	RowKey		key;

	while (tuplestore_gettupleslot(picture->portions[portion], true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (picture_side_find_key(&picture->side, slot, &key))
			add_row(comparison, side, &key, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(picture->portions[portion]);
}

static void
visit_differing(Comparison *comparison)
{
	MemoryContext portion_context = AllocSetContextCreate(CurrentMemoryContext, "calpads portion",
														  ALLOCSET_DEFAULT_SIZES);

	comparison->portion_count = comparison->differing_rows * BYTES_PER_ROW / half_of_memory() + 1;
	divide_side(comparison, SIDE_CALPADS);
	divide_side(comparison, SIDE_SIS);
	for (uint64 portion = 0; portion < comparison->portion_count; portion++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(portion_context);

		comparison->portion = portion_create(portion_context, 1024, NULL);
		collect_side(comparison, SIDE_CALPADS, portion);
		collect_side(comparison, SIDE_SIS, portion);
		visit_portion(comparison);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(portion_context);
		arena_reset(comparison->arena);
	}
	MemoryContextDelete(portion_context);
}

/* ---- the queries -------------------------------------------------------------- */

static const char *
picture_query(const Process *process, const char *call, const char *lea, const char *ssid)
{
	const char *const scope[] = {process->name, lea, ssid};
	const char *query;

	if (query_read(psprintf("SELECT %s", call), 3, scope) != 1)
		elog(ERROR, "%s gave no query", call);
	query = query_value(0, 1);
	return pstrdup(query);
}

/* Two rows a student are a good guess: the last year's and this year's. */
static uint64
expected_students(const Process *process, const char *lea, const char *ssid)
{
	const char *const scope[] = {process->name, lea};

	if (ssid != NULL ||
		query_read("SELECT coalesce(sum(l.rows_loaded) / 2, 0)::bigint "
				   "FROM calpads.current_load c JOIN calpads.load l ON l.load_id = c.load_id "
				   "WHERE c.process = $1 AND c.lea = coalesce($2, c.lea)", 2, scope) == 0)
		return 1;
	return strtoull(query_value(0, 1), NULL, 10);
}

static void
prepare_side(Comparison *comparison, Side side, bool is_table, const char *query)
{
	Picture    *picture = &comparison->picture[side];

	picture_side_begin(&picture->side, side, comparison->process, comparison->options,
					   comparison->options->school_context);
	picture->query = query;
	if (is_table)
		picture->places = row_places_create();
	else if (side == SIDE_SIS)
		picture->kept = tuplestore_begin_heap(false, false, work_mem / 2);
}

/* Nobody needs the rows again. */
static void
drop_side(Picture *picture)
{
	if (picture->places != NULL)
		row_places_end(picture->places);
	if (picture->kept != NULL)
		tuplestore_end(picture->kept);
}

void
picture_compare(const Process *process, const char *lea, const char *ssid,
				const ReconcileOptions *options, const PictureVisitor *visitor)
{
	Comparison	comparison = {0};

	comparison.process = process;
	comparison.options = options;
	comparison.visitor = visitor;
	if (visitor->name != NULL)
		comparison.named = portion_create(CurrentMemoryContext, 1024, NULL);
	comparison.students = expected_students(process, lea, ssid);
	comparison.balances = balance_sheet_create(half_of_memory(), comparison.students);
	comparison.arena = calpads_make_arena();
	load_marks(&comparison);
	prepare_side(&comparison, SIDE_CALPADS, relation_is(process, calpads_is_table),
				 picture_query(process, "calpads.baseline_query($1, $2, $3)", lea, ssid));
	prepare_side(&comparison, SIDE_SIS, relation_is(process, sis_is_table),
				 picture_query(process, "calpads.sis_query($1, $2, $3, trimmed => false)", lea, ssid));
	read_sides(&comparison);
	school_directory_visit(options->school_context, visitor->school, visitor->context);
	comparison.differing = portion_create(CurrentMemoryContext, 1024, NULL);
	balance_sheet_finish(comparison.balances, note_differing, &comparison);
	if (process->program >= 0)
		comparison.stays = stays_begin(lea, ssid, add_differing, student_differs, &comparison);
	if (comparison.differing->members == 0)
	{
		drop_side(&comparison.picture[SIDE_CALPADS]);
		drop_side(&comparison.picture[SIDE_SIS]);
		return;
	}
	if (comparison.stays != NULL)
		stays_finish(comparison.stays, student_differs, &comparison);
	visit_differing(&comparison);
}
