/*
 * Where no rows pass through this daemon the store is asked, every second, for the rows of the last
 * half minute, since hosts write in batches and their clocks differ; those that the last answer had
 * already are left out.  One question per kind, however many clients there are; none without any.
 * What can fail: the store; then the next second brings what this one did not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>
#include <time.h>

#include "live_parts.h"
#include "mark.h"

enum { POLL_ROWS = 10000, POLL_MAX_BYTES = 16 << 20 };
static const int64_t poll_back = 30 * HTTP_SECOND;

/* ---- Asking -------------------------------------------------------------- */

/* Fills with the newest rows, newest first; full: there were more. */
static int poll_take(void *arg, const struct tally_batch *batch)
{
	struct rowset *rows = arg;
	int r = rowset_add(rows, batch);
	return r == 0 && rows->bytes > POLL_MAX_BYTES ? -E2BIG : r;
}

static int poll_ask(struct live *live, const struct tally_table *table, struct rowset *ret)
{
	struct tally_select select[ROWSET_MAX_COLUMNS];
	uint32_t n = 0;
	if (table->n_columns > ROWSET_MAX_COLUMNS)
		return -EINVAL;
	for (uint32_t i = 1; i < table->n_columns; i++)
		select[n++] = (struct tally_select){.column = table->columns[i].name};
	const struct tally_query query = {
		.size = sizeof(query),
		.newest_first = 1,
		.table = table->name,
		.from = tally_now(live->ctx) - poll_back,
		.to = INT64_MAX,
		.select = select,
		.n_select = n,
		.limit = POLL_ROWS,
		.deadline = tally_monotonic(live->ctx) + live->config->query_timeout,
	};
	rowset_init(ret, table->n_columns);
	int r = tally_query(live->ctx, live->config->store, &query, poll_take, ret);
	return r == -E2BIG ? 0 : r;
}

/* ---- What is new --------------------------------------------------------- */

/* Leaves those that the last answer did not have, oldest first.  -ENOMEM. */
static int poll_choose(struct live_source *source, const struct tally_table *table,
		       struct rowset *rows)
{
	struct seen now;
	uint32_t n = 0;
	size_t width = rows->n_columns;
	if (seen_init(&now, rows->n_rows) < 0)
		return -ENOMEM;
	struct tally_cell *cells = malloc((rows->n_rows + 1) * width * sizeof(*cells));
	for (uint32_t i = rows->n_rows; cells && i-- > 0;) {
		const struct tally_cell *row = rowset_row(rows, i);
		uint64_t hash = mark_hash(table, row);
		if (seen_add(&now, hash) && !seen_has(&source->seen, hash))
			memcpy(&cells[n++ * width], row, width * sizeof(*cells));
	}
	if (!cells) {
		seen_done(&now);
		return -ENOMEM;
	}
	seen_done(&source->seen);
	source->seen = now;
	free(rows->cells);
	rows->cells = cells;
	rows->n_rows = n;
	return 0;
}

/* Not if rows have begun to pass meanwhile, or nobody is left. */
static void poll_show(struct live *live, struct live_source *source, struct lot *lot)
{
	pthread_mutex_lock(&live->lock);
	bool wanted = live_is_polled(live, (enum live_kind)(source - live->sources)) &&
		      source->streams > 0 && source->generation == source->polled_generation;
	if (wanted)
		feed_add(&source->feed, lot);
	pthread_mutex_unlock(&live->lock);
	if (wanted)
		live_nudge(live, source);
	else
		lot_drop(lot);
}

static int poll_rows(struct live *live, struct live_source *source, const struct catalog *catalog)
{
	struct rowset rows;
	const struct tally_table *table = catalog_find(catalog, source->table);
	if (!table) {
		catalog_drop(catalog);
		return 0;
	}
	int r = poll_ask(live, table, &rows);
	if (r == 0)
		r = poll_choose(source, table, &rows);
	if (r < 0 || rows.n_rows == 0) {
		rowset_done(&rows);
		catalog_drop(catalog);
		return r;
	}
	struct lot *lot = lot_of_rows(&rows, table, catalog);
	if (!lot) {
		catalog_drop(catalog);
		return -ENOMEM;
	}
	poll_show(live, source, lot);
	return 0;
}

static void poll_source(struct live *live, struct live_source *source)
{
	const struct catalog *catalog;
	int r = tables_get(live->tables, source->table, &catalog);
	if (r == 0)
		r = poll_rows(live, source, catalog);
	if (r < 0) {
		tally_count(live->ctx, HTTP_STORE_ERRORS, 1);
		tally_log(live->ctx, TALLY_WARNING, "streams of %s: the store did not answer: %s",
			  source->table, strerror(-r));
	}
}

/* ---- The thread ---------------------------------------------------------- */

/* Those that are to be asked for now; false: it is over. */
static bool poll_await(struct live *live, bool wanted[LIVE_KINDS], bool wait)
{
	struct timespec until;
	bool any = false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&live->lock);
	if (wait && !live->closed)
		pthread_cond_timedwait(&live->ask, &live->lock, &until);
	while (!live->closed && !any) {
		for (int i = 0; i < LIVE_KINDS; i++) {
			struct live_source *source = &live->sources[i];
			wanted[i] = source->streams > 0 && live_is_polled(live, (enum live_kind)i);
			any |= wanted[i];
			if (!wanted[i] || source->polled_generation == source->generation)
				continue;
			source->polled_generation = source->generation;
			seen_done(&source->seen);
		}
		if (!any)
			pthread_cond_wait(&live->ask, &live->lock);
	}
	bool closed = live->closed;
	pthread_mutex_unlock(&live->lock);
	return !closed;
}

void *live_poll(void *arg)
{
	struct live *live = arg;
	bool wanted[LIVE_KINDS], wait = false;
	pthread_setname_np(pthread_self(), "http-poll");
	while (poll_await(live, wanted, wait)) {
		for (int i = 0; i < LIVE_KINDS; i++)
			if (wanted[i])
				poll_source(live, &live->sources[i]);
		wait = true;
	}
	return NULL;
}
