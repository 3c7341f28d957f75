/*
 * The state that streams share, and which of them is woken when.  Functions are called by inputs
 * (live_watch()), by workers (live_enter(), live_leave()), by libmicrohttpd's thread (live_wait())
 * and by the sources on their own threads; the waker's thread runs here.
 *
 * Happy path: rows come → they are put into the ring buffer of their kind, and the waker is woken
 * → 20 ms later, so that rows which come together wake a client once, it resumes the connections
 * that wait for that kind → libmicrohttpd asks each for bytes → one that has no more waits again.
 *
 * An input may never wait for a client: live_watch() takes a reference to the batch, the ring's
 * lock and the waker's, and nothing under which anybody does I/O.  A connection is resumed without
 * the live lock: from then on it may end at any moment, which frees its client by live_leave().
 */
#include "live/live.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "live/live_parts.h"
#include "live/sse_client.h"

static const int64_t live_tick = CLOCK_SECOND;
static const struct timespec live_gather = {.tv_nsec = 20000000}; /* rows that come at once */

/* ---- Waking -------------------------------------------------------------- */

void live_wake_clients(struct live *live, struct live_source *source)
{
	atomic_store(&source->fresh, true);
	worker_wake(&live->waker);
}

static bool live_concerns(const struct sse_client *stream, const bool fresh[LIVE_KINDS])
{
	for (uint32_t i = 0; i < stream->n_topics; i++)
		if (fresh[stream->topics[i].is->kind])
			return true;
	return false;
}

/* Those for which there are rows or a heartbeat is due, and all of them at the end. */
static void live_resume(struct live *live, const bool fresh[LIVE_KINDS])
{
	struct sse_client *ready = NULL, *next;
	int64_t now = tally_monotonic(live->ctx);
	pthread_mutex_lock(&live->lock);
	for (struct sse_client *stream = live->waiting; stream; stream = next) {
		next = stream->next;
		if (!live->closed && !live_concerns(stream, fresh) &&
		    now - stream->spoke < live->config->live_heartbeat)
			continue;
		*(stream->previous ? &stream->previous->next : &live->waiting) = next;
		if (next)
			next->previous = stream->previous;
		stream->suspended = false;
		stream->next_ready = ready;
		ready = stream;
	}
	pthread_mutex_unlock(&live->lock);
	for (; ready; ready = next) {
		next = ready->next_ready; /* it may be gone once resumed */
		MHD_resume_connection(ready->connection);
	}
}

bool live_is_over(struct live *live)
{
	pthread_mutex_lock(&live->lock);
	bool over = live->closed;
	pthread_mutex_unlock(&live->lock);
	return over;
}

void live_wake(void *arg)
{
	struct live *live = arg;
	while (!live_is_over(live)) {
		bool fresh[LIVE_KINDS];
		enum worker_event event = worker_wait(&live->waker, clock_monotonic() + live_tick);
		for (int i = 0; i < LIVE_KINDS; i++)
			fresh[i] = atomic_exchange(&live->sources[i].fresh, false);
		live_resume(live, fresh);
		if (event == WORKER_WOKEN)
			nanosleep(&live_gather, NULL);
	}
}

/* ---- Rows ---------------------------------------------------------------- */

void live_watch(struct live *live, const struct tally_batch *batch)
{
	int64_t from = live->config->live;
	if (from != HTTP_LIVE_AUTO && from != HTTP_LIVE_PIPELINE)
		return;
	for (int i = 0; i < LIVE_KINDS; i++) {
		struct live_source *source = &live->sources[i];
		if (strcmp(source->table, batch->table->name) != 0)
			continue;
		if (!atomic_exchange(&source->passes, true))
			eventfd_write(live->subscribe_fd, 1);
		struct row_chunk *chunk = row_chunk_of_batch(live->ctx, batch);
		if (chunk)
			ring_buffer_add(&source->ring, chunk);
		live_wake_clients(live, source);
		return;
	}
}

struct ring_buffer *live_ring(struct live *live, enum live_kind kind)
{
	return &live->sources[kind].ring;
}

bool live_is_polled(const struct live *live, enum live_kind kind)
{
	if (live->config->live == HTTP_LIVE_STORE)
		return true;
	return live->config->live == HTTP_LIVE_AUTO && !atomic_load(&live->sources[kind].passes);
}

bool live_is_wanted(const struct live *live, const struct live_source *source)
{
	return source->wanted && live_is_polled(live, (enum live_kind)(source - live->sources));
}

