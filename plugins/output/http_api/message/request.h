/*
 * One request, from its first line to its answer.  The connection owns one reference, the fetch
 * that it began another: the arguments never change once they were read.
 */
#ifndef TALLYD_HTTP_REQUEST_H
#define TALLYD_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "http_api.h"
#include "message/arguments.h"
#include "message/context.h"
#include "message/params.h"
#include "message/response.h"
#include "message/response_builder.h"

struct endpoint;
struct fetch;
struct wait_list;

enum request_stage {
	REQUEST_NEW,      /* headers not looked at yet */
	REQUEST_ACCEPTED, /* they passed request_check() */
	REQUEST_WAITING,  /* suspended; whoever takes it out of this stage answers it */
	REQUEST_TAKEN,    /* somebody answers it, or has */
};

/* Where its answer came from, as X-Cache says it. */
enum request_origin { ORIGIN_OFF, ORIGIN_MISS, ORIGIN_HIT, ORIGIN_STALE };

struct request {
	atomic_int references;
	struct MHD_Connection
		*connection; /* valid while WAITING, and for the one that took it out */
	char *raw;           /* path and query */
	struct target target;
	struct arguments args;
	const struct endpoint *endpoint; /* NULL: there is none */
	const char *segment;             /* of the target, as in struct context */
	int64_t now;                     /* when it came: wall time and monotonic */
	int64_t started, deadline;
	enum cache_class kind;
	bool gzip;                  /* its client takes that */
	enum request_method method; /* of HEAD: GET, with head */
	bool head;
	bool preflight;
	bool anew;           /* its client wants no cached answer */
	unsigned scopes;     /* of who asks: a bit per enum http_class; ~0U: all */
	bool hold;           /* its refusal is to be held back for a moment */
	const char *cors;    /* as cors_match() */
	char *last_event_id; /* NULL: none */
	char *upload;        /* what came with it, up to HTTP_MAX_UPLOAD; NULL: nothing */
	size_t upload_len;

	/* The answer, being written or finished.  Written by whoever took the request,
	 * read by the connection after that. */
	struct response_builder builder;
	struct response *response;
	enum request_origin origin;

	/* Guarded by the wait list's lock from WAITING on. */
	int stage;
	int64_t until;             /* monotonic; then it gets `fallback`, or a 503 */
	struct response *fallback; /* an old answer */
	struct fetch *fetch;       /* that it waits for */
	struct request *previous_waiter, *next_waiter;
	struct request *previous, *next; /* those that wait, by `until` */
};

struct request *request_create(const char *raw); /* NULL: no memory */
/* Of "http://host/path" only the path is left, as RFC 9112, section 3.2.2, has it.  -EINVAL: the
 * host is not that of the header. */
int request_read_target(struct request *request, struct MHD_Connection *connection);
/* Takes the Last-Event-ID over from the headers.  -ENOMEM. */
int request_read_last_event_id(struct request *request, struct MHD_Connection *connection);
/* Adds what came of its body.  -E2BIG, -ENOMEM. */
int request_add_upload(struct request *request, const char *bytes, size_t len);
/* What an endpoint gets to answer it, except for what only the cache and the streams know. */
struct context request_context(const struct request *request, struct tally_ctx *ctx,
			       const struct http_config *config, struct response_builder *builder);
struct request *request_keep(struct request *request);
void request_drop(struct request *request);

#endif
