/*
 * Where a stream begins.  Without Last-Event-ID: at the end.  With one of this process whose next
 * row is still in the ring buffer: there, exactly.  Else the store is asked for what came after it,
 * and the ring buffer is read from its oldest row, except for what the store gave: so nothing is
 * missed that is on its way into the store, and nothing comes twice.
 */
#include <errno.h>
#include <string.h>

#include "live/sse_client.h"
#include "query/catalog_cache.h"

enum { RESUME_ROWS = 10000 };

/* ---- What the store has -------------------------------------------------- */

/* Readings are one per container and limited only by what a result set may hold: stores refuse
 * groups beyond a limit. */
static uint32_t resume_limit(const struct sse_client *stream, const struct context *context)
{
	if (stream->kind == LIVE_STATS)
		return INT32_MAX - 1;
	int64_t most = context->config->max_results_per_query;
	return most < RESUME_ROWS ? (uint32_t)most : RESUME_ROWS;
}

/* Of readings only the newest of each container: the older ones say nothing of now. */
static bool resume_is_group(const struct sse_client *stream, const struct tally_column *column)
{
	return stream->kind == LIVE_STATS && column->role == TALLY_TAG &&
	       (strcmp(column->name, "host") == 0 || strcmp(column->name, "container_id") == 0);
}

/* In an answer groups stand before what was selected; back into the order of the table. */
static void resume_sort_cells(const struct sse_client *stream, const struct tally_table *table,
			      struct tally_cell *row)
{
	struct tally_cell answer[RESULT_SET_MAX_COLUMNS];
	uint32_t next = 1;
	memcpy(answer, row, table->n_columns * sizeof(*row));
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (resume_is_group(stream, &table->columns[i]))
			row[i] = answer[next++];
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (!resume_is_group(stream, &table->columns[i]))
			row[i] = answer[next++];
}

static int resume_ask(struct sse_client *stream, struct context *context,
		      const struct tally_table *table, struct result_set *ret)
{
	struct query query;
	uint32_t aggregate = stream->kind == LIVE_STATS ? TALLY_LAST : TALLY_RAW;
	/* To the microsecond: a store may keep no more, and its row would lie before the client's.
	 */
	int64_t from = stream->after.key[0].i / 1000 * 1000;
	if (stream->kind == LIVE_STATS && from < context->now - SSE_MAX_AGE)
		from = context->now - SSE_MAX_AGE;
	query_init(&query, context, table);
	for (uint32_t i = 1; i < table->n_columns; i++) {
		if (resume_is_group(stream, &table->columns[i]))
			query_group(&query, &table->columns[i]);
		else
			query_select(&query, &table->columns[i], aggregate);
	}
	row_filter_ask(&stream->row_filter, &query);
	query.spec.newest_first = 1;
	query.spec.from = from;
	/* One more, so that it is known whether there are more. */
	query.spec.limit = resume_limit(stream, context) + 1;
	int r = query_run(&query, ret);
	for (uint32_t i = 0; r == 0 && i < ret->n_rows; i++)
		resume_sort_cells(stream, table, &ret->cells[(size_t)i * ret->n_columns]);
	return r;
}

/* Leaves, of rows from the newest to the oldest, those to be given; in place.  -ENOMEM. */
static int resume_choose(struct sse_client *stream, const struct tally_table *table,
			 struct result_set *rows)
{
	uint32_t n = 0;
	if (hash_set_init(&stream->given, rows->n_rows) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n_rows; i++) {
		const struct tally_cell *row = result_set_row(rows, i);
		if (!event_id_precedes(&stream->after, table, row))
			continue;
		hash_set_add(&stream->given, event_id_hash(table, row));
		memmove(&rows->cells[(size_t)n++ * rows->n_columns], row,
			rows->n_columns * sizeof(*row));
	}
	rows->n_rows = n;
	return 0;
}

/* How many of the newest fit into what a client may hold. */
static uint32_t resume_fit(struct sse_client *stream, const struct tally_table *table,
			   const struct result_set *rows, uint32_t most)
{
	size_t before = stream->out.len, room = stream->out.max, len = 0;
	uint32_t n = 0;
	room -= before + room / 8; /* also for saying that some are missing */
	for (; n < most && len <= room; n++) {
		if (!sse_client_write_row(stream, 0, 0, table, result_set_row(rows, n)))
			break;
		room -= len;
		len = stream->out.len - before;
		stream->out.len = before;
	}
	return len > room ? n - 1 : n;
}

/* The newest rows that fit, oldest first, after a word on those that do not. */
static int resume_from_store(struct sse_client *stream, struct context *context,
			     const struct tally_table *table)
{
	struct result_set rows auto_result_set;
	int r = resume_ask(stream, context, table, &rows);
	if (r < 0)
		return r;
	if (resume_choose(stream, table, &rows) < 0)
		return response_unavailable(context->builder, "out of memory");
	uint32_t limit = resume_limit(stream, context);
	bool all = rows.n_rows <= limit;
	uint32_t n = resume_fit(stream, table, &rows, all ? rows.n_rows : limit);
	/* Of more than the limit nobody knows how many there are. */
	if (n < rows.n_rows)
		sse_client_write_lagged(stream, all ? rows.n_rows - n : 0);
	while (n-- > 0)
		sse_client_write_row(stream, 0, 0, table, result_set_row(&rows, n));
	/* Readings in the ring buffer that are older than those given would go back in time. */
	if (stream->kind == LIVE_STATS && rows.n_rows) {
		stream->after.key[0] = result_set_row(&rows, 0)[0];
		stream->after.n_key = 1;
	}
	return 0;
}

/* ---- Where to begin ------------------------------------------------------ */

/* Where live_enter() put it: only rows from now on, although older ones may come out of the store.
 */
static void resume_now(struct sse_client *stream, const struct context *context)
{
	if (!live_is_polled(stream->live, stream->kind))
		return;
	stream->has_after = true;
	stream->after.key[0] = (struct tally_cell){.i = context->now, .set = 1};
	stream->after.n_key = 1;
}

static int resume_by_key(struct sse_client *stream, struct context *context,
			 const struct list *list)
{
	const struct tally_table *table;
	int r = context_table(context, list->table, &table);
	if (r < 0)
		return r;
	if (!table)
		return response_unavailable(context->builder, "the store has no %s yet",
					    list->table);
	if (event_id_read_key(context->last_event_id, table, &stream->after) < 0) {
		sse_client_write_lagged(stream, 0);
		resume_now(stream, context);
		return 0;
	}
	stream->has_after = true;
	stream->at = ring_buffer_span(stream->ring).oldest;
	return resume_from_store(stream, context, table);
}

int sse_client_resume(struct sse_client *stream, struct context *context, const struct list *list)
{
	struct ring_buffer_span span = ring_buffer_span(stream->ring);
	struct event_id id = {.n_key = 0};
	if (!context->last_event_id) {
		resume_now(stream, context);
		return 0;
	}
	if (event_id_read_number(context->last_event_id, &id) && id.epoch == stream->epoch &&
	    id.number + 1 >= span.oldest && id.number < span.next) {
		stream->at = id.number + 1;
		return 0;
	}
	return resume_by_key(stream, context, list);
}
