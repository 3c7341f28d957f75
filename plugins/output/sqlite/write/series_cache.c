/*
 * Tags to series id in memory, one per table and under the store's turn, so that a row of a known
 * series costs no statement.  A hash table with chains; entries carry their key behind them.  When
 * it is full all of it goes: it fills again from the file within one round of the inputs, and needs
 * no order of use.
 */
#include "write/series_cache.h"

#include <stdlib.h>
#include <string.h>

enum { SERIES_SLOTS = 4096, SERIES_MAX_ENTRIES = 16384, SERIES_MAX_BYTES = 8 << 20 };

struct series_entry {
	struct series_entry *next;
	int64_t id;
	size_t len;
	char key[];
};

struct series_cache {
	uint32_t n_entries;
	size_t bytes;
	struct series_entry *slots[SERIES_SLOTS];
};

/* FNV-1a. */
static uint32_t series_slot(const void *key, size_t len)
{
	const unsigned char *bytes = key;
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return (uint32_t)(hash ^ hash >> 32) % SERIES_SLOTS;
}

struct series_cache *series_create(void)
{
	return calloc(1, sizeof(struct series_cache));
}

void series_clear(struct series_cache *cache)
{
	for (uint32_t i = 0; i < SERIES_SLOTS && cache->n_entries; i++)
		while (cache->slots[i]) {
			struct series_entry *entry = cache->slots[i];
			cache->slots[i] = entry->next;
			free(entry);
			cache->n_entries--;
		}
	cache->bytes = 0;
}

void series_destroy(struct series_cache *cache)
{
	if (!cache)
		return;
	series_clear(cache);
	free(cache);
}

int64_t series_find(const struct series_cache *cache, const void *key, size_t len)
{
	const struct series_entry *entry = cache->slots[series_slot(key, len)];
	while (entry && (entry->len != len || memcmp(entry->key, key, len) != 0))
		entry = entry->next;
	return entry ? entry->id : 0;
}

void series_add(struct series_cache *cache, const void *key, size_t len, int64_t id)
{
	/* Bounded, since whoever sets labels decides how many series there are. */
	if (cache->n_entries >= SERIES_MAX_ENTRIES || cache->bytes + len > SERIES_MAX_BYTES)
		series_clear(cache);
	struct series_entry *entry = malloc(sizeof(*entry) + len);
	if (!entry)
		return;
	struct series_entry **slot = &cache->slots[series_slot(key, len)];
	*entry = (struct series_entry){.next = *slot, .id = id, .len = len};
	memcpy(entry->key, key, len);
	*slot = entry;
	cache->n_entries++;
	cache->bytes += sizeof(*entry) + len;
}
