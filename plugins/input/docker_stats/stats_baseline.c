/*
 * The previous samples, sorted by id, and CPU percent calculated from them.  docker_stats.c updates
 * them from each list; stats_poll.c, stats_sources.c and stats_cpus.c use them in between.  All on
 * the instance's thread.
 *
 * CPU percent is the growth of total_usage over the growth of the sample's time.  The engine's own
 * precpu_stats would cost a second sample and so a second of waiting per request.  The previous
 * sample is not used if the counter fell or the container was restarted meanwhile: then the percent
 * is NULL.
 */
#include "stats_baseline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"

enum { BASELINE_MAX_STRIKES = 5 };

void stats_baselines_done(struct stats_baselines *baselines)
{
	for (uint32_t i = 0; i < baselines->n; i++)
		cgroup_files_close(baselines->items[i].files);
	free(baselines->items);
	*baselines = (struct stats_baselines){0};
}

static int by_own_id(const void *id, const void *item)
{
	const struct stats_baseline *baseline = item;
	return strcmp(id, baseline->id);
}

struct stats_baseline *stats_baselines_find(const struct stats_baselines *baselines, const char *id)
{
	if (baselines->n == 0)
		return NULL;
	return bsearch(id, baselines->items, baselines->n, sizeof(*baselines->items), by_own_id);
}

int stats_baselines_update(struct stats_baselines *baselines, const struct docker_list *list,
			   const struct match *match)
{
	struct stats_baselines renewed = {0};
	renewed.items = calloc(list->n ? list->n : 1, sizeof(*renewed.items));
	if (!renewed.items)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->n; i++) {
		if (!docker_container_passes(&list->items[i], match))
			continue;
		struct stats_baseline *baseline = &renewed.items[renewed.n++];
		/* Ids are never used again, so a container of that id is the same one. */
		struct stats_baseline *known = stats_baselines_find(baselines, list->items[i].id);
		if (known) {
			*baseline = *known;
			known->files = NULL;
		}
		snprintf(baseline->id, sizeof(baseline->id), "%s", list->items[i].id);
		baseline->container = &list->items[i];
	}
	stats_baselines_done(baselines);
	*baselines = renewed;
	return 0;
}

bool stats_baseline_cpu(struct stats_baseline *baseline, const struct stats *stats,
			double *ret_percent)
{
	int64_t elapsed = stats_cpu_advance(&baseline->cpu, stats, ret_percent);
	/* Younger than the sample before, by its status: it was restarted.  The slack is for the
	 * time between list and sample, and for "About a minute", which may be nearly two.  Open
	 * files belong to one run, and need no such check. */
	int64_t age = docker_status_age(baseline->container->status);
	baseline->strikes = 0;
	return elapsed && (baseline->files || age < 0 || 2 * age + 3 >= elapsed / CLOCK_SECOND);
}

void stats_baseline_gone(struct stats_baseline *baseline)
{
	cgroup_files_close(baseline->files);
	baseline->files = NULL;
	baseline->source = SAMPLE_NOT_RUNNING;
	baseline->cpu.time = 0;
}

int64_t stats_baseline_strike(struct stats_baseline *baseline, int64_t monotonic)
{
	int64_t pause = backoff_pause(CLOCK_MINUTE, 16 * CLOCK_MINUTE, baseline->strikes);
	if (baseline->strikes < BASELINE_MAX_STRIKES - 1)
		baseline->strikes++;
	baseline->retry = monotonic + pause;
	return pause;
}
