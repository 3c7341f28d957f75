/*
 * The plugin: an embedded store that needs no server.  It writes any declared table into one SQLite
 * file and answers queries about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "command.h"
#include "file_check.h"
#include "store.h"

#define OPTION(key) .name = #key, .offset = offsetof(struct sqlite_config, key)

static const struct tally_option sqlite_options[] = {
	{OPTION(path), .type = TALLY_OPT_STRING,
	 .help = "The database file.  Default: tallyd.db in state_dir."},
	{OPTION(retention_raw), .type = TALLY_OPT_DURATION, .fallback = "7d", .accepts = "1h..",
	 .help = "How long rows are kept; rows of a series at least until they are rolled up."},
	{OPTION(retention_rollup), .type = TALLY_OPT_DURATION, .fallback = "30d", .accepts = "1h..",
	 .help = "How long rollups by minute and hour are kept, and state rows of things that are "
		 "gone."},
	{OPTION(retention_daily), .type = TALLY_OPT_DURATION, .fallback = "400d", .accepts = "1d..",
	 .help = "How long rollups by day are kept."},
	{OPTION(pack_after), .type = TALLY_OPT_DURATION, .fallback = "0s", .accepts = "0s..",
	 .help = "When rows of a series are so old, and rolled up, they are packed: about a fifth "
		 "of "
		 "the size, but other programs then need an extension to read them.  0s: never."},
	{OPTION(max_size), .type = TALLY_OPT_SIZE, .fallback = "4Gi", .accepts = "1Mi..",
	 .help = "Largest size of the file; at this size the oldest rows are deleted."},
	{OPTION(page_cache), .type = TALLY_OPT_SIZE, .fallback = "2Mi", .accepts = "64Ki..1Gi",
	 .help = "Memory for pages of the file, for each of five connections."},
	{OPTION(synchronous), .type = TALLY_OPT_CHOICE, .fallback = "normal",
	 .accepts = "normal|full",
	 .help = "normal: stored rows survive a crash of the daemon; those of a durable buffer, or "
		 "of an input that resumes at its position, also survive a power cut, for one "
		 "flush per write.  full: all rows survive a power cut."},
	{OPTION(busy_timeout), .type = TALLY_OPT_DURATION, .fallback = "5s", .accepts = "1ms..5min",
	 .help = "How long to wait while another program has locked the file."},
	{.name = NULL},
};

static const struct tally_metric sqlite_metrics[] = {
	[METRIC_DELETED_OLD] = {.name = "rows_deleted",
				.help = "Rows deleted, by reason.",
				.labels = "reason=\"retention\""},
	[METRIC_DELETED_SIZE] = {.name = "rows_deleted",
				 .help = "Rows deleted, by reason.",
				 .labels = "reason=\"max_size\""},
	[METRIC_DATABASE_BYTES] = {.name = "database_bytes",
				   .unit = "bytes",
				   .help = "Size of the database file.",
				   .kind = TALLY_METRIC_GAUGE},
	[METRIC_ROLLUP_LAG] = {.name = "rollup_lag",
			       .unit = "ns",
			       .help = "How far rollups are behind the clock.",
			       .kind = TALLY_METRIC_GAUGE},
	[METRIC_UPKEEP_ERRORS] = {.name = "upkeep_errors",
				  .help = "Maintenance rounds (rolling up, deleting) that failed."},
	[METRIC_FILE_TAKEN_AWAY] =
		{.name = "file_taken_away",
		 .help = "Times the database file was found removed, replaced or emptied by "
			 "another program, and was opened or created again."},
	[METRIC_RETENTION_HELD] = {.name = "retention_held",
				   .unit = "ns",
				   .help = "How much longer than retention_raw rows are kept "
					   "because the clock jumped ahead.",
				   .kind = TALLY_METRIC_GAUGE},
	[METRIC_DAMAGED] = {.name = "damaged",
			    .help = "1: the file was damaged when it was opened.",
			    .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

static const struct tally_output sqlite_output = {.size = sizeof(sqlite_output),
						  .prepare = store_prepare,
						  .write = store_write,
						  .ledger = store_ledger};
static const struct tally_store_ops sqlite_reader = {.size = sizeof(sqlite_reader),
						     .query = store_query,
						     .tables = store_tables,
						     .start_reading = store_start_reading};

static int sqlite_check(struct tally_ctx *ctx, const void *config)
{
	return file_check_write(ctx, "path", ((const struct sqlite_config *)config)->path, 0);
}

TALLY_PLUGIN(.name = "sqlite", .version = TALLYD_VERSION,
	     .help = "Stores rows in one SQLite file, with rollups, retention and queries.",
	     .options = sqlite_options, .metrics = sqlite_metrics,
	     .config_size = sizeof(struct sqlite_config), .create = store_create,
	     .start = store_start, .stop = store_stop, .destroy = store_destroy,
	     .output = &sqlite_output, .store = &sqlite_reader, .command = command_run,
	     .check = sqlite_check)
