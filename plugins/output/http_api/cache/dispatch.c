/*
 * The happy path of a request that needs the store: dispatch_request() on the HTTP thread computes
 * its key and looks into the cache.  A fresh answer is sent at once.  Otherwise the request joins a
 * fetch for the same key, or begins one; a worker (wait_list.c) runs dispatch_run_fetch(), which
 * asks the shared cache, then the store, fills both caches, and resumes all requests that wait.
 *
 * What can fail: too many fetches wait already, no memory, shutdown, a store that is slow or
 * broken. Each of them ends in a stale answer if there is one (stale-if-error, RFC 5861), else in a
 * 503. Decisions about caching are made here and nowhere else; the parts below only carry them out.
 */
#include "cache/dispatch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cache/invalidation.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "cache/cache_policy.h"
#include "live/live.h"
#include "cache/wait_list.h"
#include "query/catalog_cache.h"
#include "routes/endpoint.h"

enum { DISPATCH_JOBS_PER_THREAD = 16, DISPATCH_MOST_ROOM = 1 << 20 };

/* How long a request waits for a new answer before it gets the stale one: long enough for a healthy
 * store, short enough that a page does not seem to hang. */
static const int64_t dispatch_revalidate_wait = CLOCK_SECOND / 2;
static const int64_t dispatch_delay_time = CLOCK_SECOND;

struct dispatch {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct catalog_cache *tables;
	struct live *live;
	struct wait_list *wait_list;
	struct cache *cache;                             /* NULL: nothing is cached */
	struct shared_cache *shared;                     /* behind it; NULL: none */
	struct invalidation *invalidations[HTTP_LEVELS]; /* by what is published there */
	atomic_uint sizes[ROUTES_MAX];                   /* of the last answer of each route */
};

/* ---- Fetches ------------------------------------------------------------- */

struct dispatch_fetch_job {
	struct wait_list *wait_list;
	struct fetch *fetch;
};

static bool dispatch_abandoned(const void *arg)
{
	const struct dispatch_fetch_job *on = arg;
	return wait_list_is_abandoned(on->wait_list, on->fetch);
}

/* Room for as much as last time at once, since a body that grows is copied again and again. */
static void dispatch_make_room(struct dispatch *dispatch, const struct request *request,
			       struct json_writer *body)
{
	json_writer_room(body, dispatch->sizes[request->endpoint - endpoints]);
}

static void dispatch_note_size(struct dispatch *dispatch, const struct request *request,
			       const struct json_writer *body)
{
	size_t len = body->len < DISPATCH_MOST_ROOM ? body->len : DISPATCH_MOST_ROOM;
	dispatch->sizes[request->endpoint - endpoints] = (unsigned)len;
}

/* In a worker: asks the store.  It uses the first request's target and deadline; the reference of
 * the fetch keeps that request alive even if its connection is gone. */
static struct response *dispatch_fetch(struct dispatch *dispatch, struct fetch *fetch)
{
	const struct request *request = fetch->source;
	const struct dispatch_fetch_job on = {dispatch->wait_list, fetch};
	struct response_builder builder;
	response_builder_init(&builder);
	struct context context =
		request_context(request, dispatch->ctx, dispatch->config, &builder);
	context.tables = dispatch->tables;
	context.live = dispatch->live;
	context.abandoned = dispatch_abandoned;
	context.abandoned_arg = &on;
	dispatch_make_room(dispatch, request, &builder.body);
	endpoint_answer(request->endpoint, &context);
	dispatch_note_size(dispatch, request, &builder.body);
	/* What is cached gets its gzip form now, for clients that will ask for it later. */
	struct response *response = response_create(&builder, tally_monotonic(dispatch->ctx),
						    fetch->key || request->gzip);
	response_builder_done(&builder);
	return response;
}

/* In a worker.  The time is read before the store is asked: an answer that a change overtakes on
 * its way is then older than that change, and no process that knows of the change takes it. */
static struct response *dispatch_run_fetch(void *arg, struct fetch *fetch, bool *ret_stale)
{
	struct dispatch *dispatch = arg;
	enum cache_class kind = fetch->source->kind;
	if (!fetch->key)
		return dispatch_fetch(dispatch, fetch);
	int64_t asked = tally_now(dispatch->ctx);
	struct response *response =
		fetch->source->anew ? NULL : shared_cache_find(dispatch->shared, kind, fetch->key);
	if (response && cache_is_outdated(dispatch->cache, kind, response)) {
		response_drop(response);
		response = NULL;
	}
	fetch->from_shared_cache = response != NULL;
	if (!response) {
		response = dispatch_fetch(dispatch, fetch);
		shared_cache_put(dispatch->shared, kind, fetch->key, response, asked);
	}
	struct response *given = cache_finish(dispatch->cache, fetch, response, ret_stale);
	response_drop(response);
	return given;
}

