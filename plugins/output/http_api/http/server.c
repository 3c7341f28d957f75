/*
 * The order of a request, all on libmicrohttpd's one thread: server_uri(), server_accept() with the
 * headers, server_dispatch() when it is complete, and server_queue() when there is an answer, at
 * once or after a worker has resumed the connection; server_completed() ends it.  server_handle()
 * chooses by the stage of the request, since libmicrohttpd calls it for all three steps.
 *
 * Policy stands here in one place: who is let in (server_dispatch), what is counted (server_count,
 * server_deny, server_completed).  server_start() can fail: files for TLS or tokens, threads,
 * memory; it undoes what it did.  server_stop() is the reverse order, with a moment for answers on
 * their way.
 */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/condition.h"
#include "message/accept.h"
#include "http/cors.h"
#include "cache/dispatch.h"
#include "http/request_check.h"
#include "http/auth.h"
#include "http/connections.h"
#include "http/listen.h"
#include "http/library_errors.h"
#include "live/live.h"
#include "message/request.h"
#include "http/response_send.h"
#include "live/sse_client.h"
#include "http/sign_in.h"
#include "http/tls.h"
#include "query/host_ages.h"
#include "routes/endpoint.h"

enum {
	/* So that 8 KiB of target and of headers fit; no more, since libmicrohttpd clears it after
	 * each request. */
	SERVER_CONNECTION_MEMORY = 24 << 10,
};

static const int64_t server_grace = CLOCK_SECOND / 2; /* for answers on their way at the end */

struct server {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct MHD_Daemon *daemon;
	struct live *live;
	struct dispatch *dispatch;
	struct host_ages *host_ages;
	struct auth auth;
	struct connections *connections;
	struct sender sender;
	struct tls *tls; /* NULL: none */
	/* By place in the table of routes: answers of the fixed ones, once they were asked for. */
	struct response *fixed[ROUTES_MAX];
	int listen_fd;
	atomic_int open; /* requests between their first line and the end of their answer */
	pthread_mutex_t lock;
	pthread_cond_t answered; /* wakes server_stop(): none is open */
};

/* ---- Answering ----------------------------------------------------------- */

static void server_count(struct server *server, const struct request *request, unsigned code,
			 int64_t now)
{
	static const enum http_cache_result results[] = {[ORIGIN_MISS] = HTTP_CACHE_MISS,
							 [ORIGIN_HIT] = HTTP_CACHE_HIT,
							 [ORIGIN_STALE] = HTTP_CACHE_STALE};
	enum http_class class = request->endpoint ? request->endpoint->class : HTTP_OTHER;
	/* A stream's refusal is sent as a 200 for the browser's sake, and counted as what it is. */
	unsigned hundreds = (request->response->excused ? 503 : code) / 100;
	unsigned status = hundreds == 4 ? 1 : hundreds == 5 ? 2 : 0;
	int64_t took = now - request->started;
	tally_count(server->ctx, HTTP_REQUESTS + class * HTTP_STATUS_CLASSES + status, 1);
	tally_count(server->ctx, HTTP_REQUEST_TIME, took > 0 ? (uint64_t)took : 0);
	if (request->origin != ORIGIN_OFF)
		tally_count(server->ctx,
			    HTTP_CACHE_REQUESTS + request->kind * HTTP_CACHE_RESULTS +
				    results[request->origin],
			    1);
}

static enum MHD_Result server_queue(struct server *server, struct request *request,
				    struct MHD_Connection *connection)
{
	int64_t now = tally_monotonic(server->ctx);
	unsigned status;
	if (!request->response) {
		if (request->endpoint && request->endpoint->class == HTTP_STREAM)
			sse_client_refuse(&request->builder);
		request->response = response_create(&request->builder, now, request->gzip);
	}
	if (!request->response)
		return MHD_NO;
	connections_begin_writing(server->connections, connection,
				  response_bytes(request->response));
	enum MHD_Result r = send_answer(&server->sender, request, connection, now, &status);
	if (r == MHD_YES)
		server_count(server, request, status, now);
	return r;
}

