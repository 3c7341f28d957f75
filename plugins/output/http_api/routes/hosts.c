/*
 * /api/v1/hosts and /summary: containers counted by host, state and health, and what they use
 * together. On a worker's thread; two queries, container_info for what exists and the newest
 * readings for what it uses.
 *
 * Counted here and not by the store: the store's aggregates are over time, for fields of series,
 * and container_info is a state.  Both queries are bounded in bytes, groups in number.  A host that
 * has readings but no containers in container_info (no input collects them there) is a group as
 * well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/latest.h"
#include "query/catalog_cache.h"
#include "message/row_writer.h"
#include "routes/endpoint.h"

enum { GROUPS_MAX = 10000, GROUP_NAME_SIZE = 256 };

/* Where the columns of the answer are. */
enum { INFO_TIME, INFO_HOST, INFO_STATE, INFO_HEALTH };

/* Of nothing that was measured there is no sum. */
struct sum {
	double value;
	bool any;
};

struct usage {
	struct sum cpu, memory;
	int64_t newest; /* reading; 0: none */
};

struct group {
	char name[GROUP_NAME_SIZE];
	uint32_t containers, running;
	struct usage usage;
};

struct groups {
	struct group *list;
	uint32_t n;
};

struct inventory {
	struct groups hosts, states, health;
	uint32_t containers;
};

static void inventory_done(struct inventory *inventory)
{
	free(inventory->hosts.list);
	free(inventory->states.list);
	free(inventory->health.list);
}
#define auto_inventory __attribute__((cleanup(inventory_done)))

/* Rows come by host, so that the last one is nearly always the right one.  NULL: no name, no
 * memory, or far too many. */
static struct group *group_for(struct groups *groups, const struct tally_cell *name)
{
	if (!name->set)
		return NULL;
	for (uint32_t i = groups->n; i-- > 0;)
		if (cell_equals(name, groups->list[i].name))
			return &groups->list[i];
	if (groups->n == GROUPS_MAX || name->len >= GROUP_NAME_SIZE)
		return NULL;
	struct group *grown = reallocarray(groups->list, groups->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	groups->list = grown;
	grown[groups->n] = (struct group){.containers = 0};
	if (name->len)
		memcpy(grown[groups->n].name, name->text, name->len);
	return &grown[groups->n++];
}

/* NULL has no group: containers without a health check are in no group of health. */
static void count_container(struct groups *groups, const struct tally_cell *name, bool running)
{
	struct group *group = group_for(groups, name);
	if (!group)
		return;
	group->containers++;
	group->running += running;
}

/* Containers that still exist. */
static int read_containers(struct context *context, struct inventory *inventory)
{
	static const char *const names[] = {"host", "state", "health"};
	struct result_set rows auto_result_set = {.n_rows = 0};
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, "container_info", &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, context, table);
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *column = table_column(table, names[i]);
		if (!column)
			return 0;
		query_select(&query, column, TALLY_RAW);
	}
	if (table_gone(table))
		query_filter(&query, table_gone(table), TALLY_IS_NULL,
			     &(struct tally_cell){.set = 0});
	r = query_run(&query, &rows);
	for (uint32_t i = 0; i < rows.n_rows && r == 0; i++) {
		const struct tally_cell *row = result_set_row(&rows, i);
		bool running = cell_equals(&row[INFO_STATE], "running");
		count_container(&inventory->hosts, &row[INFO_HOST], running);
		count_container(&inventory->states, &row[INFO_STATE], running);
		count_container(&inventory->health, &row[INFO_HEALTH], running);
		inventory->containers++;
	}
	return r;
}

/* A sum in which nothing was measured is null, not 0. */
static void sum_add(struct sum *sum, const struct sum *more)
{
	sum->value += more->value;
	sum->any |= more->any;
}

static void usage_add(struct usage *usage, const struct usage *more)
{
	sum_add(&usage->cpu, &more->cpu);
	sum_add(&usage->memory, &more->memory);
	usage->newest = more->newest > usage->newest ? more->newest : usage->newest;
}