void live_want(struct live *live)
{
	pthread_cond_signal(&live->query);
	pthread_cond_signal(&live->subscribe);
	eventfd_write(live->subscribe_fd, 1);
}

/* ---- Streams ------------------------------------------------------------- */

/* With the live lock: nobody has asked for it for a while. */
static void live_begin(struct live *live, struct live_source *source)
{
	ring_buffer_clear(&source->ring);
	source->wanted = true;
	source->due = 0;
	source->generation++;
	pthread_mutex_lock(&source->lock);
	recent_clear(&source->recent);
	source->recent_generation = source->generation;
	pthread_mutex_unlock(&source->lock);
	live_want(live);
}

/* With the live lock. */
static struct live_source *live_take(struct live *live, enum live_kind kind)
{
	struct live_source *source = &live->sources[kind];
	source->streams++;
	if (!source->wanted && live_is_polled(live, kind))
		live_begin(live, source);
	return source;
}

/* With the live lock. */
static void live_give(struct live *live, enum live_kind kind)
{
	struct live_source *source = &live->sources[kind];
	if (--source->streams == 0)
		source->left = clock_monotonic();
}

/* With the live lock.  Who belongs to a service is known by events. */
static void live_enter_topic(struct live *live, struct sse_topic *topic)
{
	if (topic->row_filter.members.given)
		live_take(live, LIVE_EVENTS);
	struct live_source *source = live_take(live, topic->is->kind);
	const struct ring_buffer_span span = ring_buffer_span(&source->ring);
	topic->epoch = span.epoch;
	topic->at = span.next;
}

int live_enter(struct live *live, struct sse_client *stream)
{
	int r = 0;
	pthread_mutex_lock(&live->lock);
	if (live->closed) {
		r = -ESHUTDOWN;
	} else if (live->n_streams >= live->config->max_streams) {
		r = -EBUSY;
	} else {
		for (uint32_t i = 0; i < stream->n_topics; i++)
			live_enter_topic(live, &stream->topics[i]);
		tally_gauge(live->ctx, HTTP_STREAMS, ++live->n_streams);
		stream->entered = true;
	}
	pthread_mutex_unlock(&live->lock);
	return r;
}

void live_leave(struct live *live, struct sse_client *stream)
{
	pthread_mutex_lock(&live->lock);
	for (uint32_t i = 0; i < stream->n_topics; i++) {
		live_give(live, stream->topics[i].is->kind);
		if (stream->topics[i].row_filter.members.given)
			live_give(live, LIVE_EVENTS);
	}
	tally_gauge(live->ctx, HTTP_STREAMS, --live->n_streams);
	pthread_mutex_unlock(&live->lock);
}

bool live_history_take(struct live *live, size_t bytes)
{
	if (atomic_fetch_add(&live->history, bytes) + bytes <= HTTP_MAX_OUTGOING)
		return true;
	atomic_fetch_sub(&live->history, bytes);
	return false;
}

void live_history_give(struct live *live, size_t bytes)
{
	atomic_fetch_sub(&live->history, bytes);
}

static bool live_has_more(const struct sse_client *stream)
{
	for (uint32_t i = 0; i < stream->n_topics; i++)
		if (ring_buffer_span(stream->topics[i].ring).next != stream->topics[i].at)
			return true;
	return false;
}

void live_set_allows(struct live *live, live_allows_fn *allows, const void *arg)
{
	live->allows = allows;
	live->allows_arg = arg;
}

bool live_allows(const struct live *live, struct MHD_Connection *connection, unsigned scopes,
		 int64_t now)
{
	return !live->allows || live->allows(live->allows_arg, connection, scopes, now);
}

enum live_wait_result live_wait(struct live *live, struct sse_client *stream)
{
	enum live_wait_result prospect = LIVE_WAITING;
	pthread_mutex_lock(&live->lock);
	if (live->closed) {
		prospect = LIVE_OVER;
	} else if (live_has_more(stream)) {
		prospect = LIVE_MORE;
	} else {
		MHD_suspend_connection(stream->connection);
		stream->suspended = true;
		stream->previous = NULL;
		stream->next = live->waiting;
		if (stream->next)
			stream->next->previous = stream;
		live->waiting = stream;
	}
	pthread_mutex_unlock(&live->lock);
	return prospect;
}

/* ---- The end ------------------------------------------------------------- */

void live_end(struct live *live)
{
	static const bool none[LIVE_KINDS];
	pthread_mutex_lock(&live->lock);
	live->closed = true;
	live_want(live);
	pthread_mutex_unlock(&live->lock);
	live_resume(live, none);
	live_wake_clients(live, &live->sources[0]);
}
