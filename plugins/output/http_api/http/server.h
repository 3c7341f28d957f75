/*
 * The HTTP server: libmicrohttpd on one thread, request checks in front of everything, and dispatch
 * for requests that need the store.
 *
 *	first line   server_uri()       remembers the target as it came
 *	headers      request_check()    or a refusal, and the connection closed
 *	complete     endpoint_find()    then answered at once, or by dispatch
 *	answered     server_queue()     status, headers, body; counted
 */
#ifndef TALLYD_HTTP_SERVER_H
#define TALLYD_HTTP_SERVER_H

#include <tallyd/host.h>

#include "http_api.h"
#include "http/listen.h"

struct server;

/* Owns the listening socket if it returns 0. */
int server_start(struct tally_ctx *ctx, const struct http_config *config,
		 const struct listen_address *address, int listen_fd, struct server **ret);
/* Answers waiting requests with 503, gives answers being written a moment, closes everything. */
void server_stop(struct server *server);

/* A batch is on its way to a store.  Any thread, between start and stop; does not block. */
void server_watch(struct server *server, const struct tally_batch *batch);

#endif
