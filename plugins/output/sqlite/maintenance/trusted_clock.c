/*
 * One row in the file itself, replaced as a whole, so that a file that is copied to another machine
 * brings its clock along.  Read and written once per round of maintenance, on its thread, in the
 * store's turn.
 */
#include "maintenance/trusted_clock.h"

#include <errno.h>
#include <stdio.h>

#include "database.h"

int trusted_clock_load(struct tally_ctx *ctx, sqlite3 *db, struct store_clock *ret)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(
		ctx, db, "SELECT trusted, seen, steady, boot, uptime FROM tally_clock", &row);
	if (r == 0)
		r = database_step(ctx, row);
	if (r <= 0)
		return r;
	*ret = (struct store_clock){.trusted = sqlite3_column_int64(row, 0),
				    .seen = sqlite3_column_int64(row, 1),
				    .steady = sqlite3_column_int64(row, 2),
				    .uptime.ns = sqlite3_column_int64(row, 4)};
	snprintf(ret->uptime.boot, sizeof(ret->uptime.boot), "%s",
		 (const char *)sqlite3_column_text(row, 3));
	return 0;
}

int trusted_clock_store(struct tally_ctx *ctx, sqlite3 *db, const struct store_clock *clock)
{
	return database_execf(ctx, db,
			      "INSERT OR REPLACE INTO tally_clock VALUES (1, %lld, %lld, %lld, %Q, "
			      "%lld)",
			      (long long)clock->trusted, (long long)clock->seen,
			      (long long)clock->steady, clock->uptime.boot,
			      (long long)clock->uptime.ns);
}

/* ---- A store that has none ------------------------------------------------------ */

struct kept_newest {
	struct tally_ctx *ctx;
	sqlite3 *db;
	int64_t before, newest;
};

static int kept_newest_of(void *arg, const struct tally_table *table)
{
	struct kept_newest *newest = arg;
	const char *time = table->columns[0].name;
	/* It has the present only, and no rows that were written one after another. */
	if (table->kind == TALLY_STATE)
		return 0;
	auto_text char *sql = sqlite3_mprintf(
		"SELECT max((SELECT max(\"%w\") FROM \"%w_rows\" r WHERE r._series = s._series AND "
		"\"%w\" <= %lld)) FROM \"%w_series\" s",
		time, table->name, time, (long long)newest->before, table->name);
	int64_t found = INT64_MIN;
	int r = sql ? database_int(newest->ctx, newest->db, sql, &found)
		    : tally_fail(newest->ctx, ENOMEM, "no memory");
	newest->newest = found > newest->newest ? found : newest->newest;
	return r;
}

int trusted_clock_begin(struct tally_ctx *ctx, sqlite3 *db, struct catalog *catalog,
			struct store_clock *ret)
{
	struct store_clock clock = {.trusted = INT64_MIN, .seen = tally_now(ctx)};
	struct kept_newest newest = {
		.ctx = ctx, .db = db, .before = clock.seen, .newest = INT64_MIN};
	*ret = clock;
	int r = trusted_clock_load(ctx, db, ret);
	if (r < 0 || ret->trusted != INT64_MIN)
		return r;
	/* A file from before there was such a clock: its newest row that is not in the future is
	 * the last time that was surely past. */
	r = catalog_each(catalog, kept_newest_of, &newest);
	clock.trusted = newest.newest == INT64_MIN ? clock.seen : newest.newest;
	if (newest.newest == INT64_MIN)
		store_uptime_read(&clock.uptime);
	*ret = clock;
	return r == 0 ? trusted_clock_store(ctx, db, &clock) : r;
}
