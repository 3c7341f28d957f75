/*
 * Every 30 s: per table roll up until nothing is left, then delete until nothing is left; then make
 * room if the file is nearly full, then shrink it.  A long step makes the next one shorter.  A
 * failure is logged once a round and retried in the next; it stops neither other tables nor the
 * steps that follow, since deleting is what cures a full disk.
 *
 * The lock on the one writing connection is taken per step, never per round: a delivery waits for
 * one step at most.  A step that turns out to be far too long is stopped and done in halves.
 */
#include "maintenance/maintenance.h"

#include <errno.h>

#include "base/clock.h"
#include "database.h"
#include "maintenance/log_lines.h"
#include "maintenance/pack.h"
#include "maintenance/trusted_clock.h"
#include "maintenance/retention.h"
#include "maintenance/rollup.h"
#include "maintenance/text_index.h"
#include "packed/packed_file.h"
#include "store.h"
#include "store/log_lines.h"
#include "store_life.h"

enum { MAINTENANCE_EVERY_SECONDS = 30, MAINTENANCE_PROGRESS_STEPS = 2000 };
#define MAINTENANCE_LONG_STEP (50 * CLOCK_MS)  /* ns */
#define MAINTENANCE_STOP_STEP (200 * CLOCK_MS) /* ns: what it did by then is lost */
#define MAINTENANCE_SHORT_STEP (10 * CLOCK_MS) /* ns */
#define MAINTENANCE_MAX_SPAN CLOCK_DAY
#define MAINTENANCE_INDEX_TIME (10 * CLOCK_SECOND)

struct maintenance_round {
	struct store *store;
	int error; /* the last one */
};

/* After the watermark has moved, still in the store's turn: the writer has to know which rows are
 * late from now on. */
static int maintenance_update_writer(struct store *store, const char *table)
{
	struct watermarks watermarks;
	int r = watermarks_load(store->ctx, store->db, table, &watermarks);
	if (r == 0)
		writer_set_rolled_to(&store->writer, table, watermarks.rolled_to[LEVEL_MINUTE]);
	return r;
}

/* Watermarks that a clock which was ahead has set. */
static int maintenance_rewind(struct store *store, const struct stored_table *stored)
{
	int64_t now = tally_now(store->ctx);
	pthread_mutex_lock(&store->turn);
	int r = watermarks_rewind(store->ctx, store->db, stored, now, now - ROLLUP_GRACE);
	if (r > 0)
		r = maintenance_update_writer(store, stored->table.name);
	pthread_mutex_unlock(&store->turn);
	return r;
}

struct maintenance_limit {
	struct tally_ctx *ctx;
	int64_t until; /* monotonic */
};

static int maintenance_is_over(void *arg)
{
	const struct maintenance_limit *limit = arg;
	return tally_monotonic(limit->ctx) >= limit->until;
}

/* One of them is what a table has; both in the store's turn.  -EINTR: it took too long, and nothing
 * was done; not of a minute, which is the least. */
static int maintenance_step(struct store *store, const struct stored_table *stored, int64_t closed,
			    int64_t span)
{
	struct maintenance_limit limit = {
		.ctx = store->ctx, .until = tally_monotonic(store->ctx) + MAINTENANCE_STOP_STEP};
	bool lines = log_lines_are_counted(stored);
	if (span > schema_levels[LEVEL_MINUTE].bucket)
		sqlite3_progress_handler(store->db, MAINTENANCE_PROGRESS_STEPS, maintenance_is_over,
					 &limit);
	int r = lines ? log_lines_step(store, stored, closed, span)
		      : rollup_step(store->ctx, store->db, stored, closed, span);
	sqlite3_progress_handler(store->db, 0, NULL, NULL);
	int loaded = !lines && r > 0 ? maintenance_update_writer(store, stored->table.name) : 0;
	return loaded < 0 ? loaded : r;
}

static int maintenance_roll(struct store *store, const struct stored_table *stored)
{
	int64_t closed = tally_now(store->ctx) - ROLLUP_GRACE;
	/* The least, in each round anew: how much lies in a minute changes with what is written. */
	int64_t span = schema_levels[LEVEL_MINUTE].bucket;
	int r = stored->n_numbers > 0 || log_lines_are_counted(stored);
	while (r > 0 && !store_makes_way(store)) {
		int64_t began = tally_monotonic(store->ctx);
		pthread_mutex_lock(&store->turn);
		r = database_check_room(store->ctx, store->db, store->path, 0,
					DATABASE_LEFT_BY_ROLLUPS);
		if (r == 0)
			r = maintenance_step(store, stored, closed, span);
		pthread_mutex_unlock(&store->turn);
		int64_t took = tally_monotonic(store->ctx) - began;
		/* A write waits for one step at most, so steps are kept to tens of milliseconds, by
		 * halving and doubling: how many rows an hour has differs by orders of magnitude
		 * between stores. */
		if (r == -EINTR) {
			tally_log(store->ctx, TALLY_DEBUG,
				  "table %s: a step of its rollup took too long and is done in "
				  "halves",
				  stored->table.name);
			r = 1;
		}
		if (took > MAINTENANCE_LONG_STEP && span > schema_levels[LEVEL_MINUTE].bucket)
			span /= 2;
		else if (took < MAINTENANCE_SHORT_STEP && span < MAINTENANCE_MAX_SPAN)
			span *= 2;
	}
	return r;
}

