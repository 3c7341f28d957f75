/*
 * What the files of this plugin share: the configuration, the metrics and the instance.  All of it
 * lives in the input's one thread, so nothing here is locked.
 */
#ifndef TALLYD_LOGS_H
#define TALLYD_LOGS_H

#include "docker/docker_follow.h"
#include "docker/docker_service.h"
#include "docker/docker_stream.h"
#include "lines/log_message.h"

enum logs_metric {
	METRIC_CONTAINERS = DOCKER_FOLLOW_METRICS_END,
	METRIC_UNREADABLE,
	METRIC_NOT_FOLLOWED,
	METRIC_READS,
	METRIC_REPEATS,
	METRIC_GAPS,
	METRIC_CUT,
	METRIC_LIMITED,
	METRIC_GARBAGE,
	METRIC_ENGINE_ERRORS,
	METRIC_PATTERNS,
	METRIC_UNPATTERNED,
};

/* How much of a log that was never read before is read. */
struct logs_first {
	bool only_new;
	uint32_t lines; /* how many of the last; 0: all */
};

enum logs_source { SOURCE_AUTO, SOURCE_API, SOURCE_FILE };

struct logs_config {
	struct docker_config docker;
	const char *first_sight;
	const char *host_root;
	int64_t source;
	int64_t max_line, max_containers, rate_limit;
	const char *multiline_start; /* NULL: each line is a message */
	int64_t multiline_timeout, multiline_lines;
	const char *service_label;
	int64_t max_patterns;
};

struct follower;

struct docker_logs {
	struct tally_ctx *ctx;
	const struct logs_config *config;
	struct logs_first first;
	struct log_rule rule;
	struct docker *docker;
	struct docker_target target;
	struct docker_streams *streams; /* NULL: not in a session */
	struct patterns *patterns;      /* NULL: not in a session, or max_patterns is 0 */
	struct follower **followers;    /* in the order of ids */
	uint32_t n_followers, n_allocated;
	uint32_t not_followed;
	int inotify_fd;      /* -1: not in a session */
	char *buffer;        /* for reading files; NULL: none was read */
	int64_t files_due;   /* monotonic ns: not to be woken by files before */
	bool pending;        /* some may have more to read */
	int64_t missing_due; /* monotonic ns: retry files that were missing; 0: none */
	bool reported_no_file;
	bool seconds;            /* the engine's times are whole seconds: Podman */
	int64_t started;         /* wall clock, of the instance */
	int64_t wall, monotonic; /* when the clocks were compared last */
	int64_t waiting_since;   /* monotonic ns */
	size_t waiting;          /* bytes of rows that are not handed over */
	bool attention;          /* a follower waits for scan.c */
	bool reported_not_followed;
};

#endif
