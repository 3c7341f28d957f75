/*
 * What an endpoint gets to answer a request: the store, the request's arguments, and where the
 * answer goes.  Made on the stack of the thread that answers, for one answer; nobody else sees it,
 * so nothing in it is locked.
 */
#ifndef TALLYD_HTTP_CONTEXT_H
#define TALLYD_HTTP_CONTEXT_H

#include <stdbool.h>
#include <tallyd/host.h>

#include "ask/query.h"
#include "http_api.h"
#include "message/arguments.h"
#include "message/params.h"
#include "message/response_builder.h"

struct endpoint;
struct catalog_cache;
struct catalog;
struct host_ages;
struct live;
struct visitor;

struct context {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct catalog_cache *tables;
	const struct catalog *catalog; /* of this call, once a table was looked up */
	const struct target *target;
	const struct endpoint *route;
	const struct arguments *args; /* its parameters, read by the route's specifications */
	const char *raw;              /* the target as it came, for links */
	const char *segment;          /* what {…} in the path stands for; NULL: nothing */
	int64_t now;                  /* wall time of the request, the same for all its parts */
	int64_t deadline;             /* monotonic */
	struct live *live;
	const char *last_event_id;          /* of the header; NULL: none */
	unsigned scopes;                    /* of who asks: a bit per enum http_class */
	bool (*abandoned)(const void *arg); /* no client waits any more */
	const void *abandoned_arg;
	struct visitor *visitor; /* of direct routes, as the next; else NULL */
	struct host_ages *host_ages;
	struct response_builder *builder;
	struct asker asker; /* see context_asker() */
};

#endif
