/*
 * Which source each container is read from, and when to list them.  docker_stats.c calls this
 * around each poll, on the instance's thread.
 *
 * Happy path: an event or a minute makes stats_local_wants_list() true; after the list each
 * container without open files is inspected for its PID and network mode, and its files are opened.
 * From then on a poll costs the engine nothing.  What can fail: an inspect or the files of one
 * container.  The first failure may be chance, as the container may just be ending; it is tried
 * again with the next list, and only the second counts and waits for a minute.
 */
#include "stats_local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_map.h"

static const int64_t with_events = CLOCK_MINUTE, without_events = 5 * CLOCK_SECOND;
static const int64_t patience_ns = 2 * CLOCK_SECOND, reopen_ns = CLOCK_MINUTE;

enum {
	LOCAL_AT_ONCE = 8,
	LIST_SHARE = 20, /* lists take at most one part out of so many of the time */
};

enum local_logged { LOGGED_NOTHING, LOGGED_FILES, LOGGED_BOTH, LOGGED_ENGINE };

/* Only a Unix socket proves that the engine is on this machine; a TCP address of it may be
 * forwarded to anywhere.  Even behind a socket the PID is checked by cgroup_place_find(). */
static bool is_here(const struct stats_local *local)
{
	return strncmp(docker_endpoint(local->docker), "unix://", strlen("unix://")) == 0;
}

/* ---- When to ask what runs ---- */

static void on_event(void *arg, const struct docker_event *event)
{
	struct stats_local *local = arg;
	(void)event;
	local->changed = true;
}

static int handle_events(struct stats_local *local)
{
	unsigned outcome = 0;
	if (!local->events)
		return 0;
	int r = docker_events_act(local->events, &outcome);
	local->changed |= (outcome & DOCKER_EVENTS_OPENED) != 0;
	/* It has just given a sign of life, so it may answer again. */
	if (local->failed && (outcome & (DOCKER_EVENTS_OPENED | DOCKER_EVENTS_SOME)))
		local->not_before = 0;
	return r;
}

/* The engine's own numbers need a list each time: it names those that run. */
int stats_local_wants_list(struct stats_local *local, bool *ret_wants)
{
	*ret_wants = true;
	if (!local->host)
		return 0;
	int r = handle_events(local);
	int64_t now = tally_monotonic(local->ctx);
	bool followed = local->events && docker_events_is_open(local->events);
	*ret_wants = !local->listed || local->ways[STATS_BY_ENGINE] ||
		     (now >= local->not_before &&
		      (local->changed ||
		       now - local->listed >= (followed ? with_events : without_events)));
	return r;
}

static int64_t at_most(int64_t ns, int64_t most)
{
	return ns < most ? ns : most;
}

/* A list takes an engine of 29 more than 100 ms for 100 containers, and events may come in storms:
 * so it is asked at most a twentieth of the time, and at least once a minute. */
void stats_local_listed(struct stats_local *local, int error, int64_t took)
{
	int64_t now = tally_monotonic(local->ctx);
	int64_t pause = took * LIST_SHARE;
	if (error && pause < without_events)
		pause = without_events;
	else if (pause < CLOCK_SECOND)
		pause = CLOCK_SECOND;
	local->not_before = now + at_most(pause, with_events);
	local->failed = error != 0;
	if (error)
		return;
	local->listed = now;
	local->changed = false;
}

void stats_local_gone(struct stats_local *local, struct stats_baseline *baseline)
{
	stats_baseline_gone(baseline);
	local->changed = true;
}

/* ---- Inspecting ---- */

/* --network container:ID shares that container's interfaces; the engine repeats its counters. */
enum { MODE_SIZE = 160 };
static const char joined[] = "container:";

struct local_facts {
	int64_t pid; /* 0: it does not run */
	char network[MODE_SIZE];
	bool is_read;
};

/* One round of inspects. */
struct local_round {
	struct stats_local *local;
	struct stats_baselines *baselines;
	struct stats_baseline **asked;
	struct local_facts *facts;
	uint32_t n;
};