/* For direct endpoints, which need no store: answered on this thread. */
static void server_answer(struct server *server, struct request *request, struct context *context)
{
	const struct endpoint *endpoint = request->endpoint;
	struct response **fixed = endpoint->fixed ? &server->fixed[endpoint - endpoints] : NULL;
	if (!fixed || !*fixed)
		endpoint_answer(endpoint, context);
	/* With its gzip form, whether or not this client takes it: it is kept for all. */
	if (fixed && !*fixed)
		*fixed = response_create(&request->builder, request->started, true);
	if (fixed)
		request->response = response_keep(*fixed);
}

/* ---- Receiving ----------------------------------------------------------- */

/* Answers to guessed tokens are delayed. */
static enum MHD_Result server_deny(struct server *server, struct request *request,
				   struct MHD_Connection *connection)
{
	bool throttled = request->builder.status == 429;
	tally_count(server->ctx, throttled ? HTTP_THROTTLED : HTTP_DENIED, 1);
	if (!request->hold || dispatch_delay(server->dispatch, request, connection) < 0)
		return server_queue(server, request, connection);
	connections_set(server->connections, connection, CONN_WAITING);
	return MHD_YES;
}

/* A connection of the reserve: only /healthz is answered, and the connection closed. */
static enum MHD_Result server_serve_reserve(struct server *server, struct request *request,
					    struct MHD_Connection *connection, int routed)
{
	bool health = routed == 0 && !request->preflight && request->endpoint->reserved;
	struct context context =
		request_context(request, server->ctx, server->config, &request->builder);
	if (health && auth_check(&server->auth, request, connection) == 0)
		server_answer(server, request, &context);
	else if (routed == 0 && !health)
		response_unavailable(&request->builder,
				     "too many connections are open already "
				     "(max_connections, max_connections_per_address)");
	connections_settle_reserve(server->connections, connection, health);
	request->builder.close = true;
	return server_queue(server, request, connection);
}

/* Signing in with a wrong token is denied like a request with one. */
static enum MHD_Result server_answer_here(struct server *server, struct request *request,
					  struct MHD_Connection *connection,
					  struct context *context)
{
	server_answer(server, request, context);
	unsigned status = request->builder.status;
	return status == 401 || status == 403 || status == 429
		       ? server_deny(server, request, connection)
		       : server_queue(server, request, connection);
}

static enum MHD_Result server_dispatch(struct server *server, struct request *request,
				       struct MHD_Connection *connection)
{
	request->stage = REQUEST_TAKEN;
	if (request->preflight &&
	    !connections_is_reserve(connection)) { /* no token comes with it */
		request->builder.status = 204;
		return server_queue(server, request, connection);
	}
	int routed = request_route(request);
	if (connections_is_reserve(connection))
		return server_serve_reserve(server, request, connection, routed);
	if (auth_check(&server->auth, request, connection) < 0)
		return server_deny(server, request, connection);
	if (routed < 0)
		return server_queue(server, request, connection);
	struct context context =
		request_context(request, server->ctx, server->config, &request->builder);
	struct visitor visitor = {&server->auth, request, connection};
	context.visitor = &visitor;
	context.host_ages = server->host_ages;
	if (arguments_read(&context, &request->endpoint->params, &request->args) < 0)
		return server_queue(server, request, connection);
	if (request->endpoint->direct)
		return server_answer_here(server, request, connection, &context);
	if (dispatch_request(server->dispatch, request, connection) != 0)
		return server_queue(server, request, connection);
	connections_set(server->connections, connection, CONN_WAITING);
	return MHD_YES;
}

