/* What live.c (streams, and waking them) and live_poll.c (asking the store) share.  Nobody else's.
 */
#ifndef TALLYD_HTTP_LIVE_PARTS_H
#define TALLYD_HTTP_LIVE_PARTS_H

#include <stdatomic.h>

#include "live.h"
#include "seen.h"
#include "tables.h"

struct live_source {
	const char *table;
	struct feed feed;
	atomic_bool passes; /* rows of it pass through this daemon */
	atomic_bool fresh;  /* there are rows that waiting streams have not seen */
	/* Guarded by the live lock. */
	uint32_t streams;
	unsigned generation; /* of polling: grows when the first stream comes */
	/* The poller's. */
	unsigned polled_generation;
	struct seen seen; /* rows of the last poll */
};

struct live {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct live_source sources[LIVE_KINDS];
	struct tables *tables;

	pthread_mutex_t lock;
	uint32_t n_streams;
	struct stream *waiting; /* suspended */
	bool closed;
	pthread_cond_t ask; /* a first stream came, or it is over */

	pthread_mutex_t nudge_lock; /* guards nudged; nothing is taken under it */
	pthread_cond_t nudge;
	bool nudged;

	pthread_t waker, poller;
	bool has_waker, has_poller;
};

/* Wakes the streams of a source, soon. */
void live_nudge(struct live *live, struct live_source *source);

void *live_poll(void *live); /* the poller's thread */

#endif
