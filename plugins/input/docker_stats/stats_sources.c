/*
 * Which source each container is read from, and when to list them.  docker_stats.c calls this
 * around each poll, on the instance's thread.
 *
 * Happy path: an event or a minute makes stats_sources_list_due() true; after the list each
 * container without open files is inspected for its PID and network mode, and its files are opened.
 * From then on a poll costs the engine nothing.  What can fail: an inspect or the files of one
 * container.  The first failure may be chance, as the container may just be ending; it is tried
 * again with the next list, and only the second counts and waits for a minute.
 */
#include "stats_sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_map.h"

static const int64_t list_period_events = CLOCK_MINUTE, list_period_polling = 5 * CLOCK_SECOND;
static const int64_t straggler_ns = 2 * CLOCK_SECOND, reopen_ns = CLOCK_MINUTE;

enum {
	INSPECT_CONCURRENCY = 8,
	LIST_SHARE = 20, /* lists take at most one part out of so many of the time */
};

enum logged_sources { LOGGED_NOTHING, LOGGED_FILES, LOGGED_BOTH, LOGGED_ENGINE };

/* Only a Unix socket proves that the engine is on this machine; a TCP address of it may be
 * forwarded to anywhere.  Even behind a socket the PID is checked by cgroup_paths_parse(). */
static bool engine_is_local(const struct stats_sources *sources)
{
	return strncmp(docker_endpoint(sources->docker), "unix://", strlen("unix://")) == 0;
}

/* ---- When to list containers ---- */

static void on_event(void *arg, const struct docker_event *event)
{
	struct stats_sources *sources = arg;
	(void)event;
	sources->changed = true;
}

/* The engine's own numbers need a list for each poll: it names the containers that run. */
int stats_sources_list_due(struct stats_sources *sources, bool *ret_due)
{
	unsigned outcome = 0;
	*ret_due = true;
	if (!sources->host)
		return 0;
	int r = sources->events ? docker_events_act(sources->events, &outcome) : 0;
	sources->changed |= (outcome & DOCKER_EVENTS_OPENED) != 0;
	/* It has just given a sign of life, so it may answer again. */
	if (sources->failed && (outcome & (DOCKER_EVENTS_OPENED | DOCKER_EVENTS_SOME)))
		sources->not_before = 0;
	int64_t now = tally_monotonic(sources->ctx);
	bool followed = sources->events && docker_events_is_open(sources->events);
	int64_t period = followed ? list_period_events : list_period_polling;
	*ret_due = !sources->listed || sources->n_by_source[SAMPLE_FROM_ENGINE] ||
		   (now >= sources->not_before &&
		    (sources->changed || now - sources->listed >= period));
	return r;
}

/* A list takes an Engine 29 more than 100 ms for 100 containers, and events may come in storms: so
 * lists take a twentieth of the time at most, and there is one per minute at least. */
void stats_sources_on_list(struct stats_sources *sources, int error, int64_t took)
{
	int64_t now = tally_monotonic(sources->ctx);
	int64_t pause = took * LIST_SHARE;
	if (error && pause < list_period_polling)
		pause = list_period_polling;
	else if (pause < CLOCK_SECOND)
		pause = CLOCK_SECOND;
	sources->not_before = now + (pause < list_period_events ? pause : list_period_events);
	sources->failed = error != 0;
	if (error)
		return;
	sources->listed = now;
	sources->changed = false;
}

void stats_sources_on_exit(struct stats_sources *sources, struct stats_baseline *baseline)
{
	stats_baseline_gone(baseline);
	sources->changed = true;
}

/* ---- Inspecting ---- */

/* --network container:ID shares that container's interfaces; the engine repeats its counters. */
enum { MODE_SIZE = 160 };
static const char joined[] = "container:";

struct inspect_facts {
	int64_t pid; /* 0: it does not run */
	char network[MODE_SIZE];
	bool is_read;
};

/* One round of inspects. */
struct inspect_round {
	struct stats_sources *sources;
	struct stats_baselines *baselines;
	struct stats_baseline **targets;
	struct inspect_facts *facts;
	uint32_t n;
};

