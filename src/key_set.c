/*-------------------------------------------------------------------------
 *
 * key_set.c
 *	  Which keys of a file were there before.
 *
 * Open addressing with linear probing over fingerprints; zero is an empty place.
 *
 *-------------------------------------------------------------------------
 */
#include "key_set.h"

#include <sys/mman.h>

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#define FIRST_CAPACITY 1024

/* A table of less than a large page gains nothing from them. */
#define SMALL_PAGE 4096
#define LARGE_PAGE ((Size) 2 * 1024 * 1024)

/* Each file's keys have a table of their own, so that they find room. */
#define WAITING_FILES 16

/* A key that found the table full. */
typedef struct WaitingKey
{
	uint64		fingerprint;
	int64		line_no;
} WaitingKey;

struct KeySet
{
	MemoryContext context;
	uint64	   *places;
	uint64		capacity;		/* a power of two */
	uint64		most_capacity;	/* the same */
	uint64		count;
	BufFile    *waiting[WAITING_FILES];
};

/* ---- the table ---------------------------------------------------------- */

/*
 * One key after the other goes to another end of the table.  In large pages of
 * memory the processor knows the way to all of them.  Where the system has none
 * to give, it says so, and that is no harm.
 */
static void
ask_for_large_pages(void *memory, Size size)
{
#ifdef MADV_HUGEPAGE
	Size		before = -(uintptr_t) memory % SMALL_PAGE;

	if (size >= LARGE_PAGE)
		(void) madvise((char *) memory + before, TYPEALIGN_DOWN(SMALL_PAGE, size - before), MADV_HUGEPAGE);
#endif
}

static void
make_places(KeySet *set, uint64 capacity)
{
	Size		size = capacity * sizeof(uint64);

	set->capacity = capacity;
	set->places = MemoryContextAllocExtended(set->context, size, MCXT_ALLOC_HUGE);
	ask_for_large_pages(set->places, size);
	memset(set->places, 0, size);
}

KeySet *
key_set_create(Size memory, uint64 keys)
{
	KeySet	   *set = palloc0(sizeof(KeySet));
	uint64		capacity;

	set->context = CurrentMemoryContext;
	set->most_capacity = FIRST_CAPACITY;
	while (set->most_capacity <= memory / sizeof(uint64) / 2)
		set->most_capacity *= 2;
	capacity = FIRST_CAPACITY;
	while (capacity < set->most_capacity && capacity / 8 * 7 < keys)
		capacity *= 2;
	make_places(set, capacity);
	return set;
}

/* The place of a fingerprint, or the empty one where it belongs. */
static uint64 *
find_place(const KeySet *set, uint64 fingerprint)
{
	uint64		at = fingerprint & (set->capacity - 1);

	while (set->places[at] != 0 && set->places[at] != fingerprint)
		at = (at + 1) & (set->capacity - 1);
	return &set->places[at];
}

void
key_set_prefetch(const KeySet *set, uint64 fingerprint)
{
	__builtin_prefetch(&set->places[fingerprint & (set->capacity - 1)], 1);
}

/* The old table is there beside the new one: the last of them is a small one. */
static void
grow(KeySet *set)
{
	uint64	   *old_places = set->places;
	uint64		old_capacity = set->capacity;

	make_places(set, 4 * old_capacity >= set->most_capacity ? set->most_capacity : 2 * old_capacity);
	for (uint64 i = 0; i < old_capacity; i++)
	{
		if (old_places[i] != 0)
			*find_place(set, old_places[i]) = old_places[i];
	}
	pfree(old_places);
}

/* ---- keys that wait ------------------------------------------------------- */

/*
 * A key that is in the table has all its lines found there; one that is not has
 * all of them in one file, in the order of the lines.  The table's places go by
 * the lower bits, the files by the upper ones.
 */
static void
let_wait(KeySet *set, uint64 fingerprint, int64 line_no)
{
	BufFile   **file = &set->waiting[fingerprint / (PG_UINT64_MAX / WAITING_FILES + 1)];
	WaitingKey	key = {fingerprint, line_no};

	if (*file == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(set->context);

		*file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(caller);
	}
	BufFileWrite(*file, &key, sizeof(key));
}

bool
key_set_add(KeySet *set, uint64 fingerprint, int64 line_no)
{
	uint64	   *place = find_place(set, fingerprint);

	if (*place != 0)
		return false;
	if (set->count == set->capacity / 8 * 7)
	{
		if (set->capacity == set->most_capacity)
		{
			let_wait(set, fingerprint, line_no);
			return true;
		}
		grow(set);
		place = find_place(set, fingerprint);
	}
	*place = fingerprint;
	set->count++;
	return true;
}

static void
look_through(KeySet *set, BufFile *file, KeyTaker take, void *context)
{
	WaitingKey	key;

	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
	while (BufFileRead(file, &key, sizeof(key)) == sizeof(key))
	{
		CHECK_FOR_INTERRUPTS();
		if (!key_set_add(set, key.fingerprint, key.line_no))
			take(context, key.fingerprint, key.line_no);
	}
	BufFileClose(file);
}

/* What finds the table full once more waits in a new file. */
void
key_set_finish(KeySet *set, KeyTaker take, void *context)
{
	for (int i = 0; i < WAITING_FILES; i++)
	{
		while (set->waiting[i] != NULL)
		{
			BufFile    *file = set->waiting[i];

			set->waiting[i] = NULL;
			pfree(set->places);
			make_places(set, FIRST_CAPACITY);
			set->count = 0;
			look_through(set, file, take, context);
		}
	}
	pfree(set->places);
	pfree(set);
}
