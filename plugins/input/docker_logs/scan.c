/*
 * See scan.h.  A scan of all that there is happens when the event stream opens and once a minute,
 * one of what waits whenever a follower says so (docker_logs.attention).  Inspects are sent 8 at a
 * time over kept connections, at 0.15 ms each; a list of 100 containers takes an engine of version
 * 29 260 ms, so it is never asked for more often.
 *
 * What can fail: the engine, which ends the scan; one container's inspect, which is tried again
 * after a while.
 */
#include "scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "follower.h"
#include "followers.h"

static const int64_t straggler_ns = 2 * CLOCK_SECOND;

enum { INSPECTS_AT_ONCE = 8 };

/* ---- Which containers ---- */

void scan_add(struct docker_logs *logs, const char *id, bool matched)
{
	if (logs->n_followers >= logs->config->max_containers) {
		logs->not_followed++;
		return;
	}
	struct follower *follower = followers_add(logs, id);
	if (!follower) {
		tally_log(logs->ctx, TALLY_ERROR, "out of memory: %s is not followed", id);
		return;
	}
	follower->matched = matched;
	logs->attention = true;
}

/* Also makes up for events that did not come: an engine keeps the last 256, and none over a
 * restart. */
static void compare(struct docker_logs *logs, const struct docker_container *container)
{
	struct follower *follower = followers_find(logs, container->id);
	bool runs = strcmp(container->state, "running") == 0;
	if (!follower && docker_container_passes(container, &logs->config->docker.match))
		scan_add(logs, container->id, true);
	if (!follower)
		return;
	if (runs && follower->state == FOLLOW_IDLE)
		follower_on_event(follower, EVENT_START);
	if (!runs && follower->file.log)
		follower_on_event(follower, EVENT_DIE);
	if (follower->known && strcmp(container->name, follower->ingest.rows.name) != 0)
		follower_on_event(follower, EVENT_RENAME);
}

static int list(struct docker_logs *logs)
{
	struct docker_list list = {0};
	int r = docker_list_get(logs->docker, logs->ctx, true, &list);
	if (r < 0)
		return r;
	logs->not_followed = 0;
	for (uint32_t i = 0; i < list.n; i++)
		compare(logs, &list.items[i]);
	tally_gauge(logs->ctx, METRIC_NOT_FOLLOWED, logs->not_followed);
	if (logs->not_followed && !logs->reported_not_followed)
		tally_log(logs->ctx, TALLY_WARNING,
			  "%u containers are not followed: max_containers is %lld",
			  logs->not_followed, (long long)logs->config->max_containers);
	logs->reported_not_followed = logs->not_followed > 0;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (!docker_list_find(&list, logs->followers[i]->ingest.rows.id))
			follower_on_event(logs->followers[i], EVENT_DESTROY);
	docker_list_done(&list);
	return 0;
}

/* ---- Inspecting ---- */

struct inspects {
	struct docker_logs *logs;
	struct follower **asked;
	uint32_t n;
	int result;
};

static void on_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct inspects *inspects = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", inspects->asked[i]->ingest.rows.id);
}

/* NULL, or what is wrong with the body. */
static const char *read_facts(struct follower *follower, struct fetch_answer *answer)
{
	struct inspect_facts facts;
	size_t offset = 0;
	const char *problem = inspect_read(answer->body, answer->len, &facts, &offset);
	if (problem)
		return problem;
	/* What an event brought in may be one that the operator has excluded. */
	if (follower->known || follower->matched ||
	    docker_container_passes(&facts.container, &follower->logs->config->docker.match))
		follower_on_inspect(follower, &facts);
	else
		follower_on_excluded(follower);
	return NULL;
}

static void on_inspected(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct inspects *inspects = arg;
	struct follower *follower = inspects->asked[i];
	struct tally_ctx *ctx = inspects->logs->ctx;
	char reason[FETCH_REASON_SIZE];
	const char *why = reason;
	/* The engine's own fault: those asked for stay as they are until it is back. */
	if (answer->error && answer->error != ETIMEDOUT && answer->error != EMSGSIZE &&
	    answer->error != ENOMEM) {
		inspects->result =
			tally_fail(ctx, answer->error, "%s: %s",
				   docker_endpoint(inspects->logs->docker), answer->reason);
		return;
	}
	if (!answer->error && answer->status == 404) {
		follower_on_event(follower, EVENT_DESTROY);
		return;
	}
	if (!answer->error && answer->status == 200)
		why = read_facts(follower, answer);
	else
		docker_explain(answer, reason);
	if (!why)
		return;
	tally_log(ctx, TALLY_WARNING, "%s: inspect: %s; retrying", follower->ingest.rows.id, why);
	follower_on_inspect_failed(follower);
}

static int inspect_waiting(struct docker_logs *logs)
{
	auto_free struct follower **asked = calloc(logs->n_followers + 1, sizeof(*asked));
	struct inspects inspects = {logs, asked, 0, 0};
	if (!asked)
		return tally_fail(logs->ctx, ENOMEM, "no memory");
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_INSPECT || follower->reinspect)
			asked[inspects.n++] = follower;
	}
	const struct fetch_job job = {.n = inspects.n,
				      .concurrency = INSPECTS_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .straggler_timeout = straggler_ns,
				      .path = on_path,
				      .done = on_inspected,
				      .arg = &inspects};
	int r = inspects.n ? docker_get_many(logs->docker, DOCKER_INSPECT, &job) : 0;
	return r < 0 ? r : inspects.result;
}

int scan_run(struct docker_logs *logs, bool whole)
{
	int r = whole ? list(logs) : 0;
	logs->attention = false;
	if (r == 0)
		r = inspect_waiting(logs);
	followers_remove(logs);
	int64_t unreadable = 0;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		unreadable += logs->followers[i]->state == FOLLOW_UNREADABLE;
	tally_gauge(logs->ctx, METRIC_CONTAINERS, logs->n_followers - unreadable);
	tally_gauge(logs->ctx, METRIC_UNREADABLE, unreadable);
	return r;
}
