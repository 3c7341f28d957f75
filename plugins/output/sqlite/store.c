/*
 * Start: lock the file, open it, bring its catalog up to date, read what it holds, open the
 * readers. Whatever fails undoes what was done; the core calls again later.  Every call first looks
 * whether the file is still in its place, and opens it anew if it is not; a write looks again
 * before it says that anything is stored.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "read/aggregate.h"
#include "schema/catalog_file.h"
#include "base/cleanup.h"
#include "database.h"
#include "database_check.h"
#include "maintenance/trusted_clock.h"
#include "maintenance/watermarks.h"
#include "schema/migration.h"
#include "maintenance/retention.h"
#include "read/scan.h"
#include "schema/schema.h"
#include "store/result_builder.h"
#include "store/rollup_plan.h"
#include "store/bound_query.h"

/* A file beside the database, since SQLite's own locks are dropped whenever any descriptor of the
 * database itself is closed. */
static int store_lock(struct store *store)
{
	auto_text char *path = sqlite3_mprintf("%s.lock", store->path);
	if (!path)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		return tally_fail(store->ctx, errno, "%s: %s", path, strerror(errno));
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return tally_fail(store->ctx, EBUSY,
				  "%s is in use by another tallyd, or another output of this one",
				  store->path);
	return 0;
}

static int store_open_database(struct store *store, const struct database_settings *settings)
{
	int r = database_check_path(store->ctx, store->path);
	if (r == 0)
		r = database_open(store->ctx, settings, &store->db);
	if (r == 0)
		tally_gauge(store->ctx, METRIC_DAMAGED,
			    database_check(store->ctx, store->db, store->path));
	if (r == 0)
		r = migration_run(store->ctx, store->db, migrations);
	return r == 0 ? database_flush(store->ctx, store->db) : r;
}

