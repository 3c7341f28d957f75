/* The instance; for the plugin's own files.  One thread. */
#ifndef TALLYD_CRI_LOGS_H
#define TALLYD_CRI_LOGS_H

#include "cri_follow.h"
#include "logs/clock_step.h"

enum cri_metric {
	METRIC_CONTAINERS,
	METRIC_NOT_FOLLOWED,
	METRIC_FOREIGN,
	METRIC_LOGS, /* enum log_metric */
};

struct cri_logs_config {
	struct cri_config cri;
	struct log_config log;
	int64_t scan_interval;
};

struct cri_logs {
	struct tally_ctx *ctx;
	const struct cri_logs_config *config;
	struct cri_reading reading;
	struct cri_follow **follows; /* in the order of their ids */
	uint32_t n;
	struct clock_step clock;
	bool scanned;      /* once since the instance was made */
	bool failing;      /* the folder of links cannot be read */
	bool reported;     /* that there are more than max_containers */
	int64_t scan_due;  /* monotonic ns */
	int64_t files_due; /* monotonic ns: not to be woken by files before */
};

/* Until it is stopped.  arg: a struct cri_logs. */
int cri_session_run(void *arg);

#endif
