/*
 * The plugin: options, metrics and the calls of the core, each passed on to the part that does the
 * work.  Two parts live as long as the instance: the writer (output, on the core's thread) and the
 * cache (get and set, on any thread, with a thread of its own that connects).  A subscriber lives
 * as long as one call.
 *
 * create() only reads options and fails on contradictions among them.  start() connects, so that a
 * wrong address or password shows at once; after that each part reconnects by itself.  interrupt()
 * makes the eventfd readable that all waits of the writer and the subscribers watch.
 */
#include "redis.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "subscriber.h"
#include "cache.h"
#include "sentinel.h"
#include "writer.h"

struct redis {
	struct connection template;
	struct address address;
	struct sentinels sentinels;
	struct writer writer;
	struct cache *cache;
};

#define OPTION(key) .name = #key, .offset = offsetof(struct redis_config, key)

static const struct tally_option redis_options[] = {
	{OPTION(url), .type = TALLY_OPT_STRING, .fallback = "redis://127.0.0.1:6379",
	 .help = "redis://HOST:PORT or unix:///PATH; or up to 8 sentinels and the primary's name: "
		 "redis+sentinel://HOST:PORT,HOST:PORT/NAME[/DB]."},
	{OPTION(user), .type = TALLY_OPT_STRING,
	 .help = "The user for AUTH, with Redis 6 and newer."},
	{OPTION(password), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "The password for AUTH. It is sent in plain text: to another machine, use a TLS "
		 "proxy."},
	{OPTION(sentinel_password), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "The password for AUTH with sentinels that have their own; they never get the "
		 "other."},
	{OPTION(db), .type = TALLY_OPT_INT, .fallback = "0", .accepts = "0..65535",
	 .help = "The database's number."},
	{OPTION(prefix), .type = TALLY_OPT_STRING,
	 .fallback = "tally:", .help = "Prefix of all keys and channels."},
	{OPTION(ttl), .type = TALLY_OPT_DURATION, .fallback = "10min", .accepts = "1s..30d",
	 .help = "A container's hash expires after this long without a write."},
	{OPTION(timeout), .type = TALLY_OPT_DURATION, .fallback = "2s", .accepts = "10ms..1min",
	 .help = "Time limit for connecting, for publishing a batch, and for asking a sentinel."},
	{OPTION(cache_timeout), .type = TALLY_OPT_DURATION, .fallback = "5ms",
	 .accepts = "100us..10s",
	 .help = "As a cache: time limit for one lookup; after a longer one Redis is not used for "
		 "a while."},
	{.name = NULL},
};

