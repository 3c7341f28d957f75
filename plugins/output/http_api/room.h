/*
 * The waiting room: requests that need the store wait here, suspended, while a few workers answer
 * them one after another.  The HTTP thread never waits for a store.
 *
 *	room_enter()  suspends the connection and queues the request
 *	a worker      answers it and resumes the connection
 *	the watcher   answers 503 for those whose deadline passed, whatever the worker is doing
 *
 * Exactly one of them takes a request out of REQUEST_WAITING, and only that one resumes it.
 * The room's lock is held over no I/O and no call into libmicrohttpd but suspending.
 */
#ifndef TALLYD_HTTP_ROOM_H
#define TALLYD_HTTP_ROOM_H

#include <tallyd/host.h>

#include "request.h"

struct room;

/* Called in a worker, to fill reply. */
typedef void room_answer_fn(void *arg, const struct request *request, struct reply *reply);

/* jobs_max: requests that may wait for a worker.  -errno: no threads, no memory. */
int room_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max, room_answer_fn *answer,
	      void *arg, struct room **ret);

/* HTTP thread.  -EBUSY: full; -ESHUTDOWN: closed; else the request waits, and must not be looked
 * at before its connection is resumed. */
int room_enter(struct room *room, struct request *request, struct MHD_Connection *connection);

/* True once nobody waits for this request any more. */
bool room_has_left(struct room *room, const struct request *request);

/* Answers whoever waits with 503 and returns when no worker runs any more; then room_free(). */
void room_close(struct room *room);
void room_free(struct room *room);

#endif
