/*
 * Requests that need the store wait here, suspended, while a few workers run one fetch after
 * another.  The HTTP thread never waits for a store.
 *
 *	wait_list_queue()  suspends the connection and queues its fetch
 *	wait_list_join()   suspends the connection until a fetch that is under way is over
 *	a worker           runs the fetch, and resumes the connections of all that wait for it
 *	the watcher        answers requests whose deadline is over, whatever the worker is doing:
 *	                   with the stale answer if there is one, else with 503
 *
 * Exactly one of them takes a request out of REQUEST_WAITING, and only that one resumes it.
 * The lock is held over no I/O and no call into libmicrohttpd but suspending.
 */
#ifndef TALLYD_HTTP_WAIT_LIST_H
#define TALLYD_HTTP_WAIT_LIST_H

#include <tallyd/host.h>

#include "cache/fetch.h"
#include "message/request.h"

struct wait_list;

/* Called in a worker.  Returns the answer, owing response_drop(); NULL: no memory.  ret_stale: it
 * is a stale one. */
typedef struct response *wait_list_fetch_fn(void *arg, struct fetch *fetch, bool *ret_stale);

/* jobs_max: fetches that may wait for a worker.  -errno: no threads, no memory. */
int wait_list_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max,
		   wait_list_fetch_fn *run_fetch, void *arg, struct wait_list **ret);

/* HTTP thread.  -EBUSY: full; -ESHUTDOWN: closed; else the fetch is queued and the request waits,
 * and must not be touched before its connection is resumed.  request NULL: no request waits, and a
 * quarter of the room counts as full. */
int wait_list_queue(struct wait_list *wait_list, struct fetch *fetch, struct request *request,
		    struct MHD_Connection *connection);
/* The same without a fetch of its own.  -EALREADY: it is finished, and the request has its result.
 */
int wait_list_join(struct wait_list *wait_list, struct fetch *fetch, struct request *request,
		   struct MHD_Connection *connection);

/* The request waits until its time is over and then gets its fallback.  -ESHUTDOWN. */
int wait_list_delay(struct wait_list *wait_list, struct request *request,
		    struct MHD_Connection *connection);

/* True once nobody needs the result: it would not be cached, and no request waits for it, or its
 * client has closed the connection.  Looks some hundred times a second, however often it is asked;
 * only by the worker that runs the fetch. */
bool wait_list_is_abandoned(struct wait_list *wait_list, struct fetch *fetch);

/* Answers all waiting requests with 503 and returns when no worker runs any more; then
 * wait_list_free().
 */
void wait_list_close(struct wait_list *wait_list);
void wait_list_free(struct wait_list *wait_list);

#endif
