/*
 * Rows are made as an input makes them; who gets one drops it.
 */
#include "alert_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "language/parse.h"
#include "test.h"

#define COLUMN(n, u, t, r)                                                                         \
	{                                                                                          \
		.name = n, .unit = u, .type = TALLY_##t, .role = TALLY_##r                         \
	}
#define TABLE(n, c, k)                                                                             \
	{                                                                                          \
		.name = n, .help = n, .columns = c, .n_columns = sizeof(c) / sizeof(c[0]),         \
		.kind = TALLY_##k, .revision = 1                                                   \
	}

enum { TIME, HOST, ID, NAME, CPU, MEM, RX, MEM_PERCENT };
static const struct tally_column stats[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG),
	COLUMN("name", NULL, TEXT, TAG),
	COLUMN("cpu_percent", "percent", REAL, FIELD),
	COLUMN("mem_used_bytes", "bytes", INT, FIELD),
	COLUMN("net_rx_bytes", "bytes", INT, COUNTER),
	COLUMN("mem_percent", "percent", REAL, FIELD),
	COLUMN("mem_limit_bytes", "bytes", INT, FIELD),
};
enum { STATE = NAME + 1, HEALTH, EXIT_CODE, OOM, PROJECT, SERVICE, GONE };
static const struct tally_column info[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG),
	COLUMN("name", NULL, TEXT, FIELD),
	COLUMN("state", NULL, TEXT, FIELD),
	COLUMN("health", NULL, TEXT, FIELD),
	COLUMN("exit_code", NULL, INT, FIELD),
	COLUMN("oom_killed", NULL, BOOL, FIELD),
	COLUMN("compose_project", NULL, TEXT, FIELD),
	COLUMN("compose_service", NULL, TEXT, FIELD),
	COLUMN("gone_at", NULL, TIME, GONE),
	COLUMN("mem_limit_bytes", "bytes", INT, FIELD),
};
static const struct tally_column events[] = {
	COLUMN("time", NULL, TIME, FIELD),       COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG), COLUMN("action", NULL, TEXT, TAG),
	COLUMN("name", NULL, TEXT, FIELD),       COLUMN("exit_code", NULL, INT, FIELD),
	COLUMN("health", NULL, TEXT, FIELD),
};
enum { MESSAGE = NAME + 1, LEVEL, SEQUENCE };
static const struct tally_column logs[] = {
	COLUMN("time", NULL, TIME, FIELD),       COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG), COLUMN("name", NULL, TEXT, TAG),
	COLUMN("message", NULL, TEXT, FIELD),    COLUMN("level", NULL, TEXT, FIELD),
	COLUMN("sequence", NULL, INT, ORDER),
};
static const struct tally_column room[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("uptime", "s", REAL, FIELD),
};

static const struct tally_column disk[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("used_bytes", "bytes", INT, FIELD),
	COLUMN("size_bytes", "bytes", INT, FIELD),
};

static const struct tally_column patterns[] = {
	COLUMN("time", NULL, TIME, FIELD),  COLUMN("host", NULL, TEXT, TAG),
	COLUMN("service", NULL, TEXT, TAG), COLUMN("id", NULL, TEXT, TAG),
	COLUMN("level", NULL, TEXT, FIELD), COLUMN("first_seen", NULL, TIME, FIELD),
};

const struct tally_table fixture_stats = TABLE("container_stats", stats, SERIES);
const struct tally_table fixture_info = TABLE("container_info", info, STATE);
const struct tally_table fixture_events = TABLE("container_events", events, SERIES);
const struct tally_table fixture_logs = TABLE("container_logs", logs, LOG);
const struct tally_table fixture_patterns = TABLE("log_patterns", patterns, STATE);
const struct tally_table fixture_disk = TABLE("disk", disk, SERIES);
static const struct tally_table fixture_room = TABLE("room", room, SERIES);
const struct tally_table *const fixture_tables[] = {
	&fixture_stats,    &fixture_info, &fixture_events, &fixture_logs,
	&fixture_patterns, &fixture_disk, &fixture_room,   NULL};

void fixture_names(struct names *ret)
{
	*ret = (struct names){.n = 0};
	for (const struct tally_table *const *t = fixture_tables; *t; t++)
		names_add(ret, *t, "alerts");
}

struct rule *fixture_rule(const char *when, const char *clear)
{
	struct names names;
	struct rule *rule = NULL;
	struct error error;
	fixture_names(&names);
	if (parse_rule(when, clear, &names, &rule, &error) < 0)
		fail_msg("%s: %s", when, error.text);
	return rule;
}

static void put(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		uint32_t column, const char *text)
{
	if (text)
		assert_int_equal(tally_put_text(ctx, batch, row, column, text, strlen(text)), 0);
}

static struct tally_batch *start(struct tally_ctx *ctx, const struct tally_table *table,
				 int64_t time, const char *name, struct tally_cell **ret_row)
{
	char id[65];
	struct tally_batch *batch = tally_batch_new(ctx, table);
	struct tally_cell *row = tally_batch_row(ctx, batch);
	snprintf(id, sizeof(id), "%s-id", name);
	tally_put_int(row, TIME, time);
	put(ctx, batch, row, HOST, "box");
	put(ctx, batch, row, ID, id);
	put(ctx, batch, row, NAME, name);
	*ret_row = row;
	return batch;
}

struct tally_batch *fixture_stats_row(struct tally_ctx *ctx, int64_t time, const char *name,
				      double cpu, int64_t mem, int64_t rx)
{
	struct tally_cell *row;
	struct tally_batch *batch = start(ctx, &fixture_stats, time, name, &row);
	tally_put_real(row, CPU, cpu);
	tally_put_int(row, MEM, mem);
	tally_put_int(row, RX, rx);
	return batch;
}

struct tally_batch *fixture_info_row(struct tally_ctx *ctx, int64_t time, const char *name,
				     const char *state, const char *health, const char *service)
{
	struct tally_cell *row;
	struct tally_batch *batch = start(ctx, &fixture_info, time, name, &row);
	put(ctx, batch, row, STATE, state);
	put(ctx, batch, row, HEALTH, health);
	put(ctx, batch, row, PROJECT, service ? "shop" : NULL);
	put(ctx, batch, row, SERVICE, service);
	if (strcmp(state, "removed") == 0)
		tally_put_int(row, GONE, time);
	return batch;
}

struct tally_batch *fixture_logs_row(struct tally_ctx *ctx, int64_t time, const char *name,
				     const char *level, const char *message)
{
	struct tally_cell *row;
	struct tally_batch *batch = start(ctx, &fixture_logs, time, name, &row);
	put(ctx, batch, row, LEVEL, level);
	put(ctx, batch, row, MESSAGE, message);
	tally_put_int(row, SEQUENCE, 0);
	return batch;
}
