/*
 * Streams of the HTTP plugin: rows of logs and events that pass, or are in the store, and a client
 * of Server-Sent Events.  Fixtures begin with live = pipeline and the containers web (abc) and db
 * (def) on alpha.
 */
#ifndef TALLYD_TESTS_SSE_FIXTURE_H
#define TALLYD_TESTS_SSE_FIXTURE_H

#include "http_fixture.h"

const struct tally_plugin *tally_plugin(void);

int sse_prepare(void **state); /* a struct http_fixture, not started */
int sse_set_up(void **state);  /* started */

int64_t sse_at(int second); /* after HTTP_NOW */
int64_t sse_monotonic(void);

/* Rows that pass. */
struct tally_batch *sse_batch(struct http_fixture *fixture, const struct tally_table *table);
void sse_pass(struct http_fixture *fixture, struct tally_batch *batch); /* drops it */
void sse_put_text(struct tally_cell *row, uint32_t column, const char *text);
void sse_fill_line(struct tally_cell *row, int second, const char *id, const char *message);
void sse_pass_line(struct http_fixture *fixture, int second, const char *id, const char *message);
void sse_pass_event(struct http_fixture *fixture, int second, const char *action);
/* A row in the store. */
void sse_store_line(struct http_fixture *fixture, int second, const char *id, const char *message);

struct sse_client {
	int fd;
	size_t len;
	char text[1 << 20];
};

struct sse_event {
	char id[400], name[40];
	json_t *data;
};

/* Only asks.  last: NULL, or its Last-Event-ID. */
struct sse_client *sse_ask(const struct http_fixture *fixture, const char *target,
			   const char *last);
void sse_open(struct sse_client *client); /* up to the first events */
struct sse_client *sse_follow(const struct http_fixture *fixture, const char *target,
			      const char *last); /* both */
/* Wants a stream that ends at once, with the problem as a comment. */
void sse_expect_excuse(const struct http_fixture *fixture, const char *target, const char *last,
		       const char *detail);
void sse_leave(struct sse_client *client);
/* Reads on until that is there; returns what stands before it, and forgets both. */
void sse_read_to(struct sse_client *client, const char *end, char *ret, size_t size);
struct sse_event sse_next(struct sse_client *client);
const char *sse_text(const struct sse_event *event, const char *field);
/* Wants that line next; keeps its id if asked to. */
void sse_expect_line(struct sse_client *client, const char *message, char ret_id[400]);
uint64_t sse_expect_lagged(struct sse_client *client);

#endif