static const char *read_inspect(char *text, size_t len, struct local_facts *ret, size_t *ret_offset)
{
	static const struct json_member state[] = {{.key = "Pid", .rule = JSON_MAP_INT}, {0}};
	static const struct json_member host_config[] = {
		{.key = "NetworkMode", .rule = JSON_MAP_TEXT}, {0}};
	static const struct json_member document[] = {
		{.key = "State", .rule = JSON_MAP_INSIDE, .inside = state},
		{.key = "HostConfig", .rule = JSON_MAP_INSIDE, .inside = host_config},
		{0}};
	struct json_int pid = {0};
	struct json_text network = {0};
	const struct json_slots slots = {.ints = &pid, .texts = &network};
	const char *problem = json_map_document(text, len, document, &slots, ret_offset);
	if (problem)
		return problem;
	*ret = (struct local_facts){.pid = pid.set ? pid.value : 0, .is_read = true};
	snprintf(ret->network, sizeof(ret->network), "%s", network.at ? network.at : "");
	return NULL;
}

/* Once may be by chance, if it ends just now: tried again with the next list. */
static void not_opened(struct stats_local *local, struct stats_baseline *baseline,
		       const char *reason)
{
	bool chance = baseline->failures == 0;
	baseline->failures = chance ? 1 : 2;
	baseline->reopen = chance ? 0 : tally_monotonic(local->ctx) + reopen_ns;
	local->changed |= chance;
	baseline->way = STATS_BY_ENGINE;
	if (local->source == STATS_SOURCE_CGROUP)
		baseline->way = chance ? STATS_NOT_NOW : STATS_UNREADABLE;
	snprintf(local->reason, sizeof(local->reason), "%s", reason);
}

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct local_round *round = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", round->asked[i]->id);
}

static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct local_round *round = arg;
	char reason[FETCH_REASON_SIZE];
	size_t offset = 0;
	if (answer->error || answer->status != 200) {
		docker_explain(answer, reason);
		not_opened(round->local, round->asked[i], reason);
		return;
	}
	const char *problem = read_inspect(answer->body, answer->len, &round->facts[i], &offset);
	if (problem)
		not_opened(round->local, round->asked[i], problem);
}

/* ---- Opening ---- */

static bool is_name(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_";
	return text[0] && strspn(text, plain) == strlen(text);
}

/* Of another container, which the filters may have left out.  Doubt is no network. */
static bool other_has_network(const struct local_round *round, const char *id)
{
	char path[FETCH_PATH_SIZE];
	struct local_facts facts = {0};
	size_t len, offset;
	char *body = NULL;
	const struct stats_baseline *known = stats_baselines_find(round->baselines, id);
	/* open_all() opens those first that have a network of their own. */
	if (known && known->files)
		return cgroup_files_have_network(known->files);
	snprintf(path, sizeof(path), "/containers/%s/json", id);
	if (!is_name(id) || docker_get(round->local->docker, DOCKER_INSPECT, path,
				       DOCKER_MAX_INSPECT, &body, &len) < 0)
		return false;
	auto_free char *owned = body;
	return !read_inspect(owned, len, &facts, &offset) && strcmp(facts.network, "host") != 0;
}

/* The engine gives no networks for a container on the host's network, also where it has that by way
 * of another container; the files in /proc/PID would show the machine's interfaces. */
static bool has_network(const struct local_round *round, const char *mode)
{
	if (strncmp(mode, joined, strlen(joined)) == 0)
		return other_has_network(round, mode + strlen(joined));
	return strcmp(mode, "host") != 0;
}

static void open_files(const struct local_round *round, uint32_t i)
{
	char reason[CGROUP_REASON_SIZE] = "";
	struct stats_baseline *baseline = round->asked[i];
	const struct local_facts *facts = &round->facts[i];
	if (facts->pid <= 0) {
		baseline->way = STATS_NOT_NOW;
		return;
	}
	const struct cgroup_target who = {.id = baseline->id,
					  .pid = facts->pid,
					  .network = has_network(round, facts->network)};
	if (cgroup_files_open(round->local->host, &who, &baseline->files, reason) != 0) {
		not_opened(round->local, baseline, reason);
		return;
	}
	baseline->failures = 0;
	baseline->way = STATS_BY_FILES;
}

/* Those that have another's network come last: then the other's is known. */
static void open_all(const struct local_round *round)
{
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < round->n; i++) {
			const struct local_facts *facts = &round->facts[i];
			bool last = strncmp(facts->network, joined, strlen(joined)) == 0;
			if (facts->is_read && last == (pass == 1))
				open_files(round, i);
		}
}

