/*
 * The number of cores that a container may run on, where the engine gives its numbers: the stats
 * have the machine's cores only, whatever --cpuset-cpus says.  So each new container is inspected,
 * and all of them once a minute, as the limit can be changed.  A container's own cgroup files
 * contain it.
 *
 * What can fail: an inspect; then the number of cores is not known, and the column is NULL.
 */
#ifndef TALLYD_STATS_CPUS_H
#define TALLYD_STATS_CPUS_H

#include "docker_stats.h"

/* Before a poll requests stats.  0, or what tally_fail() returned. */
int stats_cpus_refresh(struct docker_stats *self);

/* Replaces the machine's cores in the engine's stats by those of the container. */
void stats_cpus_apply(const struct stats_baseline *baseline, struct stats *stats);

#endif
