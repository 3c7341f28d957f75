/*
 * Hears of rows that other daemons write: subscribes to what a shared cache publishes about the
 * tables that cached answers depend on (`rows:TABLE`).  Publishing keeps nothing for those who are
 * away, so after each connect, the first one too, anything may have changed.  A cache without
 * channels, or one that cannot be reached, leaves answers to their TTL.
 */
#ifndef TALLYD_HTTP_INVALIDATION_H
#define TALLYD_HTTP_INVALIDATION_H

#include <tallyd/buffer.h>
#include <tallyd/host.h>

struct invalidation;

/* On the subscriber's thread.  table NULL: anything may have changed. */
typedef void invalidation_fn(void *arg, const char *table);

/* cache outlives it.  -errno: no memory, no descriptor, no thread. */
int invalidation_open(struct tally_ctx *ctx, const struct tally_named_cache *cache,
		      invalidation_fn *changed, void *arg, struct invalidation **ret);
void invalidation_close(struct invalidation *invalidation); /* NULL is fine */

#endif