static enum MHD_Result server_accept(struct server *server, struct request *request,
				     struct MHD_Connection *connection, const char *method,
				     const char *version)
{
	request->now = tally_now(server->ctx);
	request->started = tally_monotonic(server->ctx);
	request->deadline = request->started + server->config->query_timeout;
	request->cors = cors_match(server->config, connection);
	if (request_read_last_event_id(request, connection) < 0)
		return MHD_NO;
	request->head = strcmp(method, "HEAD") == 0;
	request->gzip = accept_gzip(
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding"));
	request->anew = accept_no_cached(
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Cache-Control"));
	request->preflight = request->cors && cors_is_preflight(connection, method);
	request->method = strcmp(method, "POST") == 0     ? METHOD_POST
			  : strcmp(method, "DELETE") == 0 ? METHOD_DELETE
							  : METHOD_GET;
	const struct request_line line = {method, request->raw, version, request->preflight,
					  sign_in_is_target(request->raw)};
	int r = request_check(connection, &line, &request->builder);
	if (r == 0 && request_read_target(request, connection) < 0)
		r = response_problem(&request->builder, 400, NULL,
				     "the URI names another host than the header Host");
	if (r == 0) {
		request->stage = REQUEST_ACCEPTED;
		return MHD_YES;
	}
	/* A method that is not answered here is a client's mistake, but not a malformed request. */
	tally_count(server->ctx, HTTP_MALFORMED, request->builder.status != 405);
	request->stage = REQUEST_TAKEN;
	return server_queue(server, request, connection);
}

/* Called when the headers are there, when the request is complete, and when it was resumed.
 * NOLINTNEXTLINE(readability-function-size): the signature is libmicrohttpd's */
static enum MHD_Result server_handle(void *arg, struct MHD_Connection *connection, const char *url,
				     const char *method, const char *version, const char *upload,
				     size_t *upload_len, void **state)
{
	struct request *request = *state;
	(void)url;
	if (!request)
		return MHD_NO;
	if (*upload_len) {
		/* Only where request_check() has let a body pass, of this length at most. */
		if (request_add_upload(request, upload, *upload_len) < 0)
			return MHD_NO;
		*upload_len = 0;
		return MHD_YES;
	}
	if (request->stage == REQUEST_NEW)
		return server_accept(arg, request, connection, method, version);
	if (request->stage == REQUEST_ACCEPTED)
		return server_dispatch(arg, request, connection);
	return server_queue(arg, request, connection);
}

/*
 * libmicrohttpd 0.9.75 would go on to take the query apart, for nobody; where that does not fit
 * into the connection's memory it refuses the request and then waits for its headers, which it has
 * dropped.  The URI is its own buffer, so there is no query left for it.
 */
static void *server_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct server *server = arg;
	(void)connection;
	struct request *request = uri ? request_create(uri) : NULL;
	if (!request)
		return NULL;
	atomic_fetch_add(&server->open, 1);
	char *query = strchr(uri, '?');
	if (query && query[1])
		query[1] = '\0';
	return request;
}

static void server_completed(void *arg, struct MHD_Connection *connection, void **state,
			     enum MHD_RequestTerminationCode why)
{
	struct server *server = arg;
	const struct request *request = *state;
	if (request && request->stage == REQUEST_NEW && why == MHD_REQUEST_TERMINATED_WITH_ERROR)
		tally_count(server->ctx, HTTP_MALFORMED, 1); /* libmicrohttpd has refused it */
	if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
		connections_late(server->connections, connection);
	connections_set(server->connections, connection, CONN_READING);
	/* Under the lock, so that it cannot fall between the test and the wait of server_stop(). */
	if (*state && atomic_fetch_sub(&server->open, 1) == 1) {
		pthread_mutex_lock(&server->lock);
		pthread_cond_signal(&server->answered);
		pthread_mutex_unlock(&server->lock);
	}
	request_drop(*state);
	*state = NULL;
}

__attribute__((format(printf, 2, 0))) static void server_log(void *arg, const char *fmt, va_list ap)
{
	struct server *server = arg;
	char text[512];
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	library_errors_note_log(text);
	tally_log(server->ctx, TALLY_DEBUG, "libmicrohttpd: %s", text);
}

static void server_connection(void *arg, struct MHD_Connection *connection, void **context,
			      enum MHD_ConnectionNotificationCode what)
{
	struct server *server = arg;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		tls_use(server->tls);
	connections_notify(server->connections, connection, context, what);
}

/* ---- Starting and stopping ----------------------------------------------- */

/* libmicrohttpd is not told to be strict with clients: request_check() is, and says what is wrong.
 */
static int server_listen(struct server *server)
{
	const struct http_config *config = server->config;
	const struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_retrieve},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities},
		{MHD_OPTION_END, 0, NULL}};
	int fd = fcntl(server->listen_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The socket is its own from here: when it cannot start it may close it, or not. */
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO |
			MHD_USE_ERROR_LOG | (server->tls ? MHD_USE_TLS : 0U),
		0, connections_accept, server->connections, server_handle, server,
		MHD_OPTION_EXTERNAL_LOGGER, server_log, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)config->max_connections + connections_reserve_limit(),
		MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)((config->client_timeout + CLOCK_SECOND - 1) / CLOCK_SECOND),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_CONNECTION_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, server_uri, server, MHD_OPTION_NOTIFY_CONNECTION,
		server_connection, server, MHD_OPTION_NOTIFY_COMPLETED, server_completed, server,
		MHD_OPTION_ARRAY, server->tls ? tls : tls + 2, MHD_OPTION_END);
	return server->daemon ? 0 : -EIO;
}