static const struct tally_metric redis_metrics[] = {
	[REDIS_PUBLISHED] = {.name = "published_total", .help = "Rows published."},
	[REDIS_FOREIGN_KEYS] =
		{.name = "foreign_keys_total",
		 .help = "Rows whose container's key has another type; it is left alone."},
	[REDIS_CONNECTS] = {.name = "connects_total", .help = "Connections made."},
	[REDIS_CONNECT_ERRORS] = {.name = "connect_errors_total",
				  .help = "Failed attempts to connect."},
	[REDIS_CACHE_AVAILABLE] =
		{.name = "cache_available",
		 .help = "1: used as a cache; 0: not now, after a failure or a late "
			 "reply.",
		 .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

/* Fills the template: the address or the sentinels, and the database. */
static int redis_resolve_url(struct redis *redis, struct tally_ctx *ctx,
			     const struct redis_config *config)
{
	bool sentinels = sentinels_are_meant(config->url);
	const char *problem = sentinels ? sentinels_parse(config->url, &redis->sentinels)
					: address_parse(config->url, &redis->address);
	if (problem)
		return tally_fail(ctx, EINVAL, "url: %s", problem);
	if (config->sentinel_password && !sentinels)
		return tally_fail(ctx, EINVAL, "sentinel_password: url has no sentinels");
	redis->template.address = &redis->address;
	redis->template.sentinels = sentinels ? &redis->sentinels : NULL;
	redis->template.db = config->db;
	if (!sentinels || redis->sentinels.db < 0)
		return 0;
	if (config->db && config->db != redis->sentinels.db)
		return tally_fail(ctx, EINVAL, "db: differs from the database in url");
	redis->template.db = redis->sentinels.db;
	return 0;
}

static int redis_create(struct tally_ctx *ctx, const void *options, void **ret_self)
{
	const struct redis_config *config = options;
	auto_free struct redis *redis = calloc(1, sizeof(*redis));
	if (!redis)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (config->user && !config->password)
		return tally_fail(ctx, EINVAL, "user: requires password");
	if (strlen(config->prefix) > 64)
		return tally_fail(ctx, EINVAL, "prefix: is longer than 64 bytes");
	int r = redis_resolve_url(redis, ctx, config);
	if (r < 0)
		return r;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return tally_fail(ctx, errno, "eventfd: %s", strerror(errno));
	redis->template.ctx = ctx;
	redis->template.config = config;
	redis->template.secret = "password";
	redis->template.wake_fd = fd;
	redis->template.stop_fd = -1;
	redis->template.max_reply = REDIS_MAX_REPLY;
	*ret_self = TAKE(redis);
	return 0;
}

static void redis_destroy(void *self)
{
	struct redis *redis = self;
	close(redis->template.wake_fd);
	free(redis);
}

static int redis_start(void *self)
{
	struct redis *redis = self;
	uint64_t interrupts;
	/* A restart after an interrupt: an old wake-up would cancel the first connection. */
	while (read(redis->template.wake_fd, &interrupts, sizeof(interrupts)) > 0)
		;
	writer_init(&redis->writer, &redis->template);
	int r = writer_connect(&redis->writer);
	if (r == 0)
		r = cache_start(&redis->template, &redis->cache);
	if (r < 0)
		writer_done(&redis->writer);
	return r;
}

static void redis_interrupt(void *self)
{
	struct redis *redis = self;
	uint64_t one = 1;
	ssize_t n = write(redis->template.wake_fd, &one, sizeof(one));
	(void)n; /* full: it is readable already */
}

static void redis_stop(void *self)
{
	struct redis *redis = self;
	cache_stop(redis->cache);
	redis->cache = NULL;
	writer_done(&redis->writer);
}

/* Required of outputs; Redis has no tables to prepare. */
static int redis_prepare(void *self, const struct tally_table *table)
{
	(void)self;
	(void)table;
	return 0;
}

static int redis_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	struct redis *redis = self;
	return writer_write(&redis->writer, entries, n, verdicts);
}

static int redis_get(void *self, const char *key, struct tally_blob *ret)
{
	struct redis *redis = self;
	return cache_get(redis->cache, key, ret);
}

static int redis_set(void *self, const char *key, const void *data, size_t len, int64_t ttl_ns)
{
	struct redis *redis = self;
	return cache_set(redis->cache, key, data, len, ttl_ns);
}

static int redis_subscribe(void *self, const char *const *channels, int stop_fd,
			   tally_message_fn *message, void *arg)
{
	struct redis *redis = self;
	struct connection template = redis->template;
	template.stop_fd = stop_fd;
	return subscriber_run(&template, channels, message, arg);
}

static const struct tally_output redis_output = {
	.size = sizeof(redis_output), .prepare = redis_prepare, .write = redis_write};
static const struct tally_cache_ops redis_cache = {.size = sizeof(redis_cache),
						   .get = redis_get,
						   .set = redis_set,
						   .subscribe = redis_subscribe};

TALLY_PLUGIN(.name = "redis", .version = TALLYD_VERSION,
	     .help = "Publishes the newest rows in Redis, and is a cache that several API "
		     "processes share.",
	     .options = redis_options, .metrics = redis_metrics,
	     .config_size = sizeof(struct redis_config), .create = redis_create,
	     .start = redis_start, .interrupt = redis_interrupt, .stop = redis_stop,
	     .destroy = redis_destroy, .output = &redis_output, .cache = &redis_cache)
