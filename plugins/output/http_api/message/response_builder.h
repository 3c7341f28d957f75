/*
 * One answer in the making: a status, a body that grows to a bound, the few headers that vary.
 * Made by one thread, then handed over.  Errors are problem documents (RFC 9457).
 */
#ifndef TALLYD_HTTP_RESPONSE_BUILDER_H
#define TALLYD_HTTP_RESPONSE_BUILDER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/json_writer.h"

struct MHD_Connection;
struct connections;

extern const char content_type_json[], content_type_csv[], content_type_ndjson[],
	content_type_metrics[], content_type_html[], content_type_script[], content_type_style[],
	content_type_svg[];

enum { BODY_SOURCE_BLOCK = 4 << 10 }; /* asked for at a time */

/*
 * Makes a body while it is sent, for as long as its reader stays: a stream of events.  It belongs
 * to the response until libmicrohttpd takes it over, which calls read() and in the end free().
 */
struct body_source {
	void (*start)(void *arg, struct MHD_Connection *connection,
		      struct connections *connections);
	ssize_t (*read)(void *arg, uint64_t position, char *buffer, size_t max);
	void (*free)(void *arg);
	void *arg; /* NULL: there is none */
};

void body_source_done(struct body_source *source); /* leaves none */

struct response_builder {
	unsigned status;  /* 0: nothing decided yet */
	const char *type; /* of the content, static */
	struct json_writer body;
	struct body_source source; /* instead of a body */
	char *link;                /* value of a Link header, or NULL */
	char *cookie;              /* value of a Set-Cookie header; owned; NULL: none */
	char *policy;          /* of a page, as security_policy_of(); owned; NULL: nothing runs */
	const char *allow;     /* value of an Allow header, static, or NULL */
	const char *challenge; /* value of a WWW-Authenticate header, static, or NULL */
	unsigned retry_after;  /* seconds; 0: none */
	bool close;            /* the connection cannot be trusted any more */
	bool excused;          /* a 503 of a stream, which is sent as a 200 */
};

void response_builder_init(struct response_builder *builder);
void response_builder_done(struct response_builder *builder);

/* Forgets what was written so far and says what is wrong, and with which parameter (NULL: with
 * none).  Returns -EINVAL, for `return response_problem(…)`. */
__attribute__((format(printf, 4, 5))) int response_problem(struct response_builder *builder,
							   unsigned status, const char *parameter,
							   const char *fmt, ...);

/* 503 with Retry-After. */
__attribute__((format(printf, 2, 3))) int response_unavailable(struct response_builder *builder,
							       const char *fmt, ...);

/* To be called once the body is written: an unfinished one becomes a problem, and status 200. */
void response_builder_finish(struct response_builder *builder);

#endif
