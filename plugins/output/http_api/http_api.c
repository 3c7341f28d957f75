/*
 * The HTTP API: a service that answers what a store holds as JSON, and what the daemon knows about
 * itself.  create() reads the address; start() binds it and starts the server's threads; stop()
 * answers waiting requests with 503 and ends the threads.  start() fails if the address is taken.
 */
#include "http_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/cors.h"
#include "http/listen.h"
#include "http/server.h"
#include "http/tls.h"
#include "http/tokens.h"

struct http_api {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct listen_address address;
	struct server *server;
};

/* Off, or the memory and up to two shared caches after it. */
static int http_check_cache(struct tally_ctx *ctx, const struct http_config *config)
{
	const struct tally_named_cache *level = config->cache;
	bool off = level && level->name && strcmp(level->name, "off") == 0;
	if (!level || !level->name || (off && !level[1].name))
		return 0;
	if (off || strcmp(level->name, "memory") != 0)
		return tally_fail(ctx, EINVAL, "cache: must start with memory, or be off alone");
	for (int n = 1; level[n].name; n++) {
		if (strcmp(level[n].name, "memory") == 0 || strcmp(level[n].name, "off") == 0)
			return tally_fail(ctx, EINVAL, "cache: \"%s\" cannot come after memory",
					  level[n].name);
		if (n > HTTP_LEVELS)
			return tally_fail(ctx, EINVAL,
					  "cache: at most %d caches can come after memory",
					  HTTP_LEVELS);
	}
	return 0;
}

/* What the core cannot check: it knows types and ranges, not how options depend on each other.
 * Without I/O; files are for http_check_files(). */
static int http_check(struct tally_ctx *ctx, const struct http_config *config,
		      struct listen_address *ret)
{
	if (listen_parse(config->listen, ret) < 0)
		return tally_fail(ctx, EINVAL,
				  "listen: \"%s\" is not an address and port (try "
				  "127.0.0.1:7420 or [::1]:7420)",
				  config->listen);
	if (!config->insecure && !config->tokens_file && !listen_is_loopback(ret))
		return tally_fail(ctx, EINVAL,
				  "listen: other machines can reach %s, and requests need no "
				  "token; set tokens_file, listen on 127.0.0.1 behind a proxy that "
				  "authenticates, or set insecure = yes",
				  config->listen);
	const char *odd = cors_check(config->cors_origins);
	if (odd)
		return tally_fail(ctx, EINVAL,
				  "cors_origins: \"%s\" is not an origin (try https://example.org)",
				  odd);
	if (config->tokens_file && cors_allows_all(config->cors_origins))
		return tally_fail(ctx, EINVAL,
				  "cors_origins: * would let every page read what tokens_file "
				  "protects; list the origins");
	if (!config->tls_cert != !config->tls_key)
		return tally_fail(ctx, EINVAL, "%s: is required with %s",
				  config->tls_cert ? "tls_key" : "tls_cert",
				  config->tls_cert ? "tls_cert" : "tls_key");
	return http_check_cache(ctx, config);
}

static int http_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct http_api *api = calloc(1, sizeof(*api));
	if (!api)
		return tally_fail(ctx, ENOMEM, "out of memory");
	api->ctx = ctx;
	api->config = config;
	int r = http_check(ctx, config, &api->address);
	if (r < 0) {
		free(api);
		return r;
	}
	*ret_self = api;
	return 0;
}

/* Reads what start() would read, and gives it back. */
static int http_check_files(struct tally_ctx *ctx, const void *arg)
{
	const struct http_config *config = arg;
	struct tokens *tokens = NULL;
	struct tls *tls = NULL;
	int r = 0;
	if (config->tokens_file)
		r = tokens_open(ctx, config->tokens_file, &tokens);
	if (r == 0 && config->tls_cert)
		r = tls_open(ctx, config->tls_cert, config->tls_key, &tls);
	tls_close(tls);
	tokens_close(tokens);
	return r;
}

