/*
 * Which cores containers may run on whose numbers the engine gives: its stats have the machine's
 * cores only, whatever --cpuset-cpus says, so its inspects are asked, once for each new container
 * and then once a minute, as the limit can be changed.  A container's own files contain it.
 *
 * What can fail: an inspect; then the number of cores is not known, and the column is NULL.
 */
#ifndef TALLYD_STATS_CPUS_H
#define TALLYD_STATS_CPUS_H

#include "docker_stats.h"

/* Before a poll asks for stats.  0, or what tally_fail() returned. */
int stats_cpus_refresh(struct docker_stats *self);

/* Of the machine's cores in what the engine says, those of the container. */
void stats_cpus_apply(const struct stats_baseline *baseline, struct stats *stats);

#endif
