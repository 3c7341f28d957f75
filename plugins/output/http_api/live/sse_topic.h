/*
 * One kind of rows for one client of a stream: where it is among them.  First what the store had
 * when the client came, then the rows of the ring buffer from then on, without those that the store
 * gave already: each row once.
 *
 *	a worker        sse_topic_join()     history from the store, and the ring's rows meanwhile
 *	HTTP thread     sse_topic_fill()     writes events, oldest first
 *
 * Bounded: history and rows that are held take SSE_HISTORY_MAX each at most.
 */
#ifndef TALLYD_HTTP_SSE_TOPIC_H
#define TALLYD_HTTP_SSE_TOPIC_H

#include "base/clock.h"
#include "base/hash_set.h"
#include "base/json_writer.h"
#include "live/event_id.h"
#include "live/live.h"
#include "live/row_filter.h"
#include "message/context.h"

enum {
	SSE_HISTORY_MAX = 16 << 20,
	SSE_TOPICS = 4, /* of one client */
};

/* How old a reading may be at most when it is shown: what is older says nothing of now. */
#define SSE_MAX_AGE (600 * CLOCK_SECOND)

struct sse_client;

/* What a topic is: static. */
struct sse_topic_kind {
	const char *name;
	char letter; /* of its part in an id */
	enum live_kind kind;
	const struct list *list;
	enum http_class scope;
	bool tails; /* tail= is for it */
};

struct sse_held;

struct sse_topic {
	struct sse_client *client;
	const struct sse_topic_kind *is;
	struct ring_buffer *ring;
	uint32_t epoch; /* of the ring, when the client came */
	struct row_filter row_filter;
	char *fields;                     /* "a,b"; of readings besides time and tags; NULL: all */
	const struct tally_table *masked; /* that `shown` is for */
	bool shown[RESULT_SET_MAX_COLUMNS];

	/* Where it begins: rows before `after` are left out, and it too unless `inclusive`; but not
	 * those from number `boundary` on, which have come since. */
	bool has_after, inclusive;
	struct event_id after;
	uint64_t boundary;
	struct hash_set given;    /* by the store, to this client */
	struct hash_set position; /* by a list, EVENT_ID_HASH bytes each */

	/* What is to be sent before the ring is read again: pages of the store, the last one first
	 * and each from its end; then chunks of the ring. */
	struct result_set *pages;
	uint32_t n_pages;
	const struct catalog *catalog; /* that the pages' table is in */
	const struct tally_table *table;
	size_t history_bytes; /* counted in live_history_take() */
	struct sse_held *held;
	uint32_t n_held, next_held;
	size_t held_bytes;

	uint64_t at;       /* the next row of the ring that was not held */
	uint64_t missed;   /* told once it is known that these were not given otherwise */
	uint64_t outdated; /* readings too old, not reported yet */
	char *last;        /* its part of the newest id; NULL: none yet */
};

void sse_topic_done(struct sse_topic *topic);

/* In a worker, once the client is entered, with row_filter set: where it begins, and what the store
 * has from there on.  id: its part of what the client had last; NULL: none.  0, or a problem. */
int sse_topic_join(struct sse_topic *topic, struct context *context, const char *id);

/* Writes rows until the client's buffer has a block, or there are none. */
void sse_topic_fill(struct sse_topic *topic);
/* Everything of before has been written. */
bool sse_topic_is_live(const struct sse_topic *topic);
/* Keeps the rows of the ring that came meanwhile, as far as there is room. */
void sse_topic_hold(struct sse_topic *topic);
/* Of rows held that pass the filter: the first was not given, and rows before it may be gone. */
bool sse_topic_has_hole(const struct sse_topic *topic);
void sse_topic_release_held(struct sse_topic *topic);
void sse_topic_drop_page(struct sse_topic *topic);
bool sse_topic_wants(const struct sse_topic *topic, const struct tally_table *table,
		     const struct tally_cell *row, uint64_t number);

#endif
