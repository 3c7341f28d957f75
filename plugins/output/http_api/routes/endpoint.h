/*
 * What can be asked, and the functions that answer.  An endpoint gets a context, writes its
 * builder and returns 0, or what response_problem() returned; nothing is owed after that.
 */
#ifndef TALLYD_HTTP_ENDPOINT_H
#define TALLYD_HTTP_ENDPOINT_H

#include "message/context.h"

struct request;

typedef int endpoint_fn(struct context *context);

struct endpoint {
	const char *path; /* "/api/v1/containers/{}" */
	endpoint_fn *answer;
	const char *params; /* names allowed, "from to label+"; +: may be repeated; NULL: any */
	enum http_class class;
	bool direct;     /* asks no store, so it is answered on the spot */
	unsigned scopes; /* that a token needs besides its class: a bit per enum http_class */
};

endpoint_fn containers_list, containers_one, containers_stats, containers_logs, containers_events;
endpoint_fn logs_list, events_list;
endpoint_fn stream_stats, stream_logs, stream_events;
endpoint_fn images_list, images_one, images_versions;
endpoint_fn stats_latest, stats_many, stats_top;
endpoint_fn hosts_list, hosts_summary;
endpoint_fn tables_list, tables_rows;
endpoint_fn daemon_version, daemon_plugins, daemon_pipeline;
endpoint_fn health_live, health_ready, metrics_text, metrics_containers, index_page;
endpoint_fn openapi_document, openapi_page;

/* All of them, for listing; ends with .path = NULL. */
extern const struct endpoint endpoints[];

/* NULL: there is none.  ret_segment: as context.segment. */
const struct endpoint *endpoint_find(const struct target *target, const char **ret_segment);

/* Takes the target apart and finds its endpoint.  0, or a problem in request->builder. */
int request_route(struct request *request);
/* Checks the parameters' names, then answers. */
void endpoint_answer(const struct endpoint *endpoint, struct context *context);

#endif
