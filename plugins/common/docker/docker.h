/*
 * A client of the Docker Engine's API: GET only, the version negotiated, every request under a
 * deadline, every body bounded.  One client belongs to one instance and its thread.
 *
 * Happy path: docker_create() in create(), docker_connect() in start() and before each scan or poll
 * (it does nothing while the engine's version is known), docker_get() or docker_get_many(), and
 * docker_disconnect() in stop().  After a lost connection the version is negotiated again, since
 * another engine may listen there.  All int functions return 0 or what tally_fail() returned;
 * -ECANCELED: the instance is being stopped.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_H
#define TALLYD_PLUGINS_COMMON_DOCKER_H

#include <stddef.h>
#include <stdint.h>
#include <tallyd/host.h>

#include "docker/docker_call.h"
#include "docker/docker_fetch.h"
#include "docker/container_match.h"

enum {
	DOCKER_API_OLDEST = 41, /* the first with one-shot stats */
	DOCKER_API_NEWEST = 55,
	DOCKER_API_INSTANT_STATS =
		44, /* from here on one-shot stats do not wait for the engine's tick */
	DOCKER_ID_MAX = 64,
};

/* Bounds of bodies. */
enum { DOCKER_MAX_LIST = 8 << 20, DOCKER_MAX_INSPECT = 1 << 20, DOCKER_MAX_STATS = 1 << 20 };

/* Part of each Docker input's config. */
struct docker_config {
	const char *endpoint, *tls_ca, *tls_cert, *tls_key;
	int64_t timeout;
	struct match match;
};

struct docker;

/* How to reach the engine; lives as long as its docker. */
struct docker_target {
	const struct docker_endpoint *endpoint;
	struct fetch_tls tls;
	int64_t timeout;
};

/* For check(): whether the TLS files can be read. */
int docker_check_files(struct tally_ctx *ctx, const struct docker_config *config);
/* No I/O; checks endpoint, TLS files' options and patterns.  config must outlive it. */
int docker_create(struct tally_ctx *ctx, const struct docker_config *config, struct docker **ret);
void docker_destroy(struct docker *docker);

int docker_connect(struct docker *docker);
void docker_disconnect(struct docker *docker);

/* The API's version in use, 41 for 1.41; 0: not connected. */
unsigned docker_api(const struct docker *docker);
const char *docker_endpoint(const struct docker *docker);

/* As GET /version said last; "": it did not. */
struct docker_engine {
	char version[64], kernel[64];
};
const struct docker_engine *docker_engine(const struct docker *docker);
/* Over a unix socket: what runs on this machine. */
bool docker_is_local(const struct docker *docker);

/* path comes after the version: "/containers/json".  A request that docker_request.h does not list
 * is not sent: -EPERM.  Anything but a 200 is an error.  The caller frees *ret, which is
 * NUL-terminated. */
int docker_get(struct docker *docker, enum docker_call call, const char *path, size_t max_bytes,
	       char **ret, size_t *ret_len);

/* As fetch_run(): the caller judges each answer, docker_explain() helps. */
int docker_get_many(struct docker *docker, enum docker_call call, const struct fetch_job *job);

/* For an open-ended request, made outside of docker_get_many().  -EPERM: it is not listed. */
int docker_check_request(struct docker *docker, enum docker_call call, const char *path);
void docker_target(const struct docker *docker, struct docker_target *ret);
/* Counts one request, as docker_get_many() does. */
void docker_count(struct docker *docker, enum docker_call call, const struct fetch_answer *answer);
/* Counts a failure of a request that was counted as answered before. */
void docker_count_fault(struct docker *docker, enum docker_call call,
			const struct fetch_answer *answer);

/* The failure in one line; answer->error or an HTTP error must be set. */
void docker_explain(const struct fetch_answer *answer, char ret[FETCH_REASON_SIZE]);

#define DOCKER_OPTION(n, o, t, fall, range, h)                                                     \
	{                                                                                          \
		.name = n, .offset = o, .type = TALLY_OPT_##t, .fallback = fall, .accepts = range, \
		.help = h                                                                          \
	}

