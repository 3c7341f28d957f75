/*
 * Where a topic begins, and what the store has from there on.  On a worker's thread, once the
 * client is entered, so that rows which pass meanwhile are in the ring.
 *
 *	without more than a request     at the end
 *	an id of this process           at its number, exactly, while the ring has the row after it
 *	an id, since=, tail=            pages of the store, newest first, back to there; rows of the
 *	                                ring from its oldest on are held, and those left out
 *	                                that the store gave
 *
 * Rows are in the ring before they are in the store.  So nothing is missed as long as the store has
 * what has left the ring by the time it is asked; whether it has is seen from the first row in the
 * ring that passes the filter.  If the store lacks that one, it is asked again a moment later, and
 * if that goes on for long, the client is told that rows may be missing (lagged, 0).
 *
 * What can fail is the store and memory: a problem.  More than SSE_HISTORY_MAX of rows are not
 * sent; the oldest are left out, and the client is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "live/sse_client.h"
#include "live/sse_event.h"
#include "live/sse_topic.h"
#include "query/catalog_cache.h"

enum { HISTORY_PAGE = 1000, HISTORY_ATTEMPTS = 10 };

static const struct timespec history_pause = {.tv_nsec =
						      200000000}; /* for a store that is behind */

/* ---- Asking the store ---------------------------------------------------- */

struct history {
	struct context *context;
	const struct tally_table *table;
	int64_t from;
	uint32_t tail;                              /* rows at most; UINT32_MAX: all */
	struct tally_cell before[EVENT_ID_MAX_KEY]; /* the key that the next page ends before */
	uint32_t n_before;
	bool cut; /* there are more */
};

/* Of readings only the newest of each container: the older ones say nothing of now. */
static bool is_group(const struct sse_topic *topic, const struct tally_column *column)
{
	return topic->is->kind == LIVE_STATS && column->role == TALLY_TAG &&
	       (strcmp(column->name, "host") == 0 || strcmp(column->name, "container_id") == 0);
}

/* In an answer groups stand before what was selected; back into the order of the table. */
static void sort_cells(const struct sse_topic *topic, const struct tally_table *table,
		       struct tally_cell *row)
{
	struct tally_cell answer[RESULT_SET_MAX_COLUMNS];
	uint32_t next = 1;
	memcpy(answer, row, table->n_columns * sizeof(*row));
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (is_group(topic, &table->columns[i]))
			row[i] = answer[next++];
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (!is_group(topic, &table->columns[i]))
			row[i] = answer[next++];
}

/* ret_look: it has rows that the filter does not let through. */
static int ask_page(struct sse_topic *topic, const struct history *history, uint32_t limit,
		    struct result_set *ret, bool *ret_look)
{
	struct query query;
	const struct tally_table *table = history->table;
	bool stats = topic->is->kind == LIVE_STATS;
	query_init(&query, history->context, table);
	for (uint32_t i = 1; i < table->n_columns; i++) {
		if (is_group(topic, &table->columns[i]))
			query_group(&query, &table->columns[i]);
		else
			query_select(&query, &table->columns[i], stats ? TALLY_LAST : TALLY_RAW);
	}
	*ret_look = !row_filter_ask(&topic->row_filter, &query);
	query.spec.newest_first = 1;
	query.spec.from = history->from;
	query.spec.limit = limit;
	if (history->n_before) {
		query.spec.after = history->before;
		query.spec.n_after = history->n_before;
	}
	int r = query_run(&query, ret);
	for (uint32_t i = 0; stats && r == 0 && i < ret->n_rows; i++)
		sort_cells(topic, table, &ret->cells[(size_t)i * ret->n_columns]);
	return r;
}

/* Texts of the key belong to the page, which stays until it is sent. */
static void take_key(struct history *history, const struct tally_cell *row)
{
	history->n_before = 0;
	for (uint32_t i = 0; i < history->table->n_columns; i++)
		if (table_is_key(history->table, i) && history->n_before < EVENT_ID_MAX_KEY)
			history->before[history->n_before++] = row[i];
}

/* Leaves the rows to be given; in place. */
static void choose(const struct sse_topic *topic, const struct tally_table *table,
		   struct result_set *page, bool look)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < page->n_rows; i++) {
		const struct tally_cell *row = result_set_row(page, i);
		int order = topic->has_after ? event_id_compare(&topic->after, table, row) : -1;
		bool given = topic->position.slots &&
			     hash_set_has(&topic->position, event_id_position_hash(table, row));
		bool passes = !look || row_filter_passes(&topic->row_filter, table, row);
		if (order > 0 || (order == 0 && !topic->inclusive) || given || !passes)
			continue;
		memmove(&page->cells[(size_t)n++ * page->n_columns], row,
			page->n_columns * sizeof(*row));
	}
	page->n_rows = n;
}

static struct result_set *add_page(struct sse_topic *topic)
{
	struct result_set *grown =
		realloc(topic->pages, (topic->n_pages + 1) * sizeof(*topic->pages));
	if (!grown)
		return NULL;
	topic->pages = grown;
	result_set_init(&grown[topic->n_pages], 0);
	return &grown[topic->n_pages++];
}

