/*
 * What of one kind of rows a client gets, and in which order.  sse_history.c fills pages and holds
 * the first chunks in a worker; after that all is on libmicrohttpd's thread.
 *
 *	pages of the store  →  chunks that the ring had meanwhile  →  the ring
 *
 * While older rows are still being sent, new ones are held by reference, so that the ring does not
 * drop them before the client is there.  A row that was given by the store is left out when the
 * ring has it: by its key, wherever it stands.  A gap in the ring is told as `lagged` only when
 * what comes behind it was not given by the store, since then what was in the gap was not either.
 *
 * What can fail is memory: then rows are missed, and the client is told so.
 */
#include "live/sse_topic.h"

#include <stdlib.h>
#include <string.h>

#include "live/sse_client.h"
#include "live/sse_event.h"
#include "query/catalog_cache.h"

struct sse_held {
	struct row_chunk *chunk; /* NULL: only a gap */
	uint64_t missed;         /* before it */
	uint64_t number;         /* of its row `row` */
	uint32_t row;            /* the next to be written */
};

enum { SSE_HELD_MAX = 1 << 16 };

void sse_topic_drop_page(struct sse_topic *topic)
{
	struct result_set *page = &topic->pages[--topic->n_pages];
	size_t bytes = page->bytes < topic->history_bytes ? page->bytes : topic->history_bytes;
	live_history_give(topic->client->live, bytes);
	topic->history_bytes -= bytes;
	result_set_done(page);
}

void sse_topic_release_held(struct sse_topic *topic)
{
	while (topic->next_held < topic->n_held)
		row_chunk_drop(topic->held[topic->next_held++].chunk);
	free(topic->held);
	topic->held = NULL;
	topic->n_held = topic->next_held = 0;
	topic->held_bytes = 0;
}

void sse_topic_done(struct sse_topic *topic)
{
	while (topic->n_pages)
		sse_topic_drop_page(topic);
	free(topic->pages);
	catalog_drop(topic->catalog);
	sse_topic_release_held(topic);
	row_filter_done(&topic->row_filter);
	event_id_done(&topic->after);
	hash_set_done(&topic->given);
	hash_set_done(&topic->position);
	free(topic->fields);
	free(topic->last);
}

/* ---- Which rows ---------------------------------------------------------- */

static bool was_given(const struct sse_topic *topic, const struct tally_table *table,
		      const struct tally_cell *row)
{
	if (!topic->given.slots && !topic->position.slots)
		return false;
	return hash_set_has(&topic->given, event_id_hash(table, row)) ||
	       (topic->position.slots &&
		hash_set_has(&topic->position, event_id_position_hash(table, row)));
}

static bool is_before(const struct sse_topic *topic, const struct tally_table *table,
		      const struct tally_cell *row, uint64_t number)
{
	if (!topic->has_after || number >= topic->boundary)
		return false;
	int order = event_id_compare(&topic->after, table, row);
	return order > 0 || (order == 0 && !topic->inclusive);
}

bool sse_topic_wants(const struct sse_topic *topic, const struct tally_table *table,
		     const struct tally_cell *row, uint64_t number)
{
	return row_filter_passes(&topic->row_filter, table, row) &&
	       !is_before(topic, table, row, number) && !was_given(topic, table, row);
}

/* ---- Which columns ------------------------------------------------------- */

