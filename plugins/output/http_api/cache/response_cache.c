/*
 * A hash table with chained entries and a list by last use.  cache_find() runs on the HTTP thread
 * for every request, cache_begin() there too; cache_finish() on the worker that ran the fetch;
 * cache_invalidate() on whatever thread sees the change.  Under the lock is nothing but pointers
 * and counters, except when an answer is freed; compressing and hashing are done before.
 *
 * An entry outlives its answer while a fetch for its key is under way, since later requests find
 * the fetch through it.  Invalidating a class does not touch its entries: it raises the generation
 * of the class, which is O(1), and entries of an older generation count as stale when they are
 * found.
 *
 * The only failure is memory; cache_begin() then says -ENOMEM, and the request is refused.
 */
#include "cache/response_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cache/cache_policy.h"
#include "message/request.h"

enum { CACHE_BYTES_PER_BUCKET = 8 << 10, CACHE_MIN_BUCKETS = 64, CACHE_MAX_BUCKETS = 1 << 16 };
/* An answer over 1/8 of the memory is not cached: it would evict many for one. */
enum { CACHE_LARGEST_PART = 8 };

static const int64_t cache_error_ttl = CLOCK_SECOND; /* of 4xx: they may be right any moment */
static const int64_t cache_retry_interval =
	CLOCK_SECOND; /* after a failure, before the store is asked again */
static const int64_t cache_max_stale = CLOCK_DAY; /* older answers are not even sent on errors */
static const int64_t cache_quarantine =
	3 * CLOCK_SECOND; /* after a change or rows, until the store has them */
static const int64_t cache_quarantine_ttl = CLOCK_SECOND / 4; /* of answers meanwhile */

struct cache_entry {
	struct cache_entry *chain;         /* of its bucket */
	struct cache_entry *newer, *older; /* by last use */
	uint64_t hash;
	size_t bytes;
	struct response *response;                       /* NULL: none yet */
	int64_t fresh_until, revalidate_until, retry_at; /* monotonic */
	struct fetch *fetch;                             /* under way: the entry stays */
	enum cache_class kind;
	unsigned generation; /* of its class when the response was asked for */
	char key[];
};

struct cache {
	struct tally_ctx *ctx;
	const struct http_config *config;
	uint64_t seed;
	pthread_mutex_t lock; /* guards all below */
	struct cache_entry **buckets;
	size_t mask, bytes, entries;
	struct cache_entry *newest, *oldest;
	struct {
		unsigned generation;
		int64_t changed;     /* monotonic; 0: never */
		int64_t rows_wanted; /* an answer from before that time lacks the newest rows */
	} classes[CACHE_CLASS_NONE];
};

/* The seed is random per process, so that nobody can choose targets that share a bucket. */
static uint64_t cache_hash(const struct cache *cache, const char *key)
{
	return hash_text(cache->seed, key);
}

static struct cache_entry **cache_place(struct cache *cache, const char *key, uint64_t hash)
{
	struct cache_entry **place = &cache->buckets[hash & cache->mask];
	while (*place && ((*place)->hash != hash || strcmp((*place)->key, key) != 0))
		place = &(*place)->chain;
	return place;
}

/* ---- By last use --------------------------------------------------------- */

