/*
 * Where a request gets its answer: from what is kept, from a flight that is under way for
 * somebody else, or by sending one to the store.  HTTP thread, but for the flights themselves.
 *
 *	fresh         given at once
 *	ageing        given at once, and a new one is sent for
 *	old           waits a moment for a new one; if the store is slow or fails it is given
 *	none          waits for the store, until the request's deadline
 */
#ifndef TALLYD_HTTP_DISPATCH_H
#define TALLYD_HTTP_DISPATCH_H

#include <tallyd/host.h>

#include "http_api.h"
#include "message/request.h"

struct dispatch;
struct live;

/* live outlives it.  -errno: no memory, no threads. */
int dispatch_open(struct tally_ctx *ctx, const struct http_config *config, struct live *live,
		  struct dispatch **ret);
/* Ends streams, answers whoever waits with 503, and returns when no worker runs any more. */
void dispatch_close(struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch); /* NULL is fine */

/* Rows of that table have come: what is made of them and kept, here and behind the memory, is old.
 * Any thread, until dispatch_free(). */
void dispatch_invalidate_table(struct dispatch *dispatch, const char *table);

/* Of a routed request.  0: it waits, and must not be looked at before its connection is resumed;
 * 1: request->parcel or request->reply is its answer. */
int dispatch_request(struct dispatch *dispatch, struct request *request,
		     struct MHD_Connection *connection);

/* Holds the answer in request->reply back for a second, without a worker.  0: it waits, as above;
 * -errno: it does not, and the answer is to be given now. */
int dispatch_delay(struct dispatch *dispatch, struct request *request,
		   struct MHD_Connection *connection);

#endif
