/*
 * docker_status: the state of each container, and its events.  It follows the engine
 * (docker_follow.h): each event becomes a row of container_events at once; the containers that
 * events name are scanned 200 ms later, and all containers when the stream opens and every
 * `interval`.  A scan emits rows of container_info (status_scan.c).  Everything runs on the
 * instance's thread, from run() until the instance is stopped.
 *
 * After a restart it resumes with the events that the engine still has, from the position of the
 * last ones, and with the containers known before, from a file (state_file.h), so that containers
 * removed meanwhile get their gone_at.  What can fail is the engine; docker_follow.c retries.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_status.h"
#include "base/clock.h"
#include "docker/docker_service.h"
#include "changes/changes_table.h"
#include "events_table.h"
#include "status_event.h"
#include "containers/status_table.h"

/* A start or a stop is several events within milliseconds: one scan for all of them. */
static const int64_t debounce_ns = 200 * CLOCK_MS;

enum { STATUS_POSITION_SIZE = 32 };

/* ---- Events ---- */

static char *find_oomed(struct docker_status *self, const char *id)
{
	for (size_t i = 0; i < STATUS_OOMED; i++)
		if (strcmp(self->oomed.ids[i], id) == 0)
			return self->oomed.ids[i];
	return NULL;
}

/* Two facts are in events only: when a container was destroyed, and that its last run hit a memory
 * limit.  OOMKilled of the inspect is not reliable. */
static void apply_event(struct docker_status *self, const char *action,
			const struct docker_event *event)
{
	struct status_oomed *oomed = &self->oomed;
	struct status_container *known = status_containers_find(&self->known, event->id);
	char *was = find_oomed(self, event->id);
	if (strcmp(action, "destroy") == 0 && known)
		known->destroyed = event->time;
	if (strcmp(action, "start") == 0 && was)
		was[0] = '\0';
	if (strcmp(action, "oom") == 0 && !was)
		snprintf(oomed->ids[oomed->n++ % STATUS_OOMED], sizeof(oomed->ids[0]), "%s",
			 event->id);
}

/* A known container has the one of its row. */
static void status_event_service(struct docker_status *self, const struct docker_event *event,
				 char ret[DOCKER_SERVICE_SIZE])
{
	struct status_container *known = status_containers_find(&self->known, event->id);
	const struct tally_cell *service =
		known ? &status_container_row(known)[STATUS_SERVICE] : NULL;
	const struct docker_container container = {.labels = event->attributes};
	if (service && service->set)
		snprintf(ret, DOCKER_SERVICE_SIZE, "%.*s", (int)service->len, service->text);
	else if (!docker_service_of_labels(&container, self->config->service_label, ret))
		docker_event_attribute(event, "name", ret, DOCKER_SERVICE_SIZE);
}

/* It is scanned soon.  The list's filter, and its path, have room for so many; beyond that all are.
 */
static void status_name(struct docker_status *self, const char *id)
{
	struct status_named *named = &self->named;
	if (!status_is_named(named, id) && named->n == STATUS_NAMED)
		named->many = true;
	else if (!status_is_named(named, id))
		snprintf(named->ids[named->n++], sizeof(named->ids[0]), "%s", id);
}

static bool status_event(void *arg, const struct docker_event *event)
{
	struct docker_status *self = arg;
	const char *action = status_event_action(event);
	char joined[DOCKER_ID_MAX + 1];
	if (status_event_network(event, joined, sizeof(joined))) {
		bool known = status_containers_find(&self->known, joined);
		if (known)
			status_name(self, joined);
		return known;
	}
	if (!action || (!status_containers_find(&self->known, event->id) &&
			!status_event_passes(event, &self->config->docker.match)))
		return false;
	changes_event(self->changes, event, action,
		      strcmp(action, "oom") == 0 && !find_oomed(self, event->id));
	apply_event(self, action, event);
	bool oom = find_oomed(self, event->id);
	if (!self->events)
		self->events = tally_batch_new(self->ctx, &events_table);
	struct status_event_facts facts = {.action = action, .oom = oom};
	status_event_service(self, event, facts.service);
	if (!self->events || status_event_row(self->ctx, self->events, event, &facts) < 0)
		self->no_memory = true;
	self->event_time = event->time;
	status_name(self, event->id);
	return true;
}

