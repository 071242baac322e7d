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

typedef struct Place
{
	uint64		student;
	ItemPointerData tid;
} Place;

struct RowPlaces
{
	BufFile    *file;
	uint64		count;
	bool		complete;
	Place		latest[512];	/* not in the file yet */
	int			latest_count;
};

RowPlaces *
row_places_create(void)
{
	RowPlaces  *places = palloc0(sizeof(RowPlaces));

	places->file = BufFileCreateTemp(false);
	places->complete = true;
	return places;
}

static void
write_latest(RowPlaces *places)
{
	BufFileWrite(places->file, places->latest, places->latest_count * sizeof(Place));
	places->latest_count = 0;
}

void
row_places_note(RowPlaces *places, uint64 student, const TupleTableSlot *slot)
{
	Place	   *place = &places->latest[places->latest_count];

	if (!TTS_IS_BUFFERTUPLE(slot))
		places->complete = false;
	if (!places->complete)
		return;
	place->student = student;
	place->tid = slot->tts_tid;
	places->count++;
	if (++places->latest_count == lengthof(places->latest))
		write_latest(places);
}

/* Fills the list, which has room for so many; gives the number, or -1 when there are more. */
static int
pick(RowPlaces *places, StudentPicker wanted, void *context, Datum *list, ItemPointerData *tids, int most)
{
	int			picked = 0;
	Place		place;

	if (BufFileSeek(places->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
	while (BufFileRead(places->file, &place, sizeof(place)) == sizeof(place))
	{
		CHECK_FOR_INTERRUPTS();
		if (!wanted(context, place.student))
			continue;
		if (picked == most)
			return -1;
		tids[picked] = place.tid;
		list[picked] = PointerGetDatum(&tids[picked]);
		picked++;
	}
	return picked;
}

Datum
row_places_finish(RowPlaces *places, StudentPicker wanted, void *context)
{
	int			most = (int) Min(places->count / ROWS_PER_PLACE, 1000000);
	int			picked = -1;
	Datum	   *list = palloc(most * sizeof(Datum) + 1);
	ItemPointerData *tids = palloc(most * sizeof(ItemPointerData) + 1);

	if (places->complete)
	{
		write_latest(places);
		picked = pick(places, wanted, context, list, tids, most);
	}
	BufFileClose(places->file);
	pfree(places);
	return picked < 0 ? (Datum) 0 :
		PointerGetDatum(construct_array(list, picked, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
}
