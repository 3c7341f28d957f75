#include "desk.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "levels.h"
#include "live.h"
#include "room.h"
#include "tables.h"

enum { DESK_JOBS_PER_THREAD = 16 };

/* How long who could have an old answer waits for a new one. */
static const int64_t desk_patience = HTTP_SECOND / 2;
static const int64_t desk_delay_time = HTTP_SECOND;

struct desk {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct tables *tables;
	struct live *live;
	struct room *room;
	struct cache *cache;   /* NULL: nothing is kept */
	struct levels *levels; /* behind it; NULL: none */
};

/* ---- Flights ------------------------------------------------------------- */

struct desk_flight {
	struct room *room;
	const struct flight *flight;
};

static bool desk_deserted(const void *arg)
{
	const struct desk_flight *on = arg;
	return room_is_deserted(on->room, on->flight);
}

static void desk_call(const struct desk *desk, const struct request *request, struct call *ret)
{
	*ret = (struct call){
		.ctx = desk->ctx,
		.config = desk->config,
		.tables = desk->tables,
		.target = &request->target,
		.raw = request->raw,
		.segment = request->segment,
		.now = request->now,
		.deadline = request->deadline,
		.live = desk->live,
		.last_event_id = request->last_event_id,
	};
}

/* In a worker: what the store says. */
static struct parcel *desk_fetch(struct desk *desk, const struct flight *flight)
{
	const struct request *request = flight->source;
	const struct desk_flight on = {desk->room, flight};
	struct reply reply;
	struct call call;
	reply_init(&reply);
	desk_call(desk, request, &call);
	call.abandoned = desk_deserted;
	call.abandoned_arg = &on;
	call.reply = &reply;
	endpoint_answer(request->endpoint, &call);
	struct parcel *parcel =
		parcel_pack(&reply, tally_monotonic(desk->ctx), flight->key || request->gzip);
	reply_done(&reply);
	return parcel;
}

/* In a worker. */
static struct parcel *desk_fly(void *arg, struct flight *flight, bool *ret_late)
{
	struct desk *desk = arg;
	enum http_kind kind = flight->source->kind;
	if (!flight->key)
		return desk_fetch(desk, flight);
	uint64_t mark = levels_mark(desk->levels, kind);
	struct parcel *parcel = levels_find(desk->levels, kind, flight->key);
	flight->shared = parcel != NULL;
	if (!parcel) {
		parcel = desk_fetch(desk, flight);
		levels_keep(desk->levels, kind, flight->key, parcel, mark);
	}
	struct parcel *given = cache_land(desk->cache, flight, parcel, ret_late);
	parcel_drop(parcel);
	return given;
}

static bool desk_may_wait(const struct desk *desk, struct request *request, int r)
{
	if (r == 0)
		return true;
	if (r == -EALREADY)
		return false; /* it landed meanwhile, and the request has what it brought */
	if (request->fallback) {
		request->parcel = TAKE(request->fallback);
		request->origin = ORIGIN_STALE;
	} else if (r == -EBUSY) {
		tally_count(desk->ctx, HTTP_BUSY, 1);
		reply_unavailable(&request->reply, "too many requests are waiting already");
	} else if (r == -ESHUTDOWN) {
		reply_unavailable(&request->reply, "tallyd is shutting down");
	} else if (r == -ENOMEM) {
		reply_unavailable(&request->reply, "out of memory");
	}
	return false;
}

/* request NULL: nobody waits, source only says what is asked. */
static int desk_send(struct desk *desk, const char *key, struct request *source, bool waits,
		     struct MHD_Connection *connection)
{
	struct flight *flight = flight_create(source, key);
	if (!flight)
		return -ENOMEM;
	int r = key ? cache_begin(desk->cache, flight) : 0;
	if (r == 0)
		r = room_enter(desk->room, flight, waits ? source : NULL, connection);
	if (r < 0 && key) {
		bool late;
		parcel_drop(cache_land(desk->cache, flight, NULL, &late));
	}
	flight_drop(flight);
	return r;
}

/* ---- Asking -------------------------------------------------------------- */

static void desk_give(struct request *request, struct cache_found *found,
		      enum request_origin origin)
{
	request->parcel = TAKE(found->parcel);
	request->origin = origin;
}

/* An old answer is given at once where waiting has no prospect. */
static bool desk_is_hopeless(const struct request *request, const struct cache_found *found)
{
	return found->age == CACHE_OLD &&
	       (found->resting ||
		(found->flight && found->flight->started + desk_patience < request->started));
}

