/*
 * Rows of one poll, or of some messages, on their way into a ring buffer.  On the poller's or the
 * subscriber's thread; what both touch is under the source's lock.
 *
 *	live_ingest_init()   the table they belong to
 *	live_ingest_add()    what was shown lately is left out; the rest is collected in chunks
 *	live_ingest_show()   the chunks go into the ring buffer, and clients are woken
 *
 * A source may be given up and begun anew while a poll is under way.  So each ingest carries the
 * generation that it began in, and what belongs to an older one is thrown away: else rows of before
 * would come after the gap that clients were told of.  What does not fit into memory is counted as
 * missed, never waited for.
 */
#include "live/live_ingest.h"

#include <errno.h>
#include <string.h>

#include "live/event_id.h"

enum { LIVE_INGEST_CHUNKS_PER_MEMORY = LIVE_INGEST_CHUNKS / 2 };

int live_ingest_init(struct live_ingest *ingest, struct live_source *source, unsigned generation,
		     const struct catalog *catalog)
{
	*ingest = (struct live_ingest){.source = source, .generation = generation};
	ingest->table = catalog_find(catalog, source->table);
	if (!ingest->table || ingest->table->n_columns > RESULT_SET_MAX_COLUMNS) {
		catalog_drop(catalog);
		return ingest->table ? -EINVAL : -ENOENT;
	}
	ingest->catalog = catalog;
	result_set_init(&ingest->rows, ingest->table->n_columns);
	return 0;
}

/* ---- Collecting ---------------------------------------------------------- */

/* A store was asked for the newest first, so that the limit cuts off the oldest; clients get the
 * oldest first. */
static void live_ingest_reverse(struct result_set *rows)
{
	size_t size = rows->n_columns * sizeof(*rows->cells);
	struct tally_cell spare[RESULT_SET_MAX_COLUMNS];
	for (uint32_t i = 0, k = rows->n_rows; i + 1 < k; i++) {
		struct tally_cell *a = rows->cells + (size_t)i * rows->n_columns;
		struct tally_cell *b = rows->cells + (size_t)--k * rows->n_columns;
		memcpy(spare, a, size);
		memcpy(a, b, size);
		memcpy(b, spare, size);
	}
}

static void live_ingest_close_chunk(struct live_ingest *ingest)
{
	uint32_t n_rows = ingest->rows.n_rows;
	if (n_rows == 0)
		return;
	if (ingest->newest_first)
		live_ingest_reverse(&ingest->rows);
	struct row_chunk *chunk =
		ingest->n_chunks < LIVE_INGEST_CHUNKS
			? row_chunk_of_rows(&ingest->rows, ingest->table, ingest->catalog)
			: NULL;
	if (chunk) {
		catalog_keep(ingest->catalog);
		ingest->bytes += chunk->bytes;
		ingest->chunks[ingest->n_chunks++] = chunk;
	} else {
		ingest->missed += n_rows;
		result_set_done(&ingest->rows);
	}
	result_set_init(&ingest->rows, ingest->table->n_columns);
}

/* A row from before the horizon may have been shown or not: the store's rows cannot be that old,
 * unless there are so many that the horizon has come nearer meanwhile. */
void live_ingest_add(struct live_ingest *ingest, const struct tally_batch *batch)
{
	struct live_source *source = ingest->source;
	struct tally_batch row = {.table = batch->table, .n_rows = 1};
	size_t max = source->ring.max;
	pthread_mutex_lock(&source->lock);
	for (uint32_t i = 0; i < batch->n_rows && source->recent_generation == ingest->generation;
	     i++) {
		row.cells = &batch->cells[(size_t)i * ingest->table->n_columns];
		enum recent_verdict verdict = recent_take(
			&source->recent, event_id_hash(ingest->table, row.cells), row.cells[0].i);
		if (verdict == RECENT_LATE && ingest->newest_first)
			ingest->missed++;
		if (verdict != RECENT_NEW)
			continue;
		/* In several chunks, so that the ring can drop old rows a part at a time. */
		if (ingest->rows.bytes > max / LIVE_INGEST_CHUNKS_PER_MEMORY)
			live_ingest_close_chunk(ingest);
		if (ingest->bytes + ingest->rows.bytes > max ||
		    result_set_add(&ingest->rows, &row) < 0)
			ingest->missed++;
		ingest->found++;
	}
	pthread_mutex_unlock(&source->lock);
}

