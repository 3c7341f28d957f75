/*
 * Where a stream begins.  Without Last-Event-ID: at the end.  With one of this process whose next
 * row is still in the feed: there, exactly.  Else the store is asked for what came after it, and
 * the feed is gone through from its oldest row, but for what the store gave: so nothing is missed
 * that is on its way into the store, and nothing comes twice.
 */
#include <errno.h>
#include <string.h>

#include "stream.h"
#include "tables.h"

enum { RESUME_ROWS = 10000 };

/* ---- What the store has -------------------------------------------------- */

/* Of readings, one per container, what limits them is what a rowset may hold: stores refuse groups
 * beyond a limit. */
static uint32_t resume_limit(const struct stream *stream, const struct call *call)
{
	if (stream->kind == LIVE_STATS)
		return INT32_MAX - 1;
	int64_t most = call->config->max_results_per_query;
	return most < RESUME_ROWS ? (uint32_t)most : RESUME_ROWS;
}

/* Of readings one is asked for per container, the newest. */
static bool resume_is_group(const struct stream *stream, const struct tally_column *column)
{
	return stream->kind == LIVE_STATS && column->role == TALLY_TAG &&
	       (strcmp(column->name, "host") == 0 || strcmp(column->name, "container_id") == 0);
}

static void resume_select(const struct stream *stream, const struct tally_table *table,
			  struct ask *ask)
{
	uint32_t aggregate = stream->kind == LIVE_STATS ? TALLY_LAST : TALLY_RAW;
	for (uint32_t i = 1; i < table->n_columns; i++) {
		if (resume_is_group(stream, &table->columns[i]))
			ask_group(ask, &table->columns[i]);
		else
			ask_select(ask, &table->columns[i], aggregate);
	}
}

/* Groups stand before what was selected: as the table has them, instead. */
static void resume_sort_cells(const struct stream *stream, const struct tally_table *table,
			      struct tally_cell *row)
{
	struct tally_cell answer[ROWSET_MAX_COLUMNS];
	uint32_t next = 1;
	memcpy(answer, row, table->n_columns * sizeof(*row));
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (resume_is_group(stream, &table->columns[i]))
			row[i] = answer[next++];
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (!resume_is_group(stream, &table->columns[i]))
			row[i] = answer[next++];
}

static int resume_ask(struct stream *stream, struct call *call, const struct tally_table *table,
		      struct rowset *ret)
{
	struct ask ask;
	int64_t from = stream->after.key[0].i / 1000 * 1000;
	if (stream->kind == LIVE_STATS && from < call->now - STREAM_MAX_AGE)
		from = call->now - STREAM_MAX_AGE;
	ask_init(&ask, call, table);
	resume_select(stream, table, &ask);
	sieve_ask(&stream->sieve, &ask);
	ask.query.newest_first = 1;
	ask.query.from = from;
	/* One more, so that it is known whether there are more. */
	ask.query.limit = resume_limit(stream, call) + 1;
	int r = ask_store(&ask, ret);
	for (uint32_t i = 0; r == 0 && i < ret->n_rows; i++)
		resume_sort_cells(stream, table, &ret->cells[(size_t)i * ret->n_columns]);
	return r;
}

/* Leaves, of rows from the newest to the oldest, those to be given; in place.  -ENOMEM. */
static int resume_choose(struct stream *stream, const struct tally_table *table,
			 struct rowset *rows)
{
	uint32_t n = 0;
	if (seen_init(&stream->given, rows->n_rows) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n_rows; i++) {
		const struct tally_cell *row = rowset_row(rows, i);
		if (!mark_precedes(&stream->after, table, row))
			continue;
		seen_add(&stream->given, mark_hash(table, row));
		memmove(&rows->cells[(size_t)n++ * rows->n_columns], row,
			rows->n_columns * sizeof(*row));
	}
	rows->n_rows = n;
	return 0;
}

/* How many of the newest fit into what a client may hold. */
static uint32_t resume_fit(struct stream *stream, const struct tally_table *table,
			   const struct rowset *rows, uint32_t most)
{
	size_t before = stream->out.len, room = stream->out.max, len = 0;
	uint32_t n = 0;
	room -= before + room / 8; /* also for saying that some are missing */
	for (; n < most && len <= room; n++) {
		if (!stream_write_row(stream, 0, 0, table, rowset_row(rows, n)))
			break;
		room -= len;
		len = stream->out.len - before;
		stream->out.len = before;
	}
	return len > room ? n - 1 : n;
}

/* Of more than the limit nobody knows how many there are. */
static void resume_write(struct stream *stream, const struct tally_table *table,
			 const struct rowset *rows, uint32_t limit)
{
	bool all = rows->n_rows <= limit;
	uint32_t n = resume_fit(stream, table, rows, all ? rows->n_rows : limit);
	if (n < rows->n_rows)
		stream_write_lagged(stream, all ? rows->n_rows - n : 0);
	while (n-- > 0)
		stream_write_row(stream, 0, 0, table, rowset_row(rows, n));
}

/* Readings of the feed that are older than those given would go back in time. */
static void resume_forget_older(struct stream *stream, const struct rowset *rows)
{
	if (stream->kind != LIVE_STATS || rows->n_rows == 0)
		return;
	stream->after.key[0] = rowset_row(rows, 0)[0];
	stream->after.n_key = 1;
}

static int resume_from_store(struct stream *stream, struct call *call,
			     const struct tally_table *table)
{
	struct rowset rows auto_rowset;
	int r = resume_ask(stream, call, table, &rows);
	if (r < 0)
		return r;
	if (resume_choose(stream, table, &rows) < 0)
		return reply_unavailable(call->reply, "out of memory");
	resume_write(stream, table, &rows, resume_limit(stream, call));
	resume_forget_older(stream, &rows);
	return 0;
}

/* ---- Where to begin ------------------------------------------------------ */

/* Where live_enter() put it: only rows from now on, although older ones may come out of the store.
 */
static void resume_now(struct stream *stream, const struct call *call)
{
	if (!live_is_polled(stream->live, stream->kind))
		return;
	stream->has_after = true;
	stream->after.key[0] = (struct tally_cell){.i = call->now, .set = 1};
	stream->after.n_key = 1;
}

static int resume_by_key(struct stream *stream, struct call *call, const struct list *list)
{
	const struct tally_table *table;
	int r = call_table(call, list->table, &table);
	if (r < 0)
		return r;
	if (!table)
		return reply_unavailable(call->reply, "the store has no %s yet", list->table);
	if (mark_read_key(call->last_event_id, table, &stream->after) < 0) {
		stream_write_lagged(stream, 0);
		resume_now(stream, call);
		return 0;
	}
	stream->has_after = true;
	stream->at = feed_span(stream->feed).oldest;
	return resume_from_store(stream, call, table);
}

int stream_resume(struct stream *stream, struct call *call, const struct list *list)
{
	struct feed_span span = feed_span(stream->feed);
	struct mark mark = {.n_key = 0};
	if (!call->last_event_id) {
		resume_now(stream, call);
		return 0;
	}
	if (mark_read_number(call->last_event_id, &mark) && mark.epoch == stream->epoch &&
	    mark.number + 1 >= span.oldest && mark.number < span.next) {
		stream->at = mark.number + 1;
		return 0;
	}
	return resume_by_key(stream, call, list);
}
