/*
 * The rows that streams send: a ring buffer per kind, filled from the rows that pass through this
 * daemon.  Where none pass (an API process without inputs), it is filled from what workers publish
 * in a shared cache, and from the store, for all clients of a kind, while there are any.
 *
 *	an input         live_watch()      adds its batch to a ring buffer, nudges the waker
 *	the poller       live_poll.c       queries the store for rows that were not shown yet
 *	the subscriber   live_subscribe.c  reads what workers publish, earlier than the store has it
 *	the waker        live.c            resumes streams for which there are rows or a heartbeat
 *	HTTP thread      sse_client.c      reads the ring buffer; live_wait() at its end
 *
 * Lock order: the live lock, then a source's, then a ring buffer's or libmicrohttpd's own, which
 * suspending takes.
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

/* Whether a client may go on, asked on the HTTP thread now and then.  Before there are any;
 * without, all may. */
typedef bool live_allows_fn(const void *arg, struct MHD_Connection *connection, unsigned scopes,
			    int64_t now);
void live_set_allows(struct live *live, live_allows_fn *allows, const void *arg);
bool live_allows(const struct live *live, struct MHD_Connection *connection, unsigned scopes,
		 int64_t now);

/* Rows pass.  Any thread; never waits for a client or a store. */
void live_watch(struct live *live, const struct tally_batch *batch);

/* ---- For streams --------------------------------------------------------- */

struct ring_buffer *live_ring(struct live *live, enum live_kind kind);
/* The store is polled: the ring buffer may have rows from before a stream began. */
bool live_is_polled(const struct live *live, enum live_kind kind);

/* Puts it at the end of its ring buffer.  -EBUSY: there are max_streams; -ESHUTDOWN.  Else owes
 * live_leave(). */
int live_enter(struct live *live, struct sse_client *stream);
void live_leave(struct live *live, struct sse_client *stream);

/* Rows of the past that wait to be sent: HTTP_MAX_OUTGOING for all clients.  false: too many. */
bool live_history_take(struct live *live, size_t bytes);
void live_history_give(struct live *live, size_t bytes);

enum live_wait_result {
	LIVE_MORE,    /* rows have come meanwhile */
	LIVE_WAITING, /* its connection is suspended now */
	LIVE_OVER,
};
/* HTTP thread: nothing to send up to that row. */
enum live_wait_result live_wait(struct live *live, struct sse_client *stream);

#endif