static const char *read_inspect(char *text, size_t len, struct inspect_facts *ret,
				size_t *ret_offset)
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
	*ret = (struct inspect_facts){.pid = pid.set ? pid.value : 0, .is_read = true};
	snprintf(ret->network, sizeof(ret->network), "%s", network.at ? network.at : "");
	return NULL;
}

/* The first failure may be chance, if the container ends just now: it is retried with the next
 * list. */
static void not_opened(struct stats_sources *sources, struct stats_baseline *baseline,
		       const char *reason)
{
	bool chance = baseline->failures == 0;
	baseline->failures = chance ? 1 : 2;
	baseline->reopen = chance ? 0 : tally_monotonic(sources->ctx) + reopen_ns;
	sources->changed |= chance;
	baseline->source = SAMPLE_FROM_ENGINE;
	if (sources->source == STATS_SOURCE_CGROUP)
		baseline->source = chance ? SAMPLE_NOT_RUNNING : SAMPLE_UNREADABLE;
	snprintf(sources->reason, sizeof(sources->reason), "%s", reason);
}

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct inspect_round *round = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", round->targets[i]->id);
}

static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct inspect_round *round = arg;
	char reason[FETCH_REASON_SIZE];
	size_t offset = 0;
	if (answer->error || answer->status != 200) {
		docker_explain(answer, reason);
		not_opened(round->sources, round->targets[i], reason);
		return;
	}
	const char *problem = read_inspect(answer->body, answer->len, &round->facts[i], &offset);
	if (problem)
		not_opened(round->sources, round->targets[i], problem);
}

/* ---- Opening ---- */

/* Whether the files in /proc/PID/net are the container's own.  On the host's network they would
 * show the machine's interfaces, and the engine reports no networks then, also where a container
 * has the host's network by way of another one.  That other container may be one that the filters
 * leave out; if its network cannot be found out, the answer is no. */
static bool has_network(const struct inspect_round *round, const char *mode)
{
	char path[FETCH_PATH_SIZE];
	struct inspect_facts facts = {0};
	size_t len, offset;
	auto_free char *body = NULL;
	if (strncmp(mode, joined, strlen(joined)) != 0)
		return strcmp(mode, "host") != 0;
	const char *id = mode + strlen(joined);
	const struct stats_baseline *known = stats_baselines_find(round->baselines, id);
	/* run_round() opens containers with a network of their own first. */
	if (known && known->files)
		return cgroup_files_have_network(known->files);
	snprintf(path, sizeof(path), "/containers/%s/json", id);
	if (docker_get(round->sources->docker, DOCKER_INSPECT, path, DOCKER_MAX_INSPECT, &body,
		       &len) < 0)
		return false;
	return !read_inspect(body, len, &facts, &offset) && strcmp(facts.network, "host") != 0;
}

static void open_files(const struct inspect_round *round, uint32_t i)
{
	char reason[CGROUP_REASON_SIZE] = "";
	struct stats_baseline *baseline = round->targets[i];
	const struct inspect_facts *facts = &round->facts[i];
	if (facts->pid <= 0) {
		baseline->source = SAMPLE_NOT_RUNNING;
		return;
	}
	const struct cgroup_target target = {.id = baseline->id,
					     .pid = facts->pid,
					     .network = has_network(round, facts->network)};
	if (cgroup_files_open(round->sources->host, &target, &baseline->files, reason) != 0) {
		not_opened(round->sources, baseline, reason);
		return;
	}
	baseline->failures = 0;
	baseline->source = SAMPLE_FROM_FILES;
}

static int run_round(struct inspect_round *round)
{
	struct stats_sources *sources = round->sources;
	const struct fetch_job job = {.n = round->n,
				      .concurrency = INSPECT_CONCURRENCY,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .straggler_timeout = straggler_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = round};
	int r = docker_get_many(sources->docker, DOCKER_INSPECT, &job);
	/* Containers that share another's network come last: then the other's is known. */
	for (int pass = 0; r == 0 && pass < 2; pass++)
		for (uint32_t i = 0; i < round->n; i++) {
			const struct inspect_facts *facts = &round->facts[i];
			bool shares = strncmp(facts->network, joined, strlen(joined)) == 0;
			if (facts->is_read && shares == (pass == 1))
				open_files(round, i);
		}
	return r;
}

/* ---- Counting and logging ---- */

