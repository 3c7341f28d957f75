/*
 * What is kept of each container from one poll to the next: the sample that CPU percent is
 * calculated against, whether it is left out for a while because it hung, and its open files.
 * Rebuilt from each list, so what is gone is forgotten and the size is bounded by the list's.
 */
#ifndef TALLYD_STATS_BASELINE_H
#define TALLYD_STATS_BASELINE_H

#include "cgroup_files.h"
#include "docker/docker_list.h"

/* Where its numbers come from. */
enum sample_source {
	SAMPLE_FROM_ENGINE,
	SAMPLE_FROM_FILES,
	SAMPLE_NOT_RUNNING, /* it does not run */
	SAMPLE_UNREADABLE,  /* its files cannot be read, and the engine is not to be asked */
};

struct stats_baseline {
	char id[DOCKER_ID_MAX + 1];
	uint8_t strikes;            /* how often in a row it hung */
	int64_t retry;              /* monotonic ns; not asked before */
	int64_t time;               /* of the sample; 0: none */
	int64_t cpu_usage;          /* ns */
	bool hangs;                 /* in this poll */
	uint8_t source;             /* enum sample_source */
	uint8_t failures;           /* to open its files, in a row; 2: and more */
	int64_t cpus;               /* it may run on, by its own limit; 0: on all; -1: not known */
	int64_t cpus_checked;       /* monotonic ns, last; 0: never */
	int64_t reopen;             /* monotonic ns; its files not opened before */
	struct cgroup_files *files; /* its own; NULL unless SAMPLE_FROM_FILES */
	const struct docker_container *container; /* in the newest list */
};

struct stats_baselines {
	struct stats_baseline *items; /* in the order of ids */
	uint32_t n;
};

/* One for each container of the list that passes; what is known already is carried over. */
int stats_baselines_update(struct stats_baselines *baselines, const struct docker_list *list,
			   const struct match *match);
/* NULL: no such. */
struct stats_baseline *stats_baselines_find(const struct stats_baselines *baselines,
					    const char *id);
void stats_baselines_done(struct stats_baselines *baselines);

/* Percent of one core since the sample before, and keeps this one.  False: no such sample, or it
 * is of another run of the container. */
bool stats_baseline_cpu(struct stats_baseline *baseline, const struct stats *stats,
			double *ret_percent);

/* Its files say that this run of it is over. */
void stats_baseline_gone(struct stats_baseline *baseline);

/* It hung: left out for one minute, then for twice as long each time, up to 16. */
int64_t stats_baseline_strike(struct stats_baseline *baseline, int64_t monotonic);

#endif
