/*-------------------------------------------------------------------------
 *
 * picture.c
 *	  Reads the two pictures and gives the students that differ.
 *
 *-------------------------------------------------------------------------
 */
#include "picture.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/tuplestore.h"

#include "balance.h"
#include "calpads.h"
#include "compat.h"
#include "digest.h"
#include "picture_columns.h"
#include "query.h"
#include "row_places.h"
#include "stays.h"

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

typedef struct School
{
	char		code[NAMEDATALEN];	/* seven digits, or the LEA's and these */
	const char *name;
	bool		selected;
	uint64		rows;			/* that CALPADS holds of it */
	uint64		current_rows;	/* those of the current year */
} School;

struct SchoolDirectory
{
	HTAB	   *schools;
};

typedef enum Side
{
	SIDE_CALPADS,
	SIDE_SIS
} Side;

typedef struct Picture
{
	const char *query;
	TupleDesc	description;	/* of the query's rows */
	PictureColumns columns;
	Tuplestorestate *kept;		/* all rows, where reading them again would cost more; or NULL */
	RowPlaces  *places;			/* where the rows are, when they are those of a table; or NULL */
	Tuplestorestate **portions; /* rows of the students that differ */
} Picture;

/* A school that was looked up lately. */
typedef struct KnownSchool
{
	uint64		digest;			/* of side, LEA and school; 0 = none */
	bool		in_scope;
	School	   *school;			/* NULL = nobody knows it */
} KnownSchool;

