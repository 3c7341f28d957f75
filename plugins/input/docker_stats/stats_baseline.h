/*
 * What is remembered of each container from one sweep to the next: the sample that CPU percent is
 * reckoned against, and whether it is left out for a while because it hung.  Rebuilt from each
 * list, so what is gone is forgotten and the size is bounded by the list's.
 */
#ifndef TALLYD_STATS_BASELINE_H
#define TALLYD_STATS_BASELINE_H

#include "docker_list.h"
#include "stats_read.h"

struct stats_baseline {
	char id[DOCKER_ID_MAX + 1];
	uint8_t strikes;                          /* how often in a row it hung */
	int64_t retry;                            /* monotonic ns; not asked before */
	int64_t time;                             /* of the sample; 0: none */
	int64_t cpu_usage;                        /* ns */
	bool hangs;                               /* in this sweep */
	const struct docker_container *container; /* of this sweep's list */
};

struct stats_baselines {
	struct stats_baseline *items; /* in the order of ids */
	uint32_t n;
};

/* One for each container of the list that passes; what is known already is carried over. */
int stats_baselines_renew(struct stats_baselines *baselines, const struct docker_list *list,
			  const struct match *match);
void stats_baselines_done(struct stats_baselines *baselines);

/* Percent of one core since the sample before, and keeps this one.  False: no such sample, or it
 * is of another run of the container. */
bool stats_baseline_cpu(struct stats_baseline *baseline, const struct stats *stats,
			double *ret_percent);

/* It hung: left out for one minute, then for twice as long each time, up to 16. */
int64_t stats_baseline_strike(struct stats_baseline *baseline, int64_t monotonic);

#endif