static struct sum latest_number(const struct latest *latest, const struct tally_cell *row,
				const char *field)
{
	for (uint32_t i = 0; i < latest->fields.n; i++) {
		const struct tally_cell *cell = &row[LATEST_FIELDS + i];
		bool real = latest->rows.types[LATEST_FIELDS + i] == TALLY_REAL;
		if (strcmp(latest->fields.columns[i]->name, field) == 0 && cell->set)
			return (struct sum){real ? cell->f : (double)cell->i, true};
	}
	return (struct sum){.any = false};
}

static int read_usage(struct context *context, struct inventory *inventory)
{
	static const char *const names[] = {"cpu_percent", "mem_used_bytes", NULL};
	struct latest latest auto_latest = {.n = 0};
	int r = latest_read(context, names, &latest);
	for (uint32_t i = 0; r == 0 && i < latest.n; i++) {
		const struct tally_cell *row = latest_row(&latest, i);
		struct group *host = group_for(&inventory->hosts, &row[LATEST_HOST]);
		const struct usage usage = {latest_number(&latest, row, "cpu_percent"),
					    latest_number(&latest, row, "mem_used_bytes"),
					    row[LATEST_TIME].i};
		if (host)
			usage_add(&host->usage, &usage);
	}
	return r;
}

static int inventory_read(struct context *context, struct inventory *inventory)
{
	int r = read_containers(context, inventory);
	return r < 0 ? r : read_usage(context, inventory);
}

static void write_sum(struct json_writer *json, const char *key, const struct sum *sum)
{
	json_write_key(json, key);
	if (sum->any)
		json_write_real(json, sum->value);
	else
		json_write_null(json);
}

static void write_usage(struct json_writer *json, const struct usage *usage)
{
	write_sum(json, "cpu_percent", &usage->cpu);
	write_sum(json, "mem_used_bytes", &usage->memory);
	json_write_key(json, "newest_stats");
	if (usage->newest)
		json_write_time(json, usage->newest);
	else
		json_write_null(json);
}

int hosts_list(struct context *context)
{
	struct inventory inventory auto_inventory = {.containers = 0};
	struct json_writer *json = &context->builder->body;
	int r = inventory_read(context, &inventory);
	if (r < 0)
		return r;
	list_begin(json);
	for (uint32_t i = 0; i < inventory.hosts.n; i++) {
		const struct group *host = &inventory.hosts.list[i];
		json_begin_object(json);
		json_write_key(json, "host");
		json_write_string(json, host->name);
		json_write_key(json, "containers");
		json_write_int(json, host->containers);
		json_write_key(json, "running");
		json_write_int(json, host->running);
		write_usage(json, &host->usage);
		json_end_object(json);
	}
	list_end(json, NULL);
	return 0;
}

static void write_counts(struct json_writer *json, const char *key, const struct groups *groups)
{
	json_write_key(json, key);
	json_begin_object(json);
	for (uint32_t i = 0; i < groups->n; i++) {
		json_write_key(json, groups->list[i].name);
		json_write_int(json, groups->list[i].containers);
	}
	json_end_object(json);
}

int hosts_summary(struct context *context)
{
	struct inventory inventory auto_inventory = {.containers = 0};
	struct json_writer *json = &context->builder->body;
	struct usage usage = {.newest = 0};
	int r = inventory_read(context, &inventory);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < inventory.hosts.n; i++)
		usage_add(&usage, &inventory.hosts.list[i].usage);
	json_begin_object(json);
	json_write_key(json, "hosts");
	json_write_int(json, inventory.hosts.n);
	json_write_key(json, "containers");
	json_write_int(json, inventory.containers);
	write_counts(json, "states", &inventory.states);
	write_counts(json, "health", &inventory.health);
	write_usage(json, &usage);
	json_end_object(json);
	return 0;
}
