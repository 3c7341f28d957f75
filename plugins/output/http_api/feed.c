#include "feed.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Told apart from those of an earlier process with all but certainty. */
static uint32_t feed_new_epoch(uint32_t last)
{
	uint32_t epoch;
	if (getrandom(&epoch, sizeof(epoch), GRND_NONBLOCK) != sizeof(epoch))
		epoch = last * 2654435761U + 1;
	return epoch == 0 || epoch == last ? last + 1 : epoch;
}

int feed_init(struct feed *feed, size_t max)
{
	*feed = (struct feed){.max = max, .next = 1, .epoch = feed_new_epoch(0)};
	feed->slots = calloc(FEED_LOTS, sizeof(*feed->slots));
	if (!feed->slots)
		return -ENOMEM;
	pthread_mutex_init(&feed->lock, NULL);
	return 0;
}

static struct feed_slot *feed_slot(struct feed *feed, uint32_t i)
{
	return &feed->slots[(feed->oldest + i) % FEED_LOTS];
}

static void feed_drop_oldest(struct feed *feed)
{
	struct lot *lot = feed_slot(feed, 0)->lot;
	feed->bytes -= lot->bytes;
	feed->oldest = (feed->oldest + 1) % FEED_LOTS;
	feed->n--;
	lot_drop(lot);
}

static void feed_empty(struct feed *feed)
{
	while (feed->n)
		feed_drop_oldest(feed);
}

void feed_done(struct feed *feed)
{
	if (!feed->slots)
		return;
	feed_empty(feed);
	free(feed->slots);
	pthread_mutex_destroy(&feed->lock);
}

void feed_add(struct feed *feed, struct lot *lot)
{
	pthread_mutex_lock(&feed->lock);
	uint64_t first = feed->next;
	feed->next += lot->n_rows;
	while (feed->n && (feed->n == FEED_LOTS || feed->bytes + lot->bytes > feed->max))
		feed_drop_oldest(feed);
	if (lot->bytes <= feed->max) {
		feed->bytes += lot->bytes;
		*feed_slot(feed, feed->n++) = (struct feed_slot){lot, first};
		lot = NULL;
	}
	pthread_mutex_unlock(&feed->lock);
	lot_drop(lot); /* it alone is too large: everybody missed it */
}

void feed_skip(struct feed *feed, uint64_t n_rows)
{
	pthread_mutex_lock(&feed->lock);
	feed_empty(feed);
	feed->next += n_rows;
	pthread_mutex_unlock(&feed->lock);
}

void feed_clear(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed_empty(feed);
	feed->epoch = feed_new_epoch(feed->epoch);
	pthread_mutex_unlock(&feed->lock);
}

static uint64_t feed_oldest(struct feed *feed)
{
	return feed->n ? feed_slot(feed, 0)->first : feed->next;
}

struct feed_span feed_span(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	struct feed_span span = {feed->epoch, feed_oldest(feed), feed->next};
	pthread_mutex_unlock(&feed->lock);
	return span;
}

/* The slot that holds row `at`, which is there. */
static const struct feed_slot *feed_find(struct feed *feed, uint64_t at)
{
	uint32_t low = 0, high = feed->n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (feed_slot(feed, middle)->first <= at)
			low = middle;
		else
			high = middle;
	}
	return feed_slot(feed, low);
}

struct lot *feed_take(struct feed *feed, uint64_t *at, uint32_t *ret_row, uint64_t *ret_missed)
{
	struct lot *lot = NULL;
	pthread_mutex_lock(&feed->lock);
	uint64_t oldest = feed_oldest(feed);
	*ret_missed = *at < oldest ? oldest - *at : 0;
	*at += *ret_missed;
	if (*at < feed->next) {
		const struct feed_slot *slot = feed_find(feed, *at);
		*ret_row = (uint32_t)(*at - slot->first);
		lot = lot_keep(slot->lot);
	}
	pthread_mutex_unlock(&feed->lock);
	return lot;
}
