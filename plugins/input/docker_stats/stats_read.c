#include "stats_read.h"

#include <errno.h>
#include <strings.h>

#include "rfc3339.h"

/* What to do with a member of an object. */
enum stats_rule {
	RULE_SET = 1, /* a number into the slot */
	RULE_WEAK,    /* the same, unless the slot is set already */
	RULE_ADD,     /* a number onto the slot */
	RULE_TIME,    /* RFC 3339 into the slot */
	RULE_INSIDE,  /* an object, read by `inside` */
	RULE_EACH,    /* an object of such objects */
	RULE_BLKIO,   /* an array of {op, value}: reads onto the slot, writes onto the next one */
};

struct stats_member {
	const char *key; /* NULL: the last */
	uint8_t rule, slot;
	const struct stats_member *inside;
};

/* cgroup v1 has both plain and total_ members, the latter with its children; v2 has one. */
static const struct stats_member memory_map[] = {
	{"anon", RULE_SET, STATS_MEM_ANON_BYTES, NULL},
	{"total_rss", RULE_SET, STATS_MEM_ANON_BYTES, NULL},
	{"file", RULE_SET, STATS_MEM_FILE_BYTES, NULL},
	{"total_cache", RULE_SET, STATS_MEM_FILE_BYTES, NULL},
	{"pgfault", RULE_WEAK, STATS_PGFAULT, NULL},
	{"total_pgfault", RULE_SET, STATS_PGFAULT, NULL},
	{"pgmajfault", RULE_WEAK, STATS_PGMAJFAULT, NULL},
	{"total_pgmajfault", RULE_SET, STATS_PGMAJFAULT, NULL},
	{"inactive_file", RULE_WEAK, STATS_INACTIVE_FILE, NULL},
	{"total_inactive_file", RULE_SET, STATS_INACTIVE_FILE, NULL},
	{0}};

static const struct stats_member memory[] = {{"usage", RULE_SET, STATS_MEM_USAGE_BYTES, NULL},
					     {"limit", RULE_SET, STATS_MEM_LIMIT_BYTES, NULL},
					     {"stats", RULE_INSIDE, 0, memory_map},
					     {0}};

static const struct stats_member cpu_usage[] = {
	{"total_usage", RULE_SET, STATS_CPU_USAGE_NS, NULL},
	{"usage_in_usermode", RULE_SET, STATS_CPU_USER_NS, NULL},
	{"usage_in_kernelmode", RULE_SET, STATS_CPU_KERNEL_NS, NULL},
	{0}};

static const struct stats_member throttling[] = {
	{"throttled_periods", RULE_SET, STATS_THROTTLED_PERIODS, NULL},
	{"throttled_time", RULE_SET, STATS_THROTTLED_NS, NULL},
	{0}};

static const struct stats_member cpu[] = {{"cpu_usage", RULE_INSIDE, 0, cpu_usage},
					  {"system_cpu_usage", RULE_SET, STATS_CPU_SYSTEM_NS, NULL},
					  {"online_cpus", RULE_SET, STATS_CPU_ONLINE, NULL},
					  {"throttling_data", RULE_INSIDE, 0, throttling},
					  {0}};

static const struct stats_member network[] = {{"rx_bytes", RULE_ADD, STATS_NET_RX_BYTES, NULL},
					      {"tx_bytes", RULE_ADD, STATS_NET_TX_BYTES, NULL},
					      {"rx_packets", RULE_ADD, STATS_NET_RX_PACKETS, NULL},
					      {"tx_packets", RULE_ADD, STATS_NET_TX_PACKETS, NULL},
					      {"rx_errors", RULE_ADD, STATS_NET_RX_ERRORS, NULL},
					      {"tx_errors", RULE_ADD, STATS_NET_TX_ERRORS, NULL},
					      {"rx_dropped", RULE_ADD, STATS_NET_RX_DROPPED, NULL},
					      {"tx_dropped", RULE_ADD, STATS_NET_TX_DROPPED, NULL},
					      {0}};

