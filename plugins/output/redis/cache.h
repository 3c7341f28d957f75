/*
 * The cache facet: get and set of values under `<prefix>v1:cache:`, from any thread, each within
 * cache_timeout.  Callers never connect; a thread of the cache does that.  After a failure, a late
 * reply among them, all calls fail at once until that thread has reached Redis again: it tries
 * after half a second, then less and less often, at least every 5 s.  It also probes every 2 s, so
 * that a loss shows where nobody uses the cache.  A loss is logged when it begins, once a minute,
 * and when it is over.
 */
#ifndef TALLYD_REDIS_CACHE_H
#define TALLYD_REDIS_CACHE_H

#include "connection.h"

struct cache;

/* template: a closed connection with the address; it is copied, but for wake_fd.  -errno as after
 * tally_fail(). */
int cache_start(const struct connection *template, struct cache **ret);
void cache_stop(struct cache *cache); /* NULL is fine; no call is running */

/* As in struct tally_cache_ops.  -EBUSY: the circuit is open, or no connection came free in time;
 * -E2BIG: longer than REDIS_MAX_VALUE. */
int cache_get(struct cache *cache, const char *key, struct tally_blob *ret);
int cache_set(struct cache *cache, const char *key, const void *data, size_t len, int64_t ttl_ns);

#endif
