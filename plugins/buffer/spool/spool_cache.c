/*
 * Batches in memory, in an array sorted by sequence: pushes append, acknowledging cuts off the
 * front, and look-ups are binary searches.  Each entry holds a reference of its own, so dropping it
 * here takes nothing from other holders of the batch.  Called for each push and fetch, under the
 * journal's lock. Without memory nothing is lost: the entry is read from the file later.
 */
#include "spool_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of the first entry that is not before it. */
static size_t spool_cache_index(const struct spool_cache *cache, uint64_t sequence)
{
	size_t low = 0, high = cache->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (cache->entries[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct spool_cache_entry *spool_cache_find(const struct spool_cache *cache, uint64_t sequence)
{
	size_t at = spool_cache_index(cache, sequence);
	return at < cache->n && cache->entries[at].sequence == sequence ? &cache->entries[at]
									: NULL;
}

int spool_cache_add(struct spool_cache *cache, uint64_t sequence, const struct tally_batch *batch)
{
	if (cache->n == cache->room) {
		size_t room = cache->room ? cache->room * 2 : 64;
		void *grown = reallocarray(cache->entries, room, sizeof(*cache->entries));
		if (!grown)
			return -ENOMEM;
		cache->entries = grown;
		cache->room = room;
	}
	/* At the end for a push; in the middle for an entry that was read from the file again. */
	size_t at = spool_cache_index(cache, sequence);
	memmove(cache->entries + at + 1, cache->entries + at,
		(cache->n - at) * sizeof(*cache->entries));
	tally_batch_keep(cache->ctx, batch);
	cache->entries[at] = (struct spool_cache_entry){
		.sequence = sequence,
		.batch = batch,
		.bytes = tally_batch_bytes(cache->ctx, batch),
	};
	cache->n++;
	cache->bytes += cache->entries[at].bytes;
	return 0;
}

size_t spool_cache_bytes(const struct spool_cache *cache, uint64_t after, uint64_t up_to)
{
	size_t bytes = 0;
	for (size_t i = spool_cache_index(cache, after + 1);
	     i < cache->n && cache->entries[i].sequence <= up_to; i++)
		bytes += cache->entries[i].bytes;
	return bytes;
}

static void spool_cache_cut(struct spool_cache *cache, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++) {
		cache->bytes -= cache->entries[i].bytes;
		tally_batch_drop(cache->ctx, cache->entries[i].batch);
	}
	if (n > 0)
		memmove(cache->entries + at, cache->entries + at + n,
			(cache->n - at - n) * sizeof(*cache->entries));
	cache->n -= n;
}

void spool_cache_remove(struct spool_cache *cache, uint64_t sequence)
{
	if (spool_cache_find(cache, sequence))
		spool_cache_cut(cache, spool_cache_index(cache, sequence), 1);
}

void spool_cache_forget(struct spool_cache *cache, uint64_t up_to)
{
	size_t n = 0;
	while (n < cache->n && cache->entries[n].sequence <= up_to)
		n++;
	spool_cache_cut(cache, 0, n);
}

void spool_cache_shrink(struct spool_cache *cache, size_t bytes, spool_borrowed_fn *borrowed,
			const void *arg)
{
	/* The oldest first: an output that keeps up needs the newest, one that lags reads the
	 * file. */
	for (size_t i = 0; i < cache->n && cache->bytes > bytes;) {
		if (borrowed(arg, cache->entries[i].sequence))
			i++;
		else
			spool_cache_cut(cache, i, 1);
	}
}

void spool_cache_done(struct spool_cache *cache)
{
	spool_cache_cut(cache, 0, cache->n);
	free(cache->entries);
	cache->entries = NULL;
	cache->room = 0;
}