static const struct stats_member pids[] = {
	{"current", RULE_SET, STATS_PIDS, NULL}, {"limit", RULE_SET, STATS_PIDS_LIMIT, NULL}, {0}};

static const struct stats_member blkio[] = {
	{"io_service_bytes_recursive", RULE_BLKIO, STATS_BLK_READ_BYTES, NULL},
	{"io_serviced_recursive", RULE_BLKIO, STATS_BLK_READ_OPS, NULL},
	{0}};

static const struct stats_member document[] = {{"read", RULE_TIME, STATS_READ_TIME, NULL},
					       {"cpu_stats", RULE_INSIDE, 0, cpu},
					       {"memory_stats", RULE_INSIDE, 0, memory},
					       {"networks", RULE_EACH, 0, network},
					       {"pids_stats", RULE_INSIDE, 0, pids},
					       {"blkio_stats", RULE_INSIDE, 0, blkio},
					       {0}};

static void read_object(struct json_reader *json, const struct stats_member *members,
			struct stats *stats);

/* A sum beyond an int64 is as good as none. */
static void add(struct json_int *slot, const struct json_int *number)
{
	if (!number->set)
		return;
	if (!slot->set)
		*slot = *number;
	else if (__builtin_add_overflow(slot->value, number->value, &slot->value))
		slot->set = false;
}

static void read_time(struct json_reader *json, struct json_int *slot)
{
	struct json_text text;
	if (!json_read_text(json, &text) || !text.at)
		return;
	int r = rfc3339_parse(text.at, text.len, &slot->value);
	slot->set = r == 0;
	if (r < 0 && r != -ERANGE)
		json_fail(json, "\"read\" is not a time");
}

static void read_each(struct json_reader *json, const struct stats_member *members,
		      struct stats *stats)
{
	struct json_text name;
	json_enter_object(json);
	while (json_next_key(json, &name))
		read_object(json, members, stats);
}

/* v1 writes Read, Write, Sync, …, Total; v2 read and write. */
static void read_blkio_entry(struct json_reader *json, struct json_int *reads)
{
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
	if (op.at && strcasecmp(op.at, "read") == 0)
		add(&reads[0], &value);
	else if (op.at && strcasecmp(op.at, "write") == 0)
		add(&reads[1], &value);
}

static void read_member(struct json_reader *json, const struct stats_member *member,
			struct stats *stats)
{
	struct json_int *slot = &stats->slots[member->slot];
	struct json_int number = {0};
	switch ((enum stats_rule)member->rule) {
	case RULE_SET:
		json_read_int(json, slot);
		break;
	case RULE_WEAK:
		json_read_int(json, slot->set ? &number : slot);
		break;
	case RULE_ADD:
		json_read_int(json, &number);
		add(slot, &number);
		break;
	case RULE_TIME:
		read_time(json, slot);
		break;
	case RULE_INSIDE:
		read_object(json, member->inside, stats);
		break;
	case RULE_EACH:
		read_each(json, member->inside, stats);
		break;
	case RULE_BLKIO:
		json_enter_array(json);
		while (json_next_item(json))
			read_blkio_entry(json, slot);
		break;
	}
}

static void read_object(struct json_reader *json, const struct stats_member *members,
			struct stats *stats)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		const struct stats_member *member = members;
		while (member->key && !json_text_is(&key, member->key))
			member++;
		if (member->key)
			read_member(json, member, stats);
		else
			json_skip(json);
	}
}

const char *stats_read(char *text, size_t len, struct stats *ret, size_t *ret_offset)
{
	struct json_reader json;
	struct stats stats = {0};
	json_reader_init(&json, text, len);
	if (json_peek(&json) != JSON_OBJECT)
		json_fail(&json, "an object was expected");
	read_object(&json, document, &stats);
	if (!json_finish(&json)) {
		*ret_offset = json_offset(&json);
		return json.problem;
	}
	*ret = stats;
	return NULL;
}