static void server_free(struct server *server)
{
	prebuilt_clear(&server->sender.prebuilt);
	for (int i = 0; i < ROUTES_MAX; i++)
		response_drop(server->fixed[i]);
	connections_close(server->connections);
	host_ages_close(server->host_ages);
	dispatch_free(server->dispatch);
	live_free(server->live);
	tokens_close(server->auth.tokens);
	auth_throttle_destroy(server->auth.throttle);
	sessions_destroy(server->auth.sessions);
	tls_close(server->tls);
	pthread_cond_destroy(&server->answered);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

/* Everything that libmicrohttpd's callbacks use, before it is started. */
static int server_prepare(struct server *server)
{
	int r = connections_open(server->ctx, server->config, &server->connections);
	server->sender =
		(struct sender){.config = server->config, .connections = server->connections};
	if (r == 0)
		r = host_ages_open(server->ctx, server->config, &server->host_ages);
	if (r == 0)
		r = live_open(server->ctx, server->config, &server->live);
	if (r < 0)
		return r;
	live_set_allows(server->live, auth_still_allows, &server->auth);
	r = dispatch_open(server->ctx, server->config, server->live, &server->dispatch);
	if (r < 0)
		live_close(server->live);
	return r;
}

/* First, since these fail for mistakes in the configuration, with messages of their own. */
static int server_open_auth(struct server *server, const struct listen_address *address)
{
	const struct http_config *config = server->config;
	server->auth.allowed_hosts = config->allowed_hosts;
	server->auth.own_names =
		!config->tokens_file && !config->insecure && listen_is_loopback(address);
	int r = config->tls_cert
			? tls_open(server->ctx, config->tls_cert, config->tls_key, &server->tls)
			: 0;
	if (r < 0 || !config->tokens_file)
		return r;
	server->auth.tls = server->tls != NULL;
	server->auth.throttle = auth_throttle_create(server->ctx);
	server->auth.sessions = sessions_create(config->session_life, config->session_idle);
	return server->auth.throttle && server->auth.sessions
		       ? tokens_open(server->ctx, config->tokens_file, &server->auth.tokens)
		       : tally_fail(server->ctx, ENOMEM, "out of memory");
}

int server_start(struct tally_ctx *ctx, const struct http_config *config,
		 const struct listen_address *address, int listen_fd, struct server **ret)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return tally_fail(ctx, ENOMEM, "out of memory");
	*server = (struct server){.ctx = ctx, .config = config, .listen_fd = listen_fd};
	atomic_init(&server->open, 0);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->answered, NULL);
	int r = server_open_auth(server, address);
	if (r < 0) {
		server_free(server);
		return r;
	}
	r = server_prepare(server);
	if (r < 0) {
		server_free(server);
		return tally_fail(ctx, -r, "cannot start threads: %s", strerror(-r));
	}
	r = server_listen(server);
	if (r < 0) {
		dispatch_close(server->dispatch);
		live_close(server->live);
		server_free(server);
		return tally_fail(ctx, -r, "cannot start the HTTP server: %s", strerror(-r));
	}
	*ret = server;
	return 0;
}

/* Not MHD_quiesce_daemon(), which aborts the process when it meets libmicrohttpd's own thread just
 * where that looks for new connections (0.9.75). */
void server_stop(struct server *server)
{
	connections_stop_accepting(server->connections);
	dispatch_close(server->dispatch);
	live_close(server->live); /* nothing is suspended after this */
	/* For answers being written, but not for clients that do not read them. */
	int64_t until = clock_monotonic() + server_grace;
	pthread_mutex_lock(&server->lock);
	while (atomic_load(&server->open) > 0 &&
	       condition_wait(&server->answered, &server->lock, until))
		;
	pthread_mutex_unlock(&server->lock);
	MHD_stop_daemon(server->daemon);
	close(server->listen_fd);
	server_free(server);
}

void server_watch(struct server *server, const struct tally_batch *batch)
{
	dispatch_watch(server->dispatch, batch->table->name);
	live_watch(server->live, batch);
}
