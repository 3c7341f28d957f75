/*
 * A hash table with open addressing and linear probing; the tags stand one after the other in one
 * block, so adding a series allocates nothing in the usual case.  The writers of both stores use
 * it, one cache per table, for every row, on the thread that writes.  It never fails: without
 * memory a series is not remembered, and the database is asked again.  At most half the slots are
 * taken, and none is ever removed, so a probe ends soon.
 */
#include "store/series_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"

enum { SERIES_CACHE_FIRST_SLOTS = 1024 };

struct series_cache {
	uint32_t *slots; /* entry + 1; 0: free */
	uint32_t n_slots, n;
	struct series_cache_entry *entries; /* room for half as many as there are slots */
	uint32_t last;                      /* entry that was found last */
	size_t max_bytes;                   /* of tags and entries */
	struct strbuf bytes;
};

struct series_cache *series_cache_create(size_t max_bytes)
{
	struct series_cache *cache = calloc(1, sizeof(*cache));
	if (cache)
		cache->max_bytes = max_bytes;
	return cache;
}

void series_cache_destroy(struct series_cache *cache)
{
	if (!cache)
		return;
	free(cache->slots);
	free(cache->entries);
	strbuf_done(&cache->bytes);
	free(cache);
}

void series_cache_clear(struct series_cache *cache)
{
	if (cache->slots)
		memset(cache->slots, 0, cache->n_slots * sizeof(*cache->slots));
	cache->n = cache->last = 0;
	strbuf_clear(&cache->bytes);
}

/* A fixed seed folds into the hash.  Who could choose tags that collide may create containers, and
 * so is root on the host already. */
static uint64_t series_cache_hash(const void *tags, size_t len)
{
	return hash_bytes(0, tags, len);
}

static uint32_t *series_cache_slot(const struct series_cache *cache, uint64_t hash,
				   const void *tags, size_t len)
{
	/* Ends, since at least half the slots are free. */
	for (uint32_t at = (uint32_t)hash;; at++) {
		uint32_t *slot = &cache->slots[at & (cache->n_slots - 1)];
		if (*slot == 0)
			return slot;
		const struct series_cache_entry *entry = &cache->entries[*slot - 1];
		if (entry->hash == hash && entry->len == len &&
		    memcmp(cache->bytes.data + entry->at, tags, len) == 0)
			return slot;
	}
}

/* ---- Finding ------------------------------------------------------------------ */

const struct series_cache_entry *series_cache_guess(const struct series_cache *cache,
						    const char **ret_tags)
{
	if (cache->n == 0)
		return NULL;
	const struct series_cache_entry *entry = &cache->entries[cache->entries[cache->last].next];
	*ret_tags = cache->bytes.data + entry->at;
	return entry;
}

void series_cache_confirm(struct series_cache *cache, const struct series_cache_entry *entry)
{
	cache->last = (uint32_t)(entry - cache->entries);
}

int64_t series_cache_find(struct series_cache *cache, const void *tags, size_t len)
{
	uint32_t slot =
		cache->n ? *series_cache_slot(cache, series_cache_hash(tags, len), tags, len) : 0;
	if (slot == 0)
		return 0;
	/* What followed the last one is what will be guessed after it. */
	cache->entries[cache->last].next = slot - 1;
	cache->last = slot - 1;
	return cache->entries[slot - 1].series;
}

/* ---- Adding ------------------------------------------------------------------- */

static bool series_cache_grow(struct series_cache *cache)
{
	if (2 * (cache->n + 1) <= cache->n_slots)
		return true;
	uint32_t n = cache->n_slots ? 2 * cache->n_slots : SERIES_CACHE_FIRST_SLOTS;
	struct series_cache_entry *entries = realloc(cache->entries, n / 2 * sizeof(*entries));
	if (!entries)
		return false;
	cache->entries = entries;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	free(cache->slots);
	cache->slots = slots;
	cache->n_slots = n;
	for (uint32_t i = 0; i < cache->n; i++)
		*series_cache_slot(cache, entries[i].hash, cache->bytes.data + entries[i].at,
				   entries[i].len) = i + 1;
	return true;
}

void series_cache_add(struct series_cache *cache, const void *tags, size_t len, int64_t series)
{
	/* Whoever sets labels decides how many series there are.  Emptying the cache beats ageing
	 * single entries: it costs one more statement per batch until it is warm again, and happens
	 * only where series come and go. */
	if (cache->bytes.len + len + cache->n * sizeof(*cache->entries) > cache->max_bytes)
		series_cache_clear(cache);
	if (series == 0 || !series_cache_grow(cache))
		return;
	uint64_t hash = series_cache_hash(tags, len);
	uint32_t *slot = series_cache_slot(cache, hash, tags, len);
	if (*slot) {
		cache->entries[*slot - 1].series = series;
		return;
	}
	size_t at = cache->bytes.len;
	strbuf_bytes(&cache->bytes, tags, len);
	if (cache->bytes.failed) {
		series_cache_clear(cache);
		return;
	}
	cache->entries[cache->n] = (struct series_cache_entry){
		.hash = hash, .at = at, .series = series, .len = (uint32_t)len};
	*slot = ++cache->n;
}
