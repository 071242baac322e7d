/*-------------------------------------------------------------------------
 *
 * key_set.h
 *	  Which keys of a file were there before.
 *
 * Keeps 64 bits of each key, so that 1.8 million keys take 16 MB.  Memory is
 * bounded: keys beyond it wait in temporary files until the end.  Two keys that
 * differ are taken for the same with a chance of n * n / 2^65: for a file of a
 * million records once in 37 million files.  That one record would be set
 * aside, and its student held.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_KEY_SET_H
#define CALPADS_KEY_SET_H

#include "postgres.h"

typedef struct KeySet KeySet;

/*
 * An empty set in the current memory context, whose table takes at most so many
 * bytes; about so many keys are to come.
 */
extern KeySet *key_set_create(Size memory, uint64 keys);

/*
 * A fingerprint is a digest of the key's fields (digest.h), and not zero.
 *
 * Lets the memory where the fingerprint belongs come near.  The caller has
 * other work for about a row's time before it calls key_set_add.
 */
extern void key_set_prefetch(const KeySet *set, uint64 fingerprint);

/*
 * Adds the key of a line; false when it is known to be in the set already.  Of
 * a key that must wait that is told at the end.
 */
extern bool key_set_add(KeySet *set, uint64 fingerprint, int64 line_no);

/* Called for a line whose key waited, and was in the set already. */
typedef void (*KeyTaker) (void *context, uint64 fingerprint, int64 line_no);

/* Looks through the keys that wait, which gives lines in no order, and ends the set. */
extern void key_set_finish(KeySet *set, KeyTaker take, void *context);

#endif							/* CALPADS_KEY_SET_H */
