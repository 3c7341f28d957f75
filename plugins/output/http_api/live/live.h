/*
 * What streams show: three ring buffers, filled from the rows that pass through this daemon, or,
 *where none do (an api process of its own), from the channels of a cache that workers publish on
 *and from the store, both for all clients of a kind, and only while there are any.
 *
 *	an input       live_watch()     keeps its batch in a ring buffer, nudges the waker
 *	the poller     live_poll.c      asks the store for what nobody has shown yet
 *	the follower   live_subscribe.c hears what workers publish, ahead of the store
 *	the waker      resumes the streams that wait for it, and those that were silent for long
 *	HTTP thread    sse_client.c     takes rows out of it, live_wait() when there are no more
 *
 * Lock order: the live lock, then a source's, then a ring buffer's, or libmicrohttpd's own by
 *suspending.
 */
#ifndef TALLYD_HTTP_LIVE_H
#define TALLYD_HTTP_LIVE_H

#include <microhttpd.h>
#include <tallyd/host.h>

#include "live/ring_buffer.h"
#include "http_api.h"

struct live;
struct sse_client;

enum live_kind { LIVE_STATS, LIVE_LOGS, LIVE_EVENTS, LIVE_KINDS };

/* -errno: no memory, no threads. */
int live_open(struct tally_ctx *ctx, const struct http_config *config, struct live **ret);
/* Ends all streams, and those to come; waits for nobody. */
void live_end(struct live *live);
/* The same, and returns when no thread runs any more. */
void live_close(struct live *live);
void live_free(struct live *live); /* after all connections are gone; NULL is fine */

/* Rows pass.  Any thread; never waits for a client or a store. */
void live_watch(struct live *live, const struct tally_batch *batch);

/* ---- For streams --------------------------------------------------------- */

struct ring_buffer *live_feed(struct live *live, enum live_kind kind);
/* The store is asked: rows may be in the feed that are older than a stream is. */
bool live_is_polled(const struct live *live, enum live_kind kind);

/* Puts it at the end of its feed.  -EBUSY: there are max_streams; -ESHUTDOWN.  Else owes
 * live_leave(). */
int live_enter(struct live *live, struct sse_client *stream);
void live_leave(struct live *live, struct sse_client *stream);

enum live_wait_result {
	LIVE_MORE,    /* rows have come meanwhile */
	LIVE_WAITING, /* its connection is suspended now */
	LIVE_OVER,
};
/* HTTP thread: nothing to send up to that row. */
enum live_wait_result live_wait(struct live *live, struct sse_client *stream);

#endif
