/*
 * Batches that a spool has in memory: those borrowed, and the newest pushed, so that an output
 * which keeps up is given them without reading the file.  A sorted array of references; the owner
 * says what is borrowed.  No locks: the core calls a buffer from one thread at a time.
 */
#ifndef TALLYD_SPOOL_CACHE_H
#define TALLYD_SPOOL_CACHE_H

#include <tallyd/host.h>

struct spool_cache_entry {
	uint64_t sequence;
	const struct tally_batch *batch; /* a reference of its own */
	size_t bytes;
};

struct spool_cache {
	struct tally_ctx *ctx;
	struct spool_cache_entry *entries; /* by sequence */
	size_t n, room, bytes;
};

/* Valid until the next change; NULL: not in memory. */
const struct spool_cache_entry *spool_cache_find(const struct spool_cache *cache,
						 uint64_t sequence);
/* Takes a reference of its own.  -ENOMEM. */
int spool_cache_add(struct spool_cache *cache, uint64_t sequence, const struct tally_batch *batch);
/* Of the entries in (after, up_to] that are in memory. */
size_t spool_cache_bytes(const struct spool_cache *cache, uint64_t after, uint64_t up_to);
void spool_cache_remove(struct spool_cache *cache, uint64_t sequence);
void spool_cache_forget(struct spool_cache *cache, uint64_t up_to);
/* Drops the oldest entries that are not borrowed until at most so many bytes are left. */
typedef bool spool_borrowed_fn(const void *arg, uint64_t sequence);
void spool_cache_shrink(struct spool_cache *cache, size_t bytes, spool_borrowed_fn *borrowed,
			const void *arg);
void spool_cache_done(struct spool_cache *cache);

#endif
