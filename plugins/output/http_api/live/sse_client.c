/*
 * Happy path: libmicrohttpd asks for bytes → what is left of the last events, else the next rows of
 * the ring buffer that pass the filter, else a heartbeat if it was silent for long, else the
 * connection is suspended until the waker finds something to do.
 */
#include "live/sse_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/connections.h"
#include "message/row_writer.h"

enum {
	SSE_BLOCK = BODY_SOURCE_BLOCK,
	SSE_SPARE = 16 << 10, /* a larger buffer is given back once it is sent */
};

const char sse_client_type[] = "text/event-stream; charset=utf-8";
static const char sse_client_heartbeat[] = ":\n\n";

void sse_client_free(struct sse_client *stream)
{
	if (!stream)
		return;
	if (stream->entered)
		live_leave(stream->live, stream);
	row_filter_done(&stream->row_filter);
	event_id_done(&stream->after);
	hash_set_done(&stream->given);
	json_writer_done(&stream->out);
	free(stream);
}

/* ---- Events -------------------------------------------------------------- */

static void write_text(struct json_writer *out, const char *text)
{
	json_write_raw(out, text, strlen(text));
}

bool sse_client_write_row(struct sse_client *stream, uint32_t epoch, uint64_t number,
			  const struct tally_table *table, const struct tally_cell *row)
{
	struct json_writer *out = &stream->out;
	size_t before = out->len;
	write_text(out, "id: ");
	event_id_write(out, epoch, number, table, row);
	write_text(out, "\ndata: ");
	out->comma = false;
	row_write_object(out, table, row);
	write_text(out, "\n\n");
	if (!out->error)
		return true;
	out->error = 0;
	out->len = before;
	return false;
}

void sse_client_write_lagged(struct sse_client *stream, uint64_t missed)
{
	char text[80];
	snprintf(text, sizeof(text), "event: lagged\ndata: {\"missed\":%" PRIu64 "}\n\n", missed);
	write_text(&stream->out, text);
	stream->out.error = 0;
	tally_count(stream->ctx, HTTP_STREAM_MISSED, missed);
}

/* ---- Rows ---------------------------------------------------------------- */

static bool sse_client_wants(const struct sse_client *stream, const struct tally_table *table,
			     const struct tally_cell *row)
{
	if (!row_filter_passes(&stream->row_filter, table, row))
		return false;
	if (!stream->has_after)
		return true;
	return event_id_precedes(&stream->after, table, row) &&
	       !hash_set_has(&stream->given, event_id_hash(table, row));
}

static void sse_client_tell_outdated(struct sse_client *stream)
{
	if (stream->outdated)
		sse_client_write_lagged(stream, stream->outdated);
	stream->outdated = 0;
}

/* false: no room behind what there is; it comes when that has left. */
static bool sse_client_add_row(struct sse_client *stream, const struct row_chunk *chunk,
			       uint32_t row)
{
	const struct tally_cell *cells = row_chunk_row(chunk, row);
	if (!sse_client_wants(stream, chunk->table, cells))
		return true;
	/* The client, or an input, was away for long. */
	if (stream->kind == LIVE_STATS && cells[0].i < stream->now - SSE_MAX_AGE) {
		stream->outdated++;
		return true;
	}
	sse_client_tell_outdated(stream);
	if (sse_client_write_row(stream, stream->epoch, stream->at, chunk->table, cells))
		return true;
	if (stream->out.len > 0)
		return false;
	sse_client_write_lagged(stream, 1); /* not even alone */
	return true;
}

static void sse_client_fill(struct sse_client *stream)
{
	struct json_writer *out = &stream->out;
	bool room = true;
	stream->sent = out->len = 0;
	stream->now = tally_now(stream->ctx);
	if (out->size > SSE_SPARE)
		json_writer_done(out);
	while (room && out->len < SSE_BLOCK) {
		uint64_t missed;
		uint32_t row;
		struct row_chunk *chunk =
			ring_buffer_read(stream->ring, &stream->at, &row, &missed);
		if (missed)
			sse_client_write_lagged(stream, missed);
		if (!chunk)
			break;
		while (row < chunk->n_rows && out->len < SSE_BLOCK &&
		       (room = sse_client_add_row(stream, chunk, row))) {
			row++;
			stream->at++;
		}
		row_chunk_drop(chunk);
	}
	sse_client_tell_outdated(stream);
}

/* ---- Bytes --------------------------------------------------------------- */

static ssize_t sse_client_read(void *arg, uint64_t position, char *buffer, size_t max)
{
	struct sse_client *stream = arg;
	int64_t now = tally_monotonic(stream->ctx);
	(void)position;
	/* Being asked again means that the last part has left: the client takes what it gets. */
	connections_set(stream->connections, stream->connection, CONN_STREAMING);
	for (;;) {
		if (stream->sent == stream->out.len)
			sse_client_fill(stream);
		if (stream->out.len == 0 && now - stream->spoke >= stream->config->live_heartbeat)
			write_text(&stream->out, sse_client_heartbeat);
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
	stream->spoke = tally_monotonic(stream->ctx);
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
