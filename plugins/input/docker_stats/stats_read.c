/*
 * The stats document as tables of members and slots for json_map.c.  stats_poll.c calls it for each
 * answer, on the instance's thread.
 *
 * A reader of its own and not a JSON tree: jansson refuses every document of cgroup v2 ("too big
 * integer near '18446744073709551615'", the pids limit that means unlimited), and decoding integers
 * as reals would lose digits of nanoseconds.  json_map leaves what does not fit in 63 bits unset,
 * which is just what unlimited should be.  Unknown members are skipped, so newer engines are fine.
 */
#include "stats_read.h"

#include <strings.h>

#include "base/json_map.h"

/* An array with an entry per device and operation: v1 has Read, Write, Sync, …, Total; v2 read and
 * write, and bytes only.  Without devices it is [] on v1 and null on v2; both leave the slots
 * unset. */
static void read_blkio(struct json_reader *json, struct json_int *reads)
{
	json_enter_array(json);
	while (json_next_item(json)) {
		struct json_text key, op = {0};
		struct json_int value = {0};
		json_enter_object(json);
		while (json_next_key(json, &key)) {
			if (json_text_is(&key, "op"))
				json_read_text(json, &op);
			else if (json_text_is(&key, "value"))
				json_read_int(json, &value);
			else
				json_skip(json);
		}
		/* Reads go into the slot, writes into the next. */
		if (op.at && strcasecmp(op.at, "read") == 0)
			json_int_add(&reads[0], &value);
		else if (op.at && strcasecmp(op.at, "write") == 0)
			json_int_add(&reads[1], &value);
	}
}

/* cgroup v1 has both plain and total_ members, the latter with its children; v2 has one.  Podman
 * has no such map at all, and its columns stay NULL. */
static const struct json_member memory_map[] = {
	{.key = "anon", .rule = JSON_MAP_INT, .slot = STATS_MEM_ANON_BYTES},
	{.key = "total_rss", .rule = JSON_MAP_INT, .slot = STATS_MEM_ANON_BYTES},
	{.key = "file", .rule = JSON_MAP_INT, .slot = STATS_MEM_FILE_BYTES},
	{.key = "total_cache", .rule = JSON_MAP_INT, .slot = STATS_MEM_FILE_BYTES},
	{.key = "pgfault", .rule = JSON_MAP_WEAK, .slot = STATS_PGFAULT},
	{.key = "total_pgfault", .rule = JSON_MAP_INT, .slot = STATS_PGFAULT},
	{.key = "pgmajfault", .rule = JSON_MAP_WEAK, .slot = STATS_PGMAJFAULT},
	{.key = "total_pgmajfault", .rule = JSON_MAP_INT, .slot = STATS_PGMAJFAULT},
	{.key = "inactive_file", .rule = JSON_MAP_WEAK, .slot = STATS_INACTIVE_FILE},
	{.key = "total_inactive_file", .rule = JSON_MAP_INT, .slot = STATS_INACTIVE_FILE},
	{0},
};

static const struct json_member memory[] = {
	{.key = "usage", .rule = JSON_MAP_INT, .slot = STATS_MEM_USAGE_BYTES},
	{.key = "limit", .rule = JSON_MAP_INT, .slot = STATS_MEM_LIMIT_BYTES},
	{.key = "stats", .rule = JSON_MAP_INSIDE, .inside = memory_map},
	{0},
};

static const struct json_member cpu_usage[] = {
	{.key = "total_usage", .rule = JSON_MAP_INT, .slot = STATS_CPU_USAGE_NS},
	{.key = "usage_in_usermode", .rule = JSON_MAP_INT, .slot = STATS_CPU_USER_NS},
	{.key = "usage_in_kernelmode", .rule = JSON_MAP_INT, .slot = STATS_CPU_KERNEL_NS},
	{0},
};

static const struct json_member throttling[] = {
	{.key = "throttled_periods", .rule = JSON_MAP_INT, .slot = STATS_THROTTLED_PERIODS},
	{.key = "throttled_time", .rule = JSON_MAP_INT, .slot = STATS_THROTTLED_NS},
	{0},
};

static const struct json_member cpu[] = {
	{.key = "cpu_usage", .rule = JSON_MAP_INSIDE, .inside = cpu_usage},
	{.key = "system_cpu_usage", .rule = JSON_MAP_INT, .slot = STATS_CPU_SYSTEM_NS},
	{.key = "online_cpus", .rule = JSON_MAP_INT, .slot = STATS_CPU_ONLINE},
	{.key = "throttling_data", .rule = JSON_MAP_INSIDE, .inside = throttling},
	{0},
};

/* Absent with --network host and none. */
static const struct json_member network[] = {
	{.key = "rx_bytes", .rule = JSON_MAP_ADD, .slot = STATS_NET_RX_BYTES},
	{.key = "tx_bytes", .rule = JSON_MAP_ADD, .slot = STATS_NET_TX_BYTES},
	{.key = "rx_packets", .rule = JSON_MAP_ADD, .slot = STATS_NET_RX_PACKETS},
	{.key = "tx_packets", .rule = JSON_MAP_ADD, .slot = STATS_NET_TX_PACKETS},
	{.key = "rx_errors", .rule = JSON_MAP_ADD, .slot = STATS_NET_RX_ERRORS},
	{.key = "tx_errors", .rule = JSON_MAP_ADD, .slot = STATS_NET_TX_ERRORS},
	{.key = "rx_dropped", .rule = JSON_MAP_ADD, .slot = STATS_NET_RX_DROPPED},
	{.key = "tx_dropped", .rule = JSON_MAP_ADD, .slot = STATS_NET_TX_DROPPED},
	{0},
};

/* Without a limit v1 leaves it out, and v2 writes 2^64 − 1, which fits no slot: NULL both times. */
static const struct json_member pids[] = {
	{.key = "current", .rule = JSON_MAP_INT, .slot = STATS_PIDS},
	{.key = "limit", .rule = JSON_MAP_INT, .slot = STATS_PIDS_LIMIT},
	{0},
};

static const struct json_member blkio[] = {
	{.key = "io_service_bytes_recursive",
	 .rule = JSON_MAP_CALL,
	 .slot = STATS_BLK_READ_BYTES,
	 .call = read_blkio},
	{.key = "io_serviced_recursive",
	 .rule = JSON_MAP_CALL,
	 .slot = STATS_BLK_READ_OPS,
	 .call = read_blkio},
	{0},
};

/* `read` is 0001-01-01T00:00:00Z of a container that does not run: before 1678 no nanoseconds
 * exist, so the slot stays unset.  precpu_stats is never read. */
static const struct json_member document[] = {
	{.key = "read", .rule = JSON_MAP_TIME, .slot = STATS_READ_TIME},
	{.key = "cpu_stats", .rule = JSON_MAP_INSIDE, .inside = cpu},
	{.key = "memory_stats", .rule = JSON_MAP_INSIDE, .inside = memory},
	{.key = "networks", .rule = JSON_MAP_EACH, .inside = network},
	{.key = "pids_stats", .rule = JSON_MAP_INSIDE, .inside = pids},
	{.key = "blkio_stats", .rule = JSON_MAP_INSIDE, .inside = blkio},
	{0},
};

const char *stats_read(char *text, size_t len, struct stats *ret, size_t *ret_offset)
{
	struct stats stats = {0};
	const struct json_slots slots = {.ints = stats.slots};
	const char *problem = json_map_document(text, len, document, &slots, ret_offset);
	if (!problem)
		*ret = stats;
	return problem;
}