/* ---- Waiting ------------------------------------------------------------- */

enum { LIVE_INGEST_HELD_OF_MEMORY = 4 };

/* What does not fit is left to the store. */
void live_ingest_hold(struct live_ingest *ingest, const struct tally_batch *row)
{
	struct live_source *source = ingest->source;
	pthread_mutex_lock(&source->lock);
	bool held = source->hold != 0;
	if (held)
		held_rows_add(&source->held, row, source->ring.max / LIVE_INGEST_HELD_OF_MEMORY);
	pthread_mutex_unlock(&source->lock);
	if (!held)
		live_ingest_add(ingest, row);
}

/* With the source's lock: the poll has shown what was dropped before the first row that waits, as
 * it has shown that one.  A store that is too far behind is not waited for. */
static bool live_ingest_is_joined(const struct live_ingest *ingest)
{
	const struct live_source *source = ingest->source;
	const struct held_rows *held = &source->held;
	const struct tally_cell *first = held_rows_first(held);
	if (!held->dropped || clock_monotonic() - source->hold >= LIVE_INGEST_PATIENCE)
		return true;
	return first && held->parts[held->oldest].n_columns == ingest->table->n_columns &&
	       recent_knows(&source->recent, event_id_hash(ingest->table, first));
}

bool live_ingest_release(struct live_ingest *ingest)
{
	struct live_source *source = ingest->source;
	struct held_rows held = {.n = 0};
	pthread_mutex_lock(&source->lock);
	bool joined = live_ingest_is_joined(ingest);
	if (joined) {
		held = source->held;
		source->held = (struct held_rows){.n = 0};
		if (!held_rows_first(&held))
			source->hold = 0;
	}
	pthread_mutex_unlock(&source->lock);
	bool any = held_rows_first(&held);
	for (uint32_t i = 0; i < held.n; i++) {
		const struct result_set *part = &held.parts[(held.oldest + i) % HELD_ROWS_PARTS];
		const struct tally_batch rows = {
			.table = ingest->table, .cells = part->cells, .n_rows = part->n_rows};
		if (part->n_columns == ingest->table->n_columns)
			live_ingest_add(ingest, &rows);
	}
	held_rows_done(&held);
	return any;
}

/* ---- Showing ------------------------------------------------------------- */

/* Wanted and generation are looked at under the lock that also ends them, so nothing gets into a
 * ring buffer after it was cleared. */
void live_ingest_show(struct live_ingest *ingest, struct live *live)
{
	struct live_source *source = ingest->source;
	live_ingest_close_chunk(ingest);
	uint32_t n = ingest->n_chunks;
	bool any = n || ingest->missed;
	pthread_mutex_lock(&live->lock);
	any = any && live_is_wanted(live, source) && source->generation == ingest->generation;
	/* What a poll missed is older than what it brought, so the gap comes first. */
	if (any && ingest->missed)
		ring_buffer_skip(&source->ring, ingest->missed);
	for (uint32_t i = 0; any && i < n; i++)
		ring_buffer_add(&source->ring,
				ingest->chunks[ingest->newest_first ? n - 1 - i : i]);
	pthread_mutex_unlock(&live->lock);
	if (any) {
		ingest->n_chunks = 0; /* they are the ring's now */
		live_wake_clients(live, source);
	}
	while (ingest->n_chunks)
		row_chunk_drop(ingest->chunks[--ingest->n_chunks]);
	result_set_done(&ingest->rows);
	catalog_drop(ingest->catalog);
	ingest->catalog = NULL;
}
