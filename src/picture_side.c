/*-------------------------------------------------------------------------
 *
 * picture_side.c
 *	  One side of the comparison: reads the rows of a query, and tells whose each
 *	  row is, whether it counts, and what it weighs.
 *
 *-------------------------------------------------------------------------
 */
#include "picture_side.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/date.h"
#include "utils/guc.h"

#include "calpads.h"
#include "compat.h"
#include "digest.h"
#include "query.h"

void
picture_side_begin(PictureSide *side, Side which, const Process *process,
				   const ReconcileOptions *options, SchoolDirectory *schools)
{
	*side = (PictureSide){.side = which, .process = process, .options = options, .schools = schools,
	.memory = CurrentMemoryContext};
}

/* ---- whose the row is ----------------------------------------------------------- */

/* Fields of the student's number; they only have to differ. */
enum
{
	DIGEST_LEA,
	DIGEST_SSID,
	DIGEST_SCHOOL
};

static inline uint64
student_of_lea(uint64 lea_digest, FieldText ssid)
{
	return digest_spread(digest_text(lea_digest, DIGEST_SSID, ssid));
}

uint64
student_digest(FieldText lea, FieldText ssid)
{
	return student_of_lea(digest_text(0, DIGEST_LEA, lea), ssid);
}

/* The loop over all rows has it inlined. */
static inline bool
find_key(const PictureSide *side, TupleTableSlot *slot, RowKey *key)
{
	key->ssid = column_key(slot, side->columns.field[side->process->ssid]);
	if (key->ssid.length == 0)
		return false;
	key->lea = column_key(slot, side->columns.field[side->process->lea]);
	key->lea_digest = digest_text(0, DIGEST_LEA, key->lea);
	key->student = student_of_lea(key->lea_digest, key->ssid);
	return true;
}

bool
picture_side_find_key(const PictureSide *side, TupleTableSlot *slot, RowKey *key)
{
	return find_key(side, slot, key);
}

/* ---- whether it counts ----------------------------------------------------------- */

/*
 * The school of the row, and whether it is selected.  A row of the SIS at a
 * school that nobody knows is not to be overlooked: it will be held.
 */
static const KnownSchool *
school_of_row(PictureSide *side, const RowKey *key, TupleTableSlot *slot)
{
	FieldText	code = column_key(slot, side->columns.field[side->process->school]);
	uint64		digest = digest_spread(digest_text(key->lea_digest, DIGEST_SCHOOL, code));
	KnownSchool *known = &side->known_schools[digest % lengthof(side->known_schools)];

	if (known->digest != digest)
	{
		known->school = school_directory_find(side->schools, key->lea, code);
		known->in_scope = known->school != NULL ? known->school->selected : side->side == SIDE_SIS;
		known->digest = digest;
	}
	return known;
}

/* By the day by which the process counts the row. */
static bool
row_reaches(const PictureSide *side, TupleTableSlot *slot, DayNumber day)
{
	const Process *process = side->process;
	int			column = side->columns.field[process->window_by_end ? process->end : process->start];

	return slot->tts_isnull[column] || DatumGetDateADT(slot->tts_values[column]) >= day;
}

static bool
row_in_scope(const PictureSide *side, const KnownSchool *school, TupleTableSlot *slot)
{
	int			start = side->columns.field[side->process->start];

	if (slot->tts_isnull[start])
		return true;			/* to be held, not to be overlooked */
	if (calpads_no_future_dates && DatumGetDateADT(slot->tts_values[start]) > side->options->today)
		return false;
	return school->in_scope && row_reaches(side, slot, side->options->window_start);
}

bool
picture_side_in_scope(PictureSide *side, const RowKey *key, TupleTableSlot *slot)
{
	return row_in_scope(side, school_of_row(side, key, slot), slot);
}

/* ---- what it weighs ---------------------------------------------------------------- */

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

/* What the guards ask about the history. */
static void
count_row(const PictureSide *side, School *school, TupleTableSlot *slot)
{
	if (school == NULL)
		return;
	school->rows++;
	if (row_reaches(side, slot, side->options->year_start))
		school->current_rows++;
}

uint64
picture_side_weigh(PictureSide *side, const RowKey *key, TupleTableSlot *slot)
{
	const KnownSchool *school = school_of_row(side, key, slot);

	check_lea(side->process, key);
	if (side->side == SIDE_CALPADS)
		count_row(side, school->school, slot);
	return row_in_scope(side, school, slot) ? picture_row_signature(&side->columns, slot) : 0;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Takes the rows as the executor makes them. */
typedef struct SideReceiver
{
	DestReceiver receiver;
	PictureSide *side;
	RowTaker	take;
	void	   *context;
} SideReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	SideReceiver *receiver = (SideReceiver *) self;
	RowKey		key;

	CHECK_FOR_INTERRUPTS();
	slot_getsomeattrs(slot, receiver->side->columns.fetched);
	if (find_key(receiver->side, slot, &key))
		receiver->take(receiver->context, &key, slot);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	PictureSide *side = ((SideReceiver *) self)->side;
	MemoryContext old_context = MemoryContextSwitchTo(side->memory);

	side->description = CreateTupleDescCopy(typeinfo);
	picture_columns_find(&side->columns, side->process, typeinfo);
	MemoryContextSwitchTo(old_context);
}

static void
receiver_end(DestReceiver *self)
{
}

void
picture_side_read(PictureSide *side, const char *query, ParamListInfo parameters, RowTaker take, void *context)
{
	int			settings = NewGUCNestLevel();
	SideReceiver receiver = {{receive_row, receiver_startup, receiver_end, receiver_end, DestNone},
	side, take, context};
	SPIExecuteOptions options = {0};

	options.params = parameters;
	options.read_only = true;
	options.dest = (DestReceiver *) &receiver;
	query_set_planner();
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "could not read a picture: %s", query);
	AtEOXact_GUC(true, settings);
}
