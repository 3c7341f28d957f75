/*
 * /api/v1/stream/…: what containers use, print and go through, as it comes.  On a worker's thread,
 * since a client that comes back may first need rows of the store (sse_resume.c); what follows is
 * the HTTP thread's (sse_client.c).
 *
 *	filters → a place in the ring buffer → what was missed → the response takes the client over
 *
 * A client counts against max_streams from live_enter() on; whatever fails after that frees it, and
 * gives the place back.  A 503 is sent as a stream that ends (sse_client_refuse()).
 */
#include <errno.h>
#include <stdlib.h>

#include "live/sse_client.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"

static const char streams_retry[] = "retry: 2000\n\n"; /* ms until a client comes back */

static const struct list_filter stats_filters[] = {
	{"host", "host", TALLY_EQUALS},
	{"name", "name", TALLY_GLOB},
	{.param = NULL},
};
static const struct list stats_of_containers = {"container_stats", stats_filters};

/* The filters first: they need the store, and a client that is refused for one of them must not
 * take a place.  `retry` is what a browser waits before it reconnects. */
static int sse_client_prepare(struct sse_client *stream, struct context *context,
			      const struct list *list)
{
	int r = row_filter_read(context, list->filters, &stream->row_filter);
	if (r < 0)
		return r;
	r = live_enter(stream->live, stream);
	if (r == -EBUSY)
		return response_unavailable(context->builder,
					    "%lld streams are open, which is max_streams",
					    (long long)context->config->max_streams);
	if (r < 0)
		return response_unavailable(context->builder, "tallyd is shutting down");
	json_write_raw(&stream->out, streams_retry, sizeof(streams_retry) - 1);
	return sse_client_resume(stream, context, list);
}

static int sse_client_answer(struct context *context, enum live_kind kind, const struct list *list)
{
	if (context->config->live == HTTP_LIVE_OFF)
		return response_problem(
			context->builder, 404, NULL,
			"streams are switched off: live = off in [output.http_api]");
	struct sse_client *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return response_unavailable(context->builder, "out of memory");
	stream->live = context->live;
	stream->ctx = context->ctx;
	stream->config = context->config;
	stream->kind = kind;
	stream->ring = live_ring(context->live, kind);
	json_writer_init(&stream->out, (size_t)context->config->live_client_memory);
	int r = sse_client_prepare(stream, context, list);
	if (r < 0) {
		sse_client_free(stream);
		sse_client_refuse(context->builder);
		return r;
	}
	context->builder->source = sse_client_source(stream);
	context->builder->type = sse_client_type;
	return 0;
}

int stream_stats(struct context *context)
{
	return sse_client_answer(context, LIVE_STATS, &stats_of_containers);
}

int stream_logs(struct context *context)
{
	return sse_client_answer(context, LIVE_LOGS, &logs_of_containers);
}

int stream_events(struct context *context)
{
	return sse_client_answer(context, LIVE_EVENTS, &events_of_containers);
}
