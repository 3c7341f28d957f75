/*
 * Rows of messages that wait for a poll, oldest first.  Bounded in bytes: where more come, the
 * oldest leave, since the store has these soonest.  Under the lock of the source that they belong
 * to.
 */
#ifndef TALLYD_HTTP_HELD_ROWS_H
#define TALLYD_HTTP_HELD_ROWS_H

#include "ask/result_set.h"

enum { HELD_ROWS_PARTS = 8 };

struct held_rows {
	struct result_set parts[HELD_ROWS_PARTS]; /* a ring */
	uint32_t oldest, n;
	bool dropped; /* a row has left for want of room */
};

void held_rows_done(struct held_rows *held); /* also of one that is all zeros, which it leaves */

/* A row of the table of those before it; of another table: these are dropped.  max: bytes.  A row
 * for which there is no memory is dropped itself. */
void held_rows_add(struct held_rows *held, const struct tally_batch *row, size_t max);

/* The first one; NULL: there is none. */
const struct tally_cell *held_rows_first(const struct held_rows *held);

#endif
