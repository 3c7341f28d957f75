/*
 * Where no rows pass through this daemon, and a cache behind the memory has channels: what workers
 * publish there is shown as it comes, ahead of the store, which goes on being asked for what did
 * not come this way.  So whatever happens to the channels, a row is late at worst. What can fail:
 * the cache; it is tried again, after a quarter of a second, then after up to 5.
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

static const int64_t follow_hold = 2 * CLOCK_SECOND; /* for rows to be stored */

struct follower {
	struct live *live;
	struct live_ingest ingest[LIVE_KINDS];
	struct backoff backoff;
};

/* ---- Hearing ------------------------------------------------------------- */

static bool follower_open(struct follower *follower, int kind)
{
	struct live *live = follower->live;
	struct live_source *source = &live->sources[kind];
	struct live_ingest *ingest = &follower->ingest[kind];
	if (ingest->catalog)
		return true;
	pthread_mutex_lock(&live->lock);
	const struct catalog *catalog =
		live_is_wanted(live, source) ? catalog_keep(source->catalog) : NULL;
	unsigned generation = source->generation;
	pthread_mutex_unlock(&live->lock);
	return catalog && live_ingest_init(ingest, source, generation, catalog) == 0;
}

static void follower_hear(struct follower *follower, int kind, char *text, size_t len)
{
	struct tally_cell cells[RESULT_SET_MAX_COLUMNS];
	if (!follower_open(follower, kind))
		return;
	struct live_ingest *ingest = &follower->ingest[kind];
	const char *problem = row_read(text, len, ingest->table, cells);
	if (problem) {
		struct tally_ctx *ctx = follower->live->ctx;
		tally_count(ctx, HTTP_STREAM_REFUSED, 1);
		tally_log(ctx, TALLY_WARNING,
			  "streams: a message on %s is not a row of its table: %s",
			  ingest->source->channel, problem);
		return;
	}
	const struct tally_batch row = {.table = ingest->table, .cells = cells, .n_rows = 1};
	live_ingest_hold(ingest, &row);
}

static void follower_flush(struct follower *follower)
{
	for (int i = 0; i < LIVE_KINDS; i++)
		if (follower->ingest[i].catalog)
			live_ingest_show(&follower->ingest[i], follower->live);
}

static void follower_hold(struct live_source *source, bool followed)
{
	pthread_mutex_lock(&source->lock);
	source->hold = followed ? clock_monotonic() + follow_hold : 0;
	result_set_done(&source->held);
	result_set_init(&source->held, 0);
	pthread_mutex_unlock(&source->lock);
}

/*
 * What went by until now, or goes by from now on, the store has, or will have in a moment: it is
 * asked at once, and what is heard waits until that has been shown.
 */
static void follower_turn(struct follower *follower, bool followed)
{
	struct live *live = follower->live;
	pthread_mutex_lock(&live->lock);
	for (int i = 0; i < LIVE_KINDS && live->followed != followed; i++)
		follower_hold(&live->sources[i], followed);
	if (live->followed != followed) {
		live->followed = followed;
		tally_gauge(live->ctx, HTTP_STREAM_FOLLOWED, followed);
		for (int i = 0; i < LIVE_KINDS; i++)
			live->sources[i].due = 0;
		pthread_cond_signal(&live->query);
	}
	pthread_mutex_unlock(&live->lock);
}

static int follower_heard(void *arg, const char *channel, char *text, size_t len)
{
	struct follower *follower = arg;
	if (!channel) {
		follower_turn(follower, true);
		follower_flush(follower);
		backoff_reset(&follower->backoff);
		return 0;
	}
	for (int i = 0; i < LIVE_KINDS; i++)
		if (strcmp(channel, follower->live->sources[i].channel) == 0)
			follower_hear(follower, i, text, len);
	return 0;
}

/* ---- The thread ---------------------------------------------------------- */

/* With the live lock.  Without a table's columns its rows could not be read. */
static int follower_choose(const struct live *live, const char *channels[LIVE_KINDS + 1])
{
	int n = 0;
	for (int i = 0; i < LIVE_KINDS; i++)
		if (live_is_wanted(live, &live->sources[i]) && live->sources[i].catalog)
			channels[n++] = live->sources[i].channel;
	channels[n] = NULL;
	return n;
}

/* Until there is something to follow; false: it is over. */
static bool follower_await(struct live *live, const char *channels[LIVE_KINDS + 1])
{
	eventfd_t changes;
	pthread_mutex_lock(&live->lock);
	eventfd_read(live->follow_fd, &changes);
	while (!live->closed && follower_choose(live, channels) == 0) {
		pthread_cond_wait(&live->follow, &live->lock);
		eventfd_read(live->follow_fd, &changes);
	}
	bool closed = live->closed;
	pthread_mutex_unlock(&live->lock);
	return !closed;
}

static void follower_rest(struct follower *follower)
{
	struct live *live = follower->live;
	int64_t end = clock_monotonic() + backoff_next(&follower->backoff);
	pthread_mutex_lock(&live->lock);
	while (!live->closed && condition_wait(&live->follow, &live->lock, end))
		;
	pthread_mutex_unlock(&live->lock);
}

/* false: there is nothing to follow there. */
static bool follower_follow(struct follower *follower, const char *const *channels)
{
	struct live *live = follower->live;
	const struct tally_named_cache *cache = &live->config->cache[1];
	int r = tally_cache_subscribe(live->ctx, cache->cache, channels, live->follow_fd,
				      follower_heard, follower);
	follower_flush(follower);
	follower_turn(follower, false);
	if (r == -ENOTSUP)
		return false;
	if (r == -ECANCELED)
		return true;
	tally_log(live->ctx, TALLY_WARNING,
		  "streams: cannot subscribe to %s, so rows come from the store alone: %s",
		  cache->name, tally_reason(live->ctx));
	follower_rest(follower);
	return true;
}

void live_subscribe(void *arg)
{
	struct follower follower = {
		.live = arg, .backoff = {.first = CLOCK_SECOND / 4, .most = 5 * CLOCK_SECOND}};
	const char *channels[LIVE_KINDS + 1];
	while (follower_await(arg, channels) && follower_follow(&follower, channels))
		;
}
