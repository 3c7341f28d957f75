/*
 * The store's tables, as a snapshot that many requests share.  Any thread: endpoints on their
 * workers and the poller of the streams look here before every query.
 *
 *	catalog_cache_get()     the snapshot, if it is fresh; else this caller asks the store, and
 *	                        those that come meanwhile get the last one
 *	catalog_cache_reload()  asks in any case
 *	catalog_drop()          the last one frees it
 *
 * The lock is held over pointers only, never over the store.  A table that is not there makes the
 * snapshot old after a second instead of five: it is most often one that was created just now, and
 * asking more often would let anybody load the store with names that do not exist.  What can
 * fail is the store, with its own -errno, and memory; the old snapshot then stays for the others.
 */
#include "query/catalog_cache.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"
#include "query/store_watch.h"

enum { TABLES_MAX = 1000 };
static const int64_t catalog_cache_fresh = 5 * CLOCK_SECOND;
static const int64_t catalog_cache_fresh_missing =
	CLOCK_SECOND; /* however many ask for a table that does not exist */

/* What a caller sees, with its count of references behind. */
struct snapshot {
	struct catalog catalog; /* first */
	atomic_int references;
};

struct catalog_cache {
	struct tally_ctx *ctx;
	struct tally_store *store;
	struct store_watch watch;
	pthread_mutex_t lock; /* guards all below */
	struct snapshot *snapshot;
	int64_t loaded; /* monotonic */
	bool loading;   /* a caller is fetching a new one */
};

/* ---- Copies -------------------------------------------------------------- */

static void table_free(const struct tally_table *table)
{
	for (uint32_t i = 0; table->columns && i < table->n_columns; i++) {
		free((void *)(uintptr_t)table->columns[i].name);
		free((void *)(uintptr_t)table->columns[i].unit);
		free((void *)(uintptr_t)table->columns[i].help);
	}
	free((void *)(uintptr_t)table->columns);
	free((void *)(uintptr_t)table->name);
	free((void *)(uintptr_t)table->help);
}

static int copy_text(const char *text, const char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* On failure the part that was copied has to be freed, too. */
static int copy_table(const struct tally_table *from, struct tally_table *to)
{
	struct tally_column *columns = calloc(from->n_columns, sizeof(*columns));
	*to = (struct tally_table){.columns = columns,
				   .n_columns = from->n_columns,
				   .kind = from->kind,
				   .revision = from->revision,
				   .flags = from->flags};
	if (!columns)
		return -ENOMEM;
	int r = copy_text(from->name, &to->name);
	if (r == 0)
		r = copy_text(from->help, &to->help);
	for (uint32_t i = 0; r == 0 && i < from->n_columns; i++) {
		columns[i].type = from->columns[i].type;
		columns[i].role = from->columns[i].role;
		r = copy_text(from->columns[i].name, &columns[i].name);
		if (r == 0)
			r = copy_text(from->columns[i].unit, &columns[i].unit);
		if (r == 0)
			r = copy_text(from->columns[i].help, &columns[i].help);
	}
	return r;
}

void catalog_drop(const struct catalog *catalog)
{
	struct snapshot *snapshot = (struct snapshot *)(uintptr_t)catalog;
	if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1)
		return;
	for (uint32_t i = 0; i < catalog->n; i++)
		table_free(&catalog->tables[i]);
	free((void *)(uintptr_t)catalog->tables);
	free(snapshot);
}

const struct catalog *catalog_keep(const struct catalog *catalog)
{
	atomic_fetch_add(&((struct snapshot *)(uintptr_t)catalog)->references, 1);
	return catalog;
}

