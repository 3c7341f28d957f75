/*
 * One scan: of all containers, or of those that events named.  docker_follow.c calls status_scan()
 * on the instance's thread.
 *
 * Happy path: list, inspect what may have changed (8 at a time), a row each, one row with gone_at
 * for each that is not listed any more, emit, keep the result.  What can fail: the engine as a
 * whole, then nothing changes and no container is taken for removed; single inspects, which are
 * tried again the next time.
 *
 * A list costs the engine much (29: 114 to 260 ms for 100 containers), an inspect little (0.15 ms),
 * but only the inspect has exit code, restarts, times and health.  So a scan lists once and
 * inspects those of which the list or an event says that they changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "docker_status.h"
#include "base/json_trim.h"
#include "status_facts.h"
#include "status_row.h"
#include "containers/status_table.h"

static const int64_t straggler_ns = 2 * CLOCK_SECOND;

enum { STATUS_CONCURRENCY = 8, STATUS_ID_IN_FILTER = 16 };

struct scan {
	struct docker_status *self;
	enum docker_scan what;
	struct docker_list list;
	struct status_containers containers; /* of the list, those that are followed */
	struct status_container **targets;
	uint32_t n_targets, failed;
	struct tally_batch *batch;
	int64_t time, monotonic;
	char reason[FETCH_REASON_SIZE + 64]; /* of the first failure */
	uint32_t first_gone, end_gone;       /* rows */
	bool no_memory;
	bool changed; /* a container is new */
};

bool status_is_named(const struct status_named *named, const char *id)
{
	for (uint32_t i = 0; i < named->n; i++)
		if (strcmp(named->ids[i], id) == 0)
			return true;
	return false;
}

/* ---- The list ---- */

/* `all`, since a container that has exited is still one to report on.  Named containers are listed
 * by the first 16 digits of their ids, since the filter compares prefixes, and so 16 of them fit
 * into the path.  Another container with the same 16 digits would only be scanned, too. */
static int list(struct scan *scan)
{
	struct docker_status *self = scan->self;
	const struct status_named *named = &self->named;
	char path[FETCH_PATH_SIZE];
	if (scan->what != DOCKER_SCAN_NAMED)
		return docker_list_get(self->docker, self->ctx, true, &scan->list);
	size_t len = (size_t)snprintf(path, sizeof(path), "/containers/json?all=1&filters=%s",
				      "%7B%22id%22:%5B");
	for (uint32_t i = 0; i < named->n; i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "%s%%22%.*s%%22",
					i ? "," : "", STATUS_ID_IN_FILTER, named->ids[i]);
	snprintf(path + len, sizeof(path) - len, "%%5D%%7D");
	return docker_list_get_path(self->docker, self->ctx, path, &scan->list);
}

/* ---- Followed containers ---- */

/* The list shows a change, or an event named the container; an age that has fallen is a restart
 * that the list shows no other way and whose event was missed. */
static bool wants_inspect(const struct scan *scan, const struct status_container *entry,
			  int64_t age)
{
	const struct tally_cell *previous = entry->previous;
	const struct docker_container *container = entry->container;
	return scan->what == DOCKER_SCAN_RESYNC || !previous || !entry->inspected ||
	       scan->monotonic - entry->inspected >= scan->self->config->refresh ||
	       !status_cell_is(&previous[STATUS_STATE], container->state) ||
	       !status_cell_is(&previous[STATUS_NAME], container->name) ||
	       !status_cell_is(&previous[STATUS_IMAGE_ID], container->image_id) ||
	       (age >= 0 && age < entry->age) || status_is_named(&scan->self->named, entry->id);
}

/* What was followed once is followed to its end, even if a filter on its state does not match any
 * more: otherwise `include = state=running` would never see a container exit. */
static void choose_inspects(struct scan *scan)
{
	struct docker_status *self = scan->self;
	for (uint32_t i = 0; i < scan->list.n; i++) {
		const struct docker_container *container = &scan->list.items[i];
		const struct status_container *known =
			status_containers_find(&self->known, container->id);
		if (!known && !docker_container_passes(container, &self->config->docker.match))
			continue;
		struct status_container *entry = &scan->containers.items[scan->containers.n++];
		*entry = (struct status_container){.age = -1};
		if (known) {
			*entry = *known;
			entry->batch = NULL;
			entry->previous = status_container_row(known);
		}
		snprintf(entry->id, sizeof(entry->id), "%s", container->id);
		entry->container = container;
		scan->changed |= !known;
		int64_t age = docker_status_age(container->status);
		if (wants_inspect(scan, entry, age))
			scan->targets[scan->n_targets++] = entry;
		entry->age = age;
	}
}

/* ---- Inspecting ---- */

