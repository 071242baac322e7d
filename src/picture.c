/*-------------------------------------------------------------------------
 *
 * picture.c
 *	  Reads the two pictures and gives the students that differ.
 *
 *-------------------------------------------------------------------------
 */
#include "picture.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/tuplestore.h"

#include "calpads.h"
#include "query.h"
#include "stays.h"

/* Memory that the rows of one portion of differing students may take. */
#define PORTION_BYTES ((uint64) 32 * 1024 * 1024)
#define BYTES_PER_ROW 1024

/* simplehash.h hides a variable of its own. */
#pragma GCC diagnostic ignored "-Wshadow"

/* ---- one entry per student of the LEA ------------------------------------- */

typedef struct Balance
{
	uint64		key;			/* hash of LEA and SSID */
	uint64		difference;		/* signatures of CALPADS less those of the SIS */
	uint32		rows;
	char		status;
} Balance;

#define SH_PREFIX balance
#define SH_ELEMENT_TYPE Balance
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

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
} School;

struct SchoolDirectory
{
	HTAB	   *schools;
};

typedef struct Comparison
{
	const Process *process;
	const ReconcileOptions *options;
	SchoolDirectory *directory;
	balance_hash *balances;
	HTAB	   *marks;
	StayDirectory *stays;		/* SPRG: the enrollments of differing students */
	Tuplestorestate *rows[2];	/* CALPADS, SIS */
	Arena	   *arena;
	portion_hash *portion;
} Comparison;

typedef enum Side
{
	SIDE_CALPADS,
	SIDE_SIS
} Side;

/* Takes the rows of one side as the executor makes them. */
typedef struct PictureReceiver
{
	DestReceiver receiver;
	Comparison *comparison;
	Side		side;
} PictureReceiver;

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

static bool
is_blank(FieldText value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.data[i] != ' ')
			return false;
	return true;
}

/* The bytes of a text column; a value of only blanks is none. */
static FieldText
column_text(TupleTableSlot *slot, int column)
{
	FieldText	value = {NULL, 0};
	struct varlena *datum;

	if (slot->tts_isnull[column])
		return value;
	datum = PG_DETOAST_DATUM_PACKED(slot->tts_values[column]);
	value.data = VARDATA_ANY(datum);
	value.length = VARSIZE_ANY_EXHDR(datum);
	return is_blank(value) ? (FieldText){NULL, 0} : value;
}

static bool
is_date_field(const Process *process, int field)
{
	return (process->dates & FIELD_BIT(field)) != 0;
}

/* After the fields the queries give what the SIS mapping found wrong. */
static int
problems_column(const Process *process)
{
	return process->field_count;
}

/* Bytes that are hashed together. */
typedef struct Digest
{
	uint64		hash;
	int			used;
	unsigned char buffer[512];
} Digest;

static void
digest_add(Digest *digest, const void *data, size_t length)
{
	if (digest->used + length + 1 > sizeof(digest->buffer))
	{
		digest->hash = hash_bytes_extended(digest->buffer, digest->used, digest->hash);
		digest->used = 0;
	}
	if (length + 1 > sizeof(digest->buffer))
	{
		digest->hash = hash_bytes_extended(data, (int) length, digest->hash);
		length = 0;
	}
	if (length > 0)
		memcpy(digest->buffer + digest->used, data, length);
	digest->used += (int) length;
	digest->buffer[digest->used++] = '^';
}

static uint64
digest_finish(Digest *digest)
{
	return hash_bytes_extended(digest->buffer, digest->used, digest->hash);
}

static void
digest_column(Digest *digest, const Process *process, TupleTableSlot *slot, int field)
{
	if (is_date_field(process, field))
	{
		if (slot->tts_isnull[field])
			digest_add(digest, NULL, 0);
		else
			digest_add(digest, &slot->tts_values[field], sizeof(DateADT));
	}
	else
	{
		FieldText	value = column_text(slot, field);

		digest_add(digest, value.data, value.length);
	}
}

