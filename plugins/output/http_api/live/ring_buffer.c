/*
 * The newest rows of a kind.  Inputs and sources add, libmicrohttpd's thread reads on behalf of
 * every client; one lock, held over a few pointers.
 *
 * A reader is a number, so a slow client costs no memory and cannot hold back the others: rows
 * leave when there is no room, and whoever comes too late gets the oldest there is and learns how
 * many it missed.  Finding a row is a binary search over at most RING_BUFFER_CHUNKS chunks.  Chunks
 * may be large, so a reader gets a reference and leaves the lock before it writes JSON.
 *
 * The epoch tells numbers of this ring from those of an earlier process or of one that was cleared.
 */
#include "live/ring_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Told apart from those of an earlier process with all but certainty. */
static uint32_t ring_buffer_new_epoch(uint32_t last)
{
	uint32_t epoch;
	if (getrandom(&epoch, sizeof(epoch), GRND_NONBLOCK) != sizeof(epoch))
		epoch = last * 2654435761U + 1;
	return epoch == 0 || epoch == last ? last + 1 : epoch;
}

int ring_buffer_init(struct ring_buffer *ring, size_t max)
{
	*ring = (struct ring_buffer){.max = max, .next = 1, .epoch = ring_buffer_new_epoch(0)};
	ring->slots = calloc(RING_BUFFER_CHUNKS, sizeof(*ring->slots));
	if (!ring->slots)
		return -ENOMEM;
	pthread_mutex_init(&ring->lock, NULL);
	return 0;
}

static struct ring_buffer_slot *ring_buffer_slot(struct ring_buffer *ring, uint32_t i)
{
	return &ring->slots[(ring->oldest + i) % RING_BUFFER_CHUNKS];
}

static void ring_buffer_drop_oldest(struct ring_buffer *ring)
{
	struct row_chunk *chunk = ring_buffer_slot(ring, 0)->chunk;
	ring->bytes -= chunk->bytes;
	ring->oldest = (ring->oldest + 1) % RING_BUFFER_CHUNKS;
	ring->n--;
	row_chunk_drop(chunk);
}

static void ring_buffer_empty(struct ring_buffer *ring)
{
	while (ring->n)
		ring_buffer_drop_oldest(ring);
}

void ring_buffer_done(struct ring_buffer *ring)
{
	if (!ring->slots)
		return;
	ring_buffer_empty(ring);
	free(ring->slots);
	pthread_mutex_destroy(&ring->lock);
}

void ring_buffer_add(struct ring_buffer *ring, struct row_chunk *chunk)
{
	pthread_mutex_lock(&ring->lock);
	uint64_t first = ring->next;
	ring->next += chunk->n_rows;
	while (ring->n && (ring->n == RING_BUFFER_CHUNKS || ring->bytes + chunk->bytes > ring->max))
		ring_buffer_drop_oldest(ring);
	if (chunk->bytes <= ring->max) {
		ring->bytes += chunk->bytes;
		*ring_buffer_slot(ring, ring->n++) = (struct ring_buffer_slot){chunk, first};
		chunk = NULL;
	}
	pthread_mutex_unlock(&ring->lock);
	row_chunk_drop(chunk); /* it alone is too large: everybody missed it */
}

void ring_buffer_skip(struct ring_buffer *ring, uint64_t n_rows)
{
	pthread_mutex_lock(&ring->lock);
	ring_buffer_empty(ring);
	ring->next += n_rows;
	pthread_mutex_unlock(&ring->lock);
}

void ring_buffer_clear(struct ring_buffer *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring_buffer_empty(ring);
	ring->epoch = ring_buffer_new_epoch(ring->epoch);
	pthread_mutex_unlock(&ring->lock);
}

static uint64_t ring_buffer_oldest(struct ring_buffer *ring)
{
	return ring->n ? ring_buffer_slot(ring, 0)->first : ring->next;
}

struct ring_buffer_span ring_buffer_span(struct ring_buffer *ring)
{
	pthread_mutex_lock(&ring->lock);
	struct ring_buffer_span span = {ring->epoch, ring_buffer_oldest(ring), ring->next};
	pthread_mutex_unlock(&ring->lock);
	return span;
}

/* The slot that holds row `at`, which is there. */
static const struct ring_buffer_slot *ring_buffer_find(struct ring_buffer *ring, uint64_t at)
{
	uint32_t low = 0, high = ring->n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (ring_buffer_slot(ring, middle)->first <= at)
			low = middle;
		else
			high = middle;
	}
	return ring_buffer_slot(ring, low);
}

struct row_chunk *ring_buffer_read(struct ring_buffer *ring, uint64_t *at, uint32_t *ret_row,
				   uint64_t *ret_missed)
{
	struct row_chunk *chunk = NULL;
	pthread_mutex_lock(&ring->lock);
	uint64_t oldest = ring_buffer_oldest(ring);
	*ret_missed = *at < oldest ? oldest - *at : 0;
	*at += *ret_missed;
	if (*at < ring->next) {
		const struct ring_buffer_slot *slot = ring_buffer_find(ring, *at);
		*ret_row = (uint32_t)(*at - slot->first);
		chunk = row_chunk_keep(slot->chunk);
	}
	pthread_mutex_unlock(&ring->lock);
	return chunk;
}
