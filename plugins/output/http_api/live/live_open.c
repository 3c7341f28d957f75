/*
 * The life of the streams: what is made when the server starts, the threads that this configuration
 * needs, and what is left of them at the end.  Called by http/server.c on the thread that starts
 * and stops the plugin.  Stands above live.c and the two sources, so that none of these knows who
 * starts it.
 *
 *	live = off         nothing runs
 *	live = pipeline    the waker
 *	live = store       the waker and the poller
 *	live = auto        the same, and the subscriber if a second cache is named
 *
 * What can fail: memory, a descriptor, a thread.  live_close() copes with whatever had been started
 * by then, so live_open() undoes itself by it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "live/live_parts.h"

/* Rows may pass, or a store may be asked, but messages come only through a cache that other
 * processes share: the second that is named. */
static bool live_may_subscribe(const struct http_config *config)
{
	return config->live == HTTP_LIVE_AUTO && config->cache && config->cache[0].name &&
	       config->cache[1].name;
}

/* The threads come last, each only if the ones before it run: they use all that stands above. */
static int live_prepare(struct live *live)
{
	int r = live->subscribe_fd < 0 ? -EMFILE : 0;
	for (int i = 0; i < LIVE_KINDS && r == 0; i++)
		r = ring_buffer_init(&live->sources[i].ring, (size_t)live->config->live_memory);
	if (r < 0 || live->config->live == HTTP_LIVE_OFF)
		return r;
	live->tables = catalog_cache_create(live->ctx, live->config->store);
	if (!live->tables)
		return -ENOMEM;
	r = worker_start(&live->waker, "http-live", live_wake, live);
	if (r < 0 || live->config->live == HTTP_LIVE_PIPELINE)
		return r;
	r = worker_start(&live->poller, "http-poll", live_poll, live);
	if (r < 0 || !live_may_subscribe(live->config))
		return r;
	return worker_start(&live->subscriber, "http-follow", live_subscribe, live);
}

int live_open(struct tally_ctx *ctx, const struct http_config *config, struct live **ret)
{
	static const char *const channels[] = {[LIVE_STATS] = "rows:container_stats",
					       [LIVE_LOGS] = "rows:container_logs",
					       [LIVE_EVENTS] = "rows:container_events"};
	struct live *live = calloc(1, sizeof(*live));
	if (!live)
		return -ENOMEM;
	live->ctx = ctx;
	live->config = config;
	/* All that live_close() and live_free() need is there before anything can fail. */
	for (int i = 0; i < LIVE_KINDS; i++) {
		live->sources[i].channel = channels[i];
		live->sources[i].table = strchr(channels[i], ':') + 1;
		pthread_mutex_init(&live->sources[i].lock, NULL);
	}
	atomic_init(&live->history, 0);
	live->subscribe_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&live->lock, NULL);
	pthread_cond_init(&live->query, NULL);
	pthread_cond_init(&live->subscribe, NULL);
	worker_init(&live->waker);
	worker_init(&live->poller);
	worker_init(&live->subscriber);
	int r = live_prepare(live);
	if (r < 0) {
		live_close(live);
		live_free(live);
		return r;
	}
	*ret = live;
	return 0;
}

void live_close(struct live *live)
{
	live_end(live);
	worker_stop(&live->waker);
	worker_stop(&live->poller);
	worker_stop(&live->subscriber);
}

void live_free(struct live *live)
{
	if (!live)
		return;
	for (int i = 0; i < LIVE_KINDS; i++) {
		struct live_source *source = &live->sources[i];
		ring_buffer_done(&source->ring);
		recent_clear(&source->recent);
		held_rows_done(&source->held);
		catalog_drop(source->catalog);
		pthread_mutex_destroy(&source->lock);
	}
	if (live->subscribe_fd >= 0)
		close(live->subscribe_fd);
	catalog_cache_destroy(live->tables);
	pthread_cond_destroy(&live->subscribe);
	pthread_cond_destroy(&live->query);
	worker_done(&live->subscriber);
	worker_done(&live->poller);
	worker_done(&live->waker);
	pthread_mutex_destroy(&live->lock);
	free(live);
}
