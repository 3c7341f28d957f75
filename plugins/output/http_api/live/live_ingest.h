/*
 * Rows of a poll or of messages on their way into a ring buffer: rows that were shown already are
 * left out, and rows beyond the size of the ring buffer are only counted.  One thread.
 */
#ifndef TALLYD_HTTP_LIVE_INGEST_H
#define TALLYD_HTTP_LIVE_INGEST_H

#include "base/clock.h"
#include "live/live_parts.h"
#include "live/row_chunk.h"
#include "ask/result_set.h"

enum { LIVE_INGEST_CHUNKS = 16 };

/* So long after they were published rows are in the store, as a rule. */
#define LIVE_INGEST_SETTLE (2 * CLOCK_SECOND)
/* So long rows wait at most for others that a store should have. */
#define LIVE_INGEST_PATIENCE (30 * CLOCK_SECOND)

struct live_ingest {
	struct live_source *source;
	unsigned generation;
	const struct catalog *catalog; /* a reference; NULL: nothing to be done */
	const struct tally_table *table;
	bool newest_first;
	struct result_set rows; /* not in a chunk yet */
	struct row_chunk *chunks[LIVE_INGEST_CHUNKS];
	uint32_t n_chunks;
	size_t bytes;           /* of chunks */
	uint64_t found, missed; /* rows: new ones, and of these only counted */
};

/* generation: the source's.  Takes the catalog, also on failure.  -ENOENT: no such table; -EINVAL:
 * it has too many columns.  Else owes live_ingest_show(). */
int live_ingest_init(struct live_ingest *ingest, struct live_source *source, unsigned generation,
		     const struct catalog *catalog);
/* Rows of that table.  A NULL of no memory is missed too. */
void live_ingest_add(struct live_ingest *ingest, const struct tally_batch *batch);
/* The same for a row of a message, which may have to wait for earlier rows that only the store has.
 */
void live_ingest_hold(struct live_ingest *ingest, const struct tally_batch *row);
/* Adds the rows that have waited, after a poll was shown; newest_first is not set.  false: there
 * were none, and no row waits from now on; or all must wait for another poll, which has what comes
 * before them. */
bool live_ingest_release(struct live_ingest *ingest);
/* Puts the rows into the ring buffer and wakes the streams, unless the source has ended. */
void live_ingest_show(struct live_ingest *ingest, struct live *live);

#endif
