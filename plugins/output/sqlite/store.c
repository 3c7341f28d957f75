/*
 * The functions that the core calls, each on its thread: deliveries on the output's, queries on
 * any. All that write take `turn`, the lock of the one writing connection; queries take a reader.
 * After its commit a write checks once more that the file is in its place (store_life.c), and only
 * then reports anything as stored.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "database.h"
#include "maintenance/retention.h"
#include "read/aggregate.h"
#include "read/scan.h"
#include "schema/schema.h"
#include "store/bound_query.h"
#include "store/result_builder.h"
#include "store/rollup_plan.h"
#include "store_life.h"

/* ---- Life --------------------------------------------------------------------- */

char *store_path(const struct tally_ctx *ctx, const struct sqlite_config *config)
{
	char *path;
	int r = config->path ? asprintf(&path, "%s", config->path)
			     : asprintf(&path, "%s/tallyd.db", ctx->state_dir);
	return r < 0 ? NULL : path;
}

int store_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	pthread_rwlockattr_t attributes;
	auto_free struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return tally_fail(ctx, ENOMEM, "no memory");
	store->ctx = ctx;
	store->config = config;
	store->path = store_path(ctx, config);
	if (!store->path)
		return tally_fail(ctx, ENOMEM, "no memory");
	pthread_mutex_init(&store->turn, NULL);
	pthread_rwlockattr_init(&attributes);
	/* Else queries that follow each other closely would keep out the one that opens the file
	 * again.  This kind must not be locked twice by one thread: it may wait for itself. */
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&store->life, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	*ret_self = TAKE(store);
	return 0;
}

void store_destroy(void *self)
{
	struct store *store = self;
	place_forget(store);
	pthread_rwlock_destroy(&store->life);
	pthread_mutex_destroy(&store->turn);
	free(store->path);
	free(store);
}

/* ---- Calls ---------------------------------------------------------------------- */

int store_start(void *self)
{
	struct store *store = self;
	store->maintenance.running = false;
	int r = store_open(store);
	if (r == 0)
		r = maintenance_start(store);
	if (r < 0)
		store_close(store);
	return r;
}

int store_start_reading(void *self)
{
	struct store *store = self;
	store->maintenance.running = false;
	int r = store_open_reading(store);
	if (r < 0)
		store_close(store);
	return r;
}

void store_stop(void *self)
{
	struct store *store = self;
	maintenance_stop(store);
	store_close(store);
	store_forget_kept(store);
	place_forget(store);
}

/* ---- Writing ------------------------------------------------------------------ */

/* It was the file's limit, not the disk, and there was something to delete. */
static bool store_made_room(struct store *store)
{
	int64_t fill = 0;
	if (retention_fill(store, &fill) < 0 || fill < RETENTION_FULL)
		return false;
	while (fill > RETENTION_ROOM)
		if (retention_make_room(store) <= 0 || retention_fill(store, &fill) < 0)
			return false;
	return true;
}

static int store_write_entries(struct store *store, const struct tally_entry *entries, uint32_t n,
			       uint8_t *verdicts)
{
	uint64_t needed = 0;
	for (uint32_t i = 0; i < n; i++)
		needed += tally_batch_bytes(store->ctx, entries[i].batch);
	int r = database_check_room(store->ctx, store->db, store->path, needed,
				    DATABASE_LEFT_BY_ROWS);
	return r < 0 ? r : writer_write(&store->writer, entries, n, verdicts);
}

/* Maintenance is never flushed: a round that a power cut undoes is done again. */
static int store_write_flushed(struct store *store, const struct tally_entry *entries, uint32_t n,
			       uint8_t *verdicts)
{
	/* A durable buffer deletes its rows once this write is done, and an input lets go of them:
	 * then the commit has to be on the disk, whatever `synchronous` says. */
	bool flush = store->config->synchronous == 0 && tally_must_flush(store->ctx);
	int r = flush ? database_flush_commits(store->ctx, store->db, true) : 0;
	if (r == 0)
		r = store_write_entries(store, entries, n, verdicts);
	/* The first attempt was rolled back as a whole, so this one writes nothing twice. */
	if (r == -ENOSPC && store_made_room(store))
		r = writer_write(&store->writer, entries, n, verdicts);
	if (flush)
		/* If this fails, commits are flushed that need not be: slower, but not wrong. */
		database_flush_commits(store->ctx, store->db, false);
	return r;
}

static int store_write_once(struct store *store, const struct tally_entry *entries, uint32_t n,
			    uint8_t *verdicts)
{
	int r = store_enter(store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&store->turn);
	r = store_write_flushed(store, entries, n, verdicts);
	if (r == 0)
		r = place_check(store); /* else they may be in a file without a name */
	pthread_mutex_unlock(&store->turn);
	store_leave(store);
	/* Rejected rows stay rejected, as they would be again.  Those that were stored are asked
	 * for once more: by then another file may be open, whose ledger tells what it has. */
	for (uint32_t i = 0; r < 0 && i < n; i++)
		if (verdicts[i] == TALLY_DONE)
			verdicts[i] = TALLY_RETRY;
	return r;
}

int store_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	struct store *store = self;
	int r = store_write_once(store, entries, n, verdicts);
	/* Once again, into the file that store_enter() opens: the caller need not know of it. */
	return r == -ESTALE ? store_write_once(store, entries, n, verdicts) : r;
}

int store_prepare(void *self, const struct tally_table *table)
{
	struct store *store = self;
	int r = store_enter(store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&store->turn);
	r = writer_prepare(&store->writer, table);
	pthread_mutex_unlock(&store->turn);
	store_leave(store);
	return r;
}

int store_ledger(void *self, const char *writer, struct tally_ledger *ret)
{
	struct store *store = self;
	int r = store_enter(store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&store->turn);
	r = writer_ledger(&store->writer, writer, &ret->sequence);
	pthread_mutex_unlock(&store->turn);
	store_leave(store);
	return r;
}

/* ---- Reading ------------------------------------------------------------------ */

static int store_read(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
		      void *arg)
{
	struct rollup_plan plan = {.level = LEVEL_ROWS};
	int r = 0;
	reader_ask(reader, bound);
	/* In the reader's own snapshot, so that the plan and the rows it reads belong together. */
	if (!bound->raw) {
		const struct table_facts *facts;
		r = table_facts_find(reader, &facts);
		if (r < 0)
			return r;
		rollup_plan_find(bound, &facts->watermarks, &plan);
	}
	auto_free struct result *result = malloc(sizeof(*result));
	if (!result)
		return tally_fail(reader->ctx, ENOMEM, "no memory");
	result_init(result, reader->ctx, bound, schema_levels[plan.level].suffix, rows, arg);
	r = bound->raw ? scan_run(reader, bound, result)
		       : aggregate_run(reader, bound, &plan, result);
	result_done(result);
	return r;
}

int store_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	struct store *store = self;
	struct bound_query bound;
	struct reader *reader = NULL;
	int r = store_enter_reading(store);
	if (r < 0)
		return r;
	r = bound_query_check(store->ctx, &store->catalog, query, &bound);
	if (r == 0)
		r = readers_take(&store->readers, store->ctx, query, &reader);
	if (reader) {
		r = reader_result(reader, store_read(reader, &bound, rows, arg));
		readers_give_back(&store->readers, reader);
	}
	store_leave(store);
	return r;
}

int store_tables(void *self, tally_table_fn *each, void *arg)
{
	struct store *store = self;
	int r = store_enter(store);
	if (r < 0)
		return r;
	r = catalog_each(&store->catalog, each, arg);
	store_leave(store);
	return r;
}
