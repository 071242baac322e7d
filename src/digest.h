/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  Values as one number of 64 bits, so that equal rows are found at the
 *	  price of one comparison.
 *
 * A digest takes up values word by word.  Each step is a bijection of the word,
 * so two rows that differ in one value of at most eight bytes never have the
 * same digest.  Digests live as long as a comparison and are stored nowhere.
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_DIGEST_H
#define CALPADS_DIGEST_H

#include <stdint.h>
#include <string.h>

#include "field.h"

static inline uint64_t
digest_word(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return digest ^ (digest >> 29);
}

static inline uint64_t
digest_load(const char *bytes, size_t length)
{
	uint32_t	first,
				last;

	if (length == sizeof(uint64_t))
	{
		uint64_t	word;

		memcpy(&word, bytes, sizeof(word));
		return word;
	}
	if (length >= sizeof(first))
	{
		/* The two halves overlap; with the length they say all. */
		memcpy(&first, bytes, sizeof(first));
		memcpy(&last, bytes + length - sizeof(last), sizeof(last));
		return first | (uint64_t) last << 32;
	}
	first = 0;
	for (size_t i = 0; i < length; i++)
		first = first << 8 | (uint8_t) bytes[i];
	return first;
}

/*
 * Takes up the value of a field.  Field and length keep it apart from values of
 * other fields, so that empty fields need not be taken up at all.
 */
static inline uint64_t
digest_text(uint64_t digest, int field, FieldText value)
{
	uint64_t	head = (uint64_t) field << 56 | (uint64_t) (value.length + 1) << 24;

	if (value.length <= 3)
		return digest_word(digest, head | digest_load(value.data, value.length));
	digest = digest_word(digest, head);
	for (; value.length > sizeof(uint64_t); value.data += sizeof(uint64_t), value.length -= sizeof(uint64_t))
		digest = digest_word(digest, digest_load(value.data, sizeof(uint64_t)));
	return digest_word(digest, digest_load(value.data, value.length));
}

static inline uint64_t
digest_day(uint64_t digest, int field, DayNumber day)
{
	return digest_word(digest, (uint64_t) field << 56 | (uint32_t) day);
}

/* Spreads the last steps of a digest over all bits. */
static inline uint64_t
digest_spread(uint64_t digest)
{
	digest = (digest ^ (digest >> 33)) * UINT64_C(0xFF51AFD7ED558CCD);
	digest = (digest ^ (digest >> 33)) * UINT64_C(0xC4CEB9FE1A85EC53);
	return digest ^ (digest >> 33);
}

#endif							/* CALPADS_DIGEST_H */
