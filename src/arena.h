/*-------------------------------------------------------------------------
 *
 * arena.h
 *	  Memory for records that live and die together.
 *
 * What is taken from an arena is never given back one by one: arena_reset
 * frees all of it, arena_destroy the arena as well.  Server-free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_ARENA_H
#define CALPADS_ARENA_H

#include <stddef.h>

typedef struct Arena Arena;

/*
 * Called when the machine has no memory left.  It must not return: in the
 * server it raises an error, in a plain program it ends the program.
 */
typedef void (*ArenaExhausted) (size_t wanted);

extern Arena *arena_create(ArenaExhausted exhausted);

/* Zeroed memory, aligned for any type. */
extern void *arena_allocate(Arena *arena, size_t size);

/* A NUL-terminated copy. */
extern char *arena_copy(Arena *arena, const char *text, size_t length);

/* printf into the arena. */
extern char *arena_print(Arena *arena, const char *format,...)
			__attribute__((format(printf, 2, 3)));

extern void arena_reset(Arena *arena);
extern void arena_destroy(Arena *arena);

#endif							/* CALPADS_ARENA_H */
