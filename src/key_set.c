/*-------------------------------------------------------------------------
 *
 * key_set.c
 *	  Which keys of a file were there before.
 *
 * Open addressing with linear probing over fingerprints; zero is an empty
 * place, and a key whose fingerprint is zero gets another one.
 *
 *-------------------------------------------------------------------------
 */
#include "key_set.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#define FIRST_CAPACITY 1024

struct KeySet
{
	MemoryContext context;
	uint64	   *places;
	uint64		capacity;		/* a power of two */
	uint64		count;
};

static uint64 *
make_places(MemoryContext context, uint64 capacity)
{
	return MemoryContextAllocExtended(context, capacity * sizeof(uint64),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

KeySet *
key_set_create(void)
{
	KeySet	   *set = palloc(sizeof(KeySet));

	set->context = CurrentMemoryContext;
	set->capacity = FIRST_CAPACITY;
	set->places = make_places(set->context, set->capacity);
	set->count = 0;
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

uint64
key_set_fingerprint(uint64 so_far, const char *field, size_t length)
{
	uint64		fingerprint = hash_bytes_extended((const unsigned char *) field, (int) length,
												  so_far);

	return fingerprint == 0 ? 1 : fingerprint;
}

void
key_set_prefetch(const KeySet *set, uint64 fingerprint)
{
	__builtin_prefetch(&set->places[fingerprint & (set->capacity - 1)], 1);
}

static void
grow(KeySet *set)
{
	uint64	   *old_places = set->places;
	uint64		old_capacity = set->capacity;

	set->capacity *= 2;
	set->places = make_places(set->context, set->capacity);
	for (uint64 i = 0; i < old_capacity; i++)
	{
		if (old_places[i] != 0)
			*find_place(set, old_places[i]) = old_places[i];
	}
	pfree(old_places);
}

bool
key_set_add(KeySet *set, uint64 fingerprint)
{
	uint64	   *place = find_place(set, fingerprint);

	if (*place != 0)
		return false;
	*place = fingerprint;
	set->count++;
	if (set->count > set->capacity / 8 * 7)
		grow(set);
	return true;
}
