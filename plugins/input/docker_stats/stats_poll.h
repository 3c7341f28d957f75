/*
 * One poll: the cgroup files of the containers that have them open, the engine's one-shot stats of
 * all others at once, a row each.  What can fail: single containers, which are counted, named in
 * one message, and left out for a while if they hang; all of them, then the poll has failed.
 */
#ifndef TALLYD_STATS_POLL_H
#define TALLYD_STATS_POLL_H

#include "docker_stats.h"

/* Of the baselines there are.  0, or what tally_fail() returned. */
int stats_poll(struct docker_stats *self);

#endif
