/*
 * Where a request gets its answer: from the cache, from a fetch that is under way for somebody
 * else, or from a fetch of its own.  HTTP thread, except for the fetches themselves.
 *
 *	fresh                   sent at once
 *	stale-while-revalidate  sent at once, and a fetch refreshes it
 *	stale-if-error          waits a moment for a new answer; gets the stale one if the store
 *	                        is slow or fails
 *	none                    waits for the store, until its deadline
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

/* Rows of that table are on their way into the store: answers that depend on it are invalid, here
 * and in the shared cache, and those that show its rows are old.  Any thread, until
 * dispatch_free(). */
void dispatch_watch(struct dispatch *dispatch, const char *table);

/* For a routed request.  0: it waits, and must not be touched before its connection is resumed;
 * 1: request->response or request->builder has its answer. */
int dispatch_request(struct dispatch *dispatch, struct request *request,
		     struct MHD_Connection *connection);

/* Delays the answer in request->builder by a second, without a worker.  0: it waits, as above;
 * -errno: it does not, and the answer is to be sent now. */
int dispatch_delay(struct dispatch *dispatch, struct request *request,
		   struct MHD_Connection *connection);

#endif