typedef struct Comparison
{
	MemoryContext memory;		/* of the whole comparison */
	const Process *process;
	const ReconcileOptions *options;
	SchoolDirectory *directory;
	BalanceSheet *balances;
	HTAB	   *marks;
	StayDirectory *stays;		/* SPRG: the enrollments of differing students */
	Picture		picture[2];		/* by Side */
	KnownSchool known_schools[256];
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

/* ---- schools and marks ----------------------------------------------------- */

static HTAB *
make_string_table(const char *name, Size entry_size)
{
	HASHCTL		control = {0};

	control.keysize = NAMEDATALEN;
	control.entrysize = entry_size;
	control.hcxt = CurrentMemoryContext;
	return hash_create(name, 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

SchoolDirectory *
school_directory_load(void)
{
	SchoolDirectory *directory = palloc(sizeof(SchoolDirectory));
	uint64		rows = query_read("SELECT cds_school, min(name), NULL FROM calpads.school "
								  "WHERE cds_school IS NOT NULL GROUP BY cds_school UNION ALL "
								  "SELECT lea || ' ' || cds_school, NULL, bool_or(selected) FROM calpads.school "
								  "WHERE cds_school IS NOT NULL AND lea IS NOT NULL GROUP BY 1", 0, NULL);

	directory->schools = make_string_table("calpads schools", sizeof(School));
	for (uint64 row = 0; row < rows; row++)
	{
		School	   *school = hash_search(directory->schools, query_value(row, 1), HASH_ENTER, NULL);
		char	   *name = query_value(row, 2);

		school->name = name != NULL ? pstrdup(name) : NULL;
		school->selected = query_boolean(row, 3);
		school->rows = school->current_rows = 0;
	}
	return directory;
}

const char *
school_directory_name(void *directory, const char *code)
{
	School	   *school = hash_search(((SchoolDirectory *) directory)->schools, code, HASH_FIND, NULL);

	return school != NULL ? school->name : NULL;
}

static void
load_marks(Comparison *comparison)
{
	uint64		rows = query_read("SELECT id, kind, sentence, rule, fix FROM calpads.student_marks($1)",
								  1, &comparison->process->name);

	comparison->marks = make_string_table("calpads marks", sizeof(Mark));
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

/* Fields of the student's number; they only have to differ. */
enum
{
	DIGEST_LEA,
	DIGEST_SSID,
	DIGEST_SCHOOL
};

/* Whose the row is. */
typedef struct RowKey
{
	FieldText	lea;
	FieldText	ssid;
	uint64		lea_digest;
	uint64		student;
} RowKey;

typedef void (*RowTaker) (Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot);

/* Takes the rows of one side as the executor makes them. */
typedef struct PictureReceiver
{
	DestReceiver receiver;
	Comparison *comparison;
	Side		side;
	RowTaker	take;
} PictureReceiver;

static inline uint64
student_of_lea(uint64 lea_digest, FieldText ssid)
{
	return digest_spread(digest_text(lea_digest, DIGEST_SSID, ssid));
}

/* Without an SSID there is no key yet: the SSID request is for these rows. */
static inline bool
find_key(const Process *process, const Picture *picture, TupleTableSlot *slot, RowKey *key)
{
	key->ssid = column_key(slot, picture->columns.field[process->ssid]);
	if (key->ssid.length == 0)
		return false;
	key->lea = column_key(slot, picture->columns.field[process->lea]);
	key->lea_digest = digest_text(0, DIGEST_LEA, key->lea);
	key->student = student_of_lea(key->lea_digest, key->ssid);
	return true;
}

static uint64
student_digest(FieldText lea, FieldText ssid)
{
	return student_of_lea(digest_text(0, DIGEST_LEA, lea), ssid);
}

static School *
look_up_school(Comparison *comparison, FieldText lea, FieldText code)
{
	char		key[NAMEDATALEN] = {0};

	if (lea.length == 0 || code.length == 0 || lea.length + code.length + 2 > sizeof(key))
		return NULL;
	memcpy(key, lea.data, lea.length);
	key[lea.length] = ' ';
	memcpy(key + lea.length + 1, code.data, code.length);
	return hash_search(comparison->directory->schools, key, HASH_FIND, NULL);
}

/*
 * The school of the row, and whether it is selected.  A row of the SIS at a
 * school that nobody knows is not to be overlooked: it will be held.
 */
static const KnownSchool *
school_of_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	FieldText	code = column_key(slot, comparison->picture[side].columns.field[comparison->process->school]);
	uint64		digest = digest_spread(digest_text(key->lea_digest, DIGEST_SCHOOL + side, code));
	KnownSchool *known = &comparison->known_schools[digest % lengthof(comparison->known_schools)];

	if (known->digest != digest)
	{
		known->school = look_up_school(comparison, key->lea, code);
		known->in_scope = known->school != NULL ? known->school->selected : side == SIDE_SIS;
		known->digest = digest;
	}
	return known;
}

/* The day by which the process counts the row. */
static int
counting_column(Comparison *comparison, const Picture *picture)
{
	const Process *process = comparison->process;

	return picture->columns.field[process->window_by_end ? process->end : process->start];
}

static bool
row_reaches(Comparison *comparison, const Picture *picture, TupleTableSlot *slot, DayNumber day)
{
	int			column = counting_column(comparison, picture);

	return slot->tts_isnull[column] || DatumGetDateADT(slot->tts_values[column]) >= day;
}

/*
 * Is the row part of the comparison: a selected school, inside the window
 * (DESIGN section 5, rule 2), and not after today when future dates stay out?
 */
static bool
row_in_scope(Comparison *comparison, const Picture *picture, const KnownSchool *school, TupleTableSlot *slot)
{
	int			start = picture->columns.field[comparison->process->start];

	if (slot->tts_isnull[start])
		return true;			/* to be held, not to be overlooked */
	if (calpads_no_future_dates &&
		DatumGetDateADT(slot->tts_values[start]) > comparison->options->today)
		return false;
	return school->in_scope && row_reaches(comparison, picture, slot, comparison->options->window_start);
}

/*
 * A row that belongs to no LEA would be left out, and what CALPADS has of it
 * would look like a row to remove.
 */
static void
check_lea(const Process *process, const RowKey *key)
{
	if (key->lea.length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the SIS picture has %s without a reporting LEA", process->row_words),
				 errhint("Every row of the view %s in the SIS schema names its reporting_lea.",
						 process->layout)));
}

static uint64
portion_of(Comparison *comparison, uint64 key)
{
	return (key >> 32) % comparison->portion_count;
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

/* What the guards ask about the history. */
static void
count_row(Comparison *comparison, School *school, TupleTableSlot *slot)
{
	if (school == NULL)
		return;
	school->rows++;
	if (row_reaches(comparison, &comparison->picture[SIDE_CALPADS], slot, comparison->options->year_start))
		school->current_rows++;
}

/* First reading: what the row weighs in the balance of its student. */
static void
weigh_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	Picture    *picture = &comparison->picture[side];
	const KnownSchool *school = school_of_row(comparison, side, key, slot);
	uint64		weight = 0;

	check_lea(comparison->process, key);
	if (side == SIDE_CALPADS)
		count_row(comparison, school->school, slot);
	else if (comparison->visitor->name != NULL)
		name_student(comparison, key);
	if (row_in_scope(comparison, picture, school, slot))
		weight = picture_row_signature(&picture->columns, slot);
	balance_sheet_add(comparison->balances, key->student, side == SIDE_CALPADS ? weight : -weight);
	if (picture->places != NULL)
		row_places_note(picture->places, key->student, slot);
	if (picture->kept != NULL)
		tuplestore_puttupleslot(picture->kept, slot);
}

/* Second reading: the row of a student that differs goes into its portion. */
static void
put_into_portion(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	if (portion_lookup(comparison->differing, key->student) != NULL)
		tuplestore_puttupleslot(comparison->picture[side].portions[portion_of(comparison, key->student)], slot);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	PictureReceiver *receiver = (PictureReceiver *) self;
	Comparison *comparison = receiver->comparison;
	const Picture *picture = &comparison->picture[receiver->side];
	RowKey		key;

	CHECK_FOR_INTERRUPTS();
	slot_getsomeattrs(slot, picture->columns.fetched);
	if (find_key(comparison->process, picture, slot, &key))
		receiver->take(comparison, receiver->side, &key, slot);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	PictureReceiver *receiver = (PictureReceiver *) self;
	Picture    *picture = &receiver->comparison->picture[receiver->side];
	MemoryContext old_context = MemoryContextSwitchTo(receiver->comparison->memory);

	picture->description = CreateTupleDescCopy(typeinfo);
	picture_columns_find(&picture->columns, receiver->comparison->process, typeinfo);
	MemoryContextSwitchTo(old_context);
}

static void
receiver_end(DestReceiver *self)
{
}

static void
read_side(Comparison *comparison, Side side, RowTaker take, const char *query, ParamListInfo parameters)
{
	int			settings = NewGUCNestLevel();
	PictureReceiver receiver = {{receive_row, receiver_startup, receiver_end, receiver_end, DestNone},
	comparison, side, take};
	SPIExecuteOptions options = {0};

	options.params = parameters;
	options.read_only = true;
	options.dest = (DestReceiver *) &receiver;
	query_set_planner();
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "could not read a picture: %s", query);
	AtEOXact_GUC(true, settings);
}

/* ---- second reading: the students that differ -------------------------------- */

static PictureRow *
copy_row(Comparison *comparison, Side side, const RowKey *key, TupleTableSlot *slot)
{
	Arena	   *arena = comparison->arena;
	const Picture *picture = &comparison->picture[side];
	const PictureColumns *columns = &picture->columns;
	/* Without a start date the row is one of this year that will be held. */
	PictureRow *row = picture_row(arena, comparison->process, columns, slot, comparison->options->year_start);

	row->in_scope = row_in_scope(comparison, picture, school_of_row(comparison, side, key, slot), slot);
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

/* The schools of which CALPADS holds rows; the key is LEA, a blank, and the code. */
static void
visit_schools(Comparison *comparison)
{
	const PictureVisitor *visitor = comparison->visitor;
	HASH_SEQ_STATUS status;
	School	   *school;

	hash_seq_init(&status, comparison->directory->schools);
	while ((school = hash_seq_search(&status)) != NULL)
	{
		const char *blank = strchr(school->code, ' ');

		if (blank != NULL && school->rows > 0)
			visitor->school(visitor->context, pnstrdup(school->code, blank - school->code), blank + 1,
							school->current_rows);
	}
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
			ssids[found++] = UInt64GetDatum(student_digest(lea, trimmed_text(datum_text(ssids[i]))));
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
	PG_RETURN_BOOL(portion_lookup(students, student_digest(trimmed_text(datum_text(PG_GETARG_DATUM(0))),
														   trimmed_text(datum_text(PG_GETARG_DATUM(1))))) != NULL);
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

static ParamListInfo
one_parameter(Oid type, Datum value)
{
	ParamListInfo parameters = makeParamList(1);

	parameters->params[0] = (ParamExternData){value, false, PARAM_FLAG_CONST, type};
	return parameters;
}

/* The query once more, with a condition that lets few rows through, and the option that the planner needs for it. */
static void
read_few(Comparison *comparison, Side side, const char *condition, ParamListInfo parameters,
		 const char *option, const char *value)
{
	int			settings = NewGUCNestLevel();

	query_set_option(option, value);
	read_side(comparison, side, put_into_portion, psprintf("%s AND %s", comparison->picture[side].query, condition),
			  parameters);
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
	TupleTableSlot *slot = MakeSingleTupleTableSlot(picture->description, &TTSOpsMinimalTuple);
	RowKey		key;

	while (tuplestore_gettupleslot(picture->kept, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, picture->columns.fetched);
		if (find_key(comparison->process, picture, slot, &key))
			put_into_portion(comparison, side, &key, slot);
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
	TupleTableSlot *slot = MakeSingleTupleTableSlot(picture->description, &TTSOpsMinimalTuple);
	RowKey		key;

	while (tuplestore_gettupleslot(picture->portions[portion], true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (find_key(comparison->process, picture, slot, &key))
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

/* Is it a table, or a view, or something else that is dear to read twice? */
static bool
is_table(const Process *process, const char *relation)
{
	const char *const name[] = {process->layout};

	return query_read(psprintf("SELECT relkind IN ('r', 'm', 'p') FROM pg_class WHERE oid = %s", relation),
					  1, name) == 1 && query_boolean(0, 1);
}

static void
prepare_side(Comparison *comparison, Side side, const char *relation, const char *query)
{
	Picture    *picture = &comparison->picture[side];

	picture->query = query;
	if (is_table(comparison->process, relation))
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

	comparison.memory = CurrentMemoryContext;
	comparison.process = process;
	comparison.options = options;
	comparison.visitor = visitor;
	if (visitor->name != NULL)
		comparison.named = portion_create(CurrentMemoryContext, 1024, NULL);
	comparison.directory = options->school_context;
	comparison.balances = balance_sheet_create(half_of_memory(), expected_students(process, lea, ssid));
	comparison.arena = calpads_make_arena();
	load_marks(&comparison);
	prepare_side(&comparison, SIDE_CALPADS, "calpads.picture_relation(upper($1))",
				 picture_query(process, "calpads.baseline_query($1, $2, $3)", lea, ssid));
	prepare_side(&comparison, SIDE_SIS, "calpads.sis_view($1)",
				 picture_query(process, "calpads.sis_query($1, $2, $3, trimmed => false)", lea, ssid));
	read_side(&comparison, SIDE_CALPADS, weigh_row, comparison.picture[SIDE_CALPADS].query, NULL);
	read_side(&comparison, SIDE_SIS, weigh_row, comparison.picture[SIDE_SIS].query, NULL);
	visit_schools(&comparison);
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