/* r: of queueing or joining.  True: the request waits.  False: it has its answer, if only a stale
 * one or an error. */
static bool dispatch_wait_or_answer(const struct dispatch *dispatch, struct request *request, int r)
{
	if (r == 0)
		return true;
	if (r == -EALREADY)
		return false; /* the fetch has just finished, and the request has its result */
	if (request->fallback) {
		request->response = TAKE(request->fallback);
		request->origin = ORIGIN_STALE;
	} else if (r == -EBUSY) {
		tally_count(dispatch->ctx, HTTP_BUSY, 1);
		response_unavailable(&request->builder, "too many requests are waiting already");
	} else if (r == -ESHUTDOWN) {
		response_unavailable(&request->builder, "tallyd is shutting down");
	} else if (r == -ENOMEM) {
		response_unavailable(&request->builder, "out of memory");
	}
	return false;
}

/* waits false: the fetch refreshes the cache for later, and source only says what to ask.  A fetch
 * that cannot be queued leaves the cache again, or others would wait for it for ever. */
static int dispatch_send(struct dispatch *dispatch, const char *key, struct request *source,
			 bool waits, struct MHD_Connection *connection)
{
	struct fetch *fetch = fetch_create(source, key);
	if (!fetch)
		return -ENOMEM;
	int r = key ? cache_begin(dispatch->cache, fetch) : 0;
	if (r == 0)
		r = wait_list_queue(dispatch->wait_list, fetch, waits ? source : NULL, connection);
	if (r < 0 && key) {
		bool stale;
		response_drop(cache_finish(dispatch->cache, fetch, NULL, &stale));
	}
	fetch_drop(fetch);
	return r;
}

/* ---- Requests ------------------------------------------------------------ */

static void dispatch_serve(struct request *request, struct cache_found *found,
			   enum request_origin origin)
{
	request->response = TAKE(found->response);
	request->origin = origin;
}

/* A stale answer is sent at once where waiting has no prospect: the store has just failed, or the
 * fetch under way has already taken longer than anybody would wait. */
static bool dispatch_skips_wait(const struct request *request, const struct cache_found *found)
{
	return found->age == CACHE_STALE_IF_ERROR &&
	       (found->store_failed ||
		(found->fetch &&
		 found->fetch->started + dispatch_revalidate_wait < request->started));
}

static int dispatch_from_cache(struct dispatch *dispatch, struct request *request, const char *key,
			       struct MHD_Connection *connection)
{
	struct cache_found found __attribute__((cleanup(cache_found_done)));
	cache_find(dispatch->cache, key, &found);
	request->origin = ORIGIN_MISS;
	if (found.age == CACHE_FRESH) {
		dispatch_serve(request, &found, ORIGIN_HIT);
		return 1;
	}
	if (found.age == CACHE_STALE_WHILE_REVALIDATE || dispatch_skips_wait(request, &found)) {
		if (!found.fetch && !found.store_failed)
			dispatch_send(dispatch, key, request, false, NULL);
		dispatch_serve(request, &found, ORIGIN_STALE);
		return 1;
	}
	/* With a stale answer in hand nobody has to wait as long as a query may take. */
	if (found.response) {
		request->fallback = TAKE(found.response);
		if (request->until > request->started + dispatch_revalidate_wait)
			request->until = request->started + dispatch_revalidate_wait;
	}
	int r = found.fetch ? wait_list_join(dispatch->wait_list, found.fetch, request, connection)
			    : dispatch_send(dispatch, key, request, true, connection);
	return dispatch_wait_or_answer(dispatch, request, r) ? 0 : 1;
}

/* Cache-Control: no-cache.  The new answer takes the place of what is cached, also for others, and
 * of one that is being fetched, which may be from before. */
static int dispatch_anew(struct dispatch *dispatch, struct request *request, const char *key,
			 struct MHD_Connection *connection)
{
	request->origin = ORIGIN_MISS;
	int r = dispatch_send(dispatch, key, request, true, connection);
	return dispatch_wait_or_answer(dispatch, request, r) ? 0 : 1;
}

