/*
 * One poll: the cgroup files of the containers that have them open, the engine's one-shot stats of
 * all others at once, one row per container.  What can fail: single containers, which are counted,
 * named in one message, and skipped for a while if they hang; all of them, then the poll fails.
 */
#ifndef TALLYD_STATS_POLL_H
#define TALLYD_STATS_POLL_H

#include "docker_stats.h"

/* Polls the containers that have baselines.  0, or what tally_fail() returned. */
int stats_poll(struct docker_stats *self);

#endif
