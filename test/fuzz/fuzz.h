/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What fuzzers need: an entry, and a way to say that something is wrong.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_FUZZ_H
#define CALPADS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Called by libFuzzer; what it returns is always 0. */
extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#endif							/* CALPADS_FUZZ_H */
