/*
 * Tags → series id, in memory, so that a row costs no look-up in the file.  Bounded: when it is
 * full it is emptied, and fills again with what is still written.  One thread at a time.
 */
#ifndef TALLYD_SQLITE_SERIES_CACHE_H
#define TALLYD_SQLITE_SERIES_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct series_cache;

struct series_cache *series_create(void);
void series_destroy(struct series_cache *cache);
void series_clear(struct series_cache *cache);

/* The tags as bytes.  0: not known; ids begin at 1. */
int64_t series_find(const struct series_cache *cache, const void *key, size_t len);
/* Without memory it is just not remembered. */
void series_add(struct series_cache *cache, const void *key, size_t len, int64_t id);

#endif
