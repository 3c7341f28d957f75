/*
 * The engine's stream of events: one JSON object per line, in any pieces.  Of each only what this
 * input needs: which container, and what became of it.
 */
#ifndef TALLYD_LOGS_EVENTS_H
#define TALLYD_LOGS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "docker.h"

enum logs_event { LOGS_START, LOGS_DIE, LOGS_RENAME, LOGS_DESTROY };

enum { LOGS_EVENT_SIZE = 64 << 10 };

/* Behind the API's version.  Named by the server, so that others cost nothing. */
#define LOGS_EVENTS_PATH                                                                           \
	"/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22"     \
	"%2C%22die%22%2C%22rename%22%2C%22destroy%22%2C%22remove%22%5D%7D"

struct logs_events {
	char *line; /* what has come of one */
	size_t len;
	bool too_long;
};

typedef void logs_event_fn(void *arg, const char *id, enum logs_event event);

/* false: no memory. */
bool logs_events_feed(struct logs_events *events, const char *bytes, size_t len,
		      logs_event_fn *each, void *arg);
void logs_events_done(struct logs_events *events);

#endif
