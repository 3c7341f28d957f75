/*
 * One query on its way to the store and back, and the requests that wait for it (single flight, as
 * Go's singleflight): one alone; or, if the answer can be shared, all requests with the same key;
 * or none, when a stale answer is refreshed.  Guarded by the lock of the wait list, except for
 * what never changes after fetch_create().
 */
#ifndef TALLYD_HTTP_FETCH_H
#define TALLYD_HTTP_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct response;
struct request;

struct fetch {
	atomic_uint references;
	struct request *source; /* the first request: what to ask; a reference */
	char *key;              /* in the cache; NULL: the answer is not shared */
	int64_t started;        /* monotonic */
	unsigned generation;    /* of its class when it began; guarded by the cache's lock */
	int64_t looked;         /* clock_monotonic(): whether the client has left */
	bool finished;
	bool stale;             /* result is a stale one, since the store failed */
	bool from_shared_cache; /* result comes from there: to the client a hit */
	struct response *result;
	struct request *waiters;
	struct fetch *next_job;
};

struct fetch *fetch_create(struct request *source, const char *key); /* NULL: no memory */
struct fetch *fetch_keep(struct fetch *fetch);
void fetch_drop(struct fetch *fetch); /* NULL is fine */

#endif
