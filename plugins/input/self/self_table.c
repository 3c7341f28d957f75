/*
 * The declaration of tallyd_self.  Names, types and order are a contract with stores and clients;
 * help texts go into the generated reference.
 */
#include "self_table.h"

#define COLUMN(n, t, r, u, h)                                                                      \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .type = TALLY_##t, .role = TALLY_##r              \
	}

static const struct tally_column self_columns[SELF_COLUMNS] = {
	[SELF_TIME] = COLUMN("time", TIME, FIELD, NULL, NULL),
	[SELF_HOST] = COLUMN("host", TEXT, TAG, NULL, "the machine that it runs on"),
	[SELF_DAEMON] = COLUMN("daemon", TEXT, TAG, NULL,
			       "permanent id of the daemon; several may run on a machine"),
	[SELF_VERSION] = COLUMN("version", TEXT, FIELD, NULL, "of tallyd"),
	[SELF_STARTED] = COLUMN("started", TIME, FIELD, NULL, "when its process began"),
	[SELF_FAILING] = COLUMN("failing", INT, FIELD, NULL,
				"inputs and outputs that cannot start, gather, follow or write"),
	[SELF_BLOCKED] = COLUMN("blocked", INT, FIELD, NULL, "buffers that accept no rows"),
	[SELF_BUFFER_PERCENT] =
		COLUMN("buffer_percent", REAL, FIELD, "percent", "how full the fullest buffer is"),
	[SELF_ROWS_WAITING] =
		COLUMN("rows_waiting", INT, FIELD, NULL, "of all outputs: routed and not stored"),
	[SELF_ROWS_DROPPED] = COLUMN("rows_dropped", INT, COUNTER, NULL,
				     "of all inputs and outputs, since the process began"),
	[SELF_ROLLUP_LAG_S] =
		COLUMN("rollup_lag_s", REAL, FIELD, "s",
		       "how far rollups are behind the clock; NULL: it maintains no store"),
	[SELF_CLOCK_OFFSET_S] = COLUMN("clock_offset_s", REAL, FIELD, "s",
				       "how far the machine's clock is ahead of the database's"),
	[SELF_CPU_NS] = COLUMN("cpu_ns", INT, COUNTER, "ns", "processor time of the process"),
	[SELF_MEM_BYTES] = COLUMN("mem_bytes", INT, FIELD, "bytes", "resident memory"),
	[SELF_DISK_USED_BYTES] = COLUMN("disk_used_bytes", INT, FIELD, "bytes",
					"of the file system that has `disk`"),
	[SELF_DISK_SIZE_BYTES] = COLUMN("disk_size_bytes", INT, FIELD, "bytes",
					"what it holds at most, without what is reserved for root"),
	[SELF_DISK_PERCENT] =
		COLUMN("disk_percent", REAL, FIELD, "percent", "of that size, how much is used"),
};

const struct tally_table self_table = {
	.name = "tallyd_self",
	.help = "tallyd itself: that it runs, and how it fares",
	.columns = self_columns,
	.n_columns = SELF_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 2,
};