static void add_row(struct scan *scan, struct status_container *entry,
		    const struct status_facts *facts)
{
	const struct status_source source = {entry->container, facts, entry->previous, scan->time,
					     scan->self->config->service_label};
	const struct json_text *labels = &entry->container->labels;
	entry->row = scan->batch->n_rows;
	entry->has_row = true;
	if (status_row_add(scan->self->ctx, scan->batch, &source) < 0) {
		scan->no_memory = true;
		return;
	}
	/* Labels that are too long for a row are logged once per container. */
	const struct tally_cell *cells = scan->batch->cells + (size_t)entry->row * STATUS_COLUMNS;
	bool cut = cells[STATUS_LABELS].set && cells[STATUS_LABELS].len < labels->len;
	if (cut && !entry->cut_logged)
		tally_log(
			scan->self->ctx, TALLY_WARNING,
			"%.60s: its labels take %zu bytes, of which %u are stored: a label has at "
			"most %d bytes, all labels together %d",
			entry->container->name, labels->len, cells[STATUS_LABELS].len,
			JSON_TRIM_STRING, JSON_TRIM_MEMBERS);
	entry->cut_logged = cut;
}

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct scan *scan = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", scan->targets[i]->id);
}

static void inspect_failed(struct scan *scan, struct status_container *entry, const char *reason)
{
	entry->inspected = 0;
	if (scan->failed++ == 0)
		snprintf(scan->reason, sizeof(scan->reason), "%.60s: %s", entry->container->name,
			 reason);
}

static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct scan *scan = arg;
	struct status_container *entry = scan->targets[i];
	struct status_facts facts;
	size_t offset = 0;
	char reason[FETCH_REASON_SIZE];
	/* Removed between list and inspect, which is common with --rm. */
	if (!answer->error && answer->status == 404) {
		entry->is_gone = true;
		return;
	}
	if (answer->error || answer->status != 200) {
		docker_explain(answer, reason);
		inspect_failed(scan, entry, reason);
		return;
	}
	changes_inspected(scan->self->changes, entry->id, answer->body, answer->len);
	const char *problem = status_facts_read(answer->body, answer->len, &facts, &offset);
	if (problem) {
		snprintf(reason, sizeof(reason), "inspect: at byte %zu of %zu: %s", offset,
			 answer->len, problem);
		inspect_failed(scan, entry, reason);
		return;
	}
	entry->inspected = scan->monotonic;
	add_row(scan, entry, &facts);
}

/* Failures are logged once per scan with the first reason: if one hangs, others usually do. */
static int inspect(struct scan *scan)
{
	const struct fetch_job job = {.n = scan->n_targets,
				      .concurrency = STATUS_CONCURRENCY,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .straggler_timeout = straggler_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = scan};
	int r = docker_get_many(scan->self->docker, DOCKER_INSPECT, &job);
	if (r == 0 && scan->failed)
		tally_log(scan->self->ctx, TALLY_WARNING,
			  "%u out of %u inspects failed, and are retried with the next scan: %s",
			  scan->failed, scan->n_targets, scan->reason);
	return r;
}

/* ---- Removed containers ---- */

/* The list should have it, and does not. */
static bool is_gone(const struct scan *scan, const struct status_container *known)
{
	const struct status_container *now = status_containers_find(&scan->containers, known->id);
	if (scan->what == DOCKER_SCAN_NAMED && !status_is_named(&scan->self->named, known->id))
		return false;
	return !now || now->is_gone;
}

/* Rows with gone_at are emitted once more by the next full scan, as the store may have missed them:
 * unlike all others, no later row would repair that. */
static void add_gone(struct scan *scan)
{
	struct docker_status *self = scan->self;
	const struct tally_batch *before = scan->self->gone;
	scan->first_gone = scan->batch->n_rows;
	for (uint32_t i = 0; i < self->known.n; i++) {
		const struct status_container *entry = &self->known.items[i];
		int64_t gone = entry->destroyed ? entry->destroyed : scan->time;
		if (is_gone(scan, entry))
			changes_gone(self->changes, entry->id);
		if (is_gone(scan, entry) &&
		    status_row_add_gone(self->ctx, scan->batch, status_container_row(entry),
					scan->time, gone) < 0)
			scan->no_memory = true;
	}
	scan->end_gone = scan->batch->n_rows;
	for (uint32_t i = 0; before && scan->what != DOCKER_SCAN_NAMED && i < before->n_rows; i++)
		if (status_row_copy(self->ctx, scan->batch,
				    before->cells + (size_t)i * STATUS_COLUMNS) < 0)
			scan->no_memory = true;
}

/* ---- The result becomes the known state ---- */

