/* /api/v1/stream/…: what containers use, print and go through, as it comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "stream.h"

static const char streams_retry[] = "retry: 2000\n\n"; /* ms until a client comes back */

static const struct list_filter stats_filters[] = {
	{"host", "host", TALLY_EQUALS, NULL},
	{"name", "name", TALLY_GLOB, NULL},
	{.param = NULL},
};
static const struct list stats_of_containers = {"container_stats", stats_filters, 0};

void stream_excuse(struct reply *reply)
{
	struct json_writer text;
	char retry[40];
	if (reply->status != 503)
		return;
	int len = snprintf(retry, sizeof(retry), "retry: %u000\n: ", reply->retry_after);
	json_writer_init(&text, HTTP_MAX_BODY);
	json_write_raw(&text, retry, (size_t)len);
	json_write_raw(&text, reply->body.data, reply->body.len);
	json_write_raw(&text, "\n\n", 2);
	reply_done(reply);
	reply->body = text;
	reply->status = 200;
	reply->excused = true;
	reply->type = stream_type;
	reply->retry_after = 0;
}

static int stream_prepare(struct stream *stream, struct call *call, const struct list *list)
{
	int r = sieve_read(call, list->filters, &stream->sieve);
	if (r < 0)
		return r;
	r = live_enter(stream->live, stream);
	if (r == -EBUSY)
		return reply_unavailable(call->reply, "there are max_streams streams already");
	if (r < 0)
		return reply_unavailable(call->reply, "tallyd is shutting down");
	json_write_raw(&stream->out, streams_retry, sizeof(streams_retry) - 1);
	return stream_resume(stream, call, list);
}

static int stream_answer(struct call *call, enum live_kind kind, const struct list *list)
{
	if (call->config->live == HTTP_LIVE_OFF)
		return reply_problem(call->reply, 404, NULL, "streams are off here (live = off)");
	struct stream *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return reply_unavailable(call->reply, "out of memory");
	stream->live = call->live;
	stream->ctx = call->ctx;
	stream->config = call->config;
	stream->kind = kind;
	stream->feed = live_feed(call->live, kind);
	json_writer_init(&stream->out, (size_t)call->config->live_client_memory);
	int r = stream_prepare(stream, call, list);
	if (r < 0) {
		stream_free(stream);
		stream_excuse(call->reply);
		return r;
	}
	call->reply->stream = stream;
	call->reply->type = stream_type;
	return 0;
}

int stream_stats(struct call *call)
{
	return stream_answer(call, LIVE_STATS, &stats_of_containers);
}

int stream_logs(struct call *call)
{
	return stream_answer(call, LIVE_LOGS, &logs_of_containers);
}

int stream_events(struct call *call)
{
	return stream_answer(call, LIVE_EVENTS, &events_of_containers);
}
