/*
 * A thread per shared cache, started and stopped by dispatch.c.  It subscribes, blocks in the cache
 * until a message comes, and passes the name of the table on; the row itself does not matter here.
 * When the connection is lost it subscribes anew, after up to a quarter of a second, then up to 5.
 *
 * Until then nothing is invalidated from elsewhere.  Answers are not distrusted meanwhile: a Redis
 * that is gone must not turn into load on the database, and the TTL bounds how old they get.
 */
#include "cache/invalidation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/worker.h"
#include "cache/cache_policy.h"

static const char invalidation_channel[] = "rows:"; /* and the table */

struct invalidation {
	struct tally_ctx *ctx;
	const struct tally_named_cache *cache;
	invalidation_fn *changed;
	void *arg;
	struct worker worker;
	int stop_fd; /* readable: ends the subscription */
	/* Of the thread. */
	bool subscribed, logged;
	bool pending[CACHE_TABLES]; /* messages came, and more may be on their way */
	struct backoff backoff;
};

/* Once per table however many rows were published: each change makes fetches start anew. */
static void invalidation_flush(struct invalidation *invalidation)
{
	for (int i = 0; i < CACHE_TABLES; i++) {
		if (invalidation->pending[i])
			invalidation->changed(invalidation->arg, cache_tables[i]);
		invalidation->pending[i] = false;
	}
}

/* channel NULL: all channels are subscribed, or there are no more messages now. */
static int invalidation_message(void *arg, const char *channel, char *text, size_t len)
{
	struct invalidation *invalidation = arg;
	(void)text;
	(void)len;
	if (channel) {
		for (int i = 0; i < CACHE_TABLES; i++)
			if (strcmp(channel + strlen(invalidation_channel), cache_tables[i]) == 0)
				invalidation->pending[i] = true;
		return 0;
	}
	invalidation_flush(invalidation);
	if (!invalidation->subscribed) {
		invalidation->subscribed = true;
		backoff_reset(&invalidation->backoff);
		invalidation->changed(invalidation->arg, NULL);
		if (invalidation->logged)
			tally_log(invalidation->ctx, TALLY_NOTICE,
				  "cache: subscribed to %s again; changes made elsewhere show at "
				  "once",
				  invalidation->cache->name);
		invalidation->logged = false;
	}
	return 0;
}

/* From the second failure on: the first is usual while the other plugin starts or reconnects. */
static void invalidation_log(struct invalidation *invalidation)
{
	if (invalidation->logged || invalidation->backoff.failures == 0)
		return;
	invalidation->logged = true;
	tally_log(invalidation->ctx, TALLY_WARNING,
		  "cache: cannot subscribe to %s: %s; until then changes made elsewhere show only "
		  "after cache_ttl_containers and cache_ttl_images",
		  invalidation->cache->name, tally_reason(invalidation->ctx));
}

static void invalidation_run(void *arg)
{
	struct invalidation *invalidation = arg;
	char names[CACHE_TABLES][64];
	const char *channels[CACHE_TABLES + 1] = {NULL};
	for (int i = 0; i < CACHE_TABLES; i++) {
		snprintf(names[i], sizeof(names[i]), "%s%s", invalidation_channel, cache_tables[i]);
		channels[i] = names[i];
	}
	int64_t next = 0;
	while (worker_wait(&invalidation->worker, next) != WORKER_STOPPED) {
		invalidation->subscribed = false;
		int r = tally_cache_subscribe(invalidation->ctx, invalidation->cache->cache,
					      channels, invalidation->stop_fd, invalidation_message,
					      invalidation);
		invalidation_flush(invalidation);
		if (r == -ENOTSUP)
			return;
		if (worker_is_stopping(&invalidation->worker))
			return;
		invalidation_log(invalidation);
		next = clock_monotonic() + backoff_next(&invalidation->backoff);
	}
}

int invalidation_open(struct tally_ctx *ctx, const struct tally_named_cache *cache,
		      invalidation_fn *changed, void *arg, struct invalidation **ret)
{
	struct invalidation *invalidation = malloc(sizeof(*invalidation));
	if (!invalidation)
		return -ENOMEM;
	*invalidation = (struct invalidation){
		.ctx = ctx,
		.cache = cache,
		.changed = changed,
		.arg = arg,
		.stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.backoff = {.first = CLOCK_SECOND / 4, .most = 5 * CLOCK_SECOND}};
	worker_init(&invalidation->worker);
	int r = invalidation->stop_fd < 0 ? -errno
					  : worker_start(&invalidation->worker, "http-invalidate",
							 invalidation_run, invalidation);
	if (r < 0)
		invalidation_close(invalidation);
	else
		*ret = invalidation;
	return r;
}

void invalidation_close(struct invalidation *invalidation)
{
	if (!invalidation)
		return;
	if (invalidation->stop_fd >= 0)
		eventfd_write(invalidation->stop_fd, 1);
	worker_stop(&invalidation->worker);
	worker_done(&invalidation->worker);
	if (invalidation->stop_fd >= 0)
		close(invalidation->stop_fd);
	free(invalidation);
}
