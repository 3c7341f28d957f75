/*
 * Happy path: libmicrohttpd asks for bytes → what is left of the last events, else the next rows of
 * its topics that pass their filters, else a heartbeat if it was silent for long, else the
 * connection is suspended until the waker finds something to do.
 */
#include "live/sse_client.h"
#include "live/sse_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/connections.h"

enum { SSE_SPARE = 16 << 10 /* a larger buffer is given back once it is sent */ };

const char sse_client_type[] = "text/event-stream; charset=utf-8";
static const int64_t sse_check_interval = 5 * CLOCK_SECOND;
static const char sse_client_heartbeat[] = ":\n\n";

void sse_client_free(struct sse_client *stream)
{
	if (!stream)
		return;
	for (uint32_t i = 0; i < stream->n_topics; i++)
		sse_topic_done(&stream->topics[i]);
	if (stream->entered)
		live_leave(stream->live, stream);
	json_writer_done(&stream->out);
	free(stream);
}

/* ---- Rows ---------------------------------------------------------------- */

static void sse_client_fill(struct sse_client *stream)
{
	struct json_writer *out = &stream->out;
	bool live = true;
	stream->sent = out->len = 0;
	stream->now = tally_now(stream->ctx);
	if (out->size > SSE_SPARE)
		json_writer_done(out);
	for (uint32_t i = 0; i < stream->n_topics && out->len < SSE_BLOCK; i++)
		sse_topic_fill(&stream->topics[i]);
	for (uint32_t i = 0; i < stream->n_topics; i++)
		live &= sse_topic_is_live(&stream->topics[i]);
	if (stream->ready || !live)
		return;
	stream->ready = true;
	if (stream->announces)
		sse_event_write_ready(stream);
}

/* ---- Bytes --------------------------------------------------------------- */

/* Its token or session may have ended since it came. */
static bool sse_client_may_go_on(struct sse_client *stream, int64_t now)
{
	unsigned scopes = 1U << HTTP_STREAM;
	if (now - stream->checked < sse_check_interval)
		return true;
	stream->checked = now;
	for (uint32_t i = 0; i < stream->n_topics; i++)
		scopes |= 1U << stream->topics[i].is->scope;
	return live_allows(stream->live, stream->connection, scopes, now);
}

static ssize_t sse_client_read(void *arg, uint64_t position, char *buffer, size_t max)
{
	struct sse_client *stream = arg;
	int64_t now = tally_monotonic(stream->ctx);
	(void)position;
	/* Being asked again means that the last part has left: the client takes what it gets. */
	connections_set(stream->connections, stream->connection, CONN_STREAMING);
	if (!sse_client_may_go_on(stream, now))
		return MHD_CONTENT_READER_END_OF_STREAM;
	for (;;) {
		if (stream->sent == stream->out.len)
			sse_client_fill(stream);
		if (stream->out.len == 0 && now - stream->spoke >= stream->config->live_heartbeat)
			json_write_raw(&stream->out, sse_client_heartbeat,
				       sizeof(sse_client_heartbeat) - 1);
		if (stream->out.len) {
			size_t left = stream->out.len - stream->sent, len = left < max ? left : max;
			memcpy(buffer, stream->out.data + stream->sent, len);
			stream->sent += len;
			stream->spoke = now;
			return (ssize_t)len;
		}
		switch (live_wait(stream->live, stream)) {
		case LIVE_MORE:
			continue;
		case LIVE_WAITING:
			return 0;
		default:
			return MHD_CONTENT_READER_END_OF_STREAM;
		}
	}
}

static void sse_client_start(void *arg, struct MHD_Connection *connection,
			     struct connections *connections)
{
	struct sse_client *stream = arg;
	stream->connections = connections;
	stream->connection = connection;
	stream->spoke = stream->checked = tally_monotonic(stream->ctx);
}

static void sse_client_end(void *arg)
{
	sse_client_free(arg);
}

struct body_source sse_client_source(struct sse_client *stream)
{
	return (struct body_source){
		.start = sse_client_start,
		.read = sse_client_read,
		.free = sse_client_end,
		.arg = stream,
	};
}

/* ---- Refusing ------------------------------------------------------------ */

void sse_client_refuse(struct response_builder *builder)
{
	struct json_writer text;
	char retry[40];
	if (builder->status != 503)
		return;
	int len = snprintf(retry, sizeof(retry), "retry: %u000\n: ", builder->retry_after);
	json_writer_init(&text, HTTP_MAX_BODY);
	json_write_raw(&text, retry, (size_t)len);
	json_write_raw(&text, builder->body.data, builder->body.len);
	json_write_raw(&text, "\n\n", 2);
	response_builder_done(builder);
	builder->body = text;
	builder->status = 200;
	builder->excused = true;
	builder->type = sse_client_type;
	builder->retry_after = 0;
}
