/*
 * Any bytes as choices that make a district, among them rows that no SIS should
 * have: the promise (promise.h) holds, under the rules that are shipped.  The
 * first byte chooses whether what CALPADS holds is lawful, and whether there
 * are odd values.
 */
#ifndef FUZZ_DISTRICT_H
#define FUZZ_DISTRICT_H

#include "fuzz.h"
#include "promise.h"
#include "reference_data.h"

static inline int
judge_district(const Process *process, const uint8_t *data, size_t size)
{
	static Arena *shipped;
	static Arena *arena;
	static RuleBook rules;

	if (shipped == NULL)
	{
		shipped = arena_create(out_of_memory);
		arena = arena_create(out_of_memory);
		rules = load_process_book(shipped, process, 2025);
	}
	if (size == 0)
		return 0;
	MUST(promise_holds(arena, &rules, (Choices) {0, data + 1, size - 1}, data[0] & 1, data[0] & 2));
	arena_reset(arena);
	return 0;
}

#endif							/* FUZZ_DISTRICT_H */
