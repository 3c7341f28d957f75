/*
 * The table container_stats: its columns, in the order of the contract.  Samples are
 * stored by these numbers; new columns are appended and raise the revision.
 */
#ifndef TALLYD_STATS_TABLE_H
#define TALLYD_STATS_TABLE_H

#include <tallyd/plugin.h>

#include "base/json_reader.h"

enum stats_column {
	STATS_TIME,
	STATS_HOST,
	STATS_CONTAINER_ID,
	STATS_NAME,
	STATS_CPU_USAGE_NS,
	STATS_CPU_USER_NS,
	STATS_CPU_KERNEL_NS,
	STATS_CPU_SYSTEM_NS,
	STATS_CPU_PERCENT,
	STATS_CPU_ONLINE,
	STATS_THROTTLED_PERIODS,
	STATS_THROTTLED_NS,
	STATS_MEM_USAGE_BYTES,
	STATS_MEM_USED_BYTES,
	STATS_MEM_LIMIT_BYTES,
	STATS_MEM_PERCENT,
	STATS_MEM_ANON_BYTES,
	STATS_MEM_FILE_BYTES,
	STATS_PGFAULT,
	STATS_PGMAJFAULT,
	STATS_PIDS,
	STATS_PIDS_LIMIT,
	STATS_NET_RX_BYTES,
	STATS_NET_TX_BYTES,
	STATS_NET_RX_PACKETS,
	STATS_NET_TX_PACKETS,
	STATS_NET_RX_ERRORS,
	STATS_NET_TX_ERRORS,
	STATS_NET_RX_DROPPED,
	STATS_NET_TX_DROPPED,
	STATS_BLK_READ_BYTES,
	STATS_BLK_WRITE_BYTES,
	STATS_BLK_READ_OPS,
	STATS_BLK_WRITE_OPS,
	STATS_COLUMNS
};

/* Slots without a column of their own, from which columns are calculated. */
enum {
	STATS_INACTIVE_FILE = STATS_COLUMNS,
	STATS_READ_TIME,
	STATS_CPU_QUOTA, /* µs of processor time in each period; unset: no limit */
	STATS_CPU_PERIOD,
	STATS_SLOTS
};

/* A sample, as the engine or the cgroup files have it. */
struct stats {
	struct json_int slots[STATS_SLOTS]; /* by column; STATS_READ_TIME in ns since 1970 */
};

extern const struct tally_table stats_table;

#endif
