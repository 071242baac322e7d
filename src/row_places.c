/*-------------------------------------------------------------------------
 *
 * row_places.c
 *	  Where the rows of a table were, so that a few of them can be fetched again
 *	  without reading the table once more.
 *
 *-------------------------------------------------------------------------
 */
#include "row_places.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/array.h"

/* A row by its place costs as much as so many rows of a whole table. */
#define ROWS_PER_PLACE 8

/* So many are named in one query. */
#define MOST_PLACES 1000000

typedef struct Place
{
	uint64		student;
	ItemPointerData tid;
} Place;

struct RowPlaces
{
	MemoryContext context;		/* rows are noted in shorter ones */
	BufFile    *file;			/* NULL as long as the latest are all */
	uint64		count;
	bool		complete;
	Place		latest[512];	/* not in the file yet */
	int			latest_count;
};

RowPlaces *
row_places_create(void)
{
	RowPlaces  *places = palloc0(sizeof(RowPlaces));

	places->context = CurrentMemoryContext;
	places->complete = true;
	return places;
}

ItemPointerData
row_place(const TupleTableSlot *slot)
{
	ItemPointerData nowhere;

	if (TTS_IS_BUFFERTUPLE(slot))
		return slot->tts_tid;
	ItemPointerSetInvalid(&nowhere);
	return nowhere;
}

static void
write_latest(RowPlaces *places)
{
	MemoryContext caller = MemoryContextSwitchTo(places->context);

	if (places->file == NULL)
		places->file = BufFileCreateTemp(false);
	MemoryContextSwitchTo(caller);
	BufFileWrite(places->file, places->latest, places->latest_count * sizeof(Place));
	places->latest_count = 0;
}

void
row_places_note(RowPlaces *places, uint64 student, ItemPointerData tid)
{
	Place	   *place = &places->latest[places->latest_count];

	if (!ItemPointerIsValid(&tid))
		places->complete = false;
	if (!places->complete)
		return;
	place->student = student;
	place->tid = tid;
	places->count++;
	if (++places->latest_count == lengthof(places->latest))
		write_latest(places);
}

/* Places that are wanted; there is room for so many. */
typedef struct PickedPlaces
{
	StudentPicker wanted;
	void	   *context;
	ItemPointerData *tids;
	uint64		count;
	uint64		most;
} PickedPlaces;

/* false when there is no room. */
static bool
pick(PickedPlaces *picked, const Place *place)
{
	CHECK_FOR_INTERRUPTS();
	if (!picked->wanted(picked->context, place->student))
		return true;
	if (picked->count == picked->most)
		return false;
	picked->tids[picked->count++] = place->tid;
	return true;
}

static bool
pick_all(const RowPlaces *places, PickedPlaces *picked)
{
	Place		read[512];
	size_t		bytes;

	if (places->file != NULL && BufFileSeek(places->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
	while (places->file != NULL && (bytes = BufFileRead(places->file, read, sizeof(read))) > 0)
		for (size_t i = 0; i < bytes / sizeof(Place); i++)
			if (!pick(picked, &read[i]))
				return false;
	for (int i = 0; i < places->latest_count; i++)
		if (!pick(picked, &places->latest[i]))
			return false;
	return true;
}

static Datum
tid_array(ItemPointerData *tids, uint64 count)
{
	Datum	   *elements = palloc(Max(1, count) * sizeof(Datum));

	for (uint64 i = 0; i < count; i++)
		elements[i] = PointerGetDatum(&tids[i]);
	return PointerGetDatum(construct_array(elements, (int) count, TIDOID, sizeof(ItemPointerData), false,
										   TYPALIGN_SHORT));
}

Datum
row_places_finish(RowPlaces *places, StudentPicker wanted, void *context)
{
	PickedPlaces picked = {wanted, context, NULL, 0, Min(places->count / ROWS_PER_PLACE, MOST_PLACES)};
	Datum		array = (Datum) 0;

	picked.tids = palloc(Max(1, picked.most) * sizeof(ItemPointerData));
	if (places->complete && pick_all(places, &picked))
		array = tid_array(picked.tids, picked.count);
	row_places_end(places);
	return array;
}

void
row_places_end(RowPlaces *places)
{
	if (places->file != NULL)
		BufFileClose(places->file);
	pfree(places);
}
