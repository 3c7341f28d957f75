/*
 * A route: its path, what it takes, what it answers with, and the words that describe it.  All of
 * them stand in route_table.c and nowhere else; the router, the check of parameters, the cache,
 * the scopes of tokens and openapi.json follow from that table.
 *
 * An endpoint is the function behind a route.  It gets a context with parameters that are read
 * already, writes its builder and returns 0, or what response_problem() returned; nothing is owed
 * after that.
 */
#ifndef TALLYD_HTTP_ENDPOINT_H
#define TALLYD_HTTP_ENDPOINT_H

#include "http_api.h"
#include "message/arguments.h"
#include "message/context.h"

struct request;

typedef int endpoint_fn(struct context *context);

/* Errors of a route besides those that all have; openapi/generate.c knows the latter. */
enum { ERROR_NOT_FOUND = 1 << 0, ERROR_AMBIGUOUS = 1 << 1, ERROR_TOO_LARGE = 1 << 2 };

struct endpoint {
	const char *path; /* "/api/v1/containers/{id}" */
	endpoint_fn *answer;
	enum request_method method;
	enum http_class class;   /* what it is counted as, and the scope that a token needs */
	unsigned scopes;         /* that a token needs besides: a bit per enum http_class */
	enum cache_class cached; /* for how long, and what invalidates it */
	bool direct;             /* asks no store, so it is answered on libmicrohttpd's thread */
	bool fixed;              /* direct, and always the same: answered once, then kept */
	bool public;             /* needs no token */
	bool reserved;           /* answered also when connections are short */
	unsigned errors;         /* a bit per ERROR_… above */
	struct route_params params;

	/* For the document. */
	const char *id; /* operationId; examples have it as their key */
	const char *tag, *summary, *description;
	const char *schema; /* of the JSON; "A|B": one of them; NULL: the body is text */
	const char *upload; /* schema of what is sent; NULL: nothing is */
	const char *media;  /* NULL: JSON, and with a parameter `format` CSV and NDJSON */
};

/* Whether its answers have an ETag, so that a client can ask whether they have changed.  Health and
 * metrics are never the same twice, nor should a browser keep who is signed in, and a stream has no
 * end to make one of. */
static inline bool endpoint_is_validated(const struct endpoint *endpoint)
{
	return endpoint->class != HTTP_HEALTH && endpoint->class != HTTP_METRICS &&
	       endpoint->class != HTTP_STREAM && endpoint->class != HTTP_SESSION;
}

/* As scopes of tokens and the metrics name them. */
extern const char *const http_class_names[HTTP_CLASSES];
extern const char *const cache_class_names[CACHE_CLASS_NONE];

/* All routes; the rest has no path. */
enum { ROUTES_MAX = 64 };
extern const struct endpoint endpoints[ROUTES_MAX];

endpoint_fn containers_list, containers_one, containers_stats, containers_logs, containers_events;
endpoint_fn logs_list, logs_histogram, logs_count, logs_patterns, events_list;
endpoint_fn changes_list, changes_effect;
endpoint_fn alerts_newest, alerts_history;
endpoint_fn stream_topics, stream_stats, stream_logs, stream_events;
endpoint_fn images_list, images_one, images_versions;
endpoint_fn stats_latest, stats_many, stats_top;
endpoint_fn hosts_list, hosts_summary;
endpoint_fn tables_list, tables_rows;
endpoint_fn daemon_version, daemon_plugins, daemon_pipeline;
endpoint_fn health_live, health_ready, metrics_text, metrics_containers, index_page;
endpoint_fn openapi_document, openapi_page;
endpoint_fn dashboard_script, dashboard_style, dashboard_icon;
endpoint_fn session_show, session_begin, session_end;

/* NULL: there is none.  ret_segment: as context.segment. */
const struct endpoint *endpoint_find(const struct target *target, enum request_method method,
				     const char **ret_segment);

/* Takes the target apart and finds its endpoint.  0, or a problem in request->builder. */
int request_route(struct request *request);
void endpoint_answer(const struct endpoint *endpoint, struct context *context);

#endif