/* Series are collected only after something was deleted: only then can one have lost its last row,
 * and the search goes through the whole dictionary. */
static int maintenance_delete(struct store *store, const struct stored_table *stored)
{
	int r = 1, task = 0;
	for (; r > 0 && !store_makes_way(store); task++) {
		pthread_mutex_lock(&store->turn);
		r = retention_step(store, stored);
		if (r == 0 && task > 0)
			r = retention_gc_series(store, stored);
		pthread_mutex_unlock(&store->turn);
	}
	return r < 0 ? r : 0;
}

/* Of a log: a block of the index of its text at a time, also to forget those whose lines are gone,
 * which is why it comes last.  The lines of a year are indexed over many rounds. */
static int maintenance_index(struct store *store, const struct stored_table *stored)
{
	int64_t until = tally_monotonic(store->ctx) + MAINTENANCE_INDEX_TIME;
	int r = log_lines_are_counted(stored);
	while (r > 0 && !store_makes_way(store) && tally_monotonic(store->ctx) < until) {
		pthread_mutex_lock(&store->turn);
		r = database_check_room(store->ctx, store->db, store->path, 0,
					DATABASE_LEFT_BY_ROLLUPS);
		if (r == 0)
			r = text_index_step(store, stored);
		pthread_mutex_unlock(&store->turn);
	}
	return r < 0 ? r : 0;
}

/* In the store's turn: the writer has to know in which time a row may be packed. */
static int maintenance_pack_step(struct store *store, const struct stored_table *stored,
				 struct pack *pack)
{
	struct watermarks watermarks;
	int64_t packed_to = INT64_MIN;
	int r = database_check_room(store->ctx, store->db, store->path, 0,
				    DATABASE_LEFT_BY_ROLLUPS);
	if (r == 0)
		r = watermarks_load(store->ctx, store->db, stored->table.name, &watermarks);
	if (r == 0)
		r = pack_step(store->ctx, store->db, stored,
			      pack_until(tally_now(store->ctx), store->config->pack_after,
					 watermarks.rolled_to[LEVEL_MINUTE]),
			      pack);
	int loaded =
		r < 0 ? r : packed_load_to(store->ctx, store->db, stored->table.name, &packed_to);
	if (loaded == 0)
		writer_set_packed_to(&store->writer, stored->table.name, packed_to);
	return loaded < 0 ? loaded : r;
}

static int maintenance_forget_packed(struct store *store, const struct stored_table *stored)
{
	pthread_mutex_lock(&store->turn);
	int r = pack_forget(store->ctx, store->db, stored);
	if (r > 0)
		writer_set_packed_to(&store->writer, stored->table.name, INT64_MIN);
	pthread_mutex_unlock(&store->turn);
	return r < 0 ? r : 0;
}

/* Some seconds at a time, since what was written before it was turned on is packed, too.  Not
 * counts of lines: those of a minute may be replaced, past the writer. */
static int maintenance_pack(struct store *store, const struct stored_table *stored)
{
	int64_t until = tally_monotonic(store->ctx) + MAINTENANCE_INDEX_TIME;
	struct pack pack = {0};
	if (store->config->pack_after == 0)
		return maintenance_forget_packed(store, stored);
	int r = packed_can(stored) && !log_lines_are_of(&store->catalog, stored);
	while (r > 0 && !store_makes_way(store) && tally_monotonic(store->ctx) < until) {
		pthread_mutex_lock(&store->turn);
		r = maintenance_pack_step(store, stored, &pack);
		pthread_mutex_unlock(&store->turn);
	}
	return r < 0 ? r : pack.error;
}

/* A table that fails must not hold up the others: its error is kept, and the loop goes on. */
static int maintenance_table(void *arg, const struct tally_table *table)
{
	struct maintenance_round *round = arg;
	struct store *store = round->store;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	int r = maintenance_rewind(store, stored);
	if (r == 0)
		r = maintenance_roll(store, stored);
	if (r < 0)
		round->error = r;
	r = maintenance_delete(store, stored);
	if (r < 0)
		round->error = r;
	r = maintenance_index(store, stored);
	if (r < 0)
		round->error = r;
	r = maintenance_pack(store, stored);
	if (r < 0)
		round->error = r;
	return 0;
}

