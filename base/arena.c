/*
 * A list of blocks, each filled from its front.  A text that is larger than a block gets one of its
 * own size.  Used where many small things live and die together: the configuration, a plan, an
 * answer. Nothing is freed alone, which is why it needs no headers and no search.  The only failure
 * is that there is no memory.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { ARENA_BLOCK_SIZE = 4096 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void arena_done(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
}

static struct arena_block *arena_block(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	if (block && block->size - block->used >= size)
		return block;
	size_t room = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
	block = calloc(1, sizeof(*block) + room);
	if (!block)
		return NULL;
	block->next = arena->blocks;
	block->size = room;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_block *block = arena_block(arena, size);
	if (!block)
		return NULL;
	void *memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

char *arena_format(struct arena *arena, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		text = NULL;
		return NULL;
	}
	return arena_copy(arena, text, (size_t)len);
}
