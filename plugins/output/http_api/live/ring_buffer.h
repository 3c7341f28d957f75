/*
 * The newest rows of one table, numbered 1, 2, 3 … as they came, for any number of readers: a
 * reader is only a number, so a slow one holds no memory.  Bounded in bytes; a reader that falls
 * behind the oldest rows learns how many it missed.  Any thread; one lock, held over no I/O.
 */
#ifndef TALLYD_HTTP_RING_BUFFER_H
#define TALLYD_HTTP_RING_BUFFER_H

#include <pthread.h>

#include "live/row_chunk.h"

enum { RING_BUFFER_CHUNKS = 4096 };

struct ring_buffer_slot {
	struct row_chunk *chunk;
	uint64_t first; /* number of its first row */
};

struct ring_buffer {
	pthread_mutex_t lock; /* guards all below */
	size_t max, bytes;
	struct ring_buffer_slot *slots; /* a ring of RING_BUFFER_CHUNKS */
	uint32_t oldest, n;
	uint64_t next;  /* number of the row that comes next */
	uint32_t epoch; /* numbers of another one mean nothing */
};

int ring_buffer_init(struct ring_buffer *ring, size_t max); /* -ENOMEM */
void ring_buffer_done(struct ring_buffer *ring);

void ring_buffer_add(struct ring_buffer *ring,
		     struct row_chunk *chunk); /* takes the reference over */
/* Counts rows that are not kept: readers miss them, and the rows before. */
void ring_buffer_skip(struct ring_buffer *ring, uint64_t n_rows);
/* Rows were missed without count: numbers begin anew, in another epoch. */
void ring_buffer_clear(struct ring_buffer *ring);

struct ring_buffer_span {
	uint32_t epoch;
	uint64_t oldest, next; /* rows oldest … next - 1 are there */
};
struct ring_buffer_span ring_buffer_span(struct ring_buffer *ring);

/*
 * The chunk that row *at is in, owing row_chunk_drop(), and which of its rows that is; NULL: it is
 * still to come.  If it is gone, *at moves on to the oldest there is, and *ret_missed says how far.
 */
struct row_chunk *ring_buffer_read(struct ring_buffer *ring, uint64_t *at, uint32_t *ret_row,
				   uint64_t *ret_missed);

#endif
