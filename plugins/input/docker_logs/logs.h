/*
 * What the files of this plugin share: the configuration, the metrics and the instance.  All of it
 * lives in the input's one thread, so nothing here is locked.
 */
#ifndef TALLYD_LOGS_H
#define TALLYD_LOGS_H

#include "docker/docker_follow.h"
#include "docker/docker_service.h"
#include "docker/docker_stream.h"
#include "logs/clock_step.h"
#include "logs/log_common.h"

enum logs_metric {
	METRIC_LOGS = DOCKER_FOLLOW_METRICS_END, /* enum log_metric */
	METRIC_CONTAINERS = METRIC_LOGS + LOG_METRICS_END,
	METRIC_UNREADABLE,
	METRIC_NOT_FOLLOWED,
	METRIC_ENGINE_ERRORS,
};

enum logs_source { SOURCE_AUTO, SOURCE_API, SOURCE_FILE };

struct logs_config {
	struct docker_config docker;
	struct log_config log;
	const char *host_root;
	int64_t source, max_containers;
	const char *service_label;
};

struct follower;

struct docker_logs {
	struct tally_ctx *ctx;
	const struct logs_config *config;
	struct log_common common;
	struct docker *docker;
	struct docker_target target;
	struct docker_streams *streams; /* NULL: not in a session */
	struct follower **followers;    /* in the order of ids */
	uint32_t n_followers, n_allocated;
	uint32_t not_followed;
	int inotify_fd;      /* -1: not in a session */
	char *buffer;        /* for reading files; NULL: none was read */
	int64_t files_due;   /* monotonic ns: not to be woken by files before */
	bool pending;        /* some may have more to read */
	int64_t missing_due; /* monotonic ns: retry files that were missing; 0: none */
	bool reported_no_file;
	int64_t started; /* wall clock, of the instance */
	struct clock_step clock;
	bool attention; /* a follower waits for scan.c */
	bool reported_not_followed;
};

#endif
