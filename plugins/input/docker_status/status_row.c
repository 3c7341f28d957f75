/*
 * From a container's list entry and inspect to its row.  status_scan.c and status_state.c call this
 * on the instance's thread.
 *
 * A row is always complete, since a store replaces the one before: columns that only an inspect
 * knows are taken over from the row before if there was none this time.  Texts are bounded, so that
 * one container's megabytes of labels are not stored, and answered, again and again.  What can fail
 * is memory only.
 */
#include "status_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "docker/docker_service.h"
#include "health_output.h"
#include "base/json_trim.h"
#include "base/utf8.h"

enum { STATUS_LABEL_SIZE = 256 };

/* One row under construction. */
struct row {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	struct tally_cell *cells;
	bool no_memory;
};

static void put_text(struct row *row, uint32_t column, const char *text, size_t len)
{
	if (len == 0)
		return;
	row->no_memory |= tally_put_text(row->ctx, row->batch, row->cells, column, text, len) < 0;
}

/* So that one container's name or command line cannot fill every answer. */
static void put_bounded(struct row *row, uint32_t column, const char *text, size_t len)
{
	size_t kept = utf8_bound(text, len, JSON_TRIM_STRING);
	if (kept < len)
		tally_count(row->ctx, DOCKER_METRIC_TEXTS_CUT, 1);
	put_text(row, column, text, kept);
}

static void put_string(struct row *row, uint32_t column, const char *text)
{
	put_bounded(row, column, text, strlen(text));
}

/* Absent and null are NULL.  In long values each member is bounded, so that one huge label does not
 * displace the others. */
static void put_json(struct row *row, uint32_t column, const struct json_text *json)
{
	size_t len = 0;
	if (!json->at || (json->len == 4 && memcmp(json->at, "null", 4) == 0))
		return;
	if (json->len <= JSON_TRIM_STRING) {
		put_text(row, column, json->at, json->len);
		return;
	}
	auto_free char *bounded = malloc(json->len);
	row->no_memory |= !bounded;
	if (!bounded)
		return;
	tally_count(row->ctx, DOCKER_METRIC_TEXTS_CUT,
		    json_trim_value(bounded, &len, json->at, json->len));
	put_text(row, column, bounded, len);
}

static void put_number(struct row *row, uint32_t column, const struct json_int *number)
{
	if (number->set)
		tally_put_int(row->cells, column, number->value);
}

/* 0 and −1 mean no limit, by engine and version; unknown and none are both NULL. */
static void put_limit(struct row *row, uint32_t column, const struct json_int *limit)
{
	if (limit->set && limit->value > 0)
		tally_put_int(row->cells, column, limit->value);
}

static void put_cell(struct row *row, uint32_t column, const struct tally_cell *cells)
{
	row->no_memory |= status_cell_copy(row->ctx, row->batch, row->cells, column, cells) < 0;
}

/* ---- From the inspect ---- */

static void put_facts(struct row *row, const struct status_facts *facts)
{
	const struct json_text *image = &facts->texts[FACT_IMAGE];
	const struct json_text *state = &facts->texts[FACT_STATE];
	const struct json_text *output = &facts->texts[FACT_HEALTH_OUTPUT];
	const struct json_int *code = &facts->ints[FACT_EXIT_CODE];
	const struct json_int *nano = &facts->ints[FACT_NANO_CPUS];
	const struct json_int *quota = &facts->ints[FACT_CPU_QUOTA];
	int64_t period = facts->ints[FACT_CPU_PERIOD].value;
	char line[HEALTH_OUTPUT_MAX + 1];
	if (image->at)
		put_bounded(row, STATUS_IMAGE, image->at, image->len);
	/* A running container has no exit code, although the engine says 0; neither has one that
	 * was created and never started.  A `docker start` that fails leaves it in state created
	 * with a code (127, 128). */
	bool alive = json_text_is(state, "running") || json_text_is(state, "paused");
	if (!alive && !(json_text_is(state, "created") && code->value == 0))
		put_number(row, STATUS_EXIT_CODE, code);
	put_number(row, STATUS_OOM_KILLED, &facts->ints[FACT_OOM_KILLED]);
	put_number(row, STATUS_RESTART_COUNT, &facts->ints[FACT_RESTART_COUNT]);
	put_number(row, STATUS_CREATED, &facts->ints[FACT_CREATED]);
	put_number(row, STATUS_STARTED_AT, &facts->ints[FACT_STARTED_AT]);
	put_number(row, STATUS_FINISHED_AT, &facts->ints[FACT_FINISHED_AT]);
	/* --cpus is in NanoCpus; --cpu-quota is in µs per period, 100 ms unless it is given. */
	if (nano->set && nano->value > 0)
		tally_put_real(row->cells, STATUS_CPU_LIMIT_CORES, (double)nano->value / 1e9);
	else if (quota->set && quota->value > 0)
		tally_put_real(row->cells, STATUS_CPU_LIMIT_CORES,
			       (double)quota->value / (double)(period > 0 ? period : 100000));
	put_limit(row, STATUS_MEM_LIMIT_BYTES, &facts->ints[FACT_MEMORY]);
	put_limit(row, STATUS_PIDS_LIMIT, &facts->ints[FACT_PIDS_LIMIT]);
	bool failed = facts->ints[FACT_HEALTH_EXIT_CODE].value != 0;
	if (output->at)
		put_text(row, STATUS_HEALTH_OUTPUT, line,
			 health_output_line(output->at, output->len, failed, line));
}