/* One page more.  ret_more: there may be another. */
static int load_page(struct sse_topic *topic, struct history *history, uint32_t *left,
		     bool *ret_more)
{
	struct context *context = history->context;
	/* Stores refuse groups beyond a limit, so of these there is one page. */
	bool stats = topic->is->kind == LIVE_STATS;
	uint32_t limit = stats ? INT32_MAX - 1 : *left < HISTORY_PAGE ? *left : HISTORY_PAGE;
	struct result_set *page = add_page(topic);
	if (!page)
		return response_unavailable(context->builder, "out of memory");
	bool look = false;
	int r = ask_page(topic, history, limit, page, &look);
	if (r < 0)
		return r;
	if (!live_history_take(topic->client->live, page->bytes))
		return response_unavailable(context->builder,
					    "too much of the past is being sent to other clients");
	topic->history_bytes += page->bytes;
	if (page->n_rows)
		take_key(history, result_set_row(page, page->n_rows - 1));
	*ret_more = !stats && page->n_rows == limit;
	uint32_t asked = page->n_rows;
	choose(topic, history->table, page, look);
	if (!stats)
		*left -= look ? page->n_rows : asked;
	return 0;
}

/* What came into the ring while the store was asked may be in its answer: only later rows have come
 * since. */
static void end_past(struct sse_topic *topic)
{
	if (topic->boundary != UINT64_MAX)
		topic->boundary = ring_buffer_span(topic->ring).next;
}

/* `after` becomes the oldest row that is given: what is older is not wanted from the ring, either.
 */
static int begin_with_oldest(struct sse_topic *topic, const struct history *history)
{
	struct json_writer text;
	json_writer_init(&text, HTTP_MAX_TARGET);
	struct tally_cell row[RESULT_SET_MAX_COLUMNS];
	uint32_t n = 0;
	for (uint32_t i = 0; i < history->table->n_columns; i++)
		row[i] = table_is_key(history->table, i) && n < history->n_before
				 ? history->before[n++]
				 : (struct tally_cell){.set = 0};
	event_id_write(&text, 0, 0, history->table, row);
	json_write_raw(&text, "", 1);
	event_id_done(&topic->after);
	topic->after = (struct event_id){.n_key = 0};
	int r = text.error ? text.error
			   : event_id_read_key(text.data, history->table, &topic->after);
	json_writer_done(&text);
	topic->has_after = topic->inclusive = true;
	end_past(topic);
	return r < 0 ? response_unavailable(history->context->builder, "out of memory") : 0;
}

static int remember_given(struct sse_topic *topic, const struct history *history)
{
	size_t n = 0;
	for (uint32_t i = 0; i < topic->n_pages; i++)
		n += topic->pages[i].n_rows;
	if (hash_set_init(&topic->given, n) < 0)
		return response_unavailable(history->context->builder, "out of memory");
	for (uint32_t i = 0; i < topic->n_pages; i++)
		for (uint32_t k = 0; k < topic->pages[i].n_rows; k++)
			hash_set_add(
				&topic->given,
				event_id_hash(history->table, result_set_row(&topic->pages[i], k)));
	return 0;
}

static int load(struct sse_topic *topic, struct history *history)
{
	uint32_t left = history->tail;
	bool more = true;
	int r = 0;
	history->n_before = 0;
	while (r == 0 && more && left && topic->history_bytes < SSE_HISTORY_MAX) {
		sse_topic_hold(topic);
		r = load_page(topic, history, &left, &more);
	}
	history->cut = more && left;
	if (r == 0 && history->n_before && (history->cut || left == 0))
		r = begin_with_oldest(topic, history);
	return r == 0 ? remember_given(topic, history) : r;
}

static void unload(struct sse_topic *topic)
{
	while (topic->n_pages)
		sse_topic_drop_page(topic);
	hash_set_done(&topic->given);
	sse_topic_release_held(topic);
	topic->at = ring_buffer_span(topic->ring).oldest;
}

/* Until the store has what has left the ring, or for as long as anybody would wait. */
static int load_without_hole(struct sse_topic *topic, struct history *history)
{
	topic->at = ring_buffer_span(topic->ring).oldest;
	int r = load(topic, history);
	bool passes = !live_is_polled(topic->client->live, topic->is->kind);
	for (int i = 1; r == 0 && passes && sse_topic_has_hole(topic); i++) {
		if (i == HISTORY_ATTEMPTS) {
			sse_event_write_lagged(topic, 0);
			break;
		}
		nanosleep(&history_pause, NULL);
		unload(topic);
		r = load(topic, history);
	}
	return r;
}

/* ---- Where to begin ------------------------------------------------------ */

/* Where live_enter() put it: only rows from now on, although older ones may come out of the store.
 */
static void begin_now(struct sse_topic *topic, const struct context *context)
{
	if (!live_is_polled(topic->client->live, topic->is->kind))
		return;
	topic->has_after = true;
	topic->boundary = UINT64_MAX;
	topic->after.key[0] = (struct tally_cell){.i = context->now, .set = 1};
	topic->after.n_key = 1;
}

