/*
 * Memory that goes all at once: what a configuration or a plan is made of lives in one of these,
 * so that its many small texts need no owners of their own.  Zeroed, aligned for anything.
 */
#ifndef TALLYD_BASE_ARENA_H
#define TALLYD_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed is empty. */
struct arena {
	struct arena_block *blocks;
};

void arena_done(struct arena *arena);

/* NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const char *text, size_t len); /* NUL-terminated */
char *arena_text(struct arena *arena, const char *text);
__attribute__((format(printf, 2, 3))) char *arena_format(struct arena *arena, const char *fmt, ...);

#endif
