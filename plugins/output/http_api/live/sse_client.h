/*
 * One client of a stream of Server-Sent Events.  Made in a worker, which may first ask the store
 * for what the client has missed; then read by the HTTP thread.  What it holds in memory is bounded
 * by live_client_memory: rows stay in the ring buffer, and a client that is too slow is told how
 * many it missed.
 */
#ifndef TALLYD_HTTP_SSE_CLIENT_H
#define TALLYD_HTTP_SSE_CLIENT_H

#include "base/clock.h"
#include "base/json_writer.h"

#include "message/context.h"
#include "live/live.h"
#include "live/event_id.h"
#include "base/hash_set.h"
#include "live/row_filter.h"

struct connections;

struct sse_client {
	struct live *live;
	struct tally_ctx *ctx;
	const struct http_config *config;
	enum live_kind kind;
	struct ring_buffer *ring;
	uint32_t epoch;
	bool entered;
	struct row_filter row_filter;

	/* Rows of the ring buffer that come before `after`, or that came from the store already,
	 * are left out.
	 */
	bool has_after;
	struct event_id after;
	struct hash_set given;

	/* The HTTP thread's, once the stream is on its way. */
	int64_t now;            /* wall time, when rows were read last */
	uint64_t outdated;      /* readings too old by then, not reported yet */
	uint64_t at;            /* the next row, in the ring buffer */
	struct json_writer out; /* events that are still to be sent */
	size_t sent;            /* of out */
	int64_t spoke;          /* monotonic, when something was sent last */
	struct connections *connections;
	struct MHD_Connection *connection;

	/* Guarded by the live lock. */
	bool suspended;
	struct sse_client *previous, *next; /* that are suspended */
	struct sse_client *next_ready;
};

void sse_client_free(struct sse_client *stream); /* NULL is fine; not while it is suspended */

/* How old a reading may be at most when it is shown: what is older says nothing of now. */
#define SSE_MAX_AGE (600 * CLOCK_SECOND)

/* In a worker, with row_filter set: puts it where the client was, or at the end.  0, or a problem.
 */
int sse_client_resume(struct sse_client *stream, struct context *context, const struct list *list);

/* Adds one event.  false: it is larger than the bound, or there is no memory; nothing is added. */
bool sse_client_write_row(struct sse_client *stream, uint32_t epoch, uint64_t number,
			  const struct tally_table *table, const struct tally_cell *row);
void sse_client_write_lagged(struct sse_client *stream, uint64_t missed);

extern const char sse_client_type[]; /* of the content */

/* A 503 becomes a stream that ends at once, with the problem as a comment and when to come back:
 * browsers give up for good on a stream that begins with anything but a 200. */
void sse_client_refuse(struct response_builder *builder);

/* The body of the response that it is sent as, which takes it over. */
struct body_source sse_client_source(struct sse_client *stream);

#endif