/* The columns that put_facts() fills, from the row before. */
static void put_previous(struct row *row, const struct tally_cell *previous)
{
	static const uint32_t columns[] = {
		STATUS_IMAGE,         STATUS_EXIT_CODE,       STATUS_OOM_KILLED,
		STATUS_RESTART_COUNT, STATUS_CREATED,         STATUS_STARTED_AT,
		STATUS_FINISHED_AT,   STATUS_CPU_LIMIT_CORES, STATUS_MEM_LIMIT_BYTES,
		STATUS_PIDS_LIMIT,    STATUS_HEALTH_OUTPUT};
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		put_cell(row, columns[i], previous);
}

/* ---- From the list ---- */

static void put_label(struct row *row, uint32_t column, const struct docker_container *container,
		      const char *key)
{
	char value[STATUS_LABEL_SIZE];
	if (docker_container_label(container, key, value, sizeof(value)))
		put_string(row, column, value);
}

static void put_container(struct row *row, const struct docker_container *container)
{
	put_string(row, STATUS_HOST, tally_hostname(row->ctx));
	put_string(row, STATUS_CONTAINER_ID, container->id);
	put_string(row, STATUS_NAME, container->name);
	put_string(row, STATUS_IMAGE_ID, container->image_id);
	put_string(row, STATUS_STATUS, container->status);
	put_string(row, STATUS_COMMAND, container->command);
	put_json(row, STATUS_PORTS, &container->ports);
	put_json(row, STATUS_LABELS, &container->labels);
	put_label(row, STATUS_COMPOSE_PROJECT, container, "com.docker.compose.project");
	put_label(row, STATUS_COMPOSE_SERVICE, container, "com.docker.compose.service");
}

/* The status has the health in brackets, API 1.52 also in a member, Podman in the inspect only. The
 * list is preferred, since every scan has one. */
static const char *listed_health(const struct docker_container *container)
{
	if (strstr(container->status, "(healthy)"))
		return "healthy";
	if (strstr(container->status, "(unhealthy)"))
		return "unhealthy";
	if (strstr(container->status, "(health: starting)"))
		return "starting";
	return strcmp(container->health, "none") == 0 ? "" : container->health;
}

/* NULL unless the container runs: otherwise it would be the health of its last run. */
static void put_health(struct row *row, const struct status_source *source)
{
	const struct docker_container *container = source->container;
	const char *health = listed_health(container);
	const struct json_text *inspected =
		source->facts ? &source->facts->texts[FACT_HEALTH] : NULL;
	if (strcmp(container->state, "running") != 0 && strcmp(container->state, "paused") != 0)
		return;
	if (health[0])
		put_string(row, STATUS_HEALTH, health);
	else if (inspected && inspected->at && !json_text_is(inspected, "none"))
		put_text(row, STATUS_HEALTH, inspected->at, inspected->len);
	else if (!source->facts && source->previous)
		put_cell(row, STATUS_HEALTH, source->previous);
}

static bool has_stopped(const struct tally_cell *state)
{
	return status_cell_is(state, "exited") || status_cell_is(state, "dead") ||
	       status_cell_is(state, "removing");
}

/* Without a label it is the name under which it runs.  One that has stopped keeps what it was: it
 * is renamed when another takes its place under that name. */
static void put_service(struct row *row, const struct status_source *source)
{
	const struct tally_cell *previous = source->previous;
	char service[DOCKER_SERVICE_SIZE];
	if (docker_service_of_labels(source->container, source->service_label, service))
		put_string(row, STATUS_SERVICE, service);
	else if (previous && previous[STATUS_SERVICE].set && has_stopped(&row->cells[STATUS_STATE]))
		put_cell(row, STATUS_SERVICE, previous);
	else
		put_string(row, STATUS_SERVICE, source->container->name);
}

/* ---- The row ---- */

int status_row_add(struct tally_ctx *ctx, struct tally_batch *batch,
		   const struct status_source *source)
{
	struct row row = {.ctx = ctx, .batch = batch, .cells = tally_batch_row(ctx, batch)};
	if (!row.cells)
		return -ENOMEM;
	tally_put_int(row.cells, STATUS_TIME, source->time);
	put_container(&row, source->container);
	/* The inspect is newer than the list; the container may have ended between them. */
	const struct json_text *state = source->facts ? &source->facts->texts[FACT_STATE] : NULL;
	if (state && state->at && state->len > 0)
		put_text(&row, STATUS_STATE, state->at, state->len);
	else
		put_string(&row, STATUS_STATE, source->container->state);
	put_health(&row, source);
	put_service(&row, source);
	if (source->facts)
		put_facts(&row, source->facts);
	else if (source->previous)
		put_previous(&row, source->previous);
	if (!row.cells[STATUS_IMAGE].set)
		put_string(&row, STATUS_IMAGE, source->container->image);
	return row.no_memory ? -ENOMEM : 0;
}
