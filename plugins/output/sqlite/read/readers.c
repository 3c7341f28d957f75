/*
 * The connections that queries read with: WAL lets them read while one writes, each in the snapshot
 * that its transaction began with (SQLite, Write-Ahead Logging, "Concurrency").  All are opened at
 * the start, since opening a file can fail only then, and given out by store/connection_pool.c.  A
 * progress handler on each reads the clock every few thousand steps of SQLite's virtual machine:
 * this is how a deadline interrupts a statement that finds no row for long.
 */
#include "read/readers.h"

#include <errno.h>

#include "base/clock.h"
#include "read/condition.h"

enum { READER_PROGRESS_STEPS = 2000 };
#define READER_ASK_EVERY (20 * CLOCK_MS) /* whether the query is cancelled */

bool reader_is_over(struct reader *reader)
{
	int64_t now = tally_monotonic(reader->ctx);
	const struct tally_query *query = reader->query;
	/* Now and then, not at each call: what it costs is up to the caller. */
	if (query && query->cancelled && now - reader->asked >= READER_ASK_EVERY) {
		reader->asked = now;
		reader->cancelled = query->cancelled(query->cancelled_arg);
	}
	return reader->cancelled || now >= reader->deadline;
}

static int reader_progress(void *arg)
{
	return reader_is_over(arg);
}

void readers_init(struct readers *readers)
{
	*readers = (struct readers){.all = {{0}}};
	connection_pool_init(&readers->pool, READERS_N);
}

int readers_start(struct readers *readers, struct tally_ctx *ctx,
		  const struct database_settings *settings)
{
	struct database_settings own = *settings;
	int r = 0;
	/* Not for safety alone: a connection that cannot write never takes the write lock, so a
	 * query cannot make a delivery wait. */
	own.read_only = true;
	for (int i = 0; i < READERS_N && r == 0; i++) {
		struct reader *reader = &readers->all[i];
		reader->ctx = ctx;
		r = database_open(ctx, &own, &reader->db);
		if (r == 0)
			r = condition_register(ctx, reader->db);
		if (r == 0)
			r = database_prepare_kept(ctx, reader->db, "PRAGMA data_version",
						  &reader->snapshot);
		if (r == 0)
			sqlite3_progress_handler(reader->db, READER_PROGRESS_STEPS, reader_progress,
						 reader);
	}
	return r;
}

void readers_stop(struct readers *readers)
{
	for (int i = 0; i < READERS_N; i++) {
		struct reader *reader = &readers->all[i];
		statements_done(&reader->statements);
		sqlite3_finalize(reader->snapshot);
		reader->snapshot = NULL;
		database_close(reader->db);
		reader->db = NULL;
	}
	connection_pool_done(&readers->pool);
}

/* Without BEGIN and COMMIT a transaction ends with the last statement that is not at its end
 * (SQLite, Transactions, "Implicit versus explicit transactions"). */
static int reader_open_snapshot(struct reader *reader)
{
	int r = database_step(reader->ctx, reader->snapshot);
	if (r > 0)
		reader->version = sqlite3_column_int64(reader->snapshot, 0);
	return r < 0 ? r : 0;
}

int readers_take(struct readers *readers, struct tally_ctx *ctx, const struct tally_query *query,
		 struct reader **ret)
{
	uint32_t number = 0;
	int r = connection_pool_take(&readers->pool, ctx, query->deadline, &number);
	if (r < 0)
		return r;
	struct reader *reader = &readers->all[number];
	reader->deadline = query->deadline;
	reader->query = query;
	reader->asked = tally_monotonic(ctx);
	reader->cancelled = query->cancelled && query->cancelled(query->cancelled_arg);
	r = reader->cancelled ? -EINTR : reader_open_snapshot(reader);
	r = reader_result(reader, r);
	if (r < 0) {
		readers_give_back(readers, reader);
		return r;
	}
	*ret = reader;
	return 0;
}

void readers_give_back(struct readers *readers, struct reader *reader)
{
	reader->deadline = INT64_MAX;
	reader->query = NULL;
	reader->cancelled = false;
	statements_give_back(&reader->statements);
	/* An open snapshot would keep the log from beginning again, for all connections. */
	sqlite3_reset(reader->snapshot);
	connection_pool_give_back(&readers->pool, (uint32_t)(reader - readers->all), true);
}

void reader_ask(struct reader *reader, const struct bound_query *bound)
{
	query_shape_of(bound, &reader->shape);
	reader->of_table.table = bound->stored;
}

static struct statement_key reader_key(const struct reader *reader, uint32_t role)
{
	bool of_query = (role & STATEMENT_ROLES) >= STATEMENT_OF_QUERY;
	return (struct statement_key){role, of_query ? &reader->shape : &reader->of_table};
}

sqlite3_stmt *reader_borrow(struct reader *reader, uint32_t role)
{
	const struct statement_key key = reader_key(reader, role);
	return statements_borrow(&reader->statements, &key);
}

int reader_prepare(struct reader *reader, uint32_t role, sqlite3_str *text, sqlite3_stmt **ret)
{
	const struct statement_key key = reader_key(reader, role);
	return statements_prepare(&reader->statements, reader->ctx, reader->db, &key, text, ret);
}

int reader_result(struct reader *reader, int result)
{
	if (result == -EINTR && reader->cancelled)
		return tally_fail(reader->ctx, ECANCELED, "the query was cancelled");
	if (result == -EINTR)
		return tally_fail(reader->ctx, ETIMEDOUT, "the query ran into its deadline");
	return result;
}
