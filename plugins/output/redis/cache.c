/*
 * A pool of connections behind a circuit breaker
 * (https://martinfowler.com/bliki/CircuitBreaker.html).  Requests for pages wait for this cache, so
 * a Redis that is gone or slow must cost them next to nothing:
 *
 *	closed     open_until is 0: cache_get() and cache_set() borrow a connection, or fail with
 *	           -EBUSY if none comes free within cache_timeout
 *	open       after any failure, a late reply among them, until open_until: all calls fail at
 *	           once, all connections are closed
 *	half-open  then the thread of the cache tries to connect: success closes the circuit,
 *	           failure opens it again for twice as long, up to cache_longest_cooldown
 *
 * cache_get() and cache_set() run on the caller's thread, the workers of http_api.  They never
 * connect: a handshake takes longer than cache_timeout allows, so the thread does that for them.
 * One lock guards everything; it is held over no I/O.
 */
#include "cache.h"

#include "base/backoff.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/condition.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "connection_open.h"

enum { CACHE_CONNECTIONS = 16 };

/* Short at first, since many failures are one late reply; bounded, since Redis is usually back
 * within seconds after a restart or a failover. */
static const int64_t cache_first_cooldown = CLOCK_SECOND / 2;
static const int64_t cache_longest_cooldown = 5 * CLOCK_SECOND;
/* A daemon that only collects never asks its cache; probes keep its metric and log true. */
static const int64_t cache_probe_interval = 2 * CLOCK_SECOND;
static const int64_t cache_log_interval = CLOCK_MINUTE;

struct cache {
	struct connection template;
	pthread_t thread;
	pthread_mutex_t lock;  /* guards everything below */
	pthread_cond_t wanted; /* wakes the thread: there is something to do */
	pthread_cond_t free;   /* wakes callers: a connection became idle, or the circuit opened */
	struct connection *idle[CACHE_CONNECTIONS];
	uint32_t n_idle, n_connections; /* the latter counts idle, borrowed and connecting ones */
	uint32_t n_waiting;             /* callers */
	unsigned generation; /* raised whenever the circuit opens, which makes older connections
				void */
	int64_t open_until;  /* monotonic; 0: closed */
	unsigned failures;   /* in a row */
	int64_t unavailable_since; /* monotonic; 0: available, or never yet */
	int64_t logged;            /* when that was logged last; 0: not */
	int64_t next_probe;        /* when to see whether idle links still live */
	bool stopping;
};

struct cache_borrowed {
	struct connection *connection;
	unsigned generation;
};

/* ---- Connections and the circuit ----------------------------------------- */

static void cache_close_connection(struct cache *cache, struct connection *connection)
{
	connection_close(connection);
	free(connection);
	cache->n_connections--;
}

/* With the lock. */
static void cache_close_idle(struct cache *cache)
{
	while (cache->n_idle)
		cache_close_connection(cache, cache->idle[--cache->n_idle]);
}

/* With the lock: an idle connection that is still usable, or NULL.  The newest first, so that the
 * surplus of a peak stays unused. */
static struct connection *cache_pop_idle(struct cache *cache)
{
	while (cache->n_idle) {
		struct connection *connection = cache->idle[--cache->n_idle];
		if (connection_is_usable(connection))
			return connection;
		cache_close_connection(cache, connection);
	}
	return NULL;
}

static void cache_update_gauge(const struct cache *cache)
{
	tally_gauge(cache->template.ctx, REDIS_CACHE_AVAILABLE, cache->open_until == 0);
}

/* With the lock, after a failure r, which tally_reason() explains.  One failed connection says that
 * Redis is in trouble, so all of them go: without that, each caller would find out by a timeout of
 * its own.  Borrowed connections are closed when they are returned, by their generation. */
static void cache_open_circuit(struct cache *cache, int r)
{
	struct tally_ctx *ctx = cache->template.ctx;
	int64_t now = tally_monotonic(ctx);
	/* A single late reply opens the circuit but is not logged, unless the next attempt fails
	 * too: at a cache_timeout of milliseconds it is commonplace. */
	bool late = r == -ETIMEDOUT && !cache->unavailable_since;
	if (!cache->unavailable_since)
		cache->unavailable_since = now;
	if (!late && (!cache->logged || now - cache->logged >= cache_log_interval)) {
		tally_log(ctx, TALLY_ERROR,
			  "the cache is unavailable, for %lld s now: %s; lookups fail at once "
			  "meanwhile",
			  (long long)((now - cache->unavailable_since) / CLOCK_SECOND),
			  tally_reason(ctx));
		cache->logged = now;
	}
	cache_close_idle(cache);
	cache->generation++;
	/* Without jitter: a short cooldown would let callers run into the next timeout. */
	cache->open_until = now + backoff_pause(cache_first_cooldown, cache_longest_cooldown,
						cache->failures++);
	cache_update_gauge(cache);
	pthread_cond_signal(&cache->wanted);
	pthread_cond_broadcast(&cache->free);
}