static void cache_unlink(struct cache *cache, struct cache_entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void cache_link(struct cache *cache, struct cache_entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

/* ---- Entries ------------------------------------------------------------- */

static void cache_set_bytes(struct cache *cache, struct cache_entry *entry, size_t bytes)
{
	cache->bytes += bytes - entry->bytes;
	entry->bytes = bytes;
}

static size_t cache_weight(const struct cache_entry *entry, const struct response *response)
{
	return sizeof(*entry) + strlen(entry->key) + 1 + (response ? response_bytes(response) : 0);
}

static void cache_set_response(struct cache *cache, struct cache_entry *entry,
			       struct response *response)
{
	response_keep(response);
	response_drop(entry->response);
	entry->response = response;
	cache_set_bytes(cache, entry, cache_weight(entry, response));
}

static void cache_remove(struct cache *cache, struct cache_entry *entry)
{
	struct cache_entry **place = cache_place(cache, entry->key, entry->hash);
	*place = entry->chain;
	cache_unlink(cache, entry);
	cache_set_bytes(cache, entry, 0);
	cache->entries--;
	response_drop(entry->response);
	fetch_drop(entry->fetch);
	free(entry);
}

static struct cache_entry *cache_add(struct cache *cache, const char *key, uint64_t hash)
{
	size_t size = strlen(key) + 1;
	struct cache_entry *entry = calloc(1, sizeof(*entry) + size);
	if (!entry)
		return NULL;
	memcpy(entry->key, key, size);
	entry->hash = hash;
	entry->chain = cache->buckets[hash & cache->mask];
	cache->buckets[hash & cache->mask] = entry;
	cache_link(cache, entry);
	cache_set_bytes(cache, entry, cache_weight(entry, NULL));
	cache->entries++;
	return entry;
}

/* Evicts what was not used longest until `more` bytes fit; false: not possible.  Entries with a
 * fetch stay, and so does `spare`, which is about to be filled.  An eviction counts only if the
 * answer was still usable: then cache_size is too small. */
static bool cache_make_room(struct cache *cache, size_t more, const struct cache_entry *spare)
{
	size_t max = (size_t)cache->config->cache_size;
	struct cache_entry *entry = cache->oldest;
	while (entry && cache->bytes + more > max) {
		struct cache_entry *next = entry->newer;
		if (entry != spare && !entry->fetch) {
			if (entry->revalidate_until > tally_monotonic(cache->ctx))
				tally_count(cache->ctx, HTTP_CACHE_EVICTIONS, 1);
			cache_remove(cache, entry);
		}
		entry = next;
	}
	return cache->bytes + more <= max;
}

/* ---- Rows that came since ------------------------------------------------ */

void cache_rows_came(struct cache *cache, enum cache_class kind)
{
	int64_t until = tally_monotonic(cache->ctx) + cache_quarantine;
	pthread_mutex_lock(&cache->lock);
	cache->classes[kind].rows_wanted = until;
	pthread_mutex_unlock(&cache->lock);
}

static bool cache_lacks_rows(const struct cache *cache, enum cache_class kind,
			     const struct response *response)
{
	return response->made < cache->classes[kind].rows_wanted;
}

/* An answer that lacks rows was made before they were stored.  So whoever gets it while it is that
 * young misses none that has been in the store for longer. */
static bool cache_is_too_old(const struct cache *cache, enum cache_class kind,
			     const struct response *response, int64_t now)
{
	return cache_lacks_rows(cache, kind, response) &&
	       now - response->made >= cache_class_ttl_of_old(cache->config, kind);
}

bool cache_is_outdated(struct cache *cache, enum cache_class kind, const struct response *response)
{
	int64_t now = tally_monotonic(cache->ctx);
	pthread_mutex_lock(&cache->lock);
	bool old = cache_is_too_old(cache, kind, response, now);
	pthread_mutex_unlock(&cache->lock);
	return old;
}

/* ---- Looking up ---------------------------------------------------------- */

/* A 4xx is never sent stale: the mistake may be none any more, as when a container is found again.
 */
static enum cache_age cache_age(const struct cache *cache, const struct cache_entry *entry,
				int64_t now)
{
	if (!entry->response || now - entry->response->made > cache_max_stale)
		return CACHE_NONE;
	bool changed = entry->generation != cache->classes[entry->kind].generation ||
		       cache_is_too_old(cache, entry->kind, entry->response, now);
	if (!changed && now < entry->fresh_until)
		return CACHE_FRESH;
	if (entry->response->status >= 400)
		return CACHE_NONE;
	if (changed)
		return CACHE_STALE_IF_ERROR;
	return now < entry->revalidate_until ? CACHE_STALE_WHILE_REVALIDATE : CACHE_STALE_IF_ERROR;
}

void cache_found_done(struct cache_found *found)
{
	response_drop(found->response);
	fetch_drop(found->fetch);
}

void cache_find(struct cache *cache, const char *key, struct cache_found *ret)
{
	int64_t now = tally_monotonic(cache->ctx);
	uint64_t hash = cache_hash(cache, key);
	*ret = (struct cache_found){.age = CACHE_NONE};
	pthread_mutex_lock(&cache->lock);
	struct cache_entry *entry = *cache_place(cache, key, hash);
	if (entry) {
		if (cache->newest != entry) {
			cache_unlink(cache, entry);
			cache_link(cache, entry);
		}
		ret->age = cache_age(cache, entry, now);
		ret->response = ret->age == CACHE_NONE ? NULL : response_keep(entry->response);
		if (entry->fetch &&
		    entry->fetch->generation == cache->classes[entry->kind].generation)
			ret->fetch = fetch_keep(entry->fetch);
		ret->store_failed = now < entry->retry_at;
	}
	pthread_mutex_unlock(&cache->lock);
}

/* ---- Fetches ------------------------------------------------------------- */

int cache_begin(struct cache *cache, struct fetch *fetch)
{
	uint64_t hash = cache_hash(cache, fetch->key);
	pthread_mutex_lock(&cache->lock);
	struct cache_entry *entry = *cache_place(cache, fetch->key, hash);
	if (!entry)
		entry = cache_add(cache, fetch->key, hash);
	if (entry) {
		entry->kind = fetch->source->kind;
		fetch->generation = cache->classes[entry->kind].generation;
		fetch_drop(entry->fetch); /* one from before a change: its answer will be ignored */
		entry->fetch = fetch_keep(fetch);
	}
	pthread_mutex_unlock(&cache->lock);
	return entry ? 0 : -ENOMEM;
}

void cache_invalidate(struct cache *cache, enum cache_class kind)
{
	pthread_mutex_lock(&cache->lock);
	cache->classes[kind].generation++;
	cache->classes[kind].changed = tally_monotonic(cache->ctx);
	pthread_mutex_unlock(&cache->lock);
}

/* In quarantine answers live only briefly: we saw the change, but the rows may still be on their
 * way into the store, so an answer made now can be from before it. */
static int64_t cache_ttl(const struct cache *cache, const struct cache_entry *entry,
			 const struct response *response)
{
	int64_t ttl = cache_class_ttl(cache->config, entry->kind);
	int64_t changed = cache->classes[entry->kind].changed;
	if (changed && response->made - changed < cache_quarantine && ttl > cache_quarantine_ttl)
		return cache_quarantine_ttl;
	return response->status >= 400 && ttl > cache_error_ttl ? cache_error_ttl : ttl;
}

static void cache_fill(struct cache *cache, struct cache_entry *entry, struct response *response,
		       unsigned generation)
{
	int64_t ttl = cache_ttl(cache, entry, response);
	size_t weight = cache_weight(entry, response);
	size_t more = weight > entry->bytes ? weight - entry->bytes : 0;
	if (weight > (size_t)cache->config->cache_size / CACHE_LARGEST_PART ||
	    !cache_make_room(cache, more, entry)) {
		cache_set_response(cache, entry, NULL);
		return;
	}
	cache_set_response(cache, entry, response);
	entry->generation = generation;
	entry->fresh_until = response->made + ttl;
	entry->revalidate_until =
		response->status >= 400 ? entry->fresh_until : entry->fresh_until + ttl;
	entry->retry_at = 0;
}

/* Returns the stale answer if the fetch failed and there is one.  4xx are results, not failures;
 * 5xx are not cached. */
static struct response *cache_complete_fetch(struct cache *cache, struct cache_entry *entry,
					     const struct fetch *fetch, struct response *response)
{
	int64_t now = tally_monotonic(cache->ctx);
	struct fetch *own = entry->fetch;
	struct response *old = NULL;
	entry->fetch = NULL;
	if (response && response->status < 500) {
		cache_fill(cache, entry, response, fetch->generation);
	} else if (entry->response && entry->response->status < 400 &&
		   cache_age(cache, entry, now) != CACHE_NONE) {
		entry->retry_at = now + cache_retry_interval;
		old = response_keep(entry->response);
	} else {
		cache_set_response(cache, entry, NULL);
	}
	if (!entry->response)
		cache_remove(cache, entry);
	fetch_drop(own);
	return old;
}

struct response *cache_finish(struct cache *cache, struct fetch *fetch, struct response *response,
			      bool *ret_stale)
{
	uint64_t hash = cache_hash(cache, fetch->key);
	struct response *old = NULL;
	pthread_mutex_lock(&cache->lock);
	struct cache_entry *entry = *cache_place(cache, fetch->key, hash);
	/* Another fetch has taken its place if the class changed meanwhile: this answer is from
	 * before the change, so it goes to those who waited for it and not into the cache. */
	if (entry && entry->fetch == fetch)
		old = cache_complete_fetch(cache, entry, fetch, response);
	tally_gauge(cache->ctx, HTTP_CACHE_BYTES, (int64_t)cache->bytes);
	tally_gauge(cache->ctx, HTTP_CACHE_ENTRIES, (int64_t)cache->entries);
	pthread_mutex_unlock(&cache->lock);
	*ret_stale = old != NULL;
	return old ? old : response_keep(response);
}

/* ---- Making and ending --------------------------------------------------- */

struct cache *cache_create(struct tally_ctx *ctx, const struct http_config *config)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t buckets = CACHE_MIN_BUCKETS;
	while (buckets < CACHE_MAX_BUCKETS &&
	       buckets * CACHE_BYTES_PER_BUCKET < (size_t)config->cache_size)
		buckets *= 2;
	if (!cache)
		return NULL;
	cache->buckets = calloc(buckets, sizeof(struct cache_entry *));
	if (!cache->buckets) {
		free(cache);
		return NULL;
	}
	cache->ctx = ctx;
	cache->config = config;
	cache->mask = buckets - 1;
	if (getrandom(&cache->seed, sizeof(cache->seed), 0) != sizeof(cache->seed))
		cache->seed = (uint64_t)tally_now(ctx);
	cache->seed |= 1;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void cache_destroy(struct cache *cache)
{
	if (!cache)
		return;
	while (cache->newest)
		cache_remove(cache, cache->newest);
	pthread_mutex_destroy(&cache->lock);
	free(cache->buckets);
	free(cache);
}
