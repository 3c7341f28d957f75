/*
 * Shared by live.c (streams, and waking them), live_poll.c (polls the store), live_subscribe.c
 * (reads channels), live_ingest.c (rows of both) and live_open.c.  Private to these.
 */
#ifndef TALLYD_HTTP_LIVE_PARTS_H
#define TALLYD_HTTP_LIVE_PARTS_H

#include <stdatomic.h>

#include "base/worker.h"
#include "live/held_rows.h"
#include "live/live.h"
#include "live/recent.h"
#include "ask/result_set.h"
#include "query/catalog_cache.h"

struct live_source {
	const char *channel; /* rows:TABLE */
	const char *table;
	struct ring_buffer ring;
	atomic_bool passes; /* rows of it pass through this daemon */
	atomic_bool fresh;  /* there are rows that waiting streams have not seen */
	/* Guarded by the live lock. */
	uint32_t streams;
	bool wanted;                   /* fetched: there are streams, or were a moment ago */
	int64_t left, due;             /* monotonic: when the last client left; when to poll */
	unsigned generation;           /* of fetching: grows when it begins */
	const struct catalog *catalog; /* as the store had it last; NULL: not known */

	pthread_mutex_t lock; /* guards what is below */
	struct recent recent;
	unsigned recent_generation;
	int64_t hold; /* monotonic: messages wait for a poll that begins then; 0: they do not */
	struct held_rows held; /* such rows */
};

struct live {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct live_source sources[LIVE_KINDS];
	live_allows_fn *allows; /* NULL: all may */
	const void *allows_arg;
	struct catalog_cache *tables;

	pthread_mutex_t lock;
	uint32_t n_streams;
	struct sse_client *waiting; /* suspended */
	bool closed, subscribed;    /* to the channels of all sources that are wanted */
	pthread_cond_t query;       /* what is wanted has changed, or is due; or it is over */
	pthread_cond_t subscribe;   /* what is wanted has changed; or it is over */
	int subscribe_fd;           /* readable: the same */

	atomic_size_t history; /* bytes of live_history_take() */
	struct worker waker, poller, subscriber;
};

/* Wakes the streams of a source, soon. */
void live_wake_clients(struct live *live, struct live_source *source);

/* With the live lock: rows of it are to be fetched. */
bool live_is_wanted(const struct live *live, const struct live_source *source);
/* Wakes poller and subscriber: this has changed. */
void live_want(struct live *live);

bool live_is_over(struct live *live); /* no more is to be shown */

void live_wake(void *live);      /* the waker's thread */
void live_poll(void *live);      /* the poller's thread */
void live_subscribe(void *live); /* the subscriber's */

#endif
