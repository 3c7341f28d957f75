/*
 * What stands in the bytes of a stream: rows, `lagged`, `ready`, and the ids that lead back. Called
 * by sse_topic.c and sse_client.c on libmicrohttpd's thread, and in a worker before a client is on
 * its way.
 *
 * With several topics an id has a part for each, so that whichever event a client had last, it
 * comes back to its place in all of them.  Only memory can fail: a row is then not written, and
 * the caller says that it was missed.
 */
#include "live/sse_event.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/sse_client.h"
#include "message/row_writer.h"

static void write_text(struct json_writer *out, const char *text)
{
	json_write_raw(out, text, strlen(text));
}

/* Where the client is among all topics; `row` NULL: as before. */
static void write_ids(struct sse_client *stream, const struct sse_topic *of,
		      const struct sse_row *row, size_t *ret_at, size_t *ret_len)
{
	struct json_writer *out = &stream->out;
	for (uint32_t i = 0; i < stream->n_topics; i++) {
		struct sse_topic *topic = &stream->topics[i];
		if (i)
			write_text(out, "~");
		if (!row || topic != of) {
			write_text(out, topic->last ? topic->last : "");
			continue;
		}
		*ret_at = out->len;
		json_write_raw(out, &topic->is->letter, 1);
		event_id_write(out, row->epoch, row->number, row->table, row->cells);
		*ret_len = out->len - *ret_at;
	}
}

/* Without memory it stays where it was: a client that comes back gets rows twice, but misses none.
 */
static void keep_last(struct sse_topic *topic, size_t at, size_t len)
{
	char *last = strndup(topic->client->out.data + at, len);
	if (!last)
		return;
	free(topic->last);
	topic->last = last;
}

bool sse_event_write_row(struct sse_topic *topic, const struct sse_row *row)
{
	struct sse_client *stream = topic->client;
	struct json_writer *out = &stream->out;
	size_t before = out->len, at = 0, len = 0;
	write_text(out, "id: ");
	if (stream->multiplexed) {
		write_ids(stream, topic, row, &at, &len);
		write_text(out, "\nevent: ");
		write_text(out, topic->is->name);
	} else {
		event_id_write(out, row->epoch, row->number, row->table, row->cells);
	}
	write_text(out, "\ndata: ");
	out->comma = false;
	row_write_object(out, row->table, row->cells, row->shown);
	write_text(out, "\n\n");
	if (!out->error) {
		if (stream->multiplexed)
			keep_last(topic, at, len);
		return true;
	}
	out->error = 0;
	out->len = before;
	return false;
}

void sse_event_write_lagged(struct sse_topic *topic, uint64_t missed)
{
	struct sse_client *stream = topic->client;
	char text[120], of[40] = "";
	if (stream->multiplexed)
		snprintf(of, sizeof(of), ",\"topic\":\"%s\"", topic->is->name);
	snprintf(text, sizeof(text), "event: lagged\ndata: {\"missed\":%" PRIu64 "%s}\n\n", missed,
		 of);
	write_text(&stream->out, text);
	stream->out.error = 0;
	tally_count(stream->ctx, HTTP_STREAM_MISSED, missed);
}

void sse_event_write_ready(struct sse_client *stream)
{
	size_t none;
	if (stream->multiplexed) {
		write_text(&stream->out, "id: ");
		write_ids(stream, NULL, NULL, &none, &none);
		write_text(&stream->out, "\n");
	}
	write_text(&stream->out, "event: ready\ndata: {}\n\n");
	stream->out.error = 0;
}

/* By number where rows pass here; else by time, as the poller may still bring older ones. */
static void write_begin(struct json_writer *out, const struct sse_topic *topic,
			const struct context *context)
{
	char head[40];
	if (topic->has_after || live_is_polled(topic->client->live, topic->is->kind)) {
		event_id_write_time(out, topic->is->letter,
				    topic->has_after ? topic->after.key[0].i : context->now);
		return;
	}
	snprintf(head, sizeof(head), "%c%08" PRIx32 ".%" PRIu64 ".", topic->is->letter,
		 topic->epoch, topic->at - 1);
	write_text(out, head);
}

int sse_event_begin_ids(struct sse_client *stream, const struct context *context)
{
	for (uint32_t i = 0; i < stream->n_topics; i++) {
		struct sse_topic *topic = &stream->topics[i];
		struct json_writer text;
		if (topic->last)
			continue;
		json_writer_init(&text, HTTP_MAX_TARGET);
		write_begin(&text, topic, context);
		json_write_raw(&text, "", 1);
		topic->last = text.data;
		if (text.error)
			return -ENOMEM;
	}
	return 0;
}