static void log_sources(struct stats_sources *sources, const struct stats_baselines *baselines)
{
	memset(sources->n_by_source, 0, sizeof(sources->n_by_source));
	uint32_t others = 0;
	for (uint32_t i = 0; i < baselines->n; i++) {
		sources->n_by_source[baselines->items[i].source]++;
		others += baselines->items[i].failures > 1;
	}
	uint32_t files = sources->n_by_source[SAMPLE_FROM_FILES];
	enum logged_sources logged = files && others ? LOGGED_BOTH
				     : files         ? LOGGED_FILES
						     : LOGGED_ENGINE;
	if (logged == sources->logged || sources->source != STATS_SOURCE_AUTO ||
	    (!files && !others))
		return;
	sources->logged = logged;
	if (logged == LOGGED_FILES)
		tally_log(sources->ctx, TALLY_NOTICE, "reading the containers' cgroup files");
	else if (logged == LOGGED_BOTH)
		tally_log(sources->ctx, TALLY_NOTICE,
			  "reading the cgroup files of %u containers, asking the engine for %u: %s",
			  files, others, sources->reason);
	else
		tally_log(sources->ctx, TALLY_NOTICE, "asking the engine for all containers: %s",
			  sources->reason);
}

int stats_sources_open_files(struct stats_sources *sources, struct stats_baselines *baselines)
{
	int64_t now = tally_monotonic(sources->ctx);
	if (!sources->host)
		return 0;
	auto_free struct stats_baseline **targets = calloc(baselines->n + 1, sizeof(*targets));
	auto_free struct inspect_facts *facts = calloc(baselines->n + 1, sizeof(*facts));
	struct inspect_round round = {
		.sources = sources, .baselines = baselines, .targets = targets, .facts = facts};
	if (!targets || !facts)
		return tally_fail(sources->ctx, ENOMEM, "no memory for %u containers",
				  baselines->n);
	for (uint32_t i = 0; i < baselines->n; i++)
		if (!baselines->items[i].files && baselines->items[i].reopen <= now)
			targets[round.n++] = &baselines->items[i];
	int r = round.n ? run_round(&round) : 0;
	log_sources(sources, baselines);
	return r;
}

/* ---- Starting and stopping ---- */

static int fall_back(struct stats_sources *sources, int error, const char *reason)
{
	if (sources->source == STATS_SOURCE_CGROUP)
		return tally_fail(sources->ctx, error, "source = cgroup: %s", reason);
	tally_log(sources->ctx, TALLY_NOTICE, "asking the engine for all containers: %s", reason);
	return 0;
}

int stats_sources_check(const struct stats_sources *sources)
{
	if (sources->source == STATS_SOURCE_CGROUP && !engine_is_local(sources))
		return tally_fail(sources->ctx, EINVAL,
				  "source = cgroup needs an engine on this machine: a unix:// "
				  "endpoint, not %s",
				  docker_endpoint(sources->docker));
	return 0;
}

int stats_sources_start(struct stats_sources *sources)
{
	const struct docker_events_setup setup = {.ctx = sources->ctx,
						  .docker = sources->docker,
						  .filters =
							  "{\"type\":[\"container\"],\"event\":["
							  "\"start\",\"die\",\"died\",\"rename\","
							  "\"pause\",\"unpause\"]}",
						  .event = on_event,
						  .arg = sources};
	char reason[CGROUP_REASON_SIZE] = "";
	if (sources->source == STATS_SOURCE_API)
		return 0;
	if (!engine_is_local(sources))
		return fall_back(sources, EINVAL, "it is not on this machine");
	int error = cgroup_host_start(sources->host_root, &sources->host, reason);
	if (error)
		return fall_back(sources, error, reason);
	if (docker_events_create(&setup, &sources->events) < 0) {
		stats_sources_stop(sources);
		return tally_fail(sources->ctx, ENOMEM, "no memory");
	}
	return 0;
}

void stats_sources_stop(struct stats_sources *sources)
{
	docker_events_destroy(sources->events);
	cgroup_host_stop(sources->host);
	*sources = (struct stats_sources){.ctx = sources->ctx,
					  .docker = sources->docker,
					  .source = sources->source,
					  .host_root = sources->host_root};
}
