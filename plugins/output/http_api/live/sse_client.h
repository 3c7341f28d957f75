/*
 * One client of a stream of Server-Sent Events, with one topic or several.  Made in a worker, which
 * may first ask the store for what the client has missed or wants of the past; then read by the
 * HTTP thread.  What it holds in memory is bounded: rows stay in the ring buffers, and a client
 * that is too slow is told how many it missed.
 */
#ifndef TALLYD_HTTP_SSE_CLIENT_H
#define TALLYD_HTTP_SSE_CLIENT_H

#include "base/json_writer.h"

#include "message/context.h"
#include "live/live.h"
#include "live/sse_topic.h"

struct connections;

enum { SSE_BLOCK = BODY_SOURCE_BLOCK };

struct sse_client {
	struct live *live;
	struct tally_ctx *ctx;
	const struct http_config *config;
	bool entered;
	bool multiplexed; /* events have the name of their topic, and ids the places in all of them
			   */
	bool announces;   /* when history is over */
	int64_t since;    /* wall time; 0: not given */
	struct sse_topic topics[SSE_TOPICS];
	uint32_t n_topics;

	/* The HTTP thread's, once the stream is on its way. */
	bool ready;             /* history is over */
	int64_t now;            /* wall time, when rows were read last */
	struct json_writer out; /* events that are still to be sent */
	size_t sent;            /* of out */
	int64_t spoke;          /* monotonic, when something was sent last */
	int64_t checked;        /* monotonic, when it was asked whether it may go on */
	struct connections *connections;
	struct MHD_Connection *connection;

	/* Guarded by the live lock. */
	bool suspended;
	struct sse_client *previous, *next; /* that are suspended */
	struct sse_client *next_ready;
};

void sse_client_free(struct sse_client *stream); /* NULL is fine; not while it is suspended */

extern const char sse_client_type[]; /* of the content */

/* A 503 becomes a stream that ends at once, with the problem as a comment and when to come back:
 * browsers give up for good on a stream that begins with anything but a 200. */
void sse_client_refuse(struct response_builder *builder);

/* The body of the response that it is sent as, which takes it over. */
struct body_source sse_client_source(struct sse_client *stream);

#endif
