/* The instance; for the plugin's own files.  One thread. */
#ifndef TALLYD_CGROUP_STATS_H
#define TALLYD_CGROUP_STATS_H

#include "cgroup/cgroup_walk.h"
#include "containers.h"
#include "cri/cri_list.h"

enum cgroup_metric { METRIC_CONTAINERS, METRIC_NAMELESS, METRIC_NOT_READ, METRIC_UNREADABLE };

struct cgroup_config {
	struct cri_config cri;
	const char *const *paths;
	int64_t scan_interval;
	bool nameless;
};

/* What a scan has met besides the containers that are read. */
struct scan_count {
	uint32_t nameless;               /* left out, since no log has their name */
	uint32_t beyond;                 /* more than max_containers */
	uint32_t unreadable;             /* their files cannot be opened */
	char reason[CGROUP_REASON_SIZE]; /* of the first of these */
};

struct scan {
	struct cgroup_walk walk;
	struct cri_list names;
	bool has_names; /* there is a folder of links */
	struct scan_count count;
	int64_t due;            /* monotonic ns */
	bool finished;          /* one, since the start */
	bool failing, reported; /* the folder of links; one of the counts */
};

struct cgroup_stats {
	struct tally_ctx *ctx;
	const struct cgroup_config *config;
	struct cgroup_patterns patterns;
	struct cgroup_host *host; /* NULL: not started */
	struct containers containers;
	struct scan scan;
	struct tally_batch *info; /* the newest rows of container_info; NULL: none */
	int64_t info_due;         /* monotonic ns */
};

/* Looks for containers for at most a moment; goes on with the next call.  0, or what tally_fail()
 * returned. */
int scan_go_on(struct cgroup_stats *self);
void scan_stop(struct scan *scan);

/* The rows of the last run of the daemon; what is gone since then is known when a scan ends. */
void container_info_load(struct cgroup_stats *self);
/* Emits the rows of container_info, if it is time.  0, or what tally_emit() returned. */
int container_info_emit(struct cgroup_stats *self);

#endif