static int cache_borrow(struct cache *cache, int64_t deadline, struct cache_borrowed *ret)
{
	struct connection *connection = NULL;
	bool in_time = true;
	pthread_mutex_lock(&cache->lock);
	cache->n_waiting++;
	while (cache->open_until == 0 && in_time && !(connection = cache_pop_idle(cache))) {
		pthread_cond_signal(&cache->wanted);
		in_time = condition_wait(&cache->free, &cache->lock, deadline);
	}
	cache->n_waiting--;
	*ret = (struct cache_borrowed){connection, cache->generation};
	pthread_mutex_unlock(&cache->lock);
	return connection ? 0 : tally_fail(cache->template.ctx, EBUSY, "the cache is unavailable");
}

/* r: how the exchange ended.  Only the first failure of a generation opens the circuit: later ones
 * are echoes of the same trouble and must not lengthen the cooldown.  -ECANCELED is our own stop.
 */
static void cache_return(struct cache *cache, const struct cache_borrowed *borrowed, int r)
{
	pthread_mutex_lock(&cache->lock);
	bool current = borrowed->generation == cache->generation;
	if (r == 0 && current) {
		cache->failures = 0;
		cache->idle[cache->n_idle++] = borrowed->connection;
		pthread_cond_signal(&cache->free);
	} else {
		cache_close_connection(cache, borrowed->connection);
		if (current && r != -ECANCELED)
			cache_open_circuit(cache, r);
	}
	pthread_mutex_unlock(&cache->lock);
}

/* ---- Connecting ---------------------------------------------------------- */

/* With the lock, which it releases while connecting.  If the circuit opened meanwhile, what was
 * reached may be the server that has just failed, so the connection is not used. */
static void cache_connect(struct cache *cache)
{
	struct connection *connection = malloc(sizeof(*connection));
	int r = -ENOMEM;
	cache->n_connections++;
	unsigned generation = cache->generation;
	pthread_mutex_unlock(&cache->lock);
	if (connection) {
		*connection = cache->template;
		r = connection_open(connection);
	}
	pthread_mutex_lock(&cache->lock);
	if (r < 0 || generation != cache->generation) {
		if (connection)
			connection_close(connection);
		free(connection);
		cache->n_connections--;
		if (r < 0 && r != -ECANCELED)
			cache_open_circuit(cache, r == -ETIMEDOUT ? -ECONNREFUSED : r);
		return;
	}
	cache->idle[cache->n_idle++] = connection;
	cache->open_until = 0;
	int64_t now = tally_monotonic(cache->template.ctx);
	cache->next_probe = now + cache_probe_interval;
	if (cache->logged)
		tally_log(cache->template.ctx, TALLY_NOTICE,
			  "the cache is available again after %lld s",
			  (long long)((now - cache->unavailable_since) / CLOCK_SECOND));
	cache->unavailable_since = cache->logged = 0;
	cache_update_gauge(cache);
	pthread_cond_signal(&cache->free);
}

/* With the lock, which it releases meanwhile: a PING on an idle connection.  Where Redis has closed
 * them all, connecting anew says more than a PING into a closed socket: a password that was
 * changed, say, or nothing at all after a restart. */
static void cache_probe(struct cache *cache)
{
	struct cache_borrowed borrowed = {.generation = cache->generation};
	struct commands commands;
	int64_t until = tally_monotonic(cache->template.ctx) + cache_probe_interval;
	cache->next_probe = until;
	borrowed.connection = cache_pop_idle(cache);
	if (!borrowed.connection) {
		if (cache->n_connections == 0)
			cache_connect(cache);
		return; /* the exchanges on borrowed ones show it as well */
	}
	pthread_mutex_unlock(&cache->lock);
	commands_init(&commands, 256);
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = connection_exchange(borrowed.connection, &commands, connection_check_reply,
				    borrowed.connection, until);
	commands_done(&commands);
	cache_return(cache, &borrowed, r == -ETIMEDOUT ? -ENOTCONN : r);
	pthread_mutex_lock(&cache->lock);
}

/* Each step looks at the state anew, since cache_connect() and cache_probe() release the lock. */
static void *cache_run(void *arg)
{
	struct cache *cache = arg;
	pthread_setname_np(pthread_self(), "redis-cache");
	pthread_mutex_lock(&cache->lock);
	while (!cache->stopping) {
		int64_t now = tally_monotonic(cache->template.ctx);
		bool open = cache->open_until != 0;
		bool short_of_connections = cache->n_waiting > cache->n_idle &&
					    cache->n_connections < CACHE_CONNECTIONS;
		if ((open || short_of_connections) && now >= cache->open_until) {
			cache_connect(cache);
		} else if (!open && now >= cache->next_probe) {
			cache_probe(cache);
		} else {
			condition_wait(&cache->wanted, &cache->lock,
				       open ? cache->open_until : cache->next_probe);
		}
	}
	pthread_mutex_unlock(&cache->lock);
	return NULL;
}

