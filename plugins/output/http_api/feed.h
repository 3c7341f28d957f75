/*
 * The newest rows of one table, numbered 1, 2, 3 … as they came, for any number of readers: a
 * reader is nothing but a number, so that a slow one holds no memory.  Bounded in bytes; who falls
 * behind the oldest rows is told how many it missed.  Any thread; one lock, held over no I/O.
 */
#ifndef TALLYD_HTTP_FEED_H
#define TALLYD_HTTP_FEED_H

#include <pthread.h>

#include "lot.h"

enum { FEED_LOTS = 4096 };

struct feed_slot {
	struct lot *lot;
	uint64_t first; /* number of its first row */
};

struct feed {
	pthread_mutex_t lock; /* guards all below */
	size_t max, bytes;
	struct feed_slot *slots; /* a ring of FEED_LOTS */
	uint32_t oldest, n;
	uint64_t next;  /* number of the row that comes next */
	uint32_t epoch; /* numbers of another one mean nothing */
};

int feed_init(struct feed *feed, size_t max); /* -ENOMEM */
void feed_done(struct feed *feed);

void feed_add(struct feed *feed, struct lot *lot); /* takes the reference over */
/* So many rows come next that nobody can see: all who read miss them, and those before. */
void feed_skip(struct feed *feed, uint64_t n_rows);
/* Rows have gone by unseen: numbers begin anew. */
void feed_clear(struct feed *feed);

struct feed_span {
	uint32_t epoch;
	uint64_t oldest, next; /* rows oldest … next - 1 are there */
};
struct feed_span feed_span(struct feed *feed);

/*
 * The lot that row *at is in, owing lot_drop(), and which of its rows that is; NULL: it is still to
 * come.  If it is gone, *at moves on to the oldest there is, and *ret_missed says how far.
 */
struct lot *feed_take(struct feed *feed, uint64_t *at, uint32_t *ret_row, uint64_t *ret_missed);

#endif