/* Before the limit is hit: a write that hits it has to wait for the same deletions. */
static int maintenance_make_room(struct store *store)
{
	int64_t fill = 0;
	int enough = RETENTION_FULL, r = 1;
	while (r > 0 && !store_makes_way(store)) {
		pthread_mutex_lock(&store->turn);
		r = retention_fill(store, &fill);
		if (r == 0 && fill >= enough)
			r = retention_make_room(store);
		pthread_mutex_unlock(&store->turn);
		/* Having begun it goes on to a lower mark, so as not to begin again at once. */
		enough = RETENTION_ROOM;
	}
	return r < 0 ? r : 0;
}

/* A few pages per step.  In WAL mode the file itself gets shorter at the next checkpoint. */
static int maintenance_shrink(struct store *store)
{
	int r = 1;
	while (r > 0 && !store_makes_way(store)) {
		pthread_mutex_lock(&store->turn);
		r = retention_shrink(store);
		if (r == 0)
			r = database_checkpoint(store->ctx, store->db);
		pthread_mutex_unlock(&store->turn);
	}
	return r < 0 ? r : 0;
}

/* How far behind its clock a table's minutes are. */
struct maintenance_lag {
	struct store *store;
	int64_t now, lag;
};

static int maintenance_lag_of(void *arg, const struct tally_table *table)
{
	struct maintenance_lag *lag = arg;
	struct store *store = lag->store;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	struct watermarks watermarks;
	int r = stored->n_numbers ? watermarks_load(store->ctx, store->db, table->name, &watermarks)
				  : 0;
	/* A table that was not rolled up yet is new, and not behind. */
	if (r < 0 || stored->n_numbers == 0 || watermarks.rolled_to[LEVEL_MINUTE] == INT64_MIN)
		return r;
	int64_t behind = lag->now - watermarks.rolled_to[LEVEL_MINUTE];
	lag->lag = behind > lag->lag ? behind : lag->lag;
	return 0;
}

static int maintenance_report(struct store *store)
{
	struct maintenance_lag lag = {.store = store, .now = tally_now(store->ctx)};
	int64_t bytes = 0;
	pthread_mutex_lock(&store->turn);
	int r = catalog_each(&store->catalog, maintenance_lag_of, &lag);
	if (r == 0)
		r = retention_size(store, &bytes);
	pthread_mutex_unlock(&store->turn);
	tally_gauge(store->ctx, METRIC_ROLLUP_LAG, lag.lag);
	tally_gauge(store->ctx, METRIC_DATABASE_BYTES, bytes);
	return r;
}

/* ---- The clock ---------------------------------------------------------------- */

/* Loaded in each round, since an operator may have confirmed the clock meanwhile. */
static int maintenance_advance_clock(struct store *store)
{
	pthread_mutex_lock(&store->turn);
	int r = trusted_clock_load(store->ctx, store->db, &store->clock);
	if (r == 0) {
		retention_age_advance(&store->age, &store->clock, store->ctx, tally_now(store->ctx),
				      &store->held);
		r = trusted_clock_store(store->ctx, store->db, &store->clock);
	}
	pthread_mutex_unlock(&store->turn);
	return r;
}

int maintenance_run(struct store *store)
{
	struct maintenance_round round = {.store = store};
	int (*const parts[])(struct store *) = {maintenance_make_room, maintenance_shrink,
						maintenance_report};
	/* First, since it says what is too old in this round. */
	round.error = maintenance_advance_clock(store);
	int each = catalog_each(&store->catalog, maintenance_table, &round);
	if (each < 0)
		round.error = each;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int r = parts[i](store);
		if (r < 0)
			round.error = r;
	}
	return round.error;
}

/* ---- The thread --------------------------------------------------------------- */

static int maintenance_round(void *arg)
{
	struct store *store = arg;
	int r = store_enter(store);
	if (r < 0)
		return r;
	r = maintenance_run(store);
	store_leave(store);
	return r;
}

int maintenance_start(struct store *store)
{
	const struct sqlite_config *config = store->config;
	store->age = (struct retention_age){config->retention_raw, config->retention_rollup,
					    config->retention_daily};
	store->held = (struct retention_warning){"the clock", METRIC_RETENTION_HELD, 0};
	store->maintenance = (struct task){.ctx = store->ctx,
					   .name = "sqlite-upkeep",
					   .seconds = MAINTENANCE_EVERY_SECONDS,
					   .errors = METRIC_UPKEEP_ERRORS,
					   .run = maintenance_round,
					   .arg = store};
	return task_start(&store->maintenance);
}

void maintenance_stop(struct store *store)
{
	task_stop(&store->maintenance);
}