/* Whatever fails is undone by store_close(). */
static int store_open(struct store *store)
{
	const struct database_settings settings = {.path = store->path,
						   .page_cache = store->config->page_cache,
						   .busy_timeout = store->config->busy_timeout,
						   .full_sync = store->config->synchronous == 1};
	store->open = true;
	store->lock_fd = -1;
	store->db = NULL;
	writer_init(&store->writer);
	readers_init(&store->readers);
	catalog_init(&store->catalog);
	int r = store_lock(store);
	if (r == 0)
		r = place_check_empty(store);
	if (r == 0)
		r = store_open_database(store, &settings);
	if (r == 0)
		r = catalog_load(store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = schema_complete(store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = trusted_clock_begin(store->ctx, store->db, &store->catalog, &store->clock);
	if (r == 0)
		r = writer_start(&store->writer, store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = readers_start(&store->readers, store->ctx, &settings);
	if (r == 0)
		r = retention_limit(store);
	if (r == 0)
		place_note(store);
	return r;
}

static void store_close(struct store *store)
{
	if (!store->open)
		return;
	readers_stop(&store->readers);
	writer_stop(&store->writer);
	database_close(store->db);
	store->db = NULL;
	catalog_done(&store->catalog);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	store->lock_fd = -1;
	store->open = false;
}

/* ---- Life --------------------------------------------------------------------- */

char *store_path(const struct tally_ctx *ctx, const struct sqlite_config *config)
{
	char *path;
	int r = config->path ? asprintf(&path, "%s", config->path)
			     : asprintf(&path, "%s/tallyd.db", ctx->state_dir);
	return r < 0 ? NULL : path;
}

int store_create(struct tally_ctx *ctx, const struct sqlite_config *config, struct store **ret)
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
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&store->life, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	*ret = TAKE(store);
	return 0;
}

void store_destroy(struct store *store)
{
	pthread_rwlock_destroy(&store->life);
	pthread_mutex_destroy(&store->turn);
	free(store->path);
	free(store);
}

/* ---- A file that was taken away ----------------------------------------------- */

/* Also those that no row may come for soon: whoever asks for them is told that there are none. */
static int store_keep_table(void *arg, const struct tally_table *table)
{
	struct store *store = arg;
	struct stored_table *copy = catalog_copy(table);
	if (!copy)
		return -ENOMEM;
	copy->older = store->kept;
	store->kept = copy;
	return 0;
}

static struct stored_table *store_take_kept(struct store *store)
{
	struct stored_table *table = store->kept;
	store->kept = table->older;
	return table;
}

static int store_make_kept(struct store *store)
{
	int r = 0;
	while (store->kept && r == 0) {
		struct stored_table *table = store_take_kept(store);
		r = writer_prepare(&store->writer, &table->table);
		catalog_free(table);
	}
	return r;
}

static void store_forget_kept(struct store *store)
{
	while (store->kept)
		catalog_free(store_take_kept(store));
}

static void store_give_up(struct store *store)
{
	auto_free char *why = strdup(tally_reason(store->ctx));
	tally_count(store->ctx, METRIC_TAKEN_AWAY, 1);
	tally_log(store->ctx, TALLY_ERROR,
		  "%s: it is opened anew; no row was counted as stored since, and what the file "
		  "held is where it is now",
		  why ? why : store->path);
	store_forget_kept(store);
	catalog_each(&store->catalog, store_keep_table, store);
	place_give_up(store);
	store_close(store);
}

static int store_open_anew(struct store *store)
{
	if (store->open)
		store_give_up(store);
	int r = store_open(store);
	if (r == 0)
		r = store_make_kept(store);
	if (r < 0)
		store_close(store);
	else
		tally_log(store->ctx, TALLY_NOTICE, "%s is open again", store->path);
	return r;
}

/* ---- Calls ---------------------------------------------------------------------- */

int store_start(struct store *store)
{
	store->maintenance.running = false;
	int r = store_open(store);
	if (r == 0)
		r = maintenance_start(store);
	if (r < 0)
		store_close(store);
	return r;
}

void store_stop(struct store *store)
{
	maintenance_stop(store);
	store_close(store);
	store_forget_kept(store);
	store->place = (struct store_place){0};
}

bool store_makes_way(const struct store *store)
{
	return atomic_load(&store->make_way) || task_stopping(&store->maintenance);
}

int store_enter(struct store *store)
{
	pthread_rwlock_rdlock(&store->life);
	if (store->open && place_look(store) == 0)
		return 0;
	pthread_rwlock_unlock(&store->life);
	atomic_store(&store->make_way, true);
	pthread_rwlock_wrlock(&store->life);
	atomic_store(&store->make_way, false);
	int r = store->open && place_look(store) == 0 ? 0 : store_open_anew(store);
	pthread_rwlock_unlock(&store->life);
	if (r < 0)
		return r;
	pthread_rwlock_rdlock(&store->life);
	if (store->open)
		return 0;
	pthread_rwlock_unlock(&store->life);
	return tally_fail(store->ctx, ESTALE, "%s was taken away again and again", store->path);
}

void store_leave(struct store *store)
{
	pthread_rwlock_unlock(&store->life);
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

static int store_write_all(struct store *store, const struct tally_entry *entries, uint32_t n,
			   uint8_t *verdicts)
{
	int r = writer_write(&store->writer, entries, n, verdicts);
	if (r == -ENOSPC && store_made_room(store))
		r = writer_write(&store->writer, entries, n, verdicts);
	return r;
}

/* Upkeep need not be flushed: what of it is lost is done again. */
static int store_write_flushed(struct store *store, const struct tally_entry *entries, uint32_t n,
			       uint8_t *verdicts)
{
	bool flush = store->config->synchronous == 0 && tally_must_flush(store->ctx);
	int r = flush ? database_flush_commits(store->ctx, store->db, true) : 0;
	if (r == 0)
		r = store_write_all(store, entries, n, verdicts);
	if (flush)
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
		r = place_look(store); /* else they may be in a file without a name */
	pthread_mutex_unlock(&store->turn);
	store_leave(store);
	for (uint32_t i = 0; r < 0 && i < n; i++)
		if (verdicts[i] == TALLY_DONE)
			verdicts[i] = TALLY_RETRY;
	return r;
}

int store_write(struct store *store, const struct tally_entry *entries, uint32_t n,
		uint8_t *verdicts)
{
	int r = store_write_once(store, entries, n, verdicts);
	return r == -ESTALE ? store_write_once(store, entries, n, verdicts) : r;
}

int store_prepare(struct store *store, const struct tally_table *table)
{
	int r = store_enter(store);
	if (r < 0)
		return r;
	pthread_mutex_lock(&store->turn);
	r = writer_prepare(&store->writer, table);
	pthread_mutex_unlock(&store->turn);
	store_leave(store);
	return r;
}

int store_ledger(struct store *store, const char *writer, struct tally_ledger *ret)
{
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
	if (!bound->raw) {
		struct watermarks watermarks;
		r = watermarks_load(reader->ctx, reader->db, bound->stored->table.name,
				    &watermarks);
		if (r < 0)
			return r;
		rollup_plan_find(bound, &watermarks, &plan);
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

static int store_answer(struct store *store, const struct tally_query *query, tally_rows_fn *rows,
			void *arg)
{
	struct bound_query bound;
	struct reader *reader = NULL;
	int r = bound_query_check(store->ctx, &store->catalog, query, &bound);
	if (r == 0)
		r = readers_take(&store->readers, store->ctx, query->deadline, &reader);
	if (!reader)
		return r;
	r = reader_result(reader, store_read(reader, &bound, rows, arg));
	readers_give_back(&store->readers, reader);
	return r;
}

int store_query(struct store *store, const struct tally_query *query, tally_rows_fn *rows,
		void *arg)
{
	int r = store_enter(store);
	if (r < 0)
		return r;
	r = store_answer(store, query, rows, arg);
	store_leave(store);
	return r;
}

int store_tables(struct store *store, tally_table_fn *each, void *arg)
{
	int r = store_enter(store);
	if (r < 0)
		return r;
	r = catalog_each(&store->catalog, each, arg);
	store_leave(store);
	return r;
}
