/*
 * Open connections, and how long each may still take: libmicrohttpd's own timeout starts anew with
 * every byte, so that a client that sends, or takes, one byte a second would stay for ever.  Here
 * a request's head and an answer's way out each have an end; who is later is hung up on.
 */
#ifndef TALLYD_HTTP_GUESTS_H
#define TALLYD_HTTP_GUESTS_H

#include <microhttpd.h>
#include <tallyd/host.h>

struct guests;

/* -errno: no thread, no memory. */
int guests_open(struct tally_ctx *ctx, struct guests **ret);
void guests_close(struct guests *guests); /* after the daemon was stopped; NULL is fine */

/* For MHD_OPTION_NOTIFY_CONNECTION; arg: the guests. */
void guests_notify(void *arg, struct MHD_Connection *connection, void **context,
		   enum MHD_ConnectionNotificationCode what);

enum guest_state {
	GUEST_SPEAKS,  /* its next request is awaited */
	GUEST_WAITS,   /* for us: no end but the request's own */
	GUEST_LISTENS, /* the answer is on its way */
	GUEST_STREAMS, /* it has just taken a part of one that has no end */
};
/* HTTP thread. */
void guests_set(struct guests *guests, struct MHD_Connection *connection, enum guest_state state);

#endif
