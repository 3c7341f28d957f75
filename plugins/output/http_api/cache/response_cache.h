/*
 * Finished answers in memory, by key, so that a hit is a lookup and a send.  Each is fresh for the
 * TTL of its class; for as long again it is sent while a new one is fetched
 * (stale-while-revalidate, RFC 5861); later only if the store is slow or fails (stale-if-error).
 * One that lacks rows which have come since is fresh for cache_ttl_stats at most, and then stale:
 * nobody is shown anything older than the newest stored rows and that time.
 * 4xx are cached briefly, 5xx and what would take more than an eighth of the memory not at all.
 * Bounded in bytes: the least recently used goes first.  Any thread; one lock, held over no I/O.
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
	CACHE_STALE_WHILE_REVALIDATE, /* send it, and fetch a new one */
	CACHE_STALE_IF_ERROR,         /* send it only if there is no new one soon */
};

struct cache_found {
	enum cache_age age;
	struct response *response; /* NULL: CACHE_NONE */
	struct fetch *fetch;       /* that fetches a new one now, or NULL */
	bool store_failed;         /* a moment ago: do not ask it again at once */
};

void cache_found_done(struct cache_found *found);

void cache_find(struct cache *cache, const char *key, struct cache_found *ret);

/* Registers the fetch under its key until cache_finish(), which the caller owes.  -ENOMEM. */
int cache_begin(struct cache *cache, struct fetch *fetch);

/*
 * Something of that class has changed, or is about to in the store: cached answers are stale from
 * now on, and so are those of fetches under way.  For changes only (a container started, died, was
 * renamed), not for every row.  Since the rows may reach the store a little later than this call,
 * answers of the next seconds are cached for a moment only.
 */
void cache_invalidate(struct cache *cache, enum cache_class kind);

/* Rows that answers of that class show are on their way into the store. */
void cache_rows_came(struct cache *cache, enum cache_class kind);
/* Whether an answer of that class may lack rows and is too old for that. */
bool cache_is_outdated(struct cache *cache, enum cache_class kind, const struct response *response);

/* The fetch is over: caches the response if it is one to cache.  NULL: there is none.  Returns what
 * the waiting requests get, owing response_drop(); ret_stale: it is the stale one. */
struct response *cache_finish(struct cache *cache, struct fetch *fetch, struct response *response,
			      bool *ret_stale);

#endif
