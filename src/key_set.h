/*-------------------------------------------------------------------------
 *
 * key_set.h
 *	  Which keys of a file were there before.
 *
 * Keeps 64 bits of each key, so that 1.8 million keys take 16 MB.  Two keys that
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

/* An empty set in the current memory context. */
extern KeySet *key_set_create(void);

/*
 * The fingerprint of a key, made field by field: the first call takes 0, each
 * other one what the one before gave.
 */
extern uint64 key_set_fingerprint(uint64 so_far, const char *field, size_t length);

/*
 * Lets the memory where the fingerprint belongs come near.  The caller has
 * other work for about a row's time before it calls key_set_add.
 */
extern void key_set_prefetch(const KeySet *set, uint64 fingerprint);

/* Adds a key; false when it is in the set already. */
extern bool key_set_add(KeySet *set, uint64 fingerprint);

#endif							/* CALPADS_KEY_SET_H */
