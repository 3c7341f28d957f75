/*
 * What was measured within a window that moves: a fixed number of slots of equal length, the oldest
 * of which is used again.  So a window is exact to a twelfth of its length, and costs the same
 * memory however many rows it holds.
 */
#ifndef TALLYD_ALERT_RING_H
#define TALLYD_ALERT_RING_H

#include <stdint.h>

enum { RING_SLOTS = 12 };

struct ring_slot {
	int64_t number; /* of the slot's time; another one: the slot is empty */
	double sum, min, max;
	uint32_t n;
};

struct ring {
	struct ring_slot slots[RING_SLOTS];
};

/* All slots of the window that ends now together; n = 0: no rows. */
struct ring_sum {
	double sum, min, max;
	uint64_t n;
};

/* time: of the row, at most as long ago as the window. */
void ring_add(struct ring *ring, int64_t window, int64_t time, double value);
/* The smallest value of each slot of the window, oldest first, and when, in slots; how many. */
unsigned ring_least(const struct ring *ring, int64_t window, int64_t now, double ret_at[RING_SLOTS],
		    double ret[RING_SLOTS]);
void ring_fold(const struct ring *ring, int64_t window, int64_t now, struct ring_sum *ret);

#endif