/* Key and compared fields of the row as one number; the SSID is the student's. */
static uint64
row_signature(const Process *process, TupleTableSlot *slot)
{
	Digest		digest;

	digest.hash = 0;
	digest.used = 0;
	for (int part = 0; part < process->key_count; part++)
		if (process->key[part] != process->ssid)
			digest_column(&digest, process, slot, process->key[part]);
	for (int field = 0; field < process->field_count; field++)
		if (process->compared & FIELD_BIT(field))
			digest_column(&digest, process, slot, field);
	return digest_finish(&digest);
}

static uint64
student_key(const Process *process, TupleTableSlot *slot)
{
	Digest		digest;

	digest.hash = 0;
	digest.used = 0;
	digest_column(&digest, process, slot, process->lea);
	digest_column(&digest, process, slot, process->ssid);
	return digest_finish(&digest);
}

/* The same of a student whose LEA and SSID are texts. */
static uint64
student_key_of_text(const char *lea, const char *ssid)
{
	Digest		digest;

	digest.hash = 0;
	digest.used = 0;
	digest_add(&digest, lea, strlen(lea));
	digest_add(&digest, ssid, strlen(ssid));
	return digest_finish(&digest);
}

/*
 * Is the school of the row selected?  A row of the SIS at a school that nobody
 * knows is not to be overlooked: it will be held.
 */
static bool
school_in_scope(Comparison *comparison, Side side, TupleTableSlot *slot)
{
	FieldText	lea = column_text(slot, comparison->process->lea);
	FieldText	code = column_text(slot, comparison->process->school);
	char		key[NAMEDATALEN] = {0};
	School	   *school;

	if (lea.length == 0 || code.length == 0 || lea.length + code.length + 2 > sizeof(key))
		return side == SIDE_SIS;
	memcpy(key, lea.data, lea.length);
	key[lea.length] = ' ';
	memcpy(key + lea.length + 1, code.data, code.length);
	school = hash_search(comparison->directory->schools, key, HASH_FIND, NULL);
	return school != NULL ? school->selected : side == SIDE_SIS;
}

/* Is the row inside the window, by the day by which the process counts it? */
static bool
row_in_window(Comparison *comparison, TupleTableSlot *slot)
{
	const Process *process = comparison->process;
	int			field = process->window_by_end ? process->end : process->start;

	return slot->tts_isnull[field] ||
		DatumGetDateADT(slot->tts_values[field]) >= comparison->options->window_start;
}

/*
 * Is the row part of the comparison: a selected school, inside the window
 * (DESIGN section 5, rule 2), and not after today when future dates stay out?
 */
static bool
row_in_scope(Comparison *comparison, Side side, TupleTableSlot *slot)
{
	int			start = comparison->process->start;

	if (slot->tts_isnull[start])
		return true;			/* to be held, not to be overlooked */
	if (calpads_no_future_dates &&
		DatumGetDateADT(slot->tts_values[start]) > comparison->options->today)
		return false;
	return row_in_window(comparison, slot) && school_in_scope(comparison, side, slot);
}

/*
 * A row that belongs to no LEA would be left out, and what CALPADS has of it
 * would look like a row to remove.
 */
static void
check_lea(const Process *process, TupleTableSlot *slot)
{
	if (column_text(slot, process->lea).length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the SIS picture has %s without a reporting LEA", process->row_words),
				 errhint("Every row of the view %s in the SIS schema names its reporting_lea.",
						 process->layout)));
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	PictureReceiver *receiver = (PictureReceiver *) self;
	Comparison *comparison = receiver->comparison;
	const Process *process = comparison->process;
	Balance    *balance;
	bool		found;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	if (column_text(slot, process->ssid).length == 0)
		return true;			/* no SSID yet: the SSID request is for them */
	check_lea(process, slot);
	balance = balance_insert(comparison->balances, student_key(process, slot), &found);
	if (!found)
		balance->difference = balance->rows = 0;
	balance->rows++;
	if (row_in_scope(comparison, receiver->side, slot))
	{
		uint64		signature = row_signature(process, slot);

		balance->difference += receiver->side == SIDE_CALPADS ? signature : -signature;
	}
	tuplestore_puttupleslot(comparison->rows[receiver->side], slot);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