static int status_flush(void *arg)
{
	struct docker_status *self = arg;
	struct tally_batch *batch = self->events;
	char position[STATUS_POSITION_SIZE];
	bool no_memory = self->no_memory;
	self->events = NULL;
	self->no_memory = false;
	if (no_memory) {
		if (batch)
			tally_batch_drop(self->ctx, batch);
		return tally_fail(self->ctx, ENOMEM, "no memory for events");
	}
	if (!batch)
		return 0;
	snprintf(position, sizeof(position), "%" PRId64, self->event_time);
	int r = tally_emit(self->ctx, batch, self->ctx->name, position);
	return r < 0 ? r : changes_emit(self->changes);
}

/* Without a position, all events that the engine still has.  The second before the last event is
 * requested again: `since` is inclusive, and events may share a time.  An event that is emitted
 * twice is one row in a store. */
static int64_t events_since(struct docker_status *self)
{
	char position[STATUS_POSITION_SIZE];
	if (tally_position(self->ctx, self->ctx->name, position, sizeof(position)) < 0)
		return 1;
	int64_t last = strtoll(position, NULL, 10);
	return last > CLOCK_SECOND ? last - CLOCK_SECOND : 1;
}

/* ---- The plugin ---- */

static int status_run(void *arg)
{
	struct docker_status *self = arg;
	const struct docker_follow_job job = {.ctx = self->ctx,
					      .docker = self->docker,
					      .config = &self->config->follow,
					      .filters = status_event_filters,
					      .since = events_since(self),
					      .debounce = debounce_ns,
					      .event = status_event,
					      .flush = status_flush,
					      .scan = status_scan,
					      .arg = self};
	return docker_follow(&job);
}

static int status_start(void *arg)
{
	struct docker_status *self = arg;
	int r = docker_connect(self->docker);
	if (r == 0) {
		status_state_load(self);
		changes_load(self->changes);
	}
	return r;
}

static void status_stop(void *arg)
{
	struct docker_status *self = arg;
	docker_disconnect(self->docker);
	status_state_save(self);
	status_containers_done(self->ctx, &self->known);
	if (self->events)
		tally_batch_drop(self->ctx, self->events);
	if (self->gone)
		tally_batch_drop(self->ctx, self->gone);
	self->events = self->gone = NULL;
	self->named = (struct status_named){0};
}

static void status_destroy(void *arg)
{
	struct docker_status *self = arg;
	changes_destroy(self->changes);
	docker_destroy(self->docker);
	free(self);
}

static int status_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct docker_status *self = calloc(1, sizeof(*self));
	if (!self)
		return tally_fail(ctx, ENOMEM, "no memory");
	self->ctx = ctx;
	self->config = config;
	int r = docker_create(ctx, &self->config->docker, &self->docker);
	if (r == 0)
		self->changes = changes_create(ctx, self->docker);
	if (r == 0 && !self->changes)
		r = tally_fail(ctx, ENOMEM, "no memory");
	if (r < 0) {
		status_destroy(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option status_options[] = {
	DOCKER_OPTIONS(offsetof(struct status_config, docker)),
	DOCKER_FOLLOW_OPTIONS(offsetof(struct status_config, follow), "30s"),
	{.name = "refresh",
	 .fallback = "5min",
	 .accepts = "1s..",
	 .help = "time after which a container is inspected again even if nothing seems to have "
		 "changed",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct status_config, refresh)},
	DOCKER_SERVICE_OPTION(offsetof(struct status_config, service_label)),
	{0}};

static const struct tally_metric status_metrics[] = {
	DOCKER_METRICS,
	DOCKER_FOLLOW_METRICS,
	[METRIC_CONTAINERS] = {.name = "containers",
			       .help = "Containers followed, running or not.",
			       .kind = TALLY_METRIC_GAUGE},
	{0}};

static const struct tally_table *const status_tables[] = {&status_table, &events_table,
							  &changes_table, NULL};

static const struct tally_input status_input = {.size = sizeof(struct tally_input),
						.run = status_run};

static int status_check(struct tally_ctx *ctx, const void *config)
{
	return docker_check_files(ctx, &((const struct status_config *)config)->docker);
}

TALLY_PLUGIN(.name = "docker_status", .version = TALLYD_VERSION,
	     .help = "Each container's configuration, state and health, and its events, from the "
		     "Docker Engine",
	     .options = status_options, .config_size = sizeof(struct status_config),
	     .tables = status_tables, .metrics = status_metrics, .create = status_create,
	     .start = status_start, .stop = status_stop, .destroy = status_destroy,
	     .input = &status_input, .check = status_check)
