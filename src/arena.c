/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  Memory for records that live and die together.
 *
 *-------------------------------------------------------------------------
 */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t) 64 * 1024)
#define ALIGNMENT (sizeof(long double))

typedef struct Block
{
	struct Block *next;
	size_t		size;
	size_t		used;
	long double data[];			/* the strictest alignment there is */
} Block;

struct Arena
{
	ArenaExhausted exhausted;
	Block	   *blocks;
};

Arena *
arena_create(ArenaExhausted exhausted)
{
	Arena	   *arena = calloc(1, sizeof(Arena));

	if (arena == NULL)
	{
		exhausted(sizeof(Arena));
		abort();
	}
	arena->exhausted = exhausted;
	return arena;
}

static Block *
add_block(Arena *arena, size_t size)
{
	size_t		wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	Block	   *block = malloc(sizeof(Block) + wanted);

	if (block == NULL)
	{
		arena->exhausted(wanted);
		abort();
	}
	block->next = arena->blocks;
	block->size = wanted;
	block->used = 0;
	arena->blocks = block;
	return block;
}

void *
arena_allocate(Arena *arena, size_t size)
{
	Block	   *block = arena->blocks;
	void	   *memory;

	size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (block == NULL || block->size - block->used < size)
		block = add_block(arena, size);
	memory = (char *) block->data + block->used;
	block->used += size;
	return memset(memory, 0, size);
}

char *
arena_copy(Arena *arena, const char *text, size_t length)
{
	char	   *copy = arena_allocate(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *
arena_print(Arena *arena, const char *format,...)
{
	va_list		arguments;
	int			length;
	char	   *text;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);

	text = arena_allocate(arena, (size_t) length + 1);
	va_start(arguments, format);
	vsnprintf(text, (size_t) length + 1, format, arguments);
	va_end(arguments);
	return text;
}

void
arena_reset(Arena *arena)
{
	while (arena->blocks != NULL)
	{
		Block	   *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

void
arena_destroy(Arena *arena)
{
	if (arena == NULL)
		return;
	arena_reset(arena);
	free(arena);
}