static bool begin_by_number(struct sse_topic *topic, const char *id)
{
	struct ring_buffer_span span = ring_buffer_span(topic->ring);
	struct event_id number = {.n_key = 0};
	if (!event_id_read_number(id, &number) || number.epoch != topic->epoch ||
	    number.number + 1 < span.oldest || number.number >= span.next)
		return false;
	topic->at = number.number + 1;
	return true;
}

/* false: it is not one of ours. */
static bool begin_by_key(struct sse_topic *topic, const struct tally_table *table, const char *id)
{
	if (event_id_read_key(id, table, &topic->after) < 0)
		return false;
	topic->has_after = true;
	topic->inclusive = topic->after.n_key == 1 || topic->after.n_hashes;
	if (topic->after.n_hashes && hash_set_init(&topic->position, topic->after.n_hashes) < 0)
		return false;
	for (uint32_t i = 0; i < topic->after.n_hashes; i++) {
		uint64_t hash = 0;
		for (uint32_t k = 0; k < EVENT_ID_HASH; k++)
			hash |= (uint64_t)(unsigned char)topic->after.hashes[i * EVENT_ID_HASH + k]
				<< 8 * k;
		hash_set_add(&topic->position, hash);
	}
	return true;
}

static void begin_at(struct sse_topic *topic, int64_t time)
{
	topic->has_after = topic->inclusive = true;
	topic->after.key[0] = (struct tally_cell){.i = time, .set = 1};
	topic->after.n_key = 1;
}

/* Readings in the ring buffer that are older than those given would go back in time. */
static void begin_after_readings(struct sse_topic *topic)
{
	if (topic->is->kind != LIVE_STATS || topic->n_pages == 0 || topic->pages[0].n_rows == 0)
		return;
	topic->after.key[0] = result_set_row(&topic->pages[0], 0)[0];
	topic->after.n_key = 1;
	topic->inclusive = false;
	end_past(topic);
}

/* To the microsecond: a store may keep no more, and its row would lie before the client's. */
static int64_t history_from(const struct sse_topic *topic, const struct context *context)
{
	int64_t days = context->config->max_query_range_days;
	int64_t from = topic->has_after ? topic->after.key[0].i / 1000 * 1000
					: context->now - days * CLOCK_DAY;
	if (topic->is->kind == LIVE_STATS && from < context->now - SSE_MAX_AGE)
		from = context->now - SSE_MAX_AGE;
	return from > 0 ? from : 0;
}

static int join_by_store(struct sse_topic *topic, struct context *context,
			 const struct tally_table *table, uint32_t tail)
{
	struct history history = {.context = context,
				  .table = table,
				  .from = history_from(topic, context),
				  .tail = tail};
	topic->table = table;
	topic->catalog = catalog_keep(context->catalog);
	int r = load_without_hole(topic, &history);
	if (r < 0)
		return r;
	if (history.cut)
		sse_event_write_lagged(topic, 0);
	begin_after_readings(topic);
	return 0;
}

/* The tables that are known may be those of a moment ago.  Where the topic's was made since, its
 * rows are in the store, and may have left the ring. */
static int find_table(const struct sse_topic *topic, struct context *context,
		      const struct tally_table **ret)
{
	const char *name = topic->is->list->table;
	int r = context_table(context, name, ret);
	if (r < 0 || *ret)
		return r;
	r = context_reload_tables(context);
	return r == 0 ? context_table(context, name, ret) : r;
}

int sse_topic_join(struct sse_topic *topic, struct context *context, const char *id)
{
	const struct arguments *args = context->args;
	const struct tally_table *table;
	int64_t time;
	bool tails = topic->is->tails && args->tail != ARGUMENT_NONE;
	if (id && begin_by_number(topic, id))
		return 0;
	if (!id && !topic->client->since && !(tails && args->tail > 0)) {
		begin_now(topic, context);
		return 0;
	}
	int r = find_table(topic, context, &table);
	if (r < 0)
		return r;
	if (!table && id) {
		/* The position of a list that was empty. */
		if (!event_id_read_time(id, &time))
			return response_unavailable(context->builder, "the store has no %s yet",
						    topic->is->list->table);
		begin_at(topic, time);
	}
	if (table && id && !begin_by_key(topic, table, id)) {
		sse_event_write_lagged(topic, 0);
		begin_now(topic, context);
		return 0;
	}
	if (!id && topic->client->since)
		begin_at(topic, topic->client->since);
	struct ring_buffer_span span = ring_buffer_span(topic->ring);
	topic->boundary =
		live_is_polled(topic->client->live, topic->is->kind) ? UINT64_MAX : span.next;
	topic->at = span.oldest;
	/* Where nothing was ever stored all there is, is in the ring. */
	return table ? join_by_store(topic, context, table,
				     !id && tails ? (uint32_t)args->tail : UINT32_MAX)
		     : 0;
}