static int desk_ask_kept(struct desk *desk, struct request *request, const char *key,
			 struct MHD_Connection *connection)
{
	struct cache_found found __attribute__((cleanup(cache_found_done)));
	cache_find(desk->cache, key, &found);
	request->origin = ORIGIN_MISS;
	if (found.age == CACHE_FRESH) {
		desk_give(request, &found, ORIGIN_HIT);
		return 1;
	}
	if (found.age == CACHE_AGEING || desk_is_hopeless(request, &found)) {
		if (!found.flight && !found.resting)
			desk_send(desk, key, request, false, NULL);
		desk_give(request, &found, ORIGIN_STALE);
		return 1;
	}
	if (found.parcel) {
		request->fallback = TAKE(found.parcel);
		if (request->until > request->started + desk_patience)
			request->until = request->started + desk_patience;
	}
	int r = found.flight ? room_join(desk->room, found.flight, request, connection)
			     : desk_send(desk, key, request, true, connection);
	return desk_may_wait(desk, request, r) ? 0 : 1;
}

int desk_ask(struct desk *desk, struct request *request, struct MHD_Connection *connection)
{
	struct call call;
	request->until = request->deadline;
	request->kind = kind_of(request->endpoint);
	if (!desk->cache || kind_ttl(desk->config, request->kind) == 0) {
		int r = desk_send(desk, NULL, request, true, connection);
		return desk_may_wait(desk, request, r) ? 0 : 1;
	}
	desk_call(desk, request, &call);
	auto_free char *key = kind_key(&call, request->endpoint);
	if (!key) {
		reply_unavailable(&request->reply, "out of memory");
		return 1;
	}
	return desk_ask_kept(desk, request, key, connection);
}

int desk_delay(struct desk *desk, struct request *request, struct MHD_Connection *connection)
{
	request->fallback = parcel_pack(&request->reply, request->started, false);
	if (!request->fallback)
		return -ENOMEM;
	request->until = request->started + desk_delay_time;
	int r = room_delay(desk->room, request, connection);
	if (r < 0)
		request->parcel = TAKE(request->fallback);
	return r;
}

static void desk_forget(struct desk *desk, enum http_kind kind)
{
	levels_forget(desk->levels, kind);
	if (desk->cache)
		cache_forget(desk->cache, kind);
}

void desk_forget_table(struct desk *desk, const char *table)
{
	for (enum http_kind kind = 0; kind < KIND_NONE; kind++)
		for (const char *const *source = kind_sources(kind); *source; source++)
			if (strcmp(*source, table) == 0)
				desk_forget(desk, kind);
}

static void desk_changed(void *arg, enum http_kind kind)
{
	desk_forget(arg, kind);
}

/* ---- Opening and closing ------------------------------------------------- */

static bool desk_keeps(const struct http_config *config)
{
	return config->cache && config->cache->name && strcmp(config->cache->name, "off") != 0;
}

static int desk_open_cache(struct desk *desk)
{
	desk->cache = cache_create(desk->ctx, desk->config);
	return desk->cache ? levels_open(desk->ctx, desk->config, desk_changed, desk, &desk->levels)
			   : -ENOMEM;
}

static int desk_prepare(struct desk *desk)
{
	uint32_t threads = (uint32_t)desk->config->threads;
	desk->tables = tables_create(desk->ctx, desk->config->store);
	if (!desk->tables)
		return -ENOMEM;
	int r = desk_keeps(desk->config) ? desk_open_cache(desk) : 0;
	if (r < 0)
		return r;
	return room_open(desk->ctx, threads, threads * DESK_JOBS_PER_THREAD, desk_fly, desk,
			 &desk->room);
}

int desk_open(struct tally_ctx *ctx, const struct http_config *config, struct live *live,
	      struct desk **ret)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	if (!desk)
		return -ENOMEM;
	desk->ctx = ctx;
	desk->config = config;
	desk->live = live;
	int r = desk_prepare(desk);
	if (r < 0) {
		desk_free(desk);
		return r;
	}
	*ret = desk;
	return 0;
}

/* Workers are waited for, and so will the poller of streams be, each perhaps for a question to the
 * store: it is told first, so that these times do not add up. */
void desk_close(struct desk *desk)
{
	live_end(desk->live);
	room_close(desk->room);
}

void desk_free(struct desk *desk)
{
	if (!desk)
		return;
	levels_close(desk->levels);
	cache_destroy(desk->cache);
	if (desk->room)
		room_free(desk->room);
	tables_destroy(desk->tables);
	free(desk);
}