static int run_round(struct local_round *round)
{
	struct stats_local *local = round->local;
	const struct fetch_job job = {.n = round->n,
				      .at_once = LOCAL_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .patience = patience_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = round};
	int r = docker_get_many(local->docker, DOCKER_INSPECT, &job);
	if (r == 0)
		open_all(round);
	return r;
}

/* ---- What is said of it ---- */

static void count_ways(struct stats_local *local, const struct stats_baselines *baselines)
{
	memset(local->ways, 0, sizeof(local->ways));
	local->unreadable = 0;
	for (uint32_t i = 0; i < baselines->n; i++) {
		local->ways[baselines->items[i].way]++;
		local->unreadable += baselines->items[i].failures > 1;
	}
}

static void log_sources(struct stats_local *local)
{
	uint32_t files = local->ways[STATS_BY_FILES], others = local->unreadable;
	enum local_logged logged = files && others ? LOGGED_BOTH
				   : files         ? LOGGED_FILES
						   : LOGGED_ENGINE;
	if (logged == local->logged || local->source != STATS_SOURCE_AUTO || (!files && !others))
		return;
	local->logged = logged;
	if (logged == LOGGED_FILES)
		tally_log(local->ctx, TALLY_NOTICE, "reading the containers' cgroup files");
	else if (logged == LOGGED_BOTH)
		tally_log(local->ctx, TALLY_NOTICE,
			  "reading the cgroup files of %u containers, asking the engine for %u: %s",
			  files, others, local->reason);
	else
		tally_log(local->ctx, TALLY_NOTICE, "asking the engine for all containers: %s",
			  local->reason);
}

int stats_local_open(struct stats_local *local, struct stats_baselines *baselines)
{
	int64_t now = tally_monotonic(local->ctx);
	if (!local->host)
		return 0;
	auto_free struct stats_baseline **asked = calloc(baselines->n + 1, sizeof(*asked));
	auto_free struct local_facts *facts = calloc(baselines->n + 1, sizeof(*facts));
	struct local_round round = {
		.local = local, .baselines = baselines, .asked = asked, .facts = facts};
	if (!asked || !facts)
		return tally_fail(local->ctx, ENOMEM, "no memory for %u containers", baselines->n);
	for (uint32_t i = 0; i < baselines->n; i++)
		if (!baselines->items[i].files && baselines->items[i].reopen <= now)
			asked[round.n++] = &baselines->items[i];
	int r = round.n ? run_round(&round) : 0;
	count_ways(local, baselines);
	log_sources(local);
	return r;
}

/* ---- Starting and stopping ---- */

static int fall_back(struct stats_local *local, int error, const char *reason)
{
	if (local->source == STATS_SOURCE_CGROUP)
		return tally_fail(local->ctx, error, "source = cgroup: %s", reason);
	tally_log(local->ctx, TALLY_NOTICE, "asking the engine for all containers: %s", reason);
	return 0;
}

int stats_local_check(const struct stats_local *local)
{
	if (local->source == STATS_SOURCE_CGROUP && !is_here(local))
		return tally_fail(local->ctx, EINVAL,
				  "source = cgroup needs an engine on this machine: a unix:// "
				  "endpoint, not %s",
				  docker_endpoint(local->docker));
	return 0;
}

int stats_local_start(struct stats_local *local)
{
	const struct docker_events_setup setup = {.ctx = local->ctx,
						  .docker = local->docker,
						  .filters =
							  "{\"type\":[\"container\"],\"event\":["
							  "\"start\",\"die\",\"died\",\"rename\","
							  "\"pause\",\"unpause\"]}",
						  .event = on_event,
						  .arg = local};
	char reason[CGROUP_REASON_SIZE] = "";
	if (local->source == STATS_SOURCE_API)
		return 0;
	if (!is_here(local))
		return fall_back(local, EINVAL, "it is not on this machine");
	int error = cgroup_host_start(&local->host, reason);
	if (error)
		return fall_back(local, error, reason);
	if (docker_events_create(&setup, &local->events) < 0) {
		stats_local_stop(local);
		return tally_fail(local->ctx, ENOMEM, "no memory");
	}
	return 0;
}

void stats_local_stop(struct stats_local *local)
{
	docker_events_destroy(local->events);
	cgroup_host_stop(local->host);
	*local = (struct stats_local){
		.ctx = local->ctx, .docker = local->docker, .source = local->source};
}