/* Beyond TABLES_MAX tables are not seen: memory is bounded whatever the store holds. */
static int snapshot_add(void *arg, const struct tally_table *table)
{
	struct snapshot *snapshot = arg;
	struct tally_table *tables = (struct tally_table *)(uintptr_t)snapshot->catalog.tables;
	if (snapshot->catalog.n == TABLES_MAX || table->n_columns == 0)
		return 0;
	tables = realloc(tables, (snapshot->catalog.n + 1) * sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	snapshot->catalog.tables = tables;
	return copy_table(table, &tables[snapshot->catalog.n++]);
}

static int snapshot_compare(const void *left, const void *right)
{
	const struct tally_table *a = left, *b = right;
	return strcmp(a->name, b->name);
}

/* Without the lock.  Sorted by name for catalog_find(); a store names its tables in any order. */
static int catalog_cache_load(struct catalog_cache *tables, struct snapshot **ret)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return -ENOMEM;
	atomic_init(&snapshot->references, 1);
	int r = tally_store_tables(tables->ctx, tables->store, snapshot_add, snapshot);
	if (r < 0) {
		catalog_drop(&snapshot->catalog);
		return r;
	}
	if (snapshot->catalog.n)
		qsort((void *)(uintptr_t)snapshot->catalog.tables, snapshot->catalog.n,
		      sizeof(struct tally_table), snapshot_compare);
	*ret = snapshot;
	return 0;
}

/* ---- Looking up ---------------------------------------------------------- */

struct catalog_cache *catalog_cache_create(struct tally_ctx *ctx, struct tally_store *store)
{
	struct catalog_cache *tables = calloc(1, sizeof(*tables));
	if (!tables)
		return NULL;
	tables->ctx = ctx;
	tables->store = store;
	store_watch_init(&tables->watch, ctx);
	pthread_mutex_init(&tables->lock, NULL);
	return tables;
}

void catalog_cache_destroy(struct catalog_cache *tables)
{
	if (!tables)
		return;
	if (tables->snapshot)
		catalog_drop(&tables->snapshot->catalog);
	pthread_mutex_destroy(&tables->lock);
	store_watch_done(&tables->watch);
	free(tables);
}

struct store_watch *catalog_cache_watch(struct catalog_cache *tables)
{
	return &tables->watch;
}

/* With the lock.  The first caller that finds it old fetches a new one; the others use it
 * meanwhile. */
static bool catalog_cache_serve(const struct catalog_cache *tables, const char *name)
{
	if (!tables->snapshot)
		return false;
	int64_t age = tally_monotonic(tables->ctx) - tables->loaded;
	if (name && !catalog_find(&tables->snapshot->catalog, name))
		return age < catalog_cache_fresh_missing;
	return age < catalog_cache_fresh || tables->loading;
}

int catalog_cache_get(struct catalog_cache *tables, const char *name, const struct catalog **ret)
{
	pthread_mutex_lock(&tables->lock);
	struct snapshot *snapshot = catalog_cache_serve(tables, name) ? tables->snapshot : NULL;
	bool alone = !snapshot && !tables->loading;
	if (snapshot)
		atomic_fetch_add(&snapshot->references, 1);
	else
		tables->loading = true;
	pthread_mutex_unlock(&tables->lock);
	if (snapshot) {
		*ret = &snapshot->catalog;
		return 0;
	}
	int r = catalog_cache_reload(tables, ret);
	/* Whoever set `loading` takes it back, whatever the store said, or nobody would ask again.
	 * Callers that have no snapshot yet ask beside it: they have nothing to answer from. */
	if (alone) {
		pthread_mutex_lock(&tables->lock);
		tables->loading = false;
		pthread_mutex_unlock(&tables->lock);
	}
	return r;
}

int catalog_cache_reload(struct catalog_cache *tables, const struct catalog **ret)
{
	struct snapshot *snapshot;
	int r = catalog_cache_load(tables, &snapshot);
	if (r < 0)
		return r;
	atomic_fetch_add(&snapshot->references, 1);
	pthread_mutex_lock(&tables->lock);
	struct snapshot *old = tables->snapshot;
	tables->snapshot = snapshot;
	tables->loaded = tally_monotonic(tables->ctx);
	pthread_mutex_unlock(&tables->lock);
	if (old)
		catalog_drop(&old->catalog);
	*ret = &snapshot->catalog;
	return 0;
}

const struct tally_table *catalog_find(const struct catalog *catalog, const char *name)
{
	const struct tally_table key = {.name = name};
	if (catalog->n == 0)
		return NULL;
	return bsearch(&key, catalog->tables, catalog->n, sizeof(key), snapshot_compare);
}
