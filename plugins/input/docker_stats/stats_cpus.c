/*
 * The CPU limit of containers whose stats come from the engine.  stats_poll.c calls
 * stats_cpus_refresh() before it requests stats and stats_cpus_apply() on each answer, on the
 * instance's thread.
 *
 * Happy path: containers that are new, or were inspected over a minute ago, are inspected, 8 at a
 * time, at 0.15 ms each.
 * What can fail: single inspects; the number known before stays, or is NULL for a new container.
 */
#include "stats_cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "json_tree.h"

static const int64_t again_ns = CLOCK_MINUTE, straggler_ns = 2 * CLOCK_SECOND;

enum { CPUS_CONCURRENCY = 8 };

struct refresh {
	struct stats_baseline **targets;
	uint32_t n;
};

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct refresh *refresh = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", refresh->targets[i]->id);
}

/* CpusetCpus is a list as `0-2,5`; "": no limit.  The count is a bound of the machine's cores, not
 * a limit by quota, which container_info has.  If the request fails, the known number stays. */
static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	const struct refresh *refresh = arg;
	if (answer->error || answer->status != 200)
		return;
	auto_json json_t *document = json_tree_load(answer->body, answer->len);
	const char *cpus = json_tree_text(json_object_get(document, "HostConfig"), "CpusetCpus");
	struct json_int count = {.set = document != NULL};
	if (cpus && *cpus)
		count = cgroup_text_cpus((struct cgroup_span){cpus, cpus + strlen(cpus)});
	refresh->targets[i]->cpus = count.set ? count.value : -1;
}

int stats_cpus_refresh(struct docker_stats *self)
{
	int64_t now = tally_monotonic(self->ctx);
	auto_free struct stats_baseline **targets = calloc(self->poll.n + 1, sizeof(*targets));
	struct refresh refresh = {.targets = targets};
	if (!targets)
		return tally_fail(self->ctx, ENOMEM, "no memory for a poll");
	for (uint32_t i = 0; i < self->poll.n; i++) {
		struct stats_baseline *baseline = self->poll.targets[i];
		bool is_new = baseline->cpus_checked == 0;
		if (!is_new && now - baseline->cpus_checked < again_ns)
			continue;
		if (is_new)
			baseline->cpus = -1;
		baseline->cpus_checked = now;
		targets[refresh.n++] = baseline;
	}
	const struct fetch_job job = {.n = refresh.n,
				      .concurrency = CPUS_CONCURRENCY,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .straggler_timeout = straggler_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = &refresh};
	return refresh.n ? docker_get_many(self->docker, DOCKER_INSPECT, &job) : 0;
}

void stats_cpus_apply(const struct stats_baseline *baseline, struct stats *stats)
{
	struct json_int *online = &stats->slots[STATS_CPU_ONLINE];
	if (baseline->cpus < 0)
		online->set = false;
	else if (baseline->cpus > 0 && (!online->set || baseline->cpus < online->value))
		*online = (struct json_int){baseline->cpus, true};
}
