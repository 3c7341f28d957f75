/*
 * Open addressing, at most half full.  Nothing is removed one by one: whoever clears out an array
 * puts what is left into an index that was cleared, which cannot fail.
 */
#include "evaluate/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_LEAST = 64 };

static uint64_t as_key(uint64_t hash)
{
	return hash ? hash : 1;
}

static struct index_slot *find(struct index_slot *slots, size_t mask, uint64_t key)
{
	size_t at = key & mask;
	while (slots[at].hash && slots[at].hash != key)
		at = (at + 1) & mask;
	return &slots[at];
}

uint32_t index_get(const struct index *index, uint64_t hash)
{
	if (!index->slots)
		return INDEX_NONE;
	const struct index_slot *slot = find(index->slots, index->mask, as_key(hash));
	return slot->hash ? slot->place : INDEX_NONE;
}

static int grow(struct index *index)
{
	size_t size = index->slots ? 2 * (index->mask + 1) : INDEX_LEAST;
	struct index_slot *slots = calloc(size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; index->slots && i <= index->mask; i++)
		if (index->slots[i].hash)
			*find(slots, size - 1, index->slots[i].hash) = index->slots[i];
	free(index->slots);
	index->slots = slots;
	index->mask = size - 1;
	return 0;
}

int index_put(struct index *index, uint64_t hash, uint32_t place)
{
	if (!index->slots || 2 * (index->n + 1) > index->mask + 1) {
		int r = grow(index);
		if (r < 0)
			return r;
	}
	struct index_slot *slot = find(index->slots, index->mask, as_key(hash));
	index->n += !slot->hash;
	*slot = (struct index_slot){as_key(hash), place};
	return 0;
}

void index_clear(struct index *index)
{
	if (index->slots)
		memset(index->slots, 0, (index->mask + 1) * sizeof(*index->slots));
	index->n = 0;
}

void index_done(struct index *index)
{
	free(index->slots);
	*index = (struct index){0};
}
