/*
 * What can be asked, and the functions that answer.  An endpoint gets a call, writes call->reply
 * and returns 0, or what response_problem() returned; nothing is owed after that.
 */
#ifndef TALLYD_HTTP_ENDPOINT_H
#define TALLYD_HTTP_ENDPOINT_H

#include <stdbool.h>
#include <tallyd/host.h>

#include "http_api.h"
#include "message/params.h"
#include "message/response_builder.h"

struct catalog_cache;
struct catalog;
struct live;

struct context {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct catalog_cache *tables;
	const struct catalog *catalog; /* of this call, once a table was looked up */
	const struct target *target;
	const char *raw;     /* the target as it came, for links */
	const char *segment; /* what {…} in the path stands for; NULL: nothing */
	int64_t now;         /* wall time of the request, the same for all its parts */
	int64_t deadline;    /* monotonic */
	struct live *live;
	const char *last_event_id;          /* NULL: none */
	bool (*abandoned)(const void *arg); /* nobody waits for the answer any more */
	const void *abandoned_arg;
	struct response_builder *builder;
};

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

/* NULL: there is none.  ret_segment: as call.segment. */
const struct endpoint *endpoint_find(const struct target *target, const char **ret_segment);

/* Checks the parameters' names, then answers. */
void endpoint_answer(const struct endpoint *endpoint, struct context *context);

/* 0, or a problem naming the parameter that is not among `allowed` (as endpoint.params, and
 * `more`, n names) or is given twice. */
int endpoint_check_params(struct context *context, const char *allowed, const char *const *more,
			  size_t n);

#endif