/* ---- Getting and setting ------------------------------------------------- */

struct cache_request {
	struct connection *connection;
	struct tally_blob *ret; /* NULL: a set */
	int result;             /* of the command, once the exchange succeeded */
};

static void cache_release(void *reply)
{
	freeReplyObject(reply);
}

static int cache_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct cache_request *request = arg;
	redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR) {
		request->result = connection_error_reply(request->connection, got);
		/* READONLY: a failover made this server a replica.  As a failure of the exchange it
		 * opens the circuit, and the next connection is to the new primary.  Other errors
		 * concern one command (out of memory, a key of another type). */
		return strncmp(got->str, "READONLY", strlen("READONLY")) == 0 ? request->result : 0;
	}
	if (request->ret && got->type == REDIS_REPLY_STRING) {
		*request->ret = (struct tally_blob){
			.data = got->str, .len = got->len, .release = cache_release, .owner = got};
		*reply = NULL;
	} else if (request->ret) {
		request->result = -ENOENT;
	}
	return 0;
}

static void cache_add_key(struct commands *commands, const struct cache *cache, const char *key)
{
	auto_free char *full = NULL;
	int len =
		asprintf(&full, "%s" REDIS_LAYOUT "cache:%s", cache->template.config->prefix, key);
	if (len < 0)
		full = NULL;
	if (full)
		commands_add(commands, full, (size_t)len);
	else
		commands->bytes.error = -ENOMEM;
}

static int cache_exchange(struct cache *cache, const struct commands *commands,
			  struct tally_blob *ret)
{
	struct tally_ctx *ctx = cache->template.ctx;
	int64_t deadline = tally_monotonic(ctx) + cache->template.config->cache_timeout;
	struct cache_borrowed borrowed;
	if (commands->bytes.error)
		return tally_fail(ctx, -commands->bytes.error, "the value or its key is too long");
	int r = cache_borrow(cache, deadline, &borrowed);
	if (r < 0)
		return r;
	struct cache_request request = {.connection = borrowed.connection, .ret = ret};
	r = connection_exchange(borrowed.connection, commands, cache_reply, &request, deadline);
	cache_return(cache, &borrowed, r);
	return r < 0 ? r : request.result;
}

int cache_get(struct cache *cache, const char *key, struct tally_blob *ret)
{
	struct commands commands;
	commands_init(&commands, REDIS_MAX_VALUE);
	commands_begin(&commands, 2);
	commands_add_text(&commands, "GET");
	cache_add_key(&commands, cache, key);
	int r = cache_exchange(cache, &commands, ret);
	commands_done(&commands);
	return r;
}

int cache_set(struct cache *cache, const char *key, const void *data, size_t len, int64_t ttl_ns)
{
	struct commands commands;
	int64_t ms = ttl_ns / 1000000;
	if (ms < 1)
		return 0;
	commands_init(&commands, REDIS_MAX_VALUE);
	commands_begin(&commands, 5);
	commands_add_text(&commands, "SET");
	cache_add_key(&commands, cache, key);
	commands_add(&commands, data, len);
	commands_add_text(&commands, "PX");
	commands_add_number(&commands, ms);
	int r = cache_exchange(cache, &commands, NULL);
	commands_done(&commands);
	return r;
}

/* ---- Starting and stopping ----------------------------------------------- */

static void cache_free(struct cache *cache)
{
	cache_close_idle(cache);
	if (cache->template.wake_fd >= 0)
		close(cache->template.wake_fd);
	pthread_cond_destroy(&cache->free);
	pthread_cond_destroy(&cache->wanted);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

int cache_start(const struct connection *template, struct cache **ret)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return tally_fail(template->ctx, ENOMEM, "no memory");
	pthread_cond_init(&cache->wanted, NULL);
	pthread_cond_init(&cache->free, NULL);
	pthread_mutex_init(&cache->lock, NULL);
	cache->template = *template;
	/* Its own: the plugin's is drained at each start, and interrupts the writer only. */
	cache->template.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	cache->open_until = 1; /* long ago: connect at once */
	int r = cache->template.wake_fd < 0
			? errno
			: pthread_create(&cache->thread, NULL, cache_run, cache);
	if (r) {
		cache_free(cache);
		return tally_fail(template->ctx, r, "cannot start a thread: %s", strerror(r));
	}
	*ret = cache;
	return 0;
}

void cache_stop(struct cache *cache)
{
	uint64_t one = 1;
	if (!cache)
		return;
	pthread_mutex_lock(&cache->lock);
	cache->stopping = true;
	pthread_cond_signal(&cache->wanted);
	pthread_mutex_unlock(&cache->lock);
	ssize_t n = write(cache->template.wake_fd, &one, sizeof(one));
	(void)n;
	pthread_join(cache->thread, NULL);
	cache_free(cache);
}
