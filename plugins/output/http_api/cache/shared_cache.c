/*
 * Workers call shared_cache_find() before the store and shared_cache_put() after it;
 * shared_cache_invalidate() comes from any thread that learns of a change.  What can fail (a cache
 * that is gone, slow, or holds garbage) is counted and otherwise a miss: the store has the answer.
 *
 * The caches have no transactions and no order between processes, so an answer carries the time
 * at which its store was asked, and counts only if that is later than the last change that this
 * process knows of.  And after a change nothing is written for shared_cache_quarantine, since an
 * answer made then may have been read from a store that did not have the new rows yet.  Clocks of
 * machines that share a cache must agree within about that time, which NTP keeps easily.
 *
 * One lock, held over no I/O.
 */
#include "cache/shared_cache.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache_policy.h"
#include "cache/response_codec.h"

static const int64_t shared_cache_quarantine = 3 * CLOCK_SECOND; /* after a change */
static const int64_t shared_cache_skew = CLOCK_SECOND;           /* of clocks between machines */

struct shared_cache {
	struct tally_ctx *ctx;
	const struct http_config *config;
	const struct tally_named_cache *caches;
	char *scope;          /* part of every key: who shares answers */
	pthread_mutex_t lock; /* guards everything below */
	struct {
		int64_t changed;          /* wall time, to compare with other machines' answers */
		int64_t quarantine_until; /* monotonic */
	} classes[CACHE_CLASS_NONE];
};

/* ---- Counting ------------------------------------------------------------ */

static void shared_cache_count(const struct shared_cache *shared, size_t level,
			       enum cache_class kind, enum http_level_result result)
{
	size_t of = (level * CACHE_CLASS_NONE + kind) * HTTP_LEVEL_RESULTS + result;
	tally_count(shared->ctx, (uint32_t)(HTTP_LEVEL_REQUESTS + of), 1);
}

static enum http_level_result shared_cache_result(int r)
{
	switch (r) {
	case 0:
		return HTTP_LEVEL_HIT;
	case -ENOENT:
		return HTTP_LEVEL_MISS;
	case -EBADMSG:
		return HTTP_LEVEL_REFUSED;
	case -ETIMEDOUT:
		return HTTP_LEVEL_TIMEOUT;
	default:
		return HTTP_LEVEL_ERROR;
	}
}

/* ---- Changes ------------------------------------------------------------- */

void shared_cache_invalidate(struct shared_cache *shared, enum cache_class kind)
{
	if (!shared)
		return;
	pthread_mutex_lock(&shared->lock);
	shared->classes[kind].changed = tally_now(shared->ctx);
	shared->classes[kind].quarantine_until =
		tally_monotonic(shared->ctx) + shared_cache_quarantine;
	pthread_mutex_unlock(&shared->lock);
}

/* ---- Answers ------------------------------------------------------------- */

/*
 * The store's data, the daemon's version and whatever else an answer depends on are in the key:
 * what differs in any of these is not shared.
 */
static char *shared_cache_key(const struct shared_cache *shared, const char *key)
{
	const struct http_config *config = shared->config;
	char *full;
	int r = asprintf(&full, "answers:%s:%zu:%s:%" PRId64 ":%" PRId64 ":%s",
			 shared->ctx->host->version, strlen(shared->scope), shared->scope,
			 config->max_query_range_days, config->max_results_per_query, key);
	return r < 0 ? NULL : full;
}

/* Whether the answer may be used; sets its age.  A small negative age is clock skew. */
static bool shared_cache_is_current(struct shared_cache *shared, enum cache_class kind,
				    const struct codec_meta *meta, struct response *response)
{
	int64_t age = tally_now(shared->ctx) - meta->made;
	pthread_mutex_lock(&shared->lock);
	bool current = meta->made > shared->classes[kind].changed;
	pthread_mutex_unlock(&shared->lock);
	if (age < 0 && age > -shared_cache_skew)
		age = 0;
	response->made = tally_monotonic(shared->ctx) - age;
	return current && age >= 0 && age < cache_class_ttl(shared->config, kind);
}

