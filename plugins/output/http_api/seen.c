#include "seen.h"

#include <errno.h>
#include <stdlib.h>

enum { SEEN_LEAST = 64 };

int seen_init(struct seen *seen, size_t room)
{
	size_t size = SEEN_LEAST;
	while (size < 2 * room)
		size *= 2;
	seen->mask = size - 1;
	seen->slots = calloc(size, sizeof(*seen->slots));
	return seen->slots ? 0 : -ENOMEM;
}

void seen_done(struct seen *seen)
{
	free(seen->slots);
	*seen = (struct seen){.slots = NULL};
}

static uint64_t *seen_place(const struct seen *seen, uint64_t hash)
{
	size_t at = (hash ^ hash >> 32) & seen->mask;
	while (seen->slots[at] && seen->slots[at] != hash)
		at = (at + 1) & seen->mask;
	return &seen->slots[at];
}

bool seen_add(struct seen *seen, uint64_t hash)
{
	uint64_t *place = seen_place(seen, hash | 1);
	bool fresh = *place == 0;
	*place = hash | 1;
	return fresh;
}

bool seen_has(const struct seen *seen, uint64_t hash)
{
	return seen->slots && *seen_place(seen, hash | 1) != 0;
}