receiver_end(DestReceiver *self)
{
}

/*
 * A mapping view joins many small relations, and often tables that were filled
 * a minute ago: where the planner takes a thousand rows for one, a nested loop
 * takes the night.  Compiling such a query costs more than running it.
 */
static void
set_planner(void)
{
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
read_side(Comparison *comparison, Side side, const char *query)
{
	int			settings = NewGUCNestLevel();
	PictureReceiver receiver = {{receive_row, receiver_startup, receiver_end, receiver_end, DestNone},
	comparison, side};
	SPIExecuteOptions options = {0};

	comparison->rows[side] = tuplestore_begin_heap(false, false, work_mem);
	options.read_only = true;
	options.dest = (DestReceiver *) &receiver;
	set_planner();
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "could not read a picture: %s", query);
	AtEOXact_GUC(true, settings);
}

/* ---- second reading: the students that differ -------------------------------- */

static const char *
copy_field(Arena *arena, const Process *process, TupleTableSlot *slot, int field)
{
	FieldText	value;
	char		digits[8];

	if (is_date_field(process, field))
	{
		if (slot->tts_isnull[field])
			return NULL;
		day_to_date8(DatumGetDateADT(slot->tts_values[field]), digits);
		return arena_copy(arena, digits, sizeof(digits));
	}
	value = column_text(slot, field);
	return value.length == 0 ? NULL : arena_copy(arena, value.data, value.length);
}

PictureRow *
picture_row(Arena *arena, const Process *process, TupleTableSlot *slot, DayNumber default_start)
{
	PictureRow *row = arena_allocate(arena, sizeof(PictureRow));

	for (int field = 0; field < process->field_count; field++)
		row->value[field] = copy_field(arena, process, slot, field);
	if (row->value[process->school] == NULL)
		row->value[process->school] = "";
	row->start = slot->tts_isnull[process->start] ? default_start :
		DatumGetDateADT(slot->tts_values[process->start]);
	row->end = slot->tts_isnull[process->end] ? ROW_OPEN :
		DatumGetDateADT(slot->tts_values[process->end]);
	return row;
}

