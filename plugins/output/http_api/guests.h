/*
 * Open connections: how many there may be, and how long each may still take.
 *
 * Beyond its own limit libmicrohttpd lets clients wait unheard, so who is too many is told so here;
 * a reserve is kept for that, in which /healthz is answered.  Its timeout starts anew with every
 * byte, so that a client that sends, or takes, one byte a second would stay for ever; here a
 * request's head and an answer's way out each have an end, and who is later is hung up on.  So is
 * who takes longest where answers on their way hold too much.
 */
#ifndef TALLYD_HTTP_GUESTS_H
#define TALLYD_HTTP_GUESTS_H

#include <microhttpd.h>
#include <tallyd/host.h>

struct guests;
struct http_config;

/* -errno: no thread, no memory. */
int guests_open(struct tally_ctx *ctx, const struct http_config *config, struct guests **ret);
void guests_close(struct guests *guests); /* after the daemon was stopped; NULL is fine */

/* How many connections more than max_connections there may be at a time. */
unsigned guests_reserve_limit(void);
/* An MHD_AcceptPolicyCallback; arg: the guests. */
enum MHD_Result guests_admit(void *arg, const struct sockaddr *address, socklen_t len);
void guests_close_door(struct guests *guests); /* admits nobody from now on */

/* For MHD_OPTION_NOTIFY_CONNECTION; arg: the guests. */
void guests_notify(void *arg, struct MHD_Connection *connection, void **context,
		   enum MHD_ConnectionNotificationCode what);

enum guest_state {
	GUEST_SPEAKS,  /* its next request is awaited */
	GUEST_WAITS,   /* for us: no end but the request's own */
	GUEST_LISTENS, /* the answer is on its way */
	GUEST_STREAMS, /* it has just taken a part of one that has no end */
};
/* HTTP thread, also below. */
void guests_set(struct guests *guests, struct MHD_Connection *connection, enum guest_state state);
/* Has it come when there were too many already?  Then it may only ask for /healthz. */
bool guests_is_reserve(struct MHD_Connection *connection);
/* Of one that has: it was served, or it is told that it is one too many. */
void guests_settle_reserve(struct guests *guests, struct MHD_Connection *connection, bool served);
/* Now GUEST_LISTENS, to so many bytes.  Where it is too much in all, who listens longest goes. */
void guests_listen(struct guests *guests, struct MHD_Connection *connection, size_t bytes);
/* libmicrohttpd hangs up on it. */
void guests_late(struct guests *guests, struct MHD_Connection *connection);

#endif