#define DOCKER_HOST_ROOT_OPTION(o, what)                                                           \
	DOCKER_OPTION("host_root", o, STRING, NULL, NULL,                                          \
		      "where the machine's root file system is seen from inside a "                \
		      "container, as /host: " what)

/* Options, in parts; o: the offset of a struct docker_config. */
#define DOCKER_ENDPOINT_OPTIONS(o)                                                                 \
	DOCKER_OPTION("endpoint", (o) + offsetof(struct docker_config, endpoint), STRING,          \
		      "unix:///var/run/docker.sock", NULL,                                         \
		      "the engine: unix:///path, tcp://host:port, or https://host:port for TLS"),  \
		DOCKER_OPTION("timeout", (o) + offsetof(struct docker_config, timeout), DURATION,  \
			      "10s", "100ms..5min", "time limit for one answer of the engine")

#define DOCKER_MATCH_OPTIONS(o)                                                                    \
	DOCKER_OPTION("include", (o) + offsetof(struct docker_config, match.include), LIST, NULL,  \
		      NULL,                                                                        \
		      "only containers that match a pattern of every kind given "                  \
		      "here; " MATCH_SYNTAX),                                                      \
		DOCKER_OPTION(                                                                     \
			"exclude", (o) + offsetof(struct docker_config, match.exclude), LIST,      \
			NULL, NULL,                                                                \
			"no containers that match any of these patterns; same syntax as include")

#define DOCKER_TLS_OPTIONS(o)                                                                      \
	DOCKER_OPTION("tls_ca", (o) + offsetof(struct docker_config, tls_ca), STRING, NULL, NULL,  \
		      "file with the CA that signed an https:// engine's certificate; "            \
		      "default: those of the system"),                                             \
		DOCKER_OPTION("tls_cert", (o) + offsetof(struct docker_config, tls_cert), STRING,  \
			      NULL, NULL,                                                          \
			      "file with the client certificate for an https:// engine"),          \
		DOCKER_OPTION("tls_key", (o) + offsetof(struct docker_config, tls_key), STRING,    \
			      NULL, NULL, "file with the key of tls_cert")

/* For inputs that collect data of containers. */
#define DOCKER_OPTIONS(o) DOCKER_ENDPOINT_OPTIONS(o), DOCKER_MATCH_OPTIONS(o), DOCKER_TLS_OPTIONS(o)

#define DOCKER_METRIC(n, u, h, call)                                                               \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .labels = "call=\"" call "\"",                    \
		.kind = TALLY_METRIC_COUNTER                                                       \
	}
#define DOCKER_METRICS_OF(n, u, h)                                                                 \
	DOCKER_METRIC(n, u, h, "version"), DOCKER_METRIC(n, u, h, "list"),                         \
		DOCKER_METRIC(n, u, h, "stats"), DOCKER_METRIC(n, u, h, "inspect"),                \
		DOCKER_METRIC(n, u, h, "events"), DOCKER_METRIC(n, u, h, "images"),                \
		DOCKER_METRIC(n, u, h, "logs"), DOCKER_METRIC(n, u, h, "info")

/* These come first in a plugin's metrics; its own begin at DOCKER_METRICS_END. */
#define DOCKER_METRICS                                                                             \
	DOCKER_METRICS_OF("engine_calls_total", NULL, "Requests to the Docker Engine."),           \
		DOCKER_METRICS_OF("engine_errors_total", NULL,                                     \
				  "Requests to the Docker Engine that failed."),                   \
		DOCKER_METRICS_OF("engine_seconds_total", "ns",                                    \
				  "Time until the Docker Engine's answers were complete."),        \
	{                                                                                          \
		.name = "engine_texts_cut_total",                                                  \
		.help = "Labels and other texts that were too long, and were cut or left out.",    \
		.kind = TALLY_METRIC_COUNTER                                                       \
	}
enum { DOCKER_METRIC_TEXTS_CUT = 3 * DOCKER_CALLS, DOCKER_METRICS_END };

#endif
