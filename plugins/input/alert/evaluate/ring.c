/*
 * A slot knows the number of its time, so nothing has to be cleared while no rows come.  Called
 * under the engine's lock.
 */
#include "evaluate/ring.h"

static int64_t number_of(int64_t window, int64_t time)
{
	return time / (window / RING_SLOTS);
}

void ring_add(struct ring *ring, int64_t window, int64_t time, double value)
{
	int64_t number = number_of(window, time);
	struct ring_slot *slot = &ring->slots[number % RING_SLOTS];
	if (slot->number > number)
		return; /* a late row, whose time has left the window */
	if (slot->number != number || !slot->n)
		*slot = (struct ring_slot){.number = number, .min = value, .max = value};
	slot->n++;
	slot->sum += value;
	if (value < slot->min)
		slot->min = value;
	if (value > slot->max)
		slot->max = value;
}

void ring_fold(const struct ring *ring, int64_t window, int64_t now, struct ring_sum *ret)
{
	int64_t last = number_of(window, now);
	struct ring_sum sum = {0};
	for (unsigned i = 0; i < RING_SLOTS; i++) {
		const struct ring_slot *slot = &ring->slots[i];
		if (!slot->n || slot->number > last || slot->number <= last - RING_SLOTS)
			continue;
		if (!sum.n || slot->min < sum.min)
			sum.min = slot->min;
		if (!sum.n || slot->max > sum.max)
			sum.max = slot->max;
		sum.sum += slot->sum;
		sum.n += slot->n;
	}
	*ret = sum;
}

unsigned ring_least(const struct ring *ring, int64_t window, int64_t now, double ret_at[RING_SLOTS],
		    double ret[RING_SLOTS])
{
	int64_t last = number_of(window, now);
	unsigned n = 0;
	for (int64_t number = last - RING_SLOTS + 1; number <= last; number++) {
		const struct ring_slot *slot = &ring->slots[number % RING_SLOTS];
		if (!slot->n || slot->number != number)
			continue;
		ret_at[n] = (double)(number - last);
		ret[n++] = slot->min;
	}
	return n;
}