static int shared_cache_get(struct shared_cache *shared, struct tally_cache *cache,
			    enum cache_class kind, const char *key, struct response **ret)
{
	struct tally_blob blob;
	struct response *response;
	struct codec_meta meta;
	int r = tally_cache_get(shared->ctx, cache, key, &blob);
	if (r < 0)
		return r;
	r = response_decode(blob.data, blob.len, key, &meta, &response);
	blob.release(blob.owner);
	if (r < 0)
		return r;
	if (!shared_cache_is_current(shared, kind, &meta, response)) {
		response_drop(response);
		return -ENOENT;
	}
	*ret = response;
	return 0;
}

struct response *shared_cache_find(struct shared_cache *shared, enum cache_class kind,
				   const char *key)
{
	struct response *found = NULL;
	if (!shared)
		return NULL;
	/* A change in the future means that the clock was set back since: without this, nothing
	 * would be current until that time comes again. */
	int64_t now = tally_now(shared->ctx);
	pthread_mutex_lock(&shared->lock);
	if (shared->classes[kind].changed > now)
		shared->classes[kind].changed = now;
	pthread_mutex_unlock(&shared->lock);
	auto_free char *full = shared_cache_key(shared, key);
	for (size_t i = 0; full && !found && shared->caches[i].name; i++) {
		int r = shared_cache_get(shared, shared->caches[i].cache, kind, full, &found);
		shared_cache_count(shared, i, kind, shared_cache_result(r));
	}
	return found;
}

/* Whether the last change is long enough ago for the store to have its rows. */
static bool shared_cache_is_trusted(struct shared_cache *shared, enum cache_class kind)
{
	int64_t now = tally_monotonic(shared->ctx);
	pthread_mutex_lock(&shared->lock);
	bool quiet = now > shared->classes[kind].quarantine_until;
	pthread_mutex_unlock(&shared->lock);
	return quiet;
}

void shared_cache_put(struct shared_cache *shared, enum cache_class kind, const char *key,
		      const struct response *response, int64_t asked)
{
	if (!shared || !response || response->status != 200 ||
	    !shared_cache_is_trusted(shared, kind))
		return;
	auto_free char *bytes = NULL;
	auto_free char *full = shared_cache_key(shared, key);
	const struct codec_meta meta = {full, asked};
	size_t len;
	if (!full || response_encode(response, &meta, &bytes, &len) < 0)
		return;
	for (size_t i = 0; shared->caches[i].name; i++) {
		int r = tally_cache_set(shared->ctx, shared->caches[i].cache, full, bytes, len,
					cache_class_ttl(shared->config, kind));
		/* An answer that a cache finds too large says nothing of that cache's health. */
		if (r < 0 && r != -E2BIG)
			shared_cache_count(shared, i, kind, shared_cache_result(r));
	}
}

/* ---- Making and ending --------------------------------------------------- */

struct shared_cache *shared_cache_create(struct tally_ctx *ctx, const struct http_config *config)
{
	struct shared_cache *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	/* Without cache_scope an instance shares with nobody: another one may serve another store,
	 * and a plugin does not learn the name of its store. */
	int r = config->cache_scope
			? asprintf(&shared->scope, "shared:%s", config->cache_scope)
			: asprintf(&shared->scope, "own:%s:%s", ctx->producer, ctx->name);
	if (r < 0) {
		free(shared);
		return NULL;
	}
	shared->ctx = ctx;
	shared->config = config;
	shared->caches = config->cache + 1; /* behind the memory */
	pthread_mutex_init(&shared->lock, NULL);
	return shared;
}

void shared_cache_destroy(struct shared_cache *shared)
{
	if (!shared)
		return;
	pthread_mutex_destroy(&shared->lock);
	free(shared->scope);
	free(shared);
}
