/*
 * The keys of the rows that were shown lately, with their times.  Under the lock of the source that
 * it belongs to; called by the poller and the subscriber.
 *
 * The same row comes several times by design: each poll asks again from the horizon on, because
 * rows are stored out of order, and a row that was heard on a channel comes once more out of the
 * store. What is older than the horizon is refused, so it need not be remembered: that is the
 * bound.
 *
 * Open addressing without removals: what is too old goes when the table is rebuilt, once per poll,
 * in time proportional to its slots.  Without memory everything is forgotten and the horizon
 * becomes now; then rows may be missed, but none is shown twice.
 */
#include "live/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_api.h"

enum { RECENT_LEAST = 1024, RECENT_CROWDED = RECENT_ROWS / 4 * 3 };
static const int64_t recent_span = 30 * CLOCK_SECOND;

struct recent_slot {
	uint64_t hash; /* 0: free */
	int64_t time;
};

void recent_clear(struct recent *recent)
{
	free(recent->slots);
	*recent = (struct recent){.slots = NULL};
}

static struct recent_slot *recent_place(const struct recent *recent, uint64_t hash)
{
	size_t at = (hash ^ hash >> 32) & recent->mask;
	while (recent->slots[at].hash && recent->slots[at].hash != hash)
		at = (at + 1) & recent->mask;
	return &recent->slots[at];
}

/* Into so many slots, without those before the horizon.  Without memory all are forgotten, and the
 * horizon is now. */
static void recent_rebuild(struct recent *recent, size_t size)
{
	struct recent old = *recent;
	recent->slots = calloc(size, sizeof(*recent->slots));
	recent->mask = size - 1;
	recent->n = 0;
	if (!recent->slots)
		recent->horizon = recent->now;
	for (size_t i = 0; recent->slots && old.slots && i <= old.mask; i++) {
		if (!old.slots[i].hash || old.slots[i].time < recent->horizon)
			continue;
		*recent_place(recent, old.slots[i].hash) = old.slots[i];
		recent->n++;
	}
	free(old.slots);
}

/* Until a quarter is free; what is from the future goes last. */
static void recent_compact(struct recent *recent)
{
	while (recent->n > RECENT_CROWDED && recent->horizon < recent->now) {
		recent->horizon += (recent->now - recent->horizon + 1) / 2;
		recent_rebuild(recent, recent->mask + 1);
	}
	if (recent->n <= RECENT_CROWDED)
		return;
	memset(recent->slots, 0, (recent->mask + 1) * sizeof(*recent->slots));
	recent->n = 0;
}

void recent_advance(struct recent *recent, int64_t now)
{
	recent->now = now;
	if (recent->horizon < now - recent_span || recent->horizon > now)
		recent->horizon = now - recent_span;
	if (!recent->slots)
		return;
	recent_rebuild(recent, recent->mask + 1);
	recent_compact(recent);
}

bool recent_knows(const struct recent *recent, uint64_t hash)
{
	return recent->slots && recent_place(recent, hash | 1)->hash;
}

enum recent_verdict recent_take(struct recent *recent, uint64_t hash, int64_t time)
{
	/* At most half full, or a search would go through long runs of slots; up to the bound, from
	 * which on the horizon comes nearer instead. */
	if (!recent->slots)
		recent_rebuild(recent, RECENT_LEAST);
	else if (recent->n == RECENT_ROWS)
		recent_compact(recent);
	else if (2 * (size_t)recent->n > recent->mask)
		recent_rebuild(recent, 2 * (recent->mask + 1));
	if (time < recent->horizon || !recent->slots)
		return RECENT_LATE;
	/* 0 is a free slot; so all hashes are odd here, at the price of one bit. */
	struct recent_slot *slot = recent_place(recent, hash | 1);
	if (slot->hash)
		return RECENT_KNOWN;
	*slot = (struct recent_slot){hash | 1, time};
	recent->n++;
	return RECENT_NEW;
}
