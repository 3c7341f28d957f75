#include "levels.h"

#include "base/cleanup.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kinds.h"
#include "seal.h"

static const int64_t levels_look = HTTP_SECOND / 4;   /* between two looks at the marks */
static const int64_t levels_unrest = 3 * HTTP_SECOND; /* after a change nothing is shared */
static const int64_t levels_skew = HTTP_SECOND;       /* that clocks of machines may differ */

struct levels {
	struct tally_ctx *ctx;
	const struct http_config *config;
	const struct tally_named_cache *caches;
	char *scope; /* what is in the key of whose answers are the same */
	levels_changed_fn *changed;
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t stop;
	bool stopping;
	struct {
		uint64_t mark;
		bool known;          /* the mark, once it was seen */
		bool missed;         /* it could not be read at some time */
		int64_t changed;     /* wall time, as answers of other machines have it */
		int64_t quiet_after; /* monotonic */
	} kinds[KIND_NONE];
};

/* ---- Counting ------------------------------------------------------------ */

static void levels_count(const struct levels *levels, size_t level, enum http_kind kind,
			 enum http_level_result result)
{
	size_t of = (level * KIND_NONE + kind) * HTTP_LEVEL_RESULTS + result;
	tally_count(levels->ctx, (uint32_t)(HTTP_LEVEL_REQUESTS + of), 1);
}

static enum http_level_result levels_result(int r)
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

/* ---- Marks --------------------------------------------------------------- */

/* Of one table in one cache: 0, no rows of it were ever written there. */
static int levels_read(const struct levels *levels, struct tally_cache *cache, const char *table,
		       uint64_t *ret)
{
	struct tally_blob blob;
	char key[64];
	*ret = 0;
	snprintf(key, sizeof(key), "rows:%s", table);
	int r = tally_cache_get(levels->ctx, cache, key, &blob);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*ret = parcel_hash(blob.data, blob.len);
	blob.release(blob.owner);
	return 0;
}

/* Of all that such answers are made of; false: not all could be read. */
static bool levels_read_mark(const struct levels *levels, enum http_kind kind, uint64_t *ret)
{
	uint64_t mark = 0, one;
	for (const char *const *table = kind_sources(kind); *table; table++) {
		for (const struct tally_named_cache *level = levels->caches; level->name; level++) {
			if (levels_read(levels, level->cache, *table, &one) < 0)
				return false;
			mark = mark * 31 + one;
		}
	}
	*ret = mark;
	return true;
}

/* The first mark that is seen is no change, unless answers may have been kept before it. */
static void levels_look_at(struct levels *levels, enum http_kind kind)
{
	uint64_t mark;
	bool read = levels_read_mark(levels, kind, &mark), changed = false;
	pthread_mutex_lock(&levels->lock);
	if (!read) {
		levels->kinds[kind].missed = true;
	} else {
		changed = levels->kinds[kind].known ? levels->kinds[kind].mark != mark
						    : levels->kinds[kind].missed;
		levels->kinds[kind].mark = mark;
		levels->kinds[kind].known = true;
	}
	pthread_mutex_unlock(&levels->lock);
	if (changed)
		levels->changed(levels->arg, kind);
}

static void *levels_watch(void *arg)
{
	struct levels *levels = arg;
	pthread_setname_np(pthread_self(), "http-marks");
	pthread_mutex_lock(&levels->lock);
	while (!levels->stopping) {
		pthread_mutex_unlock(&levels->lock);
		for (enum http_kind kind = 0; kind < KIND_NONE; kind++)
			levels_look_at(levels, kind);
		int64_t next = tally_monotonic(levels->ctx) + levels_look;
		struct timespec until = {.tv_sec = next / HTTP_SECOND,
					 .tv_nsec = next % HTTP_SECOND};
		pthread_mutex_lock(&levels->lock);
		if (!levels->stopping)
			pthread_cond_timedwait(&levels->stop, &levels->lock, &until);
	}
	pthread_mutex_unlock(&levels->lock);
	return NULL;
}

uint64_t levels_mark(struct levels *levels, enum http_kind kind)
{
	if (!levels)
		return 0;
	pthread_mutex_lock(&levels->lock);
	uint64_t mark = levels->kinds[kind].mark;
	pthread_mutex_unlock(&levels->lock);
	return mark;
}

void levels_forget(struct levels *levels, enum http_kind kind)
{
	if (!levels)
		return;
	pthread_mutex_lock(&levels->lock);
	levels->kinds[kind].changed = tally_now(levels->ctx);
	levels->kinds[kind].quiet_after = tally_monotonic(levels->ctx) + levels_unrest;
	pthread_mutex_unlock(&levels->lock);
}

/* ---- Answers ------------------------------------------------------------- */

/* Without a name for the data it is this instance's own: another one of the same daemon may serve
 * another store, whose name a plugin is not told. */
static char *levels_scope(const struct tally_ctx *ctx, const struct http_config *config)
{
	char *scope;
	int r = config->cache_scope ? asprintf(&scope, "shared:%s", config->cache_scope)
				    : asprintf(&scope, "own:%s:%s", ctx->writer, ctx->name);
	return r < 0 ? NULL : scope;
}

/*
 * The store's data, the daemon's version and whatever else an answer depends on are in the key:
 * what differs in any of these is not shared.
 */
static char *levels_key(const struct levels *levels, const char *key)
{
	const struct http_config *config = levels->config;
	char *full;
	int r = asprintf(&full, "answers:%s:%zu:%s:%" PRId64 ":%" PRId64 ":%s",
			 levels->ctx->host->version, strlen(levels->scope), levels->scope,
			 config->max_query_range_days, config->max_results_per_query, key);
	return r < 0 ? NULL : full;
}

