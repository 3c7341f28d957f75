/*
 * Start: connect, bring the catalog up to date, see what kind of server it is, read what it holds,
 * start the maintenance.  Whatever fails undoes what was done; the core calls again later, so a
 * daemon may be started before its database.  To read only, it is enough to look.  On the
 * instance's thread; store_query() and store_tables() on any, between start and stop, at once.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "read/aggregate.h"
#include "base/cleanup.h"
#include "maintenance/trusted_clock.h"
#include "schema/migration.h"
#include "read/scan.h"
#include "store/result_builder.h"

#define STORE_RELOAD CLOCK_SECOND       /* not more often, for names that are not known */
#define STORE_TABLES (5 * CLOCK_SECOND) /* deadline of store_tables() */

int store_migrate(struct store *store, struct pg_connection *pg, bool make)
{
	int missing = 0;
	int r = make ? server_offer_extension(pg, &store->extension_reported) : 0;
	if (r == 0)
		r = server_find_out(pg, &store->server);
	if (r == 0)
		r = make ? migration_run(pg, migrations, store->progress)
			 : migration_missing(pg, migrations, &missing);
	if (r == 0 && missing)
		return tally_fail(store->ctx, EPROTO,
				  "the database lacks %d migrations, and migrate = check: run "
				  "tallyd db migrate",
				  missing);
	return r;
}

static int store_view(void *arg, const struct tally_table *table)
{
	struct store *store = arg;
	struct writer *writer = &store->parallel.threads[0].writer;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	int r = schema_views_repair(&writer->pg, &writer->where, stored);
	if (r > 0 && !writer->where.make)
		tally_log(store->ctx, TALLY_WARNING,
			  "table %s: views in the schema %s are missing, and migrate = check: run "
			  "tallyd db migrate",
			  table->name, store->config->schema);
	return r < 0 ? r : 0;
}

static int store_open(struct store *store)
{
	struct writer *writer = &store->parallel.threads[0].writer;
	int r = writer_connect(writer);
	if (r == 0)
		r = store_migrate(store, &writer->pg, store->config->migrate == MIGRATE_AUTO);
	if (r == 0)
		r = trusted_clock_begin(&writer->pg);
	if (r == 0)
		r = server_clock_now(&writer->clock, &writer->pg, &writer->where.now);
	if (r == 0)
		r = schema_load_catalog(&writer->pg, &store->catalog);
	if (r == 0)
		r = catalog_each(&store->catalog, store_view, store);
	if (r == 0)
		r = maintenance_start(store);
	if (r == 0)
		tally_log(store->ctx, TALLY_INFO, "connected to PostgreSQL %d%s%s, mode %s",
			  store->server.version / 10000,
			  store->server.timescale[0] ? " with TimescaleDB " : "",
			  store->server.timescale, server_modes[store->server.mode]);
	struct server_remarks remarks;
	if (r == 0)
		r = server_remark(&writer->pg, &store->server, &remarks);
	if (r == 0 && remarks.partitions[0])
		tally_log(store->ctx, TALLY_WARNING, "tables %s", remarks.partitions);
	if (r == 0 && remarks.compressed[0])
		tally_log(store->ctx, TALLY_ERROR, "%s", remarks.compressed);
	return r;
}

static void store_init(struct store *store)
{
	const struct timescale_config *config = store->config;
	/* One that was meant for the run before would end this one's first call. */
	uint64_t interrupts;
	while (read(store->interrupt_fd, &interrupts, sizeof(interrupts)) > 0)
		;
	catalog_init(&store->catalog);
	store->maintenance.task.running = false;
	store->maintenance.pg.conn = NULL;
	store->reloaded = 0;
	store->dead = (struct dead_letter){.ctx = store->ctx, .max = config->dead_letter_max_size};
	const struct writer writer = {.ctx = store->ctx,
				      .pg = {.ctx = store->ctx,
					     .timeout = config->timeout,
					     .interrupt_fd = store->interrupt_fd},
				      .conninfo = config->conninfo,
				      .where = {.server = &store->server,
						.views = config->schema,
						.catalog = &store->catalog,
						.make = config->migrate == MIGRATE_AUTO,
						.age = store_age(config)},
				      .age = store_age(config),
				      .dead = &store->dead,
				      .in_doubt = true};
	parallel_writer_init(&store->parallel, &writer,
			     config->connections > 1 ? (uint32_t)config->connections : 1);
	readers_init(&store->readers, store->ctx,
		     config->reader_conninfo ? config->reader_conninfo : config->conninfo,
		     (uint32_t)config->readers, store->interrupt_fd);
	if (config->reader_conninfo)
		store->readers.option = "reader_conninfo";
}

