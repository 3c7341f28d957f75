/*
 * The caches behind the memory, in their order: instances of other plugins (redis) that several API
 * processes share.  Only workers ask them, and a cache that is down or wrong changes no answer:
 * what is not found there comes from the store.
 *
 * An answer found there is used if it is younger than the TTL of its class and than the last
 * shared_cache_invalidate().  So processes that share a cache differ for no longer than the TTL,
 * whatever they hear of each other, and for a moment only if they hear of changes
 * (invalidation.h).
 */
#ifndef TALLYD_HTTP_SHARED_CACHE_H
#define TALLYD_HTTP_SHARED_CACHE_H

#include <tallyd/host.h>

#include "http_api.h"
#include "message/response.h"

struct shared_cache;

/* For a configuration that names such a cache.  NULL: no memory. */
struct shared_cache *shared_cache_create(struct tally_ctx *ctx, const struct http_config *config);
void shared_cache_destroy(struct shared_cache *shared); /* NULL is fine, here and below */

/* Owes response_drop(); NULL: not found. */
struct response *shared_cache_find(struct shared_cache *shared, enum cache_class kind,
				   const char *key);

/* For other processes; does nothing with errors and in quarantine.  asked: wall time from before
 * the store was asked. */
void shared_cache_put(struct shared_cache *shared, enum cache_class kind, const char *key,
		      const struct response *response, int64_t asked);

/* Answers made up to now are stale. */
void shared_cache_invalidate(struct shared_cache *shared, enum cache_class kind);

#endif
