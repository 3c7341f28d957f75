/*
 * Open connections: how many there may be, and how long each may still take.
 *
 * Beyond its own limit libmicrohttpd lets clients wait unheard, so who is too many is told so here;
 * a reserve is kept for that, in which /healthz is answered.  Its timeout starts anew with every
 * byte, so that a client that sends, or takes, one byte a second would stay for ever; here a
 * request's head and an answer's way out each have an end, and who is later is hung up on.  So is
 * who takes longest where answers on their way hold too much.
 */
#ifndef TALLYD_HTTP_CONNECTIONS_H
#define TALLYD_HTTP_CONNECTIONS_H

#include <microhttpd.h>
#include <tallyd/host.h>

struct connections;
struct http_config;

/* -errno: no thread, no memory. */
int connections_open(struct tally_ctx *ctx, const struct http_config *config,
		     struct connections **ret);
void connections_close(
	struct connections *connections); /* after the daemon was stopped; NULL is fine */

/* How many connections more than max_connections there may be at a time. */
unsigned connections_reserve_limit(void);
/* An MHD_AcceptPolicyCallback; arg: the guests. */
enum MHD_Result connections_accept(void *arg, const struct sockaddr *address, socklen_t len);
void connections_stop_accepting(struct connections *connections); /* admits nobody from now on */

/* For MHD_OPTION_NOTIFY_CONNECTION; arg: the guests. */
void connections_notify(void *arg, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode what);

enum conn_state {
	CONN_READING,   /* its next request is awaited */
	CONN_WAITING,   /* for us: no end but the request's own */
	CONN_WRITING,   /* the answer is on its way */
	CONN_STREAMING, /* it has just taken a part of one that has no end */
};
/* HTTP thread, also below. */
void connections_set(struct connections *connections, struct MHD_Connection *connection,
		     enum conn_state state);
/* Has it come when there were too many already?  Then it may only ask for /healthz. */
bool connections_is_reserve(struct MHD_Connection *connection);
/* Of one that has: it was served, or it is told that it is one too many. */
void connections_settle_reserve(struct connections *connections, struct MHD_Connection *connection,
				bool served);
/* Now CONN_WRITING, to so many bytes.  Where it is too much in all, who listens longest goes. */
void connections_begin_writing(struct connections *connections, struct MHD_Connection *connection,
			       size_t bytes);
/* libmicrohttpd hangs up on it. */
void connections_late(struct connections *connections, struct MHD_Connection *connection);

#endif
