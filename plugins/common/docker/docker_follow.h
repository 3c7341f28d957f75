/*
 * The loop of an input that follows an engine: events as they come, a scan of what they name soon
 * after, a full scan whenever the stream opens and once per `interval`.
 *
 * Happy path: the stream opens, everything is scanned, and from then on only what events name; full
 * scans find what no event reported.  What can fail: the stream or a scan; that is one state with
 * one message when it begins and one when it ends, and counters.  A scan is retried after 0.5 s,
 * 1 s … 30 s, the stream independently of it, and either works without the other: where events are
 * refused, full scans are all there is.  After 10 s without a sign of life the engine is asked for
 * its version, so that a hanging one is noticed.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_FOLLOW_H
#define TALLYD_PLUGINS_COMMON_DOCKER_FOLLOW_H

#include <poll.h>

#include "docker/docker_events.h"

enum docker_scan {
	DOCKER_SCAN_NAMED,  /* what events named */
	DOCKER_SCAN_ALL,    /* everything, each interval */
	DOCKER_SCAN_RESYNC, /* everything, and what is known must not be trusted */
};

/* Part of the config of such an input; these are the core's options for those that gather. */
struct docker_follow_config {
	int64_t interval, jitter;
};

enum { DOCKER_FOLLOW_FDS = 2 };

/* What an input waits for beside events, as a GSource of GLib does: prepared before each wait,
 * dispatched after it. */
struct docker_follow_extra {
	/* Whether a scan of something is wanted. */
	bool (*wants_scan)(void *arg);
	/* Sets what to poll for; returns the due time, monotonic ns. */
	int64_t (*prepare)(void *arg, struct pollfd fds[DOCKER_FOLLOW_FDS]);
	/* After each wait. */
	void (*dispatch)(void *arg, const struct pollfd fds[DOCKER_FOLLOW_FDS]);
};

struct docker_follow_job {
	struct tally_ctx *ctx;
	struct docker *docker;
	const struct docker_follow_config *config;
	const char *filters; /* of events, as JSON */
	int64_t since;       /* also events since then, ns; 0: only new ones */
	int64_t debounce;    /* ns from the first event to the scan of what it and others name */
	/* True: the event names something to be scanned. */
	bool (*event)(void *arg, const struct docker_event *event);
	/* After the events that came together; may be NULL. */
	int (*flush)(void *arg);
	/* Connected already.  0, or what tally_fail() returned. */
	int (*scan)(void *arg, enum docker_scan what);
	const struct docker_follow_extra *extra; /* NULL: nothing */
	void *arg;
};

/* Returns 0 when stopped; else -ENOMEM. */
int docker_follow(const struct docker_follow_job *job);

/* o: the offset of its struct docker_follow_config. */
#define DOCKER_FOLLOW_OPTIONS(o, fall)                                                             \
	DOCKER_OPTION("interval", (o) + offsetof(struct docker_follow_config, interval), DURATION, \
		      fall, "100ms..",                                                             \
		      "how often to scan everything, beside the events, at whole multiples of it " \
		      "on the clock"),                                                             \
		DOCKER_OPTION("jitter", (o) + offsetof(struct docker_follow_config, jitter),       \
			      DURATION, "0s", "0s..",                                              \
			      "scan later by a fixed part of this, another for each instance and " \
			      "machine")

#define DOCKER_FOLLOW_METRIC(n, h, k)                                                              \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_##k                                     \
	}

/* Behind DOCKER_METRICS; the plugin's own begin at DOCKER_FOLLOW_METRICS_END. */
#define DOCKER_FOLLOW_METRICS                                                                      \
	DOCKER_FOLLOW_METRIC("events_total", "Events received from the engine.", COUNTER),         \
		DOCKER_FOLLOW_METRIC("event_stream_open",                                          \
				     "Whether the engine's events are being read.", GAUGE),        \
		DOCKER_FOLLOW_METRIC("event_streams_lost_total",                                   \
				     "Times the event stream ended or could not be opened.",       \
				     COUNTER),                                                     \
		DOCKER_FOLLOW_METRIC("failed_looks_total", "Scans that failed.", COUNTER)

enum docker_follow_metric {
	DOCKER_METRIC_EVENTS = DOCKER_METRICS_END,
	DOCKER_METRIC_STREAM_OPEN,
	DOCKER_METRIC_STREAMS_LOST,
	DOCKER_METRIC_FAILED_SCANS,
	DOCKER_FOLLOW_METRICS_END
};

#endif