int dispatch_request(struct dispatch *dispatch, struct request *request,
		     struct MHD_Connection *connection)
{
	request->until = request->deadline;
	request->kind = request->endpoint->cached;
	if (!dispatch->cache || cache_class_ttl(dispatch->config, request->kind) == 0) {
		int r = dispatch_send(dispatch, NULL, request, true, connection);
		return dispatch_wait_or_answer(dispatch, request, r) ? 0 : 1;
	}
	auto_free char *key = cache_key_of(request);
	if (!key) {
		response_unavailable(&request->builder, "out of memory");
		return 1;
	}
	return request->anew ? dispatch_anew(dispatch, request, key, connection)
			     : dispatch_from_cache(dispatch, request, key, connection);
}

int dispatch_delay(struct dispatch *dispatch, struct request *request,
		   struct MHD_Connection *connection)
{
	request->fallback = response_create(&request->builder, request->started, false);
	if (!request->fallback)
		return -ENOMEM;
	request->until = request->started + dispatch_delay_time;
	int r = wait_list_delay(dispatch->wait_list, request, connection);
	if (r < 0)
		request->response = TAKE(request->fallback);
	return r;
}

/* table NULL: any of them. */
static void dispatch_changed(void *arg, const char *table)
{
	struct dispatch *dispatch = arg;
	for (enum cache_class kind = 0; kind < CACHE_CLASS_NONE; kind++) {
		if (!cache_class_depends_on(kind, table))
			continue;
		/* The shared one first: a fetch in between would bring its old answer back. */
		shared_cache_invalidate(dispatch->shared, kind);
		if (dispatch->cache)
			cache_invalidate(dispatch->cache, kind);
	}
}

void dispatch_watch(struct dispatch *dispatch, const char *table)
{
	dispatch_changed(dispatch, table);
	for (enum cache_class kind = 0; dispatch->cache && kind < CACHE_CLASS_NONE; kind++)
		if (cache_class_shows(kind, table))
			cache_rows_came(dispatch->cache, kind);
}

/* ---- Opening and closing ------------------------------------------------- */

static bool dispatch_is_caching(const struct http_config *config)
{
	return config->cache && config->cache->name && strcmp(config->cache->name, "off") != 0;
}

static int dispatch_open_cache(struct dispatch *dispatch)
{
	const struct tally_named_cache *behind = dispatch->config->cache + 1;
	dispatch->cache = cache_create(dispatch->ctx, dispatch->config);
	if (!dispatch->cache)
		return -ENOMEM;
	if (!behind->name)
		return 0;
	dispatch->shared = shared_cache_create(dispatch->ctx, dispatch->config);
	int r = dispatch->shared ? 0 : -ENOMEM;
	for (int i = 0; r == 0 && behind[i].name; i++)
		r = invalidation_open(dispatch->ctx, &behind[i], dispatch_changed, dispatch,
				      &dispatch->invalidations[i]);
	return r;
}

int dispatch_open(struct tally_ctx *ctx, const struct http_config *config, struct live *live,
		  struct dispatch **ret)
{
	uint32_t threads = (uint32_t)config->threads;
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	if (!dispatch)
		return -ENOMEM;
	dispatch->ctx = ctx;
	dispatch->config = config;
	dispatch->live = live;
	dispatch->tables = catalog_cache_create(ctx, config->store);
	int r = dispatch->tables ? 0 : -ENOMEM;
	if (r == 0 && dispatch_is_caching(config))
		r = dispatch_open_cache(dispatch);
	/* The workers last, since they use all of it. */
	if (r == 0)
		r = wait_list_open(ctx, threads, threads * DISPATCH_JOBS_PER_THREAD,
				   dispatch_run_fetch, dispatch, &dispatch->wait_list);
	if (r < 0) {
		dispatch_free(dispatch);
		return r;
	}
	*ret = dispatch;
	return 0;
}

/* Stopping waits for the workers and, later, for the poller of streams, and each may be in a query.
 * The poller hears of it first, so that these times overlap instead of adding up. */
void dispatch_close(struct dispatch *dispatch)
{
	live_end(dispatch->live);
	wait_list_close(dispatch->wait_list);
}

void dispatch_free(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	for (int i = 0; i < HTTP_LEVELS; i++)
		invalidation_close(dispatch->invalidations[i]);
	shared_cache_destroy(dispatch->shared);
	cache_destroy(dispatch->cache);
	if (dispatch->wait_list)
		wait_list_free(dispatch->wait_list);
	catalog_cache_destroy(dispatch->tables);
	free(dispatch);
}
