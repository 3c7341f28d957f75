/*
 * One question on its way to the store and back, and the requests that wait for it: one alone, or,
 * if the answer can be shared, all that ask the same meanwhile, or nobody, when an answer that is
 * getting old is asked anew.  Guarded by the room's lock, but for what never changes.
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
	struct request *source; /* who asked first: what is asked; a reference */
	char *key;              /* in the cache; NULL: the answer is not shared */
	int64_t started;        /* monotonic */
	unsigned generation;    /* of its kind when it was begun: the cache's */
	bool finished;
	bool stale;             /* result is an old one, since there is no new one */
	bool from_shared_cache; /* result was made for others, by another process perhaps */
	struct response *result;
	struct request *waiters;
	struct fetch *next_job;
};

struct fetch *fetch_create(struct request *source, const char *key); /* NULL: no memory */
struct fetch *fetch_keep(struct fetch *fetch);
void fetch_drop(struct fetch *fetch); /* NULL is fine */

#endif
