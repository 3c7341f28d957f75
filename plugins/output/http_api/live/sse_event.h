/*
 * The events of a stream, written into its client's buffer.  One thread at a time, that of the
 * client.
 */
#ifndef TALLYD_HTTP_SSE_EVENT_H
#define TALLYD_HTTP_SSE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

struct context;
struct sse_client;
struct sse_topic;

struct sse_row {
	uint32_t epoch; /* 0: the number means nothing */
	uint64_t number;
	const struct tally_table *table;
	const struct tally_cell *cells;
	const bool *shown; /* columns; NULL: all */
};

/* Adds one event.  false: it is larger than the bound, or there is no memory; nothing is added. */
bool sse_event_write_row(struct sse_topic *topic, const struct sse_row *row);
void sse_event_write_lagged(struct sse_topic *topic, uint64_t missed);

/* History is over. */
void sse_event_write_ready(struct sse_client *stream);

/* With all topics joined: where each is, for the ids of the others' events.  -ENOMEM. */
int sse_event_begin_ids(struct sse_client *stream, const struct context *context);

#endif
