/*
 * What is kept of each container from one poll to the next: the sample that CPU percent is
 * calculated against, whether the container is skipped for a while because it hung, and its open
 * files.  Rebuilt from each list, so removed containers are forgotten and the size is bounded by
 * the list's.
 */
#ifndef TALLYD_STATS_BASELINE_H
#define TALLYD_STATS_BASELINE_H

#include "cgroup/cgroup_files.h"
#include "containers/stats_row.h"
#include "docker/docker_list.h"

/* Where a container's numbers come from. */
enum sample_source {
	SAMPLE_FROM_ENGINE,
	SAMPLE_FROM_FILES,
	SAMPLE_NOT_RUNNING, /* it does not run */
	SAMPLE_UNREADABLE,  /* its files cannot be read, and `source` excludes the engine */
};

struct stats_baseline {
	char id[DOCKER_ID_MAX + 1];
	uint8_t strikes; /* polls in a row in which it hung */
	int64_t retry;   /* monotonic ns; not asked before */
	struct stats_cpu cpu;
	bool hangs;                 /* in this poll */
	uint8_t source;             /* enum sample_source */
	uint8_t failures;           /* in a row, to open its files; 2: two or more */
	int64_t cpus;               /* by its own limit; 0: no limit; -1: not known */
	int64_t cpus_checked;       /* monotonic ns; 0: never */
	int64_t reopen;             /* monotonic ns; no attempt to open its files before */
	struct cgroup_files *files; /* its own; NULL unless SAMPLE_FROM_FILES */
	const struct docker_container *container; /* in the newest list */
};

struct stats_baselines {
	struct stats_baseline *items; /* sorted by id */
	uint32_t n;
};

/* One for each container of the list that passes the filters; known ones keep their state. */
int stats_baselines_update(struct stats_baselines *baselines, const struct docker_list *list,
			   const struct match *match);
/* NULL: none. */
struct stats_baseline *stats_baselines_find(const struct stats_baselines *baselines,
					    const char *id);
void stats_baselines_done(struct stats_baselines *baselines);

/* Percent of one core since the previous sample; keeps this one.  False: there is none, or it is of
 * another run of the container. */
bool stats_baseline_cpu(struct stats_baseline *baseline, const struct stats *stats,
			double *ret_percent);

/* Its files show that this run has ended. */
void stats_baseline_gone(struct stats_baseline *baseline);

/* It hung: skipped for one minute, then twice as long each time, up to 16.  Returns the pause. */
int64_t stats_baseline_strike(struct stats_baseline *baseline, int64_t monotonic);

#endif
