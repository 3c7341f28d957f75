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
	 .help = "How to connect, as libpq has it: host=db dbname=tally user=tallyd, or "
		 "postgresql://…; several hosts are tried in turn."},
	{OPTION(reader_conninfo), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "Another one for queries: replicas, or a role that may only read.  Default: "
		 "conninfo."},
	{OPTION(schema), .type = TALLY_OPT_STRING, .fallback = "public",
	 .help = "Where the views are that bear the tables' names.  The data is in the schema "
		 "tally."},
	{OPTION(migrate), .type = TALLY_OPT_CHOICE, .fallback = "auto", .accepts = "auto|check",
	 .help = "auto: creates and changes tables as needed.  check: changes nothing and says "
		 "what is missing; tallyd db migrate does it."},
	{OPTION(maintenance), .type = TALLY_OPT_BOOL, .fallback = "yes",
	 .help = "Take part in rolling up, deleting and compressing: one daemon at a time does it "
		 "for all."},
	{OPTION(retention_raw), .type = TALLY_OPT_DURATION, .fallback = "7d",
	 .accepts = "1d..10000d",
	 .help = "How long rows are kept, by whole days; those of a series at least until they are "
		 "rolled up."},
	{OPTION(retention_rollup), .type = TALLY_OPT_DURATION, .fallback = "30d",
	 .accepts = "1d..10000d",
	 .help = "How long rollups up to those per hour are kept, and things that are gone."},
	{OPTION(retention_daily), .type = TALLY_OPT_DURATION, .fallback = "400d",
	 .accepts = "1d..10000d", .help = "How long rollups per day are kept."},
	{OPTION(compress_after), .type = TALLY_OPT_DURATION, .fallback = "1d",
	 .accepts = "1h..10000d",
	 .help = "How old rows are compressed, where the server can (TimescaleDB, not its Apache "
		 "edition)."},
	{OPTION(timeout), .type = TALLY_OPT_DURATION, .fallback = "20s", .accepts = "1s..50s",
	 .help = "How long one statement of a write may take."},
	{OPTION(connections), .type = TALLY_OPT_INT, .fallback = "1", .accepts = "1..16",
	 .help = "That write at once.  A write of batch_size rows is dealt out to them, in up to "
		 "16 transactions each, so raise that along with it."},
	{OPTION(readers), .type = TALLY_OPT_INT, .fallback = "4", .accepts = "1..64",
	 .help = "Connections for queries; opened when they are wanted."},
	{OPTION(dead_letter_max_size), .type = TALLY_OPT_SIZE, .fallback = "16Mi",
	 .accepts = "0..1Gi",
	 .help = "Of the file in state_dir with the rows that the database refused; 0: none."},
	{.name = NULL},
};

static const struct tally_metric timescale_metrics[] = {
	[METRIC_ROLLUP_LAG] =
		{.name = "rollup_lag",
		 .unit = "ns",
		 .help = "How far the rollups are behind the clock; of the leader, also "
			 "when its maintenance fails.  0: another leads, or there "
			 "is nothing to roll up.",
		 .kind = TALLY_METRIC_GAUGE},
	[METRIC_UPKEEP_SUCCESS] = {.name = "upkeep_success_time",
				   .unit = "ns",
				   .help = "When maintenance was last all done, since 1970; of the "
					   "leader.",
				   .kind = TALLY_METRIC_GAUGE},
	[METRIC_UPKEEP_ERRORS] = {.name = "upkeep_errors",
				  .help = "Rounds of maintenance that failed."},
	[METRIC_LEADER] = {.name = "leader",
			   .help = "1: this daemon maintains the database.",
			   .kind = TALLY_METRIC_GAUGE},
	[METRIC_MENDED] = {.name = "tables_mended",
			   .help = "Tables that somebody had dropped, or a part of them, and that "
				   "were made again."},
	[METRIC_POLICIES] = {.name = "policies",
			     .help = "Policies of TimescaleDB itself on the store's tables, which "
				     "need none; of the leader.",
			     .kind = TALLY_METRIC_GAUGE},
	[METRIC_POLICIES_FAILED] = {.name = "policies_failed",
				    .help = "Those of them whose last run failed; of the leader.",
				    .kind = TALLY_METRIC_GAUGE},
	[METRIC_CLOCK_OFFSET] = {.name = "clock_offset",
				 .unit = "ns",
				 .help = "How far this host's clock is ahead of the database's; "
					 "negative: behind.  Beyond five minutes this daemon does "
					 "no maintenance.",
				 .kind = TALLY_METRIC_GAUGE},
	[METRIC_RETENTION_HELD] = {.name = "retention_held",
				   .unit = "ns",
				   .help = "By how much rows are kept for longer than "
					   "retention_raw, because the database's clock went "
					   "ahead of the time that went by; of the leader.",
				   .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

static int timescale_check(struct tally_ctx *ctx, const struct timescale_config *config)
{
	if (!command_is_schema(config->schema))
		return tally_fail(ctx, EINVAL, "schema: not a name of small letters, digits and _");
	if (!pg_conninfo_fits(config->conninfo))
		return tally_fail(ctx, EINVAL, "conninfo %s", pg_conninfo_advice);
	if (config->reader_conninfo && !pg_conninfo_fits(config->reader_conninfo))
		return tally_fail(ctx, EINVAL, "reader_conninfo %s", pg_conninfo_advice);
	return 0;
}

static int timescale_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return tally_fail(ctx, ENOMEM, "no memory");
	store->ctx = ctx;
	store->config = config;
	int r = timescale_check(ctx, config);
	if (r < 0)
		return r;
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

static int timescale_start(void *self)
{
	return store_start(self);
}

/* Every blocking call here polls this descriptor beside its socket, see pg_connection.h. */
static void timescale_interrupt(void *self)
{
	struct store *store = self;
	uint64_t one = 1;
	ssize_t n = write(store->interrupt_fd, &one, sizeof(one));
	(void)n; /* full: it is readable already */
}

static void timescale_stop(void *self)
{
	store_stop(self);
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

static int timescale_query(void *self, const struct tally_query *query, tally_rows_fn *rows,
			   void *arg)
{
	return store_query(self, query, rows, arg);
}

static int timescale_tables(void *self, tally_table_fn *each, void *arg)
{
	return store_tables(self, each, arg);
}

static const struct tally_output timescale_output = {.size = sizeof(timescale_output),
						     .prepare = timescale_prepare,
						     .write = timescale_write,
						     .ledger = timescale_ledger};
static const struct tally_store_ops timescale_reader = {
	.size = sizeof(timescale_reader), .query = timescale_query, .tables = timescale_tables};

TALLY_PLUGIN(.name = "timescale", .version = TALLYD_VERSION,
	     .help = "Keeps everything in TimescaleDB or plain PostgreSQL, with rollups, retention "
		     "and queries.",
	     .options = timescale_options, .metrics = timescale_metrics,
	     .config_size = sizeof(struct timescale_config), .create = timescale_create,
	     .start = timescale_start, .interrupt = timescale_interrupt, .stop = timescale_stop,
	     .destroy = timescale_destroy, .output = &timescale_output, .store = &timescale_reader,
	     .command = command_run)
