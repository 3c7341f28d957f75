/*
 * Happy path: libmicrohttpd asks for bytes → what is left of the last events, else the next rows of
 * the feed that pass the sieve, else a heartbeat if it was silent for long, else the connection is
 * suspended until the waker finds something to do.
 */
#include "stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guests.h"

enum {
	STREAM_BLOCK = 4 << 10,  /* asked for at a time */
	STREAM_SPARE = 16 << 10, /* more than this is not kept by who has nothing to say */
};

const char stream_type[] = "text/event-stream; charset=utf-8";
static const char stream_heartbeat[] = ":\n\n";

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->entered)
		live_leave(stream->live, stream);
	sieve_done(&stream->sieve);
	mark_done(&stream->after);
	seen_done(&stream->given);
	json_writer_done(&stream->out);
	free(stream);
}

/* ---- Events -------------------------------------------------------------- */

static void write_text(struct json_writer *out, const char *text)
{
	json_write_raw(out, text, strlen(text));
}

bool stream_write_row(struct stream *stream, uint32_t epoch, uint64_t number,
		      const struct tally_table *table, const struct tally_cell *row)
{
	struct json_writer *out = &stream->out;
	size_t before = out->len;
	write_text(out, "id: ");
	mark_write(out, epoch, number, table, row);
	write_text(out, "\ndata: ");
	out->comma = false;
	list_write_row(out, table, row);
	write_text(out, "\n\n");
	if (!out->error)
		return true;
	out->error = 0;
	out->len = before;
	return false;
}

void stream_write_lagged(struct stream *stream, uint64_t missed)
{
	char text[80];
	snprintf(text, sizeof(text), "event: lagged\ndata: {\"missed\":%" PRIu64 "}\n\n", missed);
	write_text(&stream->out, text);
	stream->out.error = 0;
	tally_count(stream->ctx, HTTP_STREAM_MISSED, missed);
}

/* ---- Rows ---------------------------------------------------------------- */

static bool stream_wants(const struct stream *stream, const struct tally_table *table,
			 const struct tally_cell *row)
{
	if (!sieve_passes(&stream->sieve, table, row))
		return false;
	if (!stream->has_after)
		return true;
	return mark_precedes(&stream->after, table, row) &&
	       !seen_has(&stream->given, mark_hash(table, row));
}

/* Of a client that was away for long, or of an input that was. */
static bool stream_is_outdated(const struct stream *stream, const struct tally_cell *row)
{
	return stream->kind == LIVE_STATS && row[0].i < stream->now - STREAM_MAX_AGE;
}

static void stream_tell_outdated(struct stream *stream)
{
	if (stream->outdated)
		stream_write_lagged(stream, stream->outdated);
	stream->outdated = 0;
}

/* false: no room behind what there is; it comes when that has left. */
static bool stream_add_row(struct stream *stream, const struct lot *lot, uint32_t row)
{
	const struct tally_cell *cells = lot_row(lot, row);
	if (!stream_wants(stream, lot->table, cells))
		return true;
	if (stream_is_outdated(stream, cells)) {
		stream->outdated++;
		return true;
	}
	stream_tell_outdated(stream);
	if (stream_write_row(stream, stream->epoch, stream->at, lot->table, cells))
		return true;
	if (stream->out.len > 0)
		return false;
	stream_write_lagged(stream, 1); /* not even alone */
	return true;
}

static bool stream_add_lot(struct stream *stream, const struct lot *lot, uint32_t row)
{
	for (; row < lot->n_rows && stream->out.len < STREAM_BLOCK; row++, stream->at++)
		if (!stream_add_row(stream, lot, row))
			return false;
	return true;
}

static void stream_fill(struct stream *stream)
{
	struct json_writer *out = &stream->out;
	bool room = true;
	stream->sent = out->len = 0;
	stream->now = tally_now(stream->ctx);
	if (out->size > STREAM_SPARE)
		json_writer_done(out);
	while (room && out->len < STREAM_BLOCK) {
		uint64_t missed;
		uint32_t row;
		struct lot *lot = feed_take(stream->feed, &stream->at, &row, &missed);
		if (missed)
			stream_write_lagged(stream, missed);
		if (!lot)
			break;
		room = stream_add_lot(stream, lot, row);
		lot_drop(lot);
	}
	stream_tell_outdated(stream);
}

/* ---- Bytes --------------------------------------------------------------- */

static void stream_beat(struct stream *stream, int64_t now)
{
	if (now - stream->spoke >= stream->config->live_heartbeat)
		write_text(&stream->out, stream_heartbeat);
}

static ssize_t stream_send(struct stream *stream, char *buffer, size_t max, int64_t now)
{
	size_t left = stream->out.len - stream->sent, len = left < max ? left : max;
	memcpy(buffer, stream->out.data + stream->sent, len);
	stream->sent += len;
	stream->spoke = now;
	return (ssize_t)len;
}

/* What was asked for before has left: the client takes what it gets. */
static ssize_t stream_read(void *arg, uint64_t position, char *buffer, size_t max)
{
	struct stream *stream = arg;
	int64_t now = tally_monotonic(stream->ctx);
	(void)position;
	guests_set(stream->guests, stream->connection, GUEST_STREAMS);
	for (;;) {
		if (stream->sent == stream->out.len)
			stream_fill(stream);
		if (stream->out.len == 0)
			stream_beat(stream, now);
		if (stream->out.len)
			return stream_send(stream, buffer, max, now);
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

static void stream_end(void *arg)
{
	stream_free(arg);
}

struct MHD_Response *stream_response(struct stream *stream, struct MHD_Connection *connection,
				     struct guests *guests)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream, stream_end);
	if (!response)
		return NULL;
	stream->guests = guests;
	stream->connection = connection;
	stream->spoke = tally_monotonic(stream->ctx);
	MHD_add_response_header(response, "Content-Type", stream_type);
	MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx would keep events */
	return response;
}
