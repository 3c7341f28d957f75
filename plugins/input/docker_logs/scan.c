/*
 * Which containers are followed, and what each of them is: the engine's list, and an inspect of
 * those that wait for one.  What can fail: the engine, which ends the look; one container's
 * inspect, which is tried again after a while.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "logs.h"

static const int64_t patience_ns = INT64_C(2000000000);

enum { LOGS_AT_ONCE = 8 };

/* ---- Which containers ---- */

void scan_add(struct docker_logs *logs, const char *id, bool chosen)
{
	if (logs->n_followers >= logs->config->max_containers) {
		logs->not_followed++;
		return;
	}
	struct follower *follower = followers_add(logs, id);
	if (!follower) {
		tally_log(logs->ctx, TALLY_ERROR, "no memory to follow %s", id);
		return;
	}
	follower->chosen = chosen;
	logs->attention = true;
}

static void tell_not_followed(struct docker_logs *logs)
{
	tally_gauge(logs->ctx, METRIC_NOT_FOLLOWED, logs->not_followed);
	if (logs->not_followed && !logs->told_not_followed)
		tally_log(logs->ctx, TALLY_WARNING,
			  "%u containers are not followed: max_containers is %lld",
			  logs->not_followed, (long long)logs->config->max_containers);
	logs->told_not_followed = logs->not_followed > 0;
}

static void remove_unlisted(struct docker_logs *logs, const struct docker_list *list)
{
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (!docker_list_find(list, logs->followers[i]->rows.id))
			follower_on_event(logs->followers[i], LOGS_DESTROY);
}

/* Also mends what an event that did not come would have told. */
static void compare(struct docker_logs *logs, const struct docker_container *container)
{
	struct follower *follower = followers_find(logs, container->id);
	bool runs = strcmp(container->state, "running") == 0;
	if (!follower && docker_container_passes(container, &logs->config->docker.match))
		scan_add(logs, container->id, true);
	if (!follower)
		return;
	if (runs && follower->state == FOLLOW_IDLE)
		follower_on_event(follower, LOGS_START);
	if (!runs && follower->file)
		follower_on_event(follower, LOGS_DIE);
	if (follower->known && strcmp(container->name, follower->rows.name) != 0)
		follower_on_event(follower, LOGS_RENAME);
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
	tell_not_followed(logs);
	remove_unlisted(logs, &list);
	docker_list_done(&list);
	return 0;
}

/* ---- Inspecting ---- */

struct looks {
	struct docker_logs *logs;
	struct follower **asked;
	uint32_t n;
	int result;
};

static void look_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct looks *looks = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", looks->asked[i]->rows.id);
}

static void look_failed(struct follower *follower, const char *why)
{
	tally_log(follower->logs->ctx, TALLY_WARNING, "%s: inspect: %s; tried again",
		  follower->rows.id, why);
	if (follower->state == FOLLOW_INSPECT)
		follower_wait(follower);
}

/* What an event brought in may be one that the operator has excluded. */
static bool is_wanted(const struct follower *follower, const struct inspect_facts *facts)
{
	return follower->known || follower->chosen ||
	       docker_container_passes(&facts->container, &follower->logs->config->docker.match);
}

static void look_read(struct follower *follower, struct fetch_answer *answer)
{
	struct inspect_facts facts;
	size_t offset = 0;
	const char *problem = inspect_read(answer->body, answer->len, &facts, &offset);
	if (problem)
		look_failed(follower, problem);
	else if (is_wanted(follower, &facts))
		follower_learn(follower, &facts);
	else
		follower->state = FOLLOW_REMOVED;
}

/* The engine's own fault: those asked for stay as they are until it is back. */
static bool is_lost(int error)
{
	return error && error != ETIMEDOUT && error != EMSGSIZE && error != ENOMEM;
}

static void look_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct looks *looks = arg;
	struct follower *follower = looks->asked[i];
	char why[FETCH_REASON_SIZE];
	if (is_lost(answer->error)) {
		looks->result = tally_fail(looks->logs->ctx, answer->error, "%s: %s",
					   docker_endpoint(looks->logs->docker), answer->reason);
	} else if (!answer->error && answer->status == 200) {
		look_read(follower, answer);
	} else if (!answer->error && answer->status == 404) {
		follower_on_event(follower, LOGS_DESTROY);
	} else {
		docker_explain(answer, why);
		look_failed(follower, why);
	}
}

static int inspect(struct docker_logs *logs)
{
	auto_free struct follower **asked = calloc(logs->n_followers + 1, sizeof(*asked));
	struct looks looks = {logs, asked, 0, 0};
	if (!asked)
		return tally_fail(logs->ctx, ENOMEM, "no memory");
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_INSPECT || follower->look)
			asked[looks.n++] = follower;
	}
	const struct fetch_job job = {.n = looks.n,
				      .at_once = LOGS_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .patience = patience_ns,
				      .path = look_path,
				      .done = look_done,
				      .arg = &looks};
	int r = looks.n ? docker_get_many(logs->docker, DOCKER_INSPECT, &job) : 0;
	return r < 0 ? r : looks.result;
}

static void count_containers(struct docker_logs *logs)
{
	int64_t barred = 0;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		barred += logs->followers[i]->state == FOLLOW_UNREADABLE;
	tally_gauge(logs->ctx, METRIC_CONTAINERS, logs->n_followers - barred);
	tally_gauge(logs->ctx, METRIC_UNREADABLE, barred);
}

int scan_run(struct docker_logs *logs, bool whole)
{
	int r = whole ? list(logs) : 0;
	logs->attention = false;
	if (r == 0)
		r = inspect(logs);
	followers_remove_gone(logs);
	count_containers(logs);
	return r;
}
