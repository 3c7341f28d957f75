/*
 * The connections that queries read with: WAL lets them read while one writes, each in the snapshot
 * that its transaction began with (SQLite, Write-Ahead Logging, "Concurrency").  Taken and given
 * back by query threads; whoever finds none free waits until its own deadline.  A progress handler
 * on each looks at the clock every few thousand steps of SQLite's machine, which is how a deadline
 * interrupts a statement that finds nothing for long.
 */
#include "read/readers.h"

#include <errno.h>

#include "base/clock.h"
#include "base/condition.h"
#include "read/condition.h"

enum { READER_PROGRESS_STEPS = 2000 };

static int reader_progress(void *arg)
{
	struct reader *reader = arg;
	return tally_monotonic(reader->ctx) >= reader->deadline;
}

static int readers_open(struct reader *reader, struct tally_ctx *ctx,
			const struct database_settings *settings)
{
	struct database_settings own = *settings;
	own.read_only = true;
	reader->ctx = ctx;
	int r = database_open(ctx, &own, &reader->db);
	if (r == 0)
		r = condition_register(ctx, reader->db);
	if (r == 0)
		sqlite3_progress_handler(reader->db, READER_PROGRESS_STEPS, reader_progress,
					 reader);
	return r;
}

void readers_init(struct readers *readers)
{
	*readers = (struct readers){.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_cond_init(&readers->given_back, NULL);
}

int readers_start(struct readers *readers, struct tally_ctx *ctx,
		  const struct database_settings *settings)
{
	int r = 0;
	for (int i = 0; i < READERS_N && r == 0; i++)
		r = readers_open(&readers->all[i], ctx, settings);
	return r;
}

void readers_stop(struct readers *readers)
{
	for (int i = 0; i < READERS_N; i++) {
		database_close(readers->all[i].db);
		readers->all[i].db = NULL;
	}
	pthread_cond_destroy(&readers->given_back);
	pthread_mutex_destroy(&readers->lock);
}

static struct reader *readers_free_one(struct readers *readers)
{
	for (int i = 0; i < READERS_N; i++)
		if (!readers->all[i].taken)
			return &readers->all[i];
	return NULL;
}

static struct reader *readers_wait(struct readers *readers, int64_t deadline)
{
	struct reader *reader;
	bool in_time = true;
	pthread_mutex_lock(&readers->lock);
	while (!(reader = readers_free_one(readers)) && in_time)
		in_time = condition_wait(&readers->given_back, &readers->lock, deadline);
	if (reader)
		reader->taken = true;
	pthread_mutex_unlock(&readers->lock);
	return reader;
}

int readers_take(struct readers *readers, struct tally_ctx *ctx, int64_t deadline,
		 struct reader **ret)
{
	struct reader *reader = readers_wait(readers, deadline);
	if (!reader)
		return tally_fail(ctx, ETIMEDOUT, "all %d connections were busy until the deadline",
				  READERS_N);
	reader->deadline = deadline;
	int r = reader_result(reader, database_exec(ctx, reader->db, "BEGIN"));
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
	/* An open snapshot would keep the log from beginning anew, for everybody. */
	if (!sqlite3_get_autocommit(reader->db))
		sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL);
	pthread_mutex_lock(&readers->lock);
	reader->taken = false;
	pthread_cond_signal(&readers->given_back);
	pthread_mutex_unlock(&readers->lock);
}

int reader_result(struct reader *reader, int result)
{
	if (result == -EINTR)
		return tally_fail(reader->ctx, ETIMEDOUT, "the query ran into its deadline");
	return result;
}
