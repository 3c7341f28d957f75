/*
 * The declaration of container_stats; names, types and order are a contract with stores and
 * clients.  Help texts go into the generated reference.  Counters are stored as the engine has
 * them, since their growth can be taken over any range later; only CPU and memory percent are
 * calculated here.
 */
#include "containers/stats_table.h"

#define COLUMN(n, u, t, r, h)                                                                      \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .type = TALLY_##t, .role = TALLY_##r              \
	}

static const struct tally_column stats_columns[STATS_COLUMNS] = {
	[STATS_TIME] = COLUMN("time", NULL, TIME, FIELD, "when the engine read the counters"),
	[STATS_HOST] = COLUMN("host", NULL, TEXT, TAG,
			      "the machine the engine runs on, as the daemon calls it"),
	[STATS_CONTAINER_ID] = COLUMN("container_id", NULL, TEXT, TAG, "64 hex digits"),
	[STATS_NAME] = COLUMN("name", NULL, TEXT, TAG, "of the container, at this time"),
	[STATS_CPU_USAGE_NS] = COLUMN("cpu_usage_ns", "ns", INT, COUNTER,
				      "processor time used, by all cores together"),
	[STATS_CPU_USER_NS] =
		COLUMN("cpu_user_ns", "ns", INT, COUNTER, "of that, time in user mode"),
	[STATS_CPU_KERNEL_NS] =
		COLUMN("cpu_kernel_ns", "ns", INT, COUNTER, "of that, time in kernel mode"),
	[STATS_CPU_SYSTEM_NS] = COLUMN("cpu_system_ns", "ns", INT, COUNTER,
				       "processor time of the whole machine, idle time included"),
	[STATS_CPU_PERCENT] = COLUMN("cpu_percent", "percent", REAL, FIELD,
				     "of one core, since the previous sample; NULL on the first"),
	[STATS_CPU_ONLINE] =
		COLUMN("cpu_online", NULL, INT, FIELD,
		       "cores that are on and that the container may run on, by --cpuset-cpus"),
	[STATS_THROTTLED_PERIODS] = COLUMN("throttled_periods", NULL, INT, COUNTER,
					   "periods in which the CPU limit held it back"),
	[STATS_THROTTLED_NS] = COLUMN("throttled_ns", "ns", INT, COUNTER,
				      "time for which the CPU limit held it back"),
	[STATS_MEM_USAGE_BYTES] = COLUMN("mem_usage_bytes", "bytes", INT, FIELD,
					 "memory charged to it, page cache included"),
	[STATS_MEM_USED_BYTES] = COLUMN("mem_used_bytes", "bytes", INT, FIELD,
					"usage less inactive page cache, as docker stats shows it"),
	[STATS_MEM_LIMIT_BYTES] = COLUMN("mem_limit_bytes", "bytes", INT, FIELD,
					 "its limit; the machine's memory if it has none"),
	[STATS_MEM_PERCENT] =
		COLUMN("mem_percent", "percent", REAL, FIELD, "mem_used_bytes of mem_limit_bytes"),
	[STATS_MEM_ANON_BYTES] = COLUMN("mem_anon_bytes", "bytes", INT, FIELD, "anonymous memory"),
	[STATS_MEM_FILE_BYTES] = COLUMN("mem_file_bytes", "bytes", INT, FIELD, "page cache"),
	[STATS_PGFAULT] = COLUMN("pgfault", NULL, INT, COUNTER, "page faults"),
	[STATS_PGMAJFAULT] =
		COLUMN("pgmajfault", NULL, INT, COUNTER, "page faults that had to read"),
	[STATS_PIDS] = COLUMN("pids", NULL, INT, FIELD, "processes and threads"),
	[STATS_PIDS_LIMIT] = COLUMN("pids_limit", NULL, INT, FIELD,
				    "how many processes and threads it may have; NULL: no limit"),
	[STATS_NET_RX_BYTES] =
		COLUMN("net_rx_bytes", "bytes", INT, COUNTER, "bytes received, by all interfaces"),
	[STATS_NET_TX_BYTES] =
		COLUMN("net_tx_bytes", "bytes", INT, COUNTER, "bytes sent, by all interfaces"),
	[STATS_NET_RX_PACKETS] =
		COLUMN("net_rx_packets", NULL, INT, COUNTER, "packets received, by all interfaces"),
	[STATS_NET_TX_PACKETS] =
		COLUMN("net_tx_packets", NULL, INT, COUNTER, "packets sent, by all interfaces"),
	[STATS_NET_RX_ERRORS] = COLUMN("net_rx_errors", NULL, INT, COUNTER,
				       "errors on what was received, by all interfaces"),
	[STATS_NET_TX_ERRORS] = COLUMN("net_tx_errors", NULL, INT, COUNTER,
				       "errors on what was sent, by all interfaces"),
	[STATS_NET_RX_DROPPED] =
		COLUMN("net_rx_dropped", NULL, INT, COUNTER,
		       "packets dropped that were to be received, by all interfaces"),
	[STATS_NET_TX_DROPPED] = COLUMN("net_tx_dropped", NULL, INT, COUNTER,
					"packets dropped that were to be sent, by all interfaces"),
	[STATS_BLK_READ_BYTES] =
		COLUMN("blk_read_bytes", "bytes", INT, COUNTER, "bytes read from block devices"),
	[STATS_BLK_WRITE_BYTES] =
		COLUMN("blk_write_bytes", "bytes", INT, COUNTER, "bytes written to block devices"),
	[STATS_BLK_READ_OPS] = COLUMN("blk_read_ops", NULL, INT, COUNTER,
				      "reads from block devices; not on cgroup v2"),
	[STATS_BLK_WRITE_OPS] = COLUMN("blk_write_ops", NULL, INT, COUNTER,
				       "writes to block devices; not on cgroup v2"),
};

const struct tally_table stats_table = {
	.name = "container_stats",
	.help = "What running containers use, one row per container and poll",
	.columns = stats_columns,
	.n_columns = STATS_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 1,
};