int store_start(void *self)
{
	struct store *store = self;
	store_init(store);
	int r = store_open(store);
	if (r < 0)
		store_stop(store);
	return r;
}

static int store_look(struct store *store, struct pg_connection *pg)
{
	int missing = 0;
	int r = server_find_out(pg, &store->server);
	if (r == 0)
		r = migration_missing(pg, migrations, &missing);
	if (r == 0 && missing)
		return tally_fail(store->ctx, EPROTO,
				  "%d migrations to apply: run tallyd db migrate", missing);
	return r == 0 ? schema_load_catalog(pg, &store->catalog) : r;
}

int store_start_reading(void *self)
{
	struct store *store = self;
	struct reader *reader = NULL;
	store_init(store);
	int r = readers_take(&store->readers, tally_monotonic(store->ctx) + STORE_TABLES, &reader);
	if (r == 0) {
		r = store_look(store, &reader->pg);
		readers_give_back(&store->readers, reader);
	}
	if (r < 0)
		store_stop(store);
	return r;
}

void store_stop(void *self)
{
	struct store *store = self;
	/* First what uses the catalog on another thread. */
	maintenance_stop(store);
	readers_done(&store->readers);
	parallel_writer_done(&store->parallel);
	catalog_done(&store->catalog);
}

/* ---- Reading ------------------------------------------------------------------ */

static int store_scan(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
		      void *arg)
{
	auto_free struct result *result = malloc(sizeof(*result));
	if (!result)
		return tally_fail(reader->pg.ctx, ENOMEM, "no memory");
	result_init(result, reader->pg.ctx, bound, "", rows, arg);
	int r = scan_run(reader, bound, result);
	result_done(result);
	return r;
}

static bool store_may_reload(struct store *store)
{
	int64_t now = tally_monotonic(store->ctx);
	pthread_mutex_lock(&store->lock);
	bool may = store->reloaded == 0 || now - store->reloaded >= STORE_RELOAD;
	if (may)
		store->reloaded = now;
	pthread_mutex_unlock(&store->lock);
	return may;
}

/* Names that are not known may have been added by another daemon. */
static int store_check(struct store *store, struct reader *reader, const struct tally_query *query,
		       struct bound_query *ret)
{
	int r = bound_query_check(store->ctx, &store->catalog, query, ret);
	/* At most once a second: a client that asks for nonsense must not cost a statement each
	 * time. */
	if ((r != -ENOENT && r != -EINVAL) || !store_may_reload(store))
		return r;
	r = schema_load_catalog(&reader->pg, &store->catalog);
	return r == 0 ? bound_query_check(store->ctx, &store->catalog, query, ret) : r;
}

int store_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	struct store *store = self;
	auto_free struct bound_query *bound = malloc(sizeof(*bound));
	struct reader *reader = NULL;
	if (!bound)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	if (query->deadline <= 0)
		return tally_fail(store->ctx, EINVAL, "a query needs a deadline");
	int r = readers_take(&store->readers, query->deadline, &reader);
	if (r < 0)
		return r;
	reader->pg.cancelled = query->cancelled;
	reader->pg.cancelled_arg = query->cancelled_arg;
	r = store_check(store, reader, query, bound);
	if (r == 0)
		r = bound->raw ? store_scan(reader, bound, rows, arg)
			       : aggregate_run(reader, bound, rows, arg);
	if (r == -ETIMEDOUT)
		r = tally_fail(store->ctx, ETIMEDOUT, "the query ran into its deadline");
	readers_give_back(&store->readers, reader);
	return r;
}

static int store_reload(struct store *store)
{
	struct reader *reader = NULL;
	int r = readers_take(&store->readers, tally_monotonic(store->ctx) + STORE_TABLES, &reader);
	if (r < 0)
		return r;
	r = schema_load_catalog(&reader->pg, &store->catalog);
	readers_give_back(&store->readers, reader);
	return r;
}

int store_tables(void *self, tally_table_fn *each, void *arg)
{
	struct store *store = self;
	int r = store_may_reload(store) ? store_reload(store) : 0;
	if (r < 0) {
		/* The next one who asks tries again: memory does not say that the database is
		 * there. */
		pthread_mutex_lock(&store->lock);
		store->reloaded = 0;
		pthread_mutex_unlock(&store->lock);
		return r;
	}
	return catalog_each(&store->catalog, each, arg);
}
