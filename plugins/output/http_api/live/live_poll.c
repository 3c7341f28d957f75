/*
 * The poller's thread, where no rows pass through this daemon: a query every second for the rows of
 * the last half minute, since hosts write in batches and their clocks differ; rows that were shown
 * already are left out.  One query per kind, however many clients there are, and none without any.
 * While the subscriber brings all that the store has, the interval is poll_seldom.
 *
 * A query that fails is counted; the next one covers its rows.
 */
#include <errno.h>
#include <string.h>
#include <tallyd/query.h>

#include "base/clock.h"
#include "base/condition.h"
#include "live/live_parts.h"
#include "live/live_ingest.h"
#include "query/store_watch.h"
#include "query/catalog_cache.h"

static const int64_t poll_often = CLOCK_SECOND, poll_seldom = 5 * CLOCK_SECOND;
static const int64_t poll_grace =
	2 * CLOCK_SECOND; /* the channels come first: they have the right order */
static const int64_t poll_linger = 30 * CLOCK_SECOND; /* for clients that come back at once */

/* ---- Asking -------------------------------------------------------------- */

struct poll_answer {
	struct live *live;
	struct live_ingest *ingest;
};

static int poll_take(void *arg, const struct tally_batch *batch)
{
	const struct poll_answer *answer = arg;
	if (batch->table->n_columns != answer->ingest->table->n_columns)
		return -EPROTO;
	if (live_is_over(answer->live))
		return -ECANCELED;
	live_ingest_add(answer->ingest, batch);
	return 0;
}

struct poll {
	unsigned generation;
	bool releases; /* messages have waited for this one */
	int64_t from, to;
};

static int poll_ask(struct live *live, struct live_ingest *ingest, const struct poll *poll)
{
	struct tally_select select[RESULT_SET_MAX_COLUMNS];
	struct poll_answer answer = {live, ingest};
	const struct tally_table *table = ingest->table;
	uint32_t n = 0;
	/* The time comes first by itself. */
	for (uint32_t i = 1; i < table->n_columns; i++)
		select[n++] = (struct tally_select){.column = table->columns[i].name};
	const struct tally_query query = {
		.size = sizeof(query),
		.newest_first = 1,
		.table = table->name,
		.from = poll->from,
		.to = poll->to,
		.select = select,
		.n_select = n,
		.limit = 2 * RECENT_ROWS,
		.deadline = tally_monotonic(live->ctx) + live->config->query_timeout,
	};
	ingest->newest_first = true;
	return tally_query(live->ctx, live->config->store, &query, poll_take, &answer);
}

static void poll_begin(struct live *live, struct live_source *source, struct poll *ret)
{
	int64_t now = tally_now(live->ctx);
	pthread_mutex_lock(&live->lock);
	bool followed = live->subscribed;
	ret->generation = source->generation;
	pthread_mutex_unlock(&live->lock);
	pthread_mutex_lock(&source->lock);
	ret->to = followed && source->hold == 0 ? now - poll_grace : INT64_MAX;
	ret->releases = source->hold && source->hold <= clock_monotonic();
	recent_advance(&source->recent, now);
	ret->from = source->recent.horizon;
	pthread_mutex_unlock(&source->lock);
}

/* The subscriber waits for it, to read rows by it. */
static void poll_load_catalog(struct live *live, struct live_source *source,
			      const struct catalog *catalog)
{
	pthread_mutex_lock(&live->lock);
	const struct catalog *old = source->catalog;
	source->catalog = catalog_keep(catalog);
	if (!old)
		live_want(live);
	pthread_mutex_unlock(&live->lock);
	catalog_drop(old);
}

/* Also after a failure what came before it is shown. */
static int poll_rows(struct live *live, struct live_source *source, bool *ret_found)
{
	const struct catalog *catalog;
	struct live_ingest ingest;
	struct poll poll;
	int r = catalog_cache_get(live->tables, source->table, &catalog);
	if (r < 0)
		return r;
	poll_begin(live, source, &poll);
	r = live_ingest_init(&ingest, source, poll.generation, catalog_keep(catalog));
	if (r == 0) {
		poll_load_catalog(live, source, catalog);
		r = poll_ask(live, &ingest, &poll);
		*ret_found = ingest.found > 0 || poll.to == INT64_MAX;
		live_ingest_show(&ingest, live);
	}
	/* In rounds, since more messages may come while some are shown. */
	while (poll.releases &&
	       live_ingest_init(&ingest, source, poll.generation, catalog_keep(catalog)) == 0) {
		poll.releases = live_ingest_release(&ingest);
		live_ingest_show(&ingest, live);
	}
	catalog_drop(catalog);
	return r == -ENOENT ? 0 : r;
}

static void poll_source(struct live *live, struct live_source *source)
{
	bool found = false;
	int r = poll_rows(live, source, &found);
	if (r < 0 && !live_is_over(live)) {
		tally_count(live->ctx, HTTP_STORE_ERRORS, 1);
		store_watch_failed(catalog_cache_watch(live->tables), r);
	} else if (r == 0) {
		store_watch_answered(catalog_cache_watch(live->tables));
	}
	/* The channels have brought all of it, so polling is only for what they lose.  Not if `due`
	 * was set to 0 meanwhile: that asks for a poll at once. */
	pthread_mutex_lock(&live->lock);
	if (live->subscribed && r == 0 && !found && source->due)
		source->due = clock_monotonic() + poll_seldom;
	pthread_mutex_unlock(&live->lock);
}

/* ---- The thread ---------------------------------------------------------- */

/* With the live lock: which are due now; ret_next: when the next one is. */
static bool poll_choose(struct live *live, bool due[LIVE_KINDS], int64_t *ret_next)
{
	int64_t now = clock_monotonic();
	bool any = false;
	*ret_next = INT64_MAX;
	for (int i = 0; i < LIVE_KINDS; i++) {
		struct live_source *source = &live->sources[i];
		/* Nobody came back in time.  The rows go as well: they would stand before a gap. */
		if (source->wanted && source->streams == 0 && now - source->left >= poll_linger) {
			source->wanted = false;
			ring_buffer_clear(&source->ring);
			pthread_mutex_lock(&source->lock);
			recent_clear(&source->recent);
			pthread_mutex_unlock(&source->lock);
			live_want(live);
		}
		bool wanted = live_is_wanted(live, source);
		due[i] = wanted && source->due <= now;
		any |= due[i];
		if (due[i])
			source->due = now + poll_often;
		else if (wanted && source->due < *ret_next)
			*ret_next = source->due;
	}
	/* Events tell what service a row belongs to, so none is read without them. */
	if (any && live_is_wanted(live, &live->sources[LIVE_EVENTS]))
		due[LIVE_EVENTS] = true;
	return any;
}

/* false: it is over. */
static bool poll_await(struct live *live, bool due[LIVE_KINDS])
{
	int64_t next;
	pthread_mutex_lock(&live->lock);
	while (!live->closed && !poll_choose(live, due, &next))
		condition_wait(&live->query, &live->lock, next);
	bool closed = live->closed;
	pthread_mutex_unlock(&live->lock);
	return !closed;
}

void live_poll(void *arg)
{
	struct live *live = arg;
	bool due[LIVE_KINDS];
	while (poll_await(live, due)) {
		for (int i = LIVE_KINDS - 1; i >= 0; i--) /* events first */
			if (due[i] && !live_is_over(live))
				poll_source(live, &live->sources[i]);
	}
}