static PictureRow *
copy_row(Comparison *comparison, Side side, TupleTableSlot *slot)
{
	Arena	   *arena = comparison->arena;
	int			problems_at = problems_column(comparison->process);
	/* Without a start date the row is one of this year that will be held. */
	PictureRow *row = picture_row(arena, comparison->process, slot, comparison->options->year_start);

	row->in_scope = row_in_scope(comparison, side, slot);
	if (!slot->tts_isnull[problems_at])
	{
		FieldText	problems = column_text(slot, problems_at);

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
add_row(Comparison *comparison, Side side, uint64 key, TupleTableSlot *slot)
{
	PictureRow *row = copy_row(comparison, side, slot);
	Student    *student = &find_student(comparison, key, row)->student;
	PictureRow **list = side == SIDE_CALPADS ? &student->baseline : &student->target;
	const char *local_id = row->value[comparison->process->local_student_id];

	if (local_id != NULL)
		apply_mark(comparison, student, psprintf("local %s", local_id));
	row->next = *list;
	*list = row;
}

static void
collect_side(Comparison *comparison, Side side, TupleTableSlot *slot, uint64 portion, uint64 portions)
{
	Tuplestorestate *rows = comparison->rows[side];

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		uint64		key;
		Balance    *balance;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		key = student_key(comparison->process, slot);
		balance = balance_lookup(comparison->balances, key);
		if (balance->difference != 0 && (key >> 32) % portions == portion)
			add_row(comparison, side, key, slot);
	}
}

/* Of two students with an equal hash the enrollments of both are read. */
static bool
student_differs(void *context, const char *lea, const char *ssid)
{
	Comparison *comparison = context;
	Balance    *balance = balance_lookup(comparison->balances, student_key_of_text(lea, ssid));

	return balance != NULL && balance->difference != 0;
}

static void
visit_portion(Comparison *comparison, StudentVisitor visit, void *context)
{
	portion_iterator iterator;
	Portion    *portion;

	portion_start_iterate(comparison->portion, &iterator);
	while ((portion = portion_iterate(comparison->portion, &iterator)) != NULL)
		for (DifferingStudent *student = portion->students; student != NULL; student = student->same_key)
		{
			CHECK_FOR_INTERRUPTS();
			visit(context, student->lea, student->ssid, &student->student);
		}
}

static uint64
count_differing_rows(Comparison *comparison)
{
	balance_iterator iterator;
	Balance    *balance;
	uint64		rows = 0;

	balance_start_iterate(comparison->balances, &iterator);
	while ((balance = balance_iterate(comparison->balances, &iterator)) != NULL)
		if (balance->difference != 0)
			rows += balance->rows;
	return rows;
}

static void
visit_differing(Comparison *comparison, TupleDesc description, StudentVisitor visit, void *context)
{
	uint64		portions = count_differing_rows(comparison) * BYTES_PER_ROW / PORTION_BYTES + 1;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	MemoryContext portion_context = AllocSetContextCreate(CurrentMemoryContext, "calpads portion",
														  ALLOCSET_DEFAULT_SIZES);

	for (uint64 portion = 0; portion < portions; portion++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(portion_context);

		comparison->portion = portion_create(portion_context, 1024, NULL);
		collect_side(comparison, SIDE_CALPADS, slot, portion, portions);
		collect_side(comparison, SIDE_SIS, slot, portion, portions);
		visit_portion(comparison, visit, context);
		MemoryContextSwitchTo(old_context);
		ExecClearTuple(slot);
		MemoryContextReset(portion_context);
		arena_reset(comparison->arena);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* ---- the queries -------------------------------------------------------------- */

static const char *
picture_query(const Process *process, const char *function, const char *lea, const char *ssid)
{
	const char *const scope[] = {process->name, lea, ssid};
	const char *query;

	if (query_read(psprintf("SELECT %s($1, $2, $3)", function), 3, scope) != 1)
		elog(ERROR, "%s gave no query", function);
	query = query_value(0, 1);
	return pstrdup(query);
}

/* The shape of both queries' rows, for the tuplestores. */
static TupleDesc
picture_description(const Process *process)
{
	int			columns = problems_column(process) + 1;
	TupleDesc	description = CreateTemplateTupleDesc(columns);

	for (int column = 0; column < columns; column++)
		TupleDescInitEntry(description, column + 1, column < process->field_count ?
						   process->field_name[column] : "problems",
						   is_date_field(process, column) ? DATEOID : TEXTOID, -1, 0);
	return description;
}

void
picture_compare(const Process *process, const char *lea, const char *ssid,
				const ReconcileOptions *options, StudentVisitor visit, void *context)
{
	Comparison	comparison = {0};

	comparison.process = process;
	comparison.options = options;
	comparison.directory = options->school_context;
	comparison.balances = balance_create(CurrentMemoryContext, 1024, NULL);
	comparison.arena = calpads_make_arena();
	load_marks(&comparison);
	read_side(&comparison, SIDE_CALPADS, picture_query(process, "calpads.baseline_query", lea, ssid));
	read_side(&comparison, SIDE_SIS, picture_query(process, "calpads.sis_query", lea, ssid));
	if (process->program >= 0)
		comparison.stays = stays_load(lea, ssid, student_differs, &comparison);
	visit_differing(&comparison, picture_description(process), visit, context);
	tuplestore_end(comparison.rows[SIDE_CALPADS]);
	tuplestore_end(comparison.rows[SIDE_SIS]);
}