static bool is_named(const char *names, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = names; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

/* By name, since a row that passed has the table of its input, and one of the store the store's. */
static const bool *shown_of(struct sse_topic *topic, const struct tally_table *table)
{
	if (!topic->fields)
		return NULL;
	if (topic->masked != table)
		for (uint32_t i = 0; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
			topic->shown[i] = is_named(topic->fields, table->columns[i].name) ||
					  (topic->is->kind == LIVE_STATS &&
					   (i == 0 || table->columns[i].role == TALLY_TAG));
	topic->masked = table;
	return topic->shown;
}

/* ---- Rows ---------------------------------------------------------------- */

static void tell_outdated(struct sse_topic *topic)
{
	if (topic->outdated)
		sse_event_write_lagged(topic, topic->outdated);
	topic->outdated = 0;
}

static void tell_missed(struct sse_topic *topic)
{
	if (topic->missed)
		sse_event_write_lagged(topic, topic->missed);
	topic->missed = 0;
}

/* false: no room behind what there is; it comes when that has left. */
static bool write_row(struct sse_topic *topic, uint64_t number, const struct tally_table *table,
		      const struct tally_cell *row)
{
	/* The client, or an input, was away for long. */
	if (topic->is->kind == LIVE_STATS && row[0].i < topic->client->now - SSE_MAX_AGE) {
		topic->outdated++;
		return true;
	}
	tell_outdated(topic);
	tell_missed(topic);
	const struct sse_row what = {number ? topic->epoch : 0, number, table, row,
				     shown_of(topic, table)};
	if (sse_event_write_row(topic, &what))
		return true;
	if (topic->client->out.len > 0)
		return false;
	sse_event_write_lagged(topic, 1); /* not even alone */
	return true;
}

/* A row of the ring.  false: no room. */
static bool add_row(struct sse_topic *topic, uint64_t number, const struct tally_table *table,
		    const struct tally_cell *row)
{
	if (!row_filter_passes(&topic->row_filter, table, row))
		return true;
	if (is_before(topic, table, row, number) || was_given(topic, table, row)) {
		topic->missed = 0; /* it stands behind the gap, so what is in there was given */
		return true;
	}
	return write_row(topic, number, table, row);
}

static bool has_block(const struct sse_topic *topic)
{
	return topic->client->out.len >= SSE_BLOCK;
}

/* false: no room. */
static bool fill_from_pages(struct sse_topic *topic)
{
	while (topic->n_pages) {
		struct result_set *page = &topic->pages[topic->n_pages - 1];
		while (page->n_rows) {
			if (has_block(topic) || !write_row(topic, 0, topic->table,
							   result_set_row(page, page->n_rows - 1)))
				return false;
			page->n_rows--;
		}
		sse_topic_drop_page(topic);
	}
	return true;
}

static bool fill_from_held(struct sse_topic *topic)
{
	while (topic->next_held < topic->n_held) {
		struct sse_held *held = &topic->held[topic->next_held];
		topic->missed += held->missed;
		held->missed = 0;
		while (held->chunk && held->row < held->chunk->n_rows) {
			if (has_block(topic) || !add_row(topic, held->number, held->chunk->table,
							 row_chunk_row(held->chunk, held->row)))
				return false;
			held->row++;
			held->number++;
		}
		row_chunk_drop(held->chunk);
		topic->next_held++;
	}
	sse_topic_release_held(topic);
	return true;
}

static void fill_from_ring(struct sse_topic *topic)
{
	bool room = true;
	while (room && !has_block(topic)) {
		uint64_t missed;
		uint32_t row;
		struct row_chunk *chunk = ring_buffer_read(topic->ring, &topic->at, &row, &missed);
		topic->missed += missed;
		if (!chunk)
			break;
		while (row < chunk->n_rows && !has_block(topic) &&
		       (room = add_row(topic, topic->at, chunk->table,
				       row_chunk_row(chunk, row)))) {
			row++;
			topic->at++;
		}
		row_chunk_drop(chunk);
	}
}

bool sse_topic_is_live(const struct sse_topic *topic)
{
	return topic->n_pages == 0 && topic->n_held == 0;
}

void sse_topic_fill(struct sse_topic *topic)
{
	service_members_follow(&topic->row_filter.members);
	bool joining = topic->given.slots || topic->has_after;
	if (!sse_topic_is_live(topic))
		sse_topic_hold(topic);
	if (fill_from_pages(topic) && fill_from_held(topic) && topic->client->ready)
		fill_from_ring(topic);
	/* Who only reads the ring is told at once; else the next row says whether it was a loss. */
	if (!joining)
		tell_missed(topic);
	tell_outdated(topic);
}

/* ---- Holding ------------------------------------------------------------- */

/* false: no memory. */
static bool reserve_held(struct sse_topic *topic)
{
	if (topic->n_held % 64)
		return true;
	struct sse_held *grown = realloc(topic->held, (topic->n_held + 64) * sizeof(*topic->held));
	if (grown)
		topic->held = grown;
	return grown != NULL;
}

void sse_topic_hold(struct sse_topic *topic)
{
	while (topic->held_bytes < SSE_HISTORY_MAX && topic->n_held < SSE_HELD_MAX &&
	       reserve_held(topic)) {
		struct sse_held held;
		held.chunk = ring_buffer_read(topic->ring, &topic->at, &held.row, &held.missed);
		if (!held.chunk && !held.missed)
			return;
		held.number = topic->at;
		if (held.chunk) {
			topic->at += held.chunk->n_rows - held.row;
			topic->held_bytes += held.chunk->bytes;
		}
		topic->held[topic->n_held++] = held;
	}
}

bool sse_topic_has_hole(const struct sse_topic *topic)
{
	/* Since the process began none has left the ring. */
	if (topic->n_held == 0 || (topic->held[0].number == 1 && topic->held[0].missed == 0))
		return false;
	for (uint32_t i = 0; i < topic->n_held; i++) {
		const struct sse_held *held = &topic->held[i];
		for (uint32_t k = held->row; held->chunk && k < held->chunk->n_rows; k++) {
			const struct tally_cell *row = row_chunk_row(held->chunk, k);
			if (row_filter_passes(&topic->row_filter, held->chunk->table, row))
				return sse_topic_wants(topic, held->chunk->table, row,
						       held->number + (k - held->row));
		}
	}
	return false;
}
