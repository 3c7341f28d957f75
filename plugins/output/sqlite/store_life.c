/*
 * Opening the file of a store, closing it, and noticing that it was removed or replaced in between.
 * Called by store.c for each call of the core, on the output's thread or a query's, and by
 * maintenance on its own thread.
 *   - Open: lock the file, open it, bring its catalog up to date, read what it holds, open the
 *     readers.  Whatever fails undoes what was done; the core calls again later.
 *   - Enter: everybody holds `life` for reading while the file is used.  Whoever finds that the
 *     file is not in its place takes `life` for writing and opens the path again; until then nobody
 *     is inside, so nothing that hangs on the old connection outlives it.
 * What can fail: another process has the file, it is damaged, or its disk cannot be written.
 */
#include "store_life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "database.h"
#include "database_check.h"
#include "maintenance/retention.h"
#include "maintenance/trusted_clock.h"
#include "schema/catalog_file.h"
#include "schema/migration.h"
#include "schema/schema.h"
#include "store.h"

/* A file beside the database, since SQLite's own locks are dropped whenever any descriptor of the
 * database itself is closed. */
int store_lock_file(struct tally_ctx *ctx, const char *path)
{
	auto_text char *name = sqlite3_mprintf("%s.lock", path);
	if (!name)
		return tally_fail(ctx, ENOMEM, "no memory");
	auto_close int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return tally_fail(ctx, errno, "%s: %s", name, strerror(errno));
	/* Ends with the process, however that ends: nothing stale is left to be removed by hand. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return tally_fail(ctx, EBUSY,
				  "%s is in use by another tallyd, or another output of this one",
				  path);
	int taken = fd;
	fd = -1;
	return taken;
}

static int store_lock(struct store *store)
{
	store->lock_fd = store_lock_file(store->ctx, store->path);
	return store->lock_fd < 0 ? store->lock_fd : 0;
}

static void store_init(struct store *store)
{
	store->open = true;
	store->lock_fd = -1;
	store->db = NULL;
	store->text_whole = (struct log_text_whole){.from = 0};
	writer_init(&store->writer);
	readers_init(&store->readers);
	catalog_init(&store->catalog);
}

int store_open_reading(struct store *store)
{
	const struct database_settings settings = {.path = store->path,
						   .page_cache = store->config->page_cache,
						   .busy_timeout = store->config->busy_timeout,
						   .read_only = true};
	store_init(store);
	int r = database_open(store->ctx, &settings, &store->db);
	if (r == 0)
		r = catalog_load(store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = readers_start(&store->readers, store->ctx, &settings);
	if (r == 0)
		place_note(store);
	return r;
}

int store_open(struct store *store)
{
	const struct database_settings settings = {.path = store->path,
						   .page_cache = store->config->page_cache,
						   .busy_timeout = store->config->busy_timeout,
						   .full_sync = store->config->synchronous == 1};
	store_init(store);
	int r = store_lock(store);
	if (r == 0)
		r = place_check_empty(store);
	if (r == 0)
		r = database_check_path(store->ctx, store->path);
	if (r == 0)
		r = database_open(store->ctx, &settings, &store->db);
	/* Damage is no reason to stop: what is readable is still answered (database_check.c). */
	if (r == 0)
		tally_gauge(store->ctx, METRIC_DAMAGED,
			    database_check(store->ctx, store->db, store->path));
	if (r == 0)
		r = migration_run(store->ctx, store->db, migrations);
	/* Before the ledger is read from it: the core is going to let go of all that it names. */
	if (r == 0)
		r = database_flush(store->ctx, store->db);
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
		r = retention_limit(store); /* SQLite keeps it per connection, not in the file */
	if (r == 0)
		place_note(store);
	return r;
}

void store_close(struct store *store)
{
	if (!store->open)
		return;
	/* Statements before their connection, which stays open until the last of them is gone
	 * (sqlite3_close_v2()).  Our own lock goes last, when nothing is open any more. */
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

/* ---- A file that was removed or replaced ------------------------------------------- */

/* Also tables that get no rows for a while: a query of them must find them empty, not unknown. */
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

void store_forget_kept(struct store *store)
{
	while (store->kept)
		catalog_free(store_take_kept(store));
}

static void store_give_up(struct store *store)
{
	/* A copy: what follows may fail, too, and then the reason is another one. */
	auto_free char *why = strdup(tally_reason(store->ctx));
	tally_count(store->ctx, METRIC_FILE_TAKEN_AWAY, 1);
	tally_log(store->ctx, TALLY_ERROR,
		  "%s: opening the path again; rows written to the old file since then are not "
		  "counted as stored, and its contents are wherever it was moved",
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
	/* Tables come back empty, from their declarations, as their plugins declare them only
	 * once. */
	while (r == 0 && store->kept) {
		struct stored_table *table = store_take_kept(store);
		r = writer_prepare(&store->writer, &table->table);
		catalog_free(table);
	}
	if (r < 0)
		store_close(store);
	else
		tally_log(store->ctx, TALLY_NOTICE, "%s is open again", store->path);
	return r;
}

/* ---- In and out --------------------------------------------------------------- */

bool store_makes_way(const struct store *store)
{
	return atomic_load(&store->make_way) || task_stopping(&store->maintenance);
}

int store_enter_reading(struct store *store)
{
	pthread_rwlock_rdlock(&store->life);
	if (store->open && place_check_database(store) == 0)
		return 0;
	pthread_rwlock_unlock(&store->life);
	return store_enter(store);
}

int store_enter(struct store *store)
{
	pthread_rwlock_rdlock(&store->life);
	if (store->open && place_check(store) == 0)
		return 0;
	/* A lock for reading cannot become one for writing.  Maintenance is asked to end its step,
	 * since it holds the lock for as long as a whole round takes. */
	pthread_rwlock_unlock(&store->life);
	atomic_store(&store->make_way, true);
	pthread_rwlock_wrlock(&store->life);
	atomic_store(&store->make_way, false);
	/* Another call may have opened it while this one waited. */
	int r = store->open && place_check(store) == 0 ? 0 : store_open_anew(store);
	pthread_rwlock_unlock(&store->life);
	if (r < 0)
		return r;
	pthread_rwlock_rdlock(&store->life);
	if (store->open)
		return 0;
	pthread_rwlock_unlock(&store->life);
	return tally_fail(store->ctx, ESTALE, "%s was removed or replaced repeatedly", store->path);
}

void store_leave(struct store *store)
{
	pthread_rwlock_unlock(&store->life);
}