static int http_start(void *self)
{
	struct http_api *api = self;
	char text[LISTEN_TEXT_SIZE];
	int fd;
	int r = listen_open(api->ctx, api->config->listen, &api->address, &fd);
	if (r < 0)
		return r;
	listen_text(fd, text);
	r = server_start(api->ctx, api->config, &api->address, fd, &api->server);
	if (r < 0) {
		close(fd);
		return r;
	}
	tally_log(api->ctx, TALLY_NOTICE, "listening on http%s://%s/",
		  api->config->tls_cert ? "s" : "", text);
	return 0;
}

static void http_watch(void *self, const struct tally_batch *batch)
{
	struct http_api *api = self;
	server_watch(api->server, batch);
}

static void http_stop(void *self)
{
	struct http_api *api = self;
	server_stop(api->server);
	api->server = NULL;
}

static void http_destroy(void *self)
{
	free(self);
}

static const struct tally_watcher http_watcher = {.size = sizeof(http_watcher),
						  .watch = http_watch};

#define OPTION(field) .name = #field, .offset = offsetof(struct http_config, field)

static const struct tally_option http_options[] = {
	{OPTION(listen), .type = TALLY_OPT_STRING, .fallback = "127.0.0.1:7420",
	 .help = "Address and port: 127.0.0.1:7420, [::]:7420."},
	{OPTION(store), .type = TALLY_OPT_STORE, .fallback = "sqlite", .flags = TALLY_OPT_REQUIRED,
	 .help = "The output whose data is served."},
	{OPTION(insecure), .type = TALLY_OPT_BOOL, .fallback = "no",
	 .help = "Permit an address that other machines can reach although requests need no "
		 "token."},
	{OPTION(tokens_file), .type = TALLY_OPT_STRING,
	 .help = "A file of lines `token scope…`: requests must bear one of these tokens. Others "
		 "must not be able to read it; it is reloaded when it changes."},
	{OPTION(session_life), .type = TALLY_OPT_DURATION, .fallback = "12h",
	 .accepts = "1min..30d",
	 .help = "How long who has signed in with a token in a browser stays so at most."},
	{OPTION(session_idle), .type = TALLY_OPT_DURATION, .fallback = "2h", .accepts = "1min..30d",
	 .help = "How long without a request, or an open stream, until a session ends."},
	{OPTION(tls_cert), .type = TALLY_OPT_STRING,
	 .help = "A file with a certificate in PEM and the certificates up to its root: all "
		 "connections use TLS. It is reloaded when it changes."},
	{OPTION(tls_key), .type = TALLY_OPT_STRING,
	 .help = "The file with its key, in PEM, which others must not be able to read."},
	{OPTION(cors_origins), .type = TALLY_OPT_LIST,
	 .help = "Origins (https://example.org) whose web pages may read answers; * for all, only "
		 "without tokens. Default: none."},
	{OPTION(allowed_hosts), .type = TALLY_OPT_LIST,
	 .help = "On loopback and without tokens: names for this machine in requests, besides "
		 "localhost and addresses."},
	{OPTION(container_metrics), .type = TALLY_OPT_BOOL, .fallback = "no",
	 .help = "Serve /metrics/containers: newest readings under the names that cAdvisor uses."},
	{OPTION(max_query_range_days), .type = TALLY_OPT_INT, .fallback = "30",
	 .accepts = "1..3650", .help = "Longest time from `from` to `to`."},
	{OPTION(max_results_per_query), .type = TALLY_OPT_INT, .fallback = "10000",
	 .accepts = "1..1000000",
	 .help = "Most rows, or points of all series together, in one answer."},
	{OPTION(query_timeout), .type = TALLY_OPT_DURATION, .fallback = "5s",
	 .accepts = "100ms..10min",
	 .help = "A request that the store has not answered in this time gets a 503."},
	{OPTION(search_time), .type = TALLY_OPT_DURATION, .fallback = "1s", .accepts = "50ms..1min",
	 .help = "A search in logs that is not done after this time answers with what it found, "
		 "and "
		 "with where to go on."},
	{OPTION(client_timeout), .type = TALLY_OPT_DURATION, .fallback = "30s",
	 .accepts = "1s..10min",
	 .help = "Disconnects clients that send or receive nothing for this long, or need more "
		 "than twice this for a request's head or ten times this for an answer."},
	{OPTION(threads), .type = TALLY_OPT_INT, .fallback = "4", .accepts = "1..64",
	 .help = "Requests that query the store at the same time."},
	{OPTION(max_connections), .type = TALLY_OPT_INT, .fallback = "256", .accepts = "1..10000",
	 .help = "Open connections; further ones get a 503, except for /healthz."},
	{OPTION(max_connections_per_address), .type = TALLY_OPT_INT, .fallback = "64",
	 .accepts = "1..10000",
	 .help = "Open connections from one address, or from one IPv6 network (/64)."},
	{OPTION(cache), .type = TALLY_OPT_CACHES, .fallback = "memory", .accepts = "memory|off",
	 .help = "Where finished answers are cached: memory, and after it outputs that are caches, "
		 "such as redis; or off."},
	{OPTION(cache_scope), .type = TALLY_OPT_STRING,
	 .help = "A name for the data: daemons with the same data and the same name share answers "
		 "in the caches after memory. Default: this instance shares with none."},
	{OPTION(cache_size), .type = TALLY_OPT_SIZE, .fallback = "32Mi", .accepts = "64Ki..64Gi",
	 .help = "Memory for cached answers; the least recently used go first. An answer larger "
		 "than an eighth of it is not cached."},
	{OPTION(cache_ttl_containers), .type = TALLY_OPT_DURATION, .fallback = "10s",
	 .accepts = "0s..1h", .help = "How long lists of containers, hosts and tables are cached."},
	{OPTION(cache_ttl_stats), .type = TALLY_OPT_DURATION, .fallback = "2s", .accepts = "0s..1h",
	 .help = "How long newest readings and rows are cached."},
	{OPTION(cache_ttl_images), .type = TALLY_OPT_DURATION, .fallback = "5min",
	 .accepts = "0s..1d", .help = "How long answers about images are cached."},
	{OPTION(cache_ttl_history), .type = TALLY_OPT_DURATION, .fallback = "30s",
	 .accepts = "0s..1d", .help = "How long series are cached."},
	{OPTION(live), .type = TALLY_OPT_CHOICE, .fallback = "auto",
	 .accepts = "auto|pipeline|store|off",
	 .help = "Where streams get rows. pipeline: from this daemon's inputs. store: from the "
		 "store, polled every second while there are clients. auto: pipeline once inputs "
		 "have emitted rows; until then store, and what is published in the first cache "
		 "after memory, if that is redis. off: no streams."},
	{OPTION(live_memory), .type = TALLY_OPT_SIZE, .fallback = "4Mi", .accepts = "64Ki..1Gi",
	 .help = "Memory for the newest rows of each kind of stream, shared by its clients. A "
		 "client that falls behind is told how many rows it missed."},
	{OPTION(live_client_memory), .type = TALLY_OPT_SIZE, .fallback = "256Ki",
	 .accepts = "16Ki..16Mi",
	 .help = "Memory for one client's unsent events, and so the largest event."},
	{OPTION(live_heartbeat), .type = TALLY_OPT_DURATION, .fallback = "15s",
	 .accepts = "1s..1min", .help = "A stream without rows sends a comment this often."},
	{OPTION(max_streams), .type = TALLY_OPT_INT, .fallback = "128", .accepts = "1..10000",
	 .help = "Clients of streams at the same time; further ones are told to retry later."},
	{.name = NULL},
};

TALLY_PLUGIN(.name = "http_api", .version = TALLYD_VERSION,
	     .help = "Serves the data of a store over HTTP, as JSON.", .options = http_options,
	     .config_size = sizeof(struct http_config), .metrics = http_metrics,
	     .create = http_create, .start = http_start, .stop = http_stop, .destroy = http_destroy,
	     .watcher = &http_watcher, .check = http_check_files)
