/*
 * The HTTP side: libmicrohttpd on one thread, the filter in front of everything, and the room for
 * requests that need the store.
 *
 *	first line   server_uri()       remembers the target as it came
 *	headers      request_check()     or an answer and the connection closed
 *	complete     endpoint_find()    then at once, or through the room
 *	answered     server_queue()     status, headers, body; counted
 */
#ifndef TALLYD_HTTP_SERVER_H
#define TALLYD_HTTP_SERVER_H

#include <tallyd/host.h>

#include "http_api.h"
#include "http/listen.h"

struct server;

/* Takes the listening socket over if it returns 0. */
int server_start(struct tally_ctx *ctx, const struct http_config *config,
		 const struct listen_address *address, int listen_fd, struct server **ret);
/* Answers what waits with 503, gives open answers a moment to leave, closes everything. */
void server_stop(struct server *server);

/* Rows pass on their way to a store.  Any thread, between start and stop; does not block. */
void server_watch(struct server *server, const struct tally_batch *batch);

#endif
