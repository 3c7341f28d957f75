/*
 * The subscriber's thread, where no rows pass through this daemon and the first shared cache has
 * channels: rows that workers publish are shown at once.  The store is still polled for those that
 * did not come this way, so whatever happens to the channels, a row is late at worst.
 *
 * Order is the difficulty.  Messages that come right after connecting may be newer than rows that
 * were published before it and are not stored yet; so they are held back until a poll has shown
 * those (LIVE_INGEST_SETTLE).  A cache that fails is tried again with a back-off of up to 5 s.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/condition.h"
#include "live/live_parts.h"
#include "live/live_ingest.h"
#include "live/row_read.h"

struct subscriber {
	struct live *live;
	struct live_ingest ingest[LIVE_KINDS];
	struct backoff backoff;
};

/* ---- Messages ------------------------------------------------------------ */

/* An ingest that is open already, or one for the source as it is now. */
static bool subscriber_open(struct subscriber *subscriber, int kind)
{
	struct live *live = subscriber->live;
	struct live_source *source = &live->sources[kind];
	struct live_ingest *ingest = &subscriber->ingest[kind];
	if (ingest->catalog)
		return true;
	pthread_mutex_lock(&live->lock);
	const struct catalog *catalog =
		live_is_wanted(live, source) ? catalog_keep(source->catalog) : NULL;
	unsigned generation = source->generation;
	pthread_mutex_unlock(&live->lock);
	return catalog && live_ingest_init(ingest, source, generation, catalog) == 0;
}

static void subscriber_take_row(struct subscriber *subscriber, int kind, char *text, size_t len)
{
	struct tally_cell cells[RESULT_SET_MAX_COLUMNS];
	if (!subscriber_open(subscriber, kind))
		return;
	struct live_ingest *ingest = &subscriber->ingest[kind];
	const char *problem = row_read(text, len, ingest->table, cells);
	if (problem) {
		struct tally_ctx *ctx = subscriber->live->ctx;
		tally_count(ctx, HTTP_STREAM_REFUSED, 1);
		tally_log(ctx, TALLY_WARNING,
			  "streams: a message on %s is not a row of its table: %s",
			  ingest->source->channel, problem);
		return;
	}
	const struct tally_batch row = {.table = ingest->table, .cells = cells, .n_rows = 1};
	live_ingest_hold(ingest, &row);
}

static void subscriber_flush(struct subscriber *subscriber)
{
	for (int i = 0; i < LIVE_KINDS; i++)
		if (subscriber->ingest[i].catalog)
			live_ingest_show(&subscriber->ingest[i], subscriber->live);
}

/* What was published before connecting, or will be after a loss, is in the store, or will be in a
 * moment: the store is polled at once, and messages are held back until that poll is shown. */
static void subscriber_set_state(struct subscriber *subscriber, bool subscribed)
{
	struct live *live = subscriber->live;
	pthread_mutex_lock(&live->lock);
	for (int i = 0; i < LIVE_KINDS && live->subscribed != subscribed; i++) {
		struct live_source *source = &live->sources[i];
		pthread_mutex_lock(&source->lock);
		source->hold = subscribed ? clock_monotonic() + LIVE_INGEST_SETTLE : 0;
		held_rows_done(&source->held);
		pthread_mutex_unlock(&source->lock);
		source->due = 0;
	}
	if (live->subscribed != subscribed) {
		live->subscribed = subscribed;
		tally_gauge(live->ctx, HTTP_STREAM_SUBSCRIBED, subscribed);
		pthread_cond_signal(&live->query);
	}
	pthread_mutex_unlock(&live->lock);
}

static int subscriber_message(void *arg, const char *channel, char *text, size_t len)
{
	struct subscriber *subscriber = arg;
	/* All channels are subscribed, or nothing more has come for now: show what there is. */
	if (!channel) {
		subscriber_set_state(subscriber, true);
		subscriber_flush(subscriber);
		backoff_reset(&subscriber->backoff);
		return 0;
	}
	for (int i = 0; i < LIVE_KINDS; i++)
		if (strcmp(channel, subscriber->live->sources[i].channel) == 0)
			subscriber_take_row(subscriber, i, text, len);
	return 0;
}

/* ---- The thread ---------------------------------------------------------- */

/* With the live lock.  Without a table's columns its rows could not be read. */
static int subscriber_choose_channels(const struct live *live, const char *channels[LIVE_KINDS + 1])
{
	int n = 0;
	for (int i = 0; i < LIVE_KINDS; i++)
		if (live_is_wanted(live, &live->sources[i]) && live->sources[i].catalog)
			channels[n++] = live->sources[i].channel;
	channels[n] = NULL;
	return n;
}

/* Waits until a channel is wanted; false: it is over.  The descriptor is read before each look, so
 * that whatever changes after the look ends the subscription that comes of it. */
static bool subscriber_await(struct live *live, const char *channels[LIVE_KINDS + 1])
{
	eventfd_t changes;
	pthread_mutex_lock(&live->lock);
	eventfd_read(live->subscribe_fd, &changes);
	while (!live->closed && subscriber_choose_channels(live, channels) == 0) {
		pthread_cond_wait(&live->subscribe, &live->lock);
		eventfd_read(live->subscribe_fd, &changes);
	}
	bool closed = live->closed;
	pthread_mutex_unlock(&live->lock);
	return !closed;
}

/* false: this cache has no channels. */
static bool subscriber_run(struct subscriber *subscriber, const char *const *channels)
{
	struct live *live = subscriber->live;
	const struct tally_named_cache *cache = &live->config->cache[1];
	int r = tally_cache_subscribe(live->ctx, cache->cache, channels, live->subscribe_fd,
				      subscriber_message, subscriber);
	subscriber_flush(subscriber);
	subscriber_set_state(subscriber, false);
	if (r == -ENOTSUP)
		return false;
	if (r == -ECANCELED)
		return true; /* other channels are wanted now */
	tally_log(live->ctx, TALLY_WARNING,
		  "streams: cannot subscribe to %s, so rows come from the store alone: %s",
		  cache->name, tally_reason(live->ctx));
	int64_t end = clock_monotonic() + backoff_next(&subscriber->backoff);
	pthread_mutex_lock(&live->lock);
	while (!live->closed && condition_wait(&live->subscribe, &live->lock, end))
		;
	pthread_mutex_unlock(&live->lock);
	return true;
}

void live_subscribe(void *arg)
{
	struct subscriber subscriber = {
		.live = arg, .backoff = {.first = CLOCK_SECOND / 4, .most = 5 * CLOCK_SECOND}};
	const char *channels[LIVE_KINDS + 1];
	while (subscriber_await(arg, channels) && subscriber_run(&subscriber, channels))
		;
}
