/*
 * The plugin: the store of record.  It writes any declared table into TimescaleDB or plain
 * PostgreSQL, keeps it rolled up, compressed and within its retention, and answers queries.  Here
 * are its options and metrics, and the functions that the core calls: create and destroy on the
 * main thread, start, prepare, write, ledger and stop on the instance's own, query and tables on
 * whichever thread has a question, interrupt on any.  Each is one call into store.c or write/.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <tallyd/host.h>

#include "base/cleanup.h"
#include "command.h"
#include "pg/pg_conninfo.h"
#include "store.h"

#define OPTION(key) .name = #key, .offset = offsetof(struct timescale_config, key)

static const struct tally_option timescale_options[] = {
	{OPTION(conninfo), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_REQUIRED | TALLY_OPT_SECRET,
	 .help = "Connection string of libpq: host=db dbname=tally user=tallyd, or postgresql://…; "
		 "several hosts are tried in order."},
	{OPTION(reader_conninfo), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "Connection string for queries, of a replica or a read-only role.  Default: "
		 "conninfo."},
	{OPTION(schema), .type = TALLY_OPT_STRING, .fallback = "public",
	 .help = "Schema of the views that carry the tables' names.  The data is in the schema "
		 "tally."},
	{OPTION(migrate), .type = TALLY_OPT_CHOICE, .fallback = "auto", .accepts = "auto|check",
	 .help = "auto: creates and changes tables as needed.  check: changes nothing and reports "
		 "what is missing; tallyd db migrate creates it."},
	{OPTION(maintenance), .type = TALLY_OPT_BOOL, .fallback = "yes",
	 .help = "Whether this daemon may roll up, delete and compress; one daemon at a time does "
		 "so for all."},
	{OPTION(retention_raw), .type = TALLY_OPT_DURATION, .fallback = "7d",
	 .accepts = "1d..10000d",
	 .help = "How long rows are kept, by whole partitions: of a day, and from 36 days on of up "
		 "to a fifth of it; rows of a series at least until they are rolled up."},
	{OPTION(retention_rollup), .type = TALLY_OPT_DURATION, .fallback = "30d",
	 .accepts = "1d..10000d",
	 .help = "How long rollups by minute and hour are kept, and state rows of things that are "
		 "gone."},
	{OPTION(retention_daily), .type = TALLY_OPT_DURATION, .fallback = "400d",
	 .accepts = "1d..10000d", .help = "How long rollups by day are kept."},
	{OPTION(compress_after), .type = TALLY_OPT_DURATION, .fallback = "1d",
	 .accepts = "1h..10000d",
	 .help = "Age at which rows are compressed, if the server can (TimescaleDB, except its "
		 "Apache edition)."},
	{OPTION(timeout), .type = TALLY_OPT_DURATION, .fallback = "20s", .accepts = "1s..50s",
	 .help = "Longest time for one statement of a write."},
	{OPTION(connections), .type = TALLY_OPT_INT, .fallback = "1", .accepts = "1..16",
	 .help = "Connections that write in parallel.  They share a write of batch_size rows, in "
		 "up to 16 transactions each, so raise batch_size as well."},
	{OPTION(readers), .type = TALLY_OPT_INT, .fallback = "4", .accepts = "1..64",
	 .help = "Connections for queries; opened on demand."},
	{OPTION(dead_letter_max_size), .type = TALLY_OPT_SIZE, .fallback = "16Mi",
	 .accepts = "0..1Gi",
	 .help = "Largest size of the file in state_dir that keeps rows rejected by the database; "
		 "0: no file."},
	{.name = NULL},
};

static const struct tally_metric timescale_metrics[] = {
	[METRIC_ROLLUP_LAG] = {.name = "rollup_lag",
			       .unit = "ns",
			       .help = "How far rollups are behind the clock, from the leader, "
				       "even while its maintenance fails.  0: another daemon "
				       "leads, or there is nothing to roll up.",
			       .kind = TALLY_METRIC_GAUGE},
	[METRIC_UPKEEP_SUCCESS] =
		{.name = "upkeep_success_time",
		 .unit = "ns",
		 .help = "When the leader last completed a maintenance round, since 1970.",
		 .kind = TALLY_METRIC_GAUGE},
	[METRIC_UPKEEP_ERRORS] = {.name = "upkeep_errors",
				  .help = "Maintenance rounds that failed."},
	[METRIC_LEADER] = {.name = "leader",
			   .help = "1: this daemon is the leader and maintains the database.",
			   .kind = TALLY_METRIC_GAUGE},
	[METRIC_TABLES_REPAIRED] =
		{.name = "tables_mended",
		 .help = "Tables that somebody had dropped, in whole or in part, and "
			 "that were created again."},
	[METRIC_POLICIES] = {.name = "policies",
			     .help = "TimescaleDB policies on the store's tables, which need none; "
				     "from the leader.",
			     .kind = TALLY_METRIC_GAUGE},
	[METRIC_POLICIES_FAILED] =
		{.name = "policies_failed",
		 .help = "TimescaleDB policies whose last run failed; from the leader.",
		 .kind = TALLY_METRIC_GAUGE},
	[METRIC_CLOCK_OFFSET] =
		{.name = "clock_offset",
		 .unit = "ns",
		 .help = "How far this host's clock is ahead of the database's; negative: behind.  "
			 "Beyond five minutes this daemon does no maintenance.",
		 .kind = TALLY_METRIC_GAUGE},
	[METRIC_RETENTION_HELD] =
		{.name = "retention_held",
		 .unit = "ns",
		 .help = "How much longer than retention_raw rows are kept because the database's "
			 "clock jumped ahead; from the leader.",
		 .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

static int timescale_create(struct tally_ctx *ctx, const void *options, void **ret_self)
{
	char problem[PG_CONNINFO_PROBLEM_SIZE];
	const struct timescale_config *config = options;
	auto_free struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return tally_fail(ctx, ENOMEM, "no memory");
	store->ctx = ctx;
	store->config = config;
	if (!command_is_schema(config->schema))
		return tally_fail(ctx, EINVAL,
				  "schema: only lower-case letters, digits and _ are allowed");
	if (!pg_conninfo_fits(config->conninfo))
		return tally_fail(ctx, EINVAL, "conninfo %s",
				  pg_conninfo_problem(config->conninfo, problem));
	if (config->reader_conninfo && !pg_conninfo_fits(config->reader_conninfo))
		return tally_fail(ctx, EINVAL, "reader_conninfo %s",
				  pg_conninfo_problem(config->reader_conninfo, problem));
	store->interrupt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (store->interrupt_fd < 0)
		return tally_fail(ctx, errno, "eventfd: %s", strerror(errno));
	pthread_mutex_init(&store->lock, NULL);
	*ret_self = TAKE(store);
	return 0;
}

static void timescale_destroy(void *self)
{
	struct store *store = self;
	close(store->interrupt_fd);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* Every blocking call here polls this descriptor beside its socket, see pg_connection.h. */
