/*
 * Open connections: how many there may be, and how long each may take.
 *
 * A connection over the limit gets a 503 instead of no answer; a reserve is kept for that, in which
 * /healthz is answered.  Reading a request's head and writing an answer each have a deadline, after
 * which the connection is reset; so is the slowest one when answers being written take too much
 * memory.
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
/* An MHD_AcceptPolicyCallback; arg: the connections. */
enum MHD_Result connections_accept(void *arg, const struct sockaddr *address, socklen_t len);
void connections_stop_accepting(struct connections *connections); /* refuses all from now on */

/* For MHD_OPTION_NOTIFY_CONNECTION; arg: the connections. */
void connections_notify(void *arg, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode what);

enum conn_state {
	CONN_READING,   /* waits for the client's next request */
	CONN_WAITING,   /* waits for us: no deadline but the request's own */
	CONN_WRITING,   /* an answer is being written */
	CONN_STREAMING, /* it has just taken a part of a stream */
};
/* HTTP thread, also below. */
void connections_set(struct connections *connections, struct MHD_Connection *connection,
		     enum conn_state state);
/* Whether it is in the reserve, and so may only ask for /healthz. */
bool connections_is_reserve(struct MHD_Connection *connection);
/* For a connection of the reserve: it was served, or gets a 503. */
void connections_settle_reserve(struct connections *connections, struct MHD_Connection *connection,
				bool served);
/* Now CONN_WRITING, with an answer of `bytes`.  If all answers are too much, the slowest client is
 * reset. */
void connections_begin_writing(struct connections *connections, struct MHD_Connection *connection,
			       size_t bytes);
/* libmicrohttpd is closing it for its timeout. */
void connections_late(struct connections *connections, struct MHD_Connection *connection);

#endif
