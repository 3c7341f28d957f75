/* The instance and its current poll; for the plugin's own files.  One thread. */
#ifndef TALLYD_DOCKER_STATS_H
#define TALLYD_DOCKER_STATS_H

#include "stats_sources.h"
#include "poll_interval.h"

enum stats_metric { METRIC_FROM_ENGINE = DOCKER_METRICS_END, METRIC_FROM_FILES, METRIC_INTERVAL };

struct stats_config {
	struct docker_config docker;
	int64_t max_connections, source;
	const char *host_root;
};

/* One poll. */
struct stats_poll {
	struct stats_baseline **targets;
	uint32_t n;
	struct stats_rows rows;
	uint32_t read; /* containers read from files */
	uint32_t answered, failed, hung;
	int error; /* of the first failure */
	char reason[FETCH_REASON_SIZE + 64];
};

struct docker_stats {
	struct tally_ctx *ctx;
	const struct stats_config *config;
	struct docker *docker;
	struct docker_list list; /* the running containers, as last listed */
	struct stats_baselines baselines;
	struct stats_sources sources;
	struct stats_poll poll;
	struct poll_interval interval;
};

#endif