static void timescale_interrupt(void *self)
{
	struct store *store = self;
	uint64_t one = 1;
	ssize_t n = write(store->interrupt_fd, &one, sizeof(one));
	(void)n; /* full: it is readable already */
}

static int timescale_prepare(void *self, const struct tally_table *table)
{
	struct store *store = self;
	return writer_prepare(&store->parallel.threads[0].writer, table);
}

static int timescale_write(void *self, const struct tally_entry *entries, uint32_t n,
			   uint8_t *verdicts)
{
	struct store *store = self;
	return parallel_writer_write(&store->parallel, entries, n, verdicts);
}

static int timescale_ledger(void *self, const char *producer, struct tally_ledger *ret)
{
	struct store *store = self;
	return writer_ledger(&store->parallel.threads[0].writer, producer, ret);
}

static const struct tally_output timescale_output = {.size = sizeof(timescale_output),
						     .prepare = timescale_prepare,
						     .write = timescale_write,
						     .ledger = timescale_ledger};
static const struct tally_store_ops timescale_reader = {.size = sizeof(timescale_reader),
							.query = store_query,
							.tables = store_tables,
							.start_reading = store_start_reading};

TALLY_PLUGIN(.name = "timescale", .version = TALLYD_VERSION,
	     .help = "Stores rows in TimescaleDB or plain PostgreSQL, with rollups, retention and "
		     "queries.",
	     .options = timescale_options, .metrics = timescale_metrics,
	     .config_size = sizeof(struct timescale_config), .create = timescale_create,
	     .start = store_start, .interrupt = timescale_interrupt, .stop = store_stop,
	     .destroy = timescale_destroy, .output = &timescale_output, .store = &timescale_reader,
	     .command = command_run)
