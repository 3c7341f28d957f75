/*
 * The caches behind the memory, in their order: instances of other plugins (redis) that several API
 * processes share.  Only workers ask them, and a cache that is down or wrong changes no answer:
 * what is not found there comes from the store.
 *
 * An answer is used only if nothing has changed since it was made, as far as this process knows: it
 * carries the current version of its class (a hash of what the caches have under rows:TABLE, set by
 * whoever writes rows of that table there), and is younger than the last shared_cache_invalidate().
 * A thread reads the versions four times a second, so that a change reaches the memory of every
 * process, too.
 */
#ifndef TALLYD_HTTP_SHARED_CACHE_H
#define TALLYD_HTTP_SHARED_CACHE_H

#include <tallyd/host.h>

#include "http_api.h"
#include "message/response.h"

struct shared_cache;

typedef void shared_cache_changed_fn(void *arg, enum cache_class kind);

/* 0 and NULL: none are configured.  changed: called in the thread that reads versions.  -errno: no
 * memory, no thread. */
int shared_cache_open(struct tally_ctx *ctx, const struct http_config *config,
		      shared_cache_changed_fn *changed, void *arg, struct shared_cache **ret);
void shared_cache_close(struct shared_cache *shared); /* NULL is fine, here and below */

/* The version of the class; read it before asking the store. */
uint64_t shared_cache_version(struct shared_cache *shared, enum cache_class kind);

/* Owes response_drop(); NULL: not found. */
struct response *shared_cache_find(struct shared_cache *shared, enum cache_class kind,
				   const char *key);

/* For other processes; does nothing with errors and in quarantine.  version: from before the store
 * was asked. */
void shared_cache_put(struct shared_cache *shared, enum cache_class kind, const char *key,
		      const struct response *response, uint64_t version);

/* Answers made up to now are stale. */
void shared_cache_invalidate(struct shared_cache *shared, enum cache_class kind);

#endif
