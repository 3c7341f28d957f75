/*
 * The cache facet: get and set of values under `<prefix>v1:cache:`, from any thread, each within
 * cache_timeout.  Nobody who asks ever connects: links are made by a thread of the keeper's own.
 * After the first failure, a late answer among them, all links are closed and Redis is not asked
 * until that thread has reached it again, at first after half a second, then after up to 5.  It
 * also asks now and then by itself, so that a Redis that is gone is noticed where nobody asks.  A
 * loss is told when it begins, once a minute, and when it is over.
 */
#ifndef TALLYD_REDIS_CACHE_H
#define TALLYD_REDIS_CACHE_H

#include "connection.h"

struct cache;

/* how: a closed link that says where to; wake_fd is the keeper's own.  -errno as after
 * tally_fail(). */
int cache_start(const struct connection *template, struct cache **ret);
void cache_stop(struct cache *cache); /* NULL is fine; nobody is inside */

/* As in struct tally_keeper.  -EBUSY: resting, or no link came free in time; -E2BIG: longer than
 * REDIS_MAX_VALUE. */
int cache_get(struct cache *cache, const char *key, struct tally_blob *ret);
int cache_set(struct cache *cache, const char *key, const void *data, size_t len, int64_t ttl_ns);

#endif
