/*
 * Tags → number of their series, in memory, so that a row costs no look-up in the database.
 * Bounded: full, it is emptied, and fills again with what is still written.  An input brings its
 * things in the same order each time, so the series that followed last time can be guessed first.
 * Each store makes the key from the tags in its own form.  One thread at a time.
 */
#ifndef TALLYD_PLUGINS_COMMON_SERIES_CACHE_H
#define TALLYD_PLUGINS_COMMON_SERIES_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct series_cache;

struct series_cache *series_cache_create(size_t max_bytes); /* NULL: no memory */
void series_cache_destroy(struct series_cache *cache);
void series_cache_clear(struct series_cache *cache);

struct series_cache_entry {
	uint64_t hash;
	size_t at; /* of its tags */
	int64_t series;
	uint32_t len;
	uint32_t next; /* that followed it last time */
};

/* A guess at the next row's series; NULL: none.  Valid until something is added. */
const struct series_cache_entry *series_cache_guess(const struct series_cache *cache,
						    const char **ret_tags);
void series_cache_confirm(struct series_cache *cache, const struct series_cache_entry *entry);

/* The tags as bytes.  0: not known; series begin at 1. */
int64_t series_cache_find(struct series_cache *cache, const void *tags, size_t len);
/* Without memory it is just not remembered. */
void series_cache_add(struct series_cache *cache, const void *tags, size_t len, int64_t series);

#endif
