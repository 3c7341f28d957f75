/*
 * Caches behind the memory, in their order: other instances that keep bytes, and that several API
 * processes share.  They are asked by the workers only, and whatever they do, the answer is the
 * same: found there, or else fetched from the store.
 *
 * An answer is taken only if nothing has changed since it was made, as far as this process knows:
 * it bears the mark of its kind (what the caches say under rows:TABLE, set by whoever writes rows
 * of that table there), and is younger than the last shared_cache_invalidate().  A thread looks at
 * the marks a few times a second, so that a change shows in the memory of every process, too.
 */
#ifndef TALLYD_HTTP_SHARED_CACHE_H
#define TALLYD_HTTP_SHARED_CACHE_H

#include <tallyd/host.h>

#include "http_api.h"
#include "message/response.h"

struct shared_cache;

typedef void shared_cache_changed_fn(void *arg, enum cache_class kind);

/* 0 and NULL: there are none.  changed: called in the thread that looks at the marks.  -errno: no
 * memory, no thread. */
int shared_cache_open(struct tally_ctx *ctx, const struct http_config *config,
		      shared_cache_changed_fn *changed, void *arg, struct shared_cache **ret);
void shared_cache_close(struct shared_cache *shared); /* NULL is fine, here and below */

/* What is known of changes now: to be asked before the store is. */
uint64_t shared_cache_version(struct shared_cache *shared, enum cache_class kind);

/* NULL: nowhere. */
struct response *shared_cache_find(struct shared_cache *shared, enum cache_class kind,
				   const char *key);

/* For the others, if it is one to share. */
void shared_cache_put(struct shared_cache *shared, enum cache_class kind, const char *key,
		      const struct response *response, uint64_t version);

/* What was made up to now is old. */
void shared_cache_invalidate(struct shared_cache *shared, enum cache_class kind);

#endif
