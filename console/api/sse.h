/*
 * Server-Sent Events as they come in pieces (WHATWG HTML, "event stream interpretation"): for each
 * event its name, id and data.  One thread at a time.
 */
#ifndef TALLYD_CONSOLE_SSE_H
#define TALLYD_CONSOLE_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum { SSE_MAX_LINE = 4 << 20, SSE_NAME_SIZE = 32, SSE_ID_SIZE = 8192, SSE_COMMENT_SIZE = 512 };

struct sse_event {
	const char *name; /* "": none, as of streams of one kind */
	char *data;       /* writable */
	size_t len;
};

typedef void sse_event_fn(void *arg, const struct sse_event *event);

/* Zeroed is one that begins. */
struct sse {
	struct strbuf line, data;
	char name[SSE_NAME_SIZE];
	char id[SSE_ID_SIZE];           /* of the last event; stays when the connection ends */
	char next_id[SSE_ID_SIZE];      /* of the one that is coming */
	char comment[SSE_COMMENT_SIZE]; /* the last that was not empty: why a stream ends at once */
	bool too_long;                  /* the line that is coming is left out */
};

void sse_feed(struct sse *sse, const char *bytes, size_t len, sse_event_fn *event, void *arg);
/* For the next connection: what was incomplete is forgotten, the id is kept. */
void sse_restart(struct sse *sse);
void sse_done(struct sse *sse);

#endif
