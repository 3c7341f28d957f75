/*
 * The waiting room: requests that need the store wait here, suspended, while a few workers take
 * one flight after another to the store.  The HTTP thread never waits for a store.
 *
 *	room_enter()  suspends the connection and queues its flight
 *	room_join()   suspends the connection until a flight that is under way is over
 *	a worker      flies, and resumes the connections of all who wait for it
 *	the watcher   answers those whose time is over, whatever the worker is doing: with an old
 *	              answer if there is one, else with 503
 *
 * Exactly one of them takes a request out of REQUEST_WAITING, and only that one resumes it.
 * The room's lock is held over no I/O and no call into libmicrohttpd but suspending.
 */
#ifndef TALLYD_HTTP_ROOM_H
#define TALLYD_HTTP_ROOM_H

#include <tallyd/host.h>

#include "flight.h"
#include "request.h"

struct room;

/* Called in a worker.  Returns the answer, owing parcel_drop(); NULL: no memory.  ret_late: it is
 * an old one. */
typedef struct parcel *room_fly_fn(void *arg, struct flight *flight, bool *ret_late);

/* jobs_max: flights that may wait for a worker.  -errno: no threads, no memory. */
int room_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max, room_fly_fn *fly,
	      void *arg, struct room **ret);

/* HTTP thread.  -EBUSY: full; -ESHUTDOWN: closed; else the flight is queued and the request waits,
 * and must not be looked at before its connection is resumed.  request NULL: nobody waits. */
int room_enter(struct room *room, struct flight *flight, struct request *request,
	       struct MHD_Connection *connection);
/* The same without a flight of its own.  -EALREADY: it has landed, and the request has its result.
 */
int room_join(struct room *room, struct flight *flight, struct request *request,
	      struct MHD_Connection *connection);

/* The request waits until its time is over, and then gets its fallback.  -ESHUTDOWN. */
int room_delay(struct room *room, struct request *request, struct MHD_Connection *connection);

/* True once nobody has use for this flight any more. */
bool room_is_deserted(struct room *room, const struct flight *flight);

/* Answers whoever waits with 503 and returns when no worker runs any more; then room_free(). */
void room_close(struct room *room);
void room_free(struct room *room);

#endif