/* Is it of now?  Then it gets its age. */
static bool levels_is_current(struct levels *levels, enum http_kind kind, const struct seal *seal,
			      struct parcel *parcel)
{
	int64_t age = tally_now(levels->ctx) - seal->made;
	pthread_mutex_lock(&levels->lock);
	bool current =
		seal->mark == levels->kinds[kind].mark && seal->made > levels->kinds[kind].changed;
	pthread_mutex_unlock(&levels->lock);
	if (age < 0 && age > -levels_skew)
		age = 0;
	parcel->made = tally_monotonic(levels->ctx) - age;
	return current && age >= 0 && age < kind_ttl(levels->config, kind);
}

static int levels_get(struct levels *levels, struct tally_cache *cache, enum http_kind kind,
		      const char *key, struct parcel **ret)
{
	struct tally_blob blob;
	struct parcel *parcel;
	struct seal seal;
	int r = tally_cache_get(levels->ctx, cache, key, &blob);
	if (r < 0)
		return r;
	r = seal_open(blob.data, blob.len, key, &seal, &parcel);
	blob.release(blob.owner);
	if (r < 0)
		return r;
	if (!levels_is_current(levels, kind, &seal, parcel)) {
		parcel_drop(parcel);
		return -ENOENT;
	}
	*ret = parcel;
	return 0;
}

/* A change that lies in the future was one before the clock was set back: what is made from now on
 * is younger. */
static void levels_mind_clock(struct levels *levels, enum http_kind kind)
{
	int64_t now = tally_now(levels->ctx);
	pthread_mutex_lock(&levels->lock);
	if (levels->kinds[kind].changed > now)
		levels->kinds[kind].changed = now;
	pthread_mutex_unlock(&levels->lock);
}

struct parcel *levels_find(struct levels *levels, enum http_kind kind, const char *key)
{
	struct parcel *found = NULL;
	auto_free char *full = levels ? levels_key(levels, key) : NULL;
	if (levels)
		levels_mind_clock(levels, kind);
	for (size_t i = 0; full && !found && levels->caches[i].name; i++) {
		int r = levels_get(levels, levels->caches[i].cache, kind, full, &found);
		levels_count(levels, i, kind, levels_result(r));
	}
	return found;
}

static bool levels_is_quiet(struct levels *levels, enum http_kind kind)
{
	int64_t now = tally_monotonic(levels->ctx);
	pthread_mutex_lock(&levels->lock);
	bool quiet = now > levels->kinds[kind].quiet_after;
	pthread_mutex_unlock(&levels->lock);
	return quiet;
}

static void levels_share(struct levels *levels, enum http_kind kind, const char *key,
			 const struct parcel *parcel, uint64_t mark)
{
	auto_free char *bytes = NULL;
	auto_free char *full = levels_key(levels, key);
	struct seal seal = {full, mark, tally_now(levels->ctx)};
	size_t len;
	if (!full || seal_pack(parcel, &seal, &bytes, &len) < 0)
		return;
	for (size_t i = 0; levels->caches[i].name; i++) {
		int r = tally_cache_set(levels->ctx, levels->caches[i].cache, full, bytes, len,
					kind_ttl(levels->config, kind));
		if (r < 0 && r != -E2BIG)
			levels_count(levels, i, kind, levels_result(r));
	}
}

void levels_keep(struct levels *levels, enum http_kind kind, const char *key,
		 const struct parcel *parcel, uint64_t mark)
{
	if (levels && parcel && parcel->status == 200 && levels_is_quiet(levels, kind))
		levels_share(levels, kind, key, parcel, mark);
}

/* ---- Opening and closing ------------------------------------------------- */

static struct levels *levels_create(struct tally_ctx *ctx, const struct http_config *config)
{
	struct levels *levels = calloc(1, sizeof(*levels));
	pthread_condattr_t monotonic;
	if (!levels)
		return NULL;
	levels->scope = levels_scope(ctx, config);
	if (!levels->scope) {
		free(levels);
		return NULL;
	}
	levels->ctx = ctx;
	levels->config = config;
	levels->caches = config->cache + 1; /* behind the memory */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&levels->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&levels->lock, NULL);
	return levels;
}

static void levels_free(struct levels *levels)
{
	pthread_cond_destroy(&levels->stop);
	pthread_mutex_destroy(&levels->lock);
	free(levels->scope);
	free(levels);
}

int levels_open(struct tally_ctx *ctx, const struct http_config *config, levels_changed_fn *changed,
		void *arg, struct levels **ret)
{
	*ret = NULL;
	if (!config->cache || !config->cache[0].name || !config->cache[1].name)
		return 0;
	struct levels *levels = levels_create(ctx, config);
	if (!levels)
		return -ENOMEM;
	levels->changed = changed;
	levels->arg = arg;
	*ret = levels; /* which `changed` may need */
	int r = -pthread_create(&levels->thread, NULL, levels_watch, levels);
	if (r == 0)
		return 0;
	*ret = NULL;
	levels_free(levels);
	return r;
}

void levels_close(struct levels *levels)
{
	if (!levels)
		return;
	pthread_mutex_lock(&levels->lock);
	levels->stopping = true;
	pthread_cond_signal(&levels->stop);
	pthread_mutex_unlock(&levels->lock);
	pthread_join(levels->thread, NULL);
	levels_free(levels);
}