/* Keeps the rows with gone_at until the next full scan. */
static void keep_gone(struct scan *scan)
{
	struct docker_status *self = scan->self;
	if (self->gone && scan->what != DOCKER_SCAN_NAMED) {
		tally_batch_drop(self->ctx, self->gone);
		self->gone = NULL;
	}
	if (!self->gone && scan->first_gone < scan->end_gone)
		self->gone = tally_batch_new(self->ctx, &status_table);
	for (uint32_t i = scan->first_gone; self->gone && i < scan->end_gone; i++)
		status_row_copy(self->ctx, self->gone,
				scan->batch->cells + (size_t)i * STATUS_COLUMNS);
}

static void update_known(struct scan *scan, struct status_containers *fresh)
{
	struct docker_status *self = scan->self;
	keep_gone(scan);
	/* A scan of named containers leaves all others as they are. */
	for (uint32_t i = 0; scan->what == DOCKER_SCAN_NAMED && i < self->known.n; i++) {
		struct status_container *entry = &self->known.items[i];
		if (is_gone(scan, entry) || status_containers_find(&scan->containers, entry->id))
			continue;
		fresh->items[fresh->n++] = *entry;
		entry->batch = NULL;
	}
	for (uint32_t i = 0; i < scan->containers.n; i++) {
		struct status_container *entry = &scan->containers.items[i];
		if (entry->is_gone)
			continue;
		tally_batch_keep(self->ctx, scan->batch);
		entry->batch = scan->batch;
		entry->has_row = false;
		entry->container = NULL;
		entry->previous = NULL;
		fresh->items[fresh->n++] = *entry;
	}
	status_containers_sort(fresh);
	status_containers_done(self->ctx, &self->known);
	self->known = *fresh;
	self->named = (struct status_named){0};
	tally_gauge(self->ctx, METRIC_CONTAINERS, self->known.n);
}

/* First emit, then keep: if the rows were not taken, the next scan compares with the state before
 * and makes them again.  From then on the batch holds the newest rows of its containers. */
static int deliver(struct scan *scan)
{
	struct tally_ctx *ctx = scan->self->ctx;
	struct status_containers fresh = {
		.items = calloc(scan->self->known.n + scan->containers.n + 1,
				sizeof(struct status_container))};
	int r = 0;
	if (scan->no_memory || !fresh.items) {
		free(fresh.items);
		return tally_fail(ctx, ENOMEM, "no memory for the containers' rows");
	}
	if (scan->batch->n_rows > 0) {
		tally_batch_keep(ctx, scan->batch);
		r = tally_emit(ctx, scan->batch, NULL, NULL);
	}
	if (r < 0)
		free(fresh.items);
	else
		update_known(scan, &fresh);
	return r;
}

/* ---- The scan ---- */

/* One time for all rows of a scan.  Both clocks: rows have the wall clock's, which may be set; how
 * long ago an inspect was is measured by the monotonic one. */
static int run_scan(struct scan *scan)
{
	struct docker_status *self = scan->self;
	int r = list(scan);
	if (r < 0)
		return r;
	scan->time = tally_now(self->ctx);
	scan->monotonic = tally_monotonic(self->ctx);
	scan->containers.items = calloc(scan->list.n + 1, sizeof(struct status_container));
	scan->targets = calloc(scan->list.n + 1, sizeof(struct status_container *));
	scan->batch = tally_batch_new(self->ctx, &status_table);
	if (!scan->containers.items || !scan->targets || !scan->batch)
		return tally_fail(self->ctx, ENOMEM, "no memory for %u containers", scan->list.n);
	choose_inspects(scan);
	r = inspect(scan);
	if (r < 0)
		return r;
	/* Every container gets a row in a full scan, changed or not: it says that it still is. */
	for (uint32_t i = 0; i < scan->containers.n; i++)
		if (!scan->containers.items[i].has_row && !scan->containers.items[i].is_gone)
			add_row(scan, &scan->containers.items[i], NULL);
	add_gone(scan);
	for (uint32_t i = 0; i < scan->containers.n; i++)
		if (scan->containers.items[i].has_row)
			changes_seen(self->changes,
				     scan->batch->cells +
					     (size_t)scan->containers.items[i].row * STATUS_COLUMNS,
				     scan->time);
	r = deliver(scan);
	if (r == 0)
		changes_scanned(self->changes, scan->time);
	return r == 0 ? changes_emit(self->changes) : r;
}

int status_scan(void *arg, enum docker_scan what)
{
	struct docker_status *self = arg;
	struct scan scan = {.self = self, .what = self->named.many ? DOCKER_SCAN_RESYNC : what};
	if (scan.what == DOCKER_SCAN_NAMED && self->named.n == 0)
		return 0;
	int r = run_scan(&scan);
	bool changed = scan.changed || scan.first_gone < scan.end_gone;
	if (scan.batch)
		tally_batch_drop(self->ctx, scan.batch);
	free(scan.containers.items);
	free(scan.targets);
	docker_list_done(&scan.list);
	if (r == 0 && (changed || scan.what != DOCKER_SCAN_NAMED))
		status_state_save(self);
	return r;
}
