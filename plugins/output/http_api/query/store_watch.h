/*
 * Whether the store answers, over all requests and streams: logged once when it is lost, once a
 * minute with since when, and once when it is back; not once per request that failed.  Any thread.
 */
#ifndef TALLYD_HTTP_STORE_WATCH_H
#define TALLYD_HTTP_STORE_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <tallyd/host.h>

struct store_watch {
	struct tally_ctx *ctx;
	int64_t made;
	pthread_mutex_t lock;                  /* guards since and told */
	int64_t since, told;                   /* monotonic ns; since 0: it answers */
	atomic_uint failures;                  /* questions since then */
	atomic_int_least64_t answered, failed; /* last; monotonic ns */
};

void store_watch_init(struct store_watch *watch, struct tally_ctx *ctx);
void store_watch_done(struct store_watch *watch);

/* A query failed with that -errno; tally_reason() says why. */
void store_watch_failed(struct store_watch *watch, int error);
void store_watch_answered(struct store_watch *watch);
/* It named its tables: a store may do that from memory for a second after it was lost. */
void store_watch_named(struct store_watch *watch);

/* The same for the client: a sentence without the store's inner details.  For the error and the
 * reason of this thread's last query. */
const char *store_watch_says(struct tally_ctx *ctx, int error);

#endif
