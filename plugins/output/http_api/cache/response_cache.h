/*
 * Answers kept in memory, by key, finished, so that a hit is a lookup and a send.  Each is fresh
 * for the time of its kind; after that, for as long again, it is still given while a new one is
 * fetched; and later only if the store is slow or fails.  Answers to mistakes (4xx) are kept
 * briefly, failures and what would fill an eighth of the memory not at all.  Bounded in bytes: what
 * was not asked for longest goes first.
 * Any thread; one lock, held over no I/O.
 */
#ifndef TALLYD_HTTP_RESPONSE_CACHE_H
#define TALLYD_HTTP_RESPONSE_CACHE_H

#include <tallyd/host.h>

#include "cache/fetch.h"
#include "http_api.h"
#include "message/response.h"

struct cache;

/* NULL: no memory. */
struct cache *cache_create(struct tally_ctx *ctx, const struct http_config *config);
void cache_destroy(struct cache *cache); /* NULL is fine */

enum cache_age {
	CACHE_NONE,
	CACHE_FRESH,
	CACHE_STALE_WHILE_REVALIDATE, /* give it, and fetch a new one */
	CACHE_STALE_IF_ERROR,         /* only if there is no new one soon */
};

struct cache_found {
	enum cache_age age;
	struct response *response; /* NULL: CACHE_NONE */
	struct fetch *fetch;       /* that fetches a new one now, or NULL */
	bool store_failed;         /* the store has just failed: do not ask it at once again */
};

void cache_found_done(struct cache_found *found);

void cache_find(struct cache *cache, const char *key, struct cache_found *ret);

/* Its answer is on the way; what is known of the key stays until cache_finish().  -ENOMEM. */
int cache_begin(struct cache *cache, struct fetch *fetch);

/*
 * Something of that kind has changed, or is about to in the store: what is kept is old from now
 * on, and flights that are under way bring something old.  For changes only (a container started,
 * died, was renamed), not for every row.  Since the rows that say so may reach the store a little
 * later than us, what is asked in the next seconds is kept for a moment only.
 */
void cache_invalidate(struct cache *cache, enum cache_class kind);

/* The flight is over: keeps the answer, if it is one to keep.  NULL: there is none.  Returns what
 * to give to those who wait, owing response_drop(); ret_stale: it is an old one. */
struct response *cache_finish(struct cache *cache, struct fetch *fetch, struct response *response,
			      bool *ret_stale);

#endif
