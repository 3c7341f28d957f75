/*
 * libmicrohttpd calls connections_accept() and connections_notify() on the HTTP thread when a
 * client comes and goes; server.c reports the state of each connection in between.  A watcher
 * thread checks once a second for connections whose time is over and shuts their sockets down;
 * libmicrohttpd then sees the end and closes them, so a descriptor is closed in one place only. The
 * lock also guards that: under it an fd in the list is open.
 *
 * libmicrohttpd's own limits are not enough.  Its timeout starts anew with every byte, so one byte
 * per second keeps a connection for ever (Slowloris); and over its connection limit it stops
 * accepting, so that clients wait in the backlog without an answer.
 *
 * Opening fails without memory or a thread; a connection without memory is simply not tracked.
 */
#include "http/connections.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/worker.h"
#include "http/client_address.h"
#include "http_api.h"

/* As multiples of client_timeout.  libmicrohttpd closes a silent connection after one; twice that
 * is for a request's head that trickles in. */
static const int64_t conn_limits[] = {
	[CONN_READING] = 2,
	[CONN_WAITING] = 0, /* no end */
	[CONN_WRITING] = 10,
};
static const int64_t conn_stream_limit = 120 * CLOCK_SECOND; /* twice the longest heartbeat */
static const int64_t connections_report_interval = CLOCK_MINUTE;

/*
 * The reserve: connections over the limit that may only ask for /healthz, so that monitoring gets
 * an answer however many connections are open; each ends with its first answer.  If the reserve is
 * full too, its oldest connection goes, preferably from the same address: a new one has not had the
 * time to ask yet.
 */
enum { RESERVE_MAX = 32, RESERVE_MAX_PER_ADDRESS = 16 };

struct conn {
	int fd;
	uint64_t address;
	bool reserve;          /* one of those */
	bool leaving;          /* its socket is shut down already */
	enum http_metric over; /* of reserve: what is too much; 0: it is counted, or was served */
	enum conn_state state;
	int64_t until; /* monotonic; 0: no end */
	size_t bytes;  /* of the answer that it is reading */
	struct conn *previous, *next;
};

struct connections {
	struct tally_ctx *ctx;
	const struct http_config *config;
	pthread_mutex_t lock; /* guards everything below, and that each conn's fd is open */
	struct conn *first;   /* the newest */
	int64_t max;          /* connections besides the reserve */
	enum http_metric admitted_over; /* of the connection accepted last */
	size_t bytes;                   /* of all answers being written */
	unsigned refused, slow;         /* since the last report */
	int64_t report_after;           /* monotonic */
	bool stopped_accepting;         /* by connections_stop_accepting() */
	struct worker watcher;
};

static void conn_set(struct connections *connections, struct conn *conn, enum conn_state state,
		     size_t bytes)
{
	int64_t limit = state == CONN_STREAMING
				? conn_stream_limit
				: conn_limits[state] * connections->config->client_timeout;
	connections->bytes += bytes - conn->bytes;
	conn->bytes = bytes;
	conn->state = state;
	conn->until = limit ? tally_monotonic(connections->ctx) + limit : 0;
}

/* ---- Coming and going ---------------------------------------------------- */

/* A count of open connections, seen from a new one. */
struct connections_count {
	int64_t all, same;                 /* besides the reserve */
	int64_t reserve, same_there;       /* in it */
	struct conn *oldest, *oldest_same; /* in it */
};

/* O(n) with at most 10,000 connections, which is little beside the accept(). */
static void connections_count(const struct connections *connections, uint64_t address,
			      struct connections_count *ret)
{
	*ret = (struct connections_count){.all = 0};
	for (struct conn *conn = connections->first; conn; conn = conn->next) {
		bool same = conn->address == address;
		if (conn->leaving)
			continue;
		if (!conn->reserve) {
			ret->all++;
			ret->same += same;
			continue;
		}
		ret->reserve++;
		ret->same_there += same;
		ret->oldest = conn;
		if (same)
			ret->oldest_same = conn;
	}
}

/* libmicrohttpd sees the end of the stream and closes the socket. */
static void conn_shut_down(struct conn *conn)
{
	conn->leaving = true;
	shutdown(conn->fd, SHUT_RDWR);
}

enum MHD_Result connections_accept(void *arg, const struct sockaddr *address, socklen_t len)
{
	struct connections *connections = arg;
	struct connections_count count;
	(void)len;
	pthread_mutex_lock(&connections->lock);
	bool open = !connections->stopped_accepting;
	connections_count(connections, client_address_key(address), &count);
	connections->admitted_over = 0;
	if (count.all >= connections->max)
		connections->admitted_over = HTTP_FULL;
	else if (count.same >= connections->config->max_connections_per_address)
		connections->admitted_over = HTTP_FULL_ADDRESS;
	if (open && connections->admitted_over && count.same_there >= RESERVE_MAX_PER_ADDRESS)
		conn_shut_down(count.oldest_same);
	else if (open && connections->admitted_over && count.reserve >= RESERVE_MAX)
		conn_shut_down(count.oldest);
	pthread_mutex_unlock(&connections->lock);
	return open ? MHD_YES : MHD_NO;
}

/* With the lock: a connection of the reserve that got a refusal, if anything. */
static void conn_count_refused(struct connections *connections, struct conn *conn)
{
	if (!conn->over)
		return;
	connections->refused++;
	tally_count(connections->ctx, conn->over, 1);
	conn->over = 0;
}

unsigned connections_reserve_limit(void)
{
	return 2 * RESERVE_MAX;
}

void connections_stop_accepting(struct connections *connections)
{
	pthread_mutex_lock(&connections->lock);
	connections->stopped_accepting = true;
	pthread_mutex_unlock(&connections->lock);
}

static void connections_add(struct connections *connections, struct MHD_Connection *connection,
			    void **context)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct conn *conn = fd && address ? calloc(1, sizeof(*conn)) : NULL;
	*context = conn;
	/* Without memory it is served all the same, only without limits of its own. */
	if (!conn)
		return;
	conn->fd = fd->connect_fd;
	conn->address = client_address_key(address->client_addr);
	pthread_mutex_lock(&connections->lock);
	conn->over = connections->admitted_over;
	conn->reserve = conn->over != 0;
	conn_set(connections, conn, CONN_READING, 0);
	conn->next = connections->first;
	if (conn->next)
		conn->next->previous = conn;
	else
		worker_wake(&connections->watcher);
	connections->first = conn;
	pthread_mutex_unlock(&connections->lock);
}

static void connections_remove(struct connections *connections, struct conn *conn)
{
	if (!conn)
		return;
	pthread_mutex_lock(&connections->lock);
	conn_count_refused(connections, conn);
	connections->bytes -= conn->bytes;
	*(conn->previous ? &conn->previous->next : &connections->first) = conn->next;
	if (conn->next)
		conn->next->previous = conn->previous;
	pthread_mutex_unlock(&connections->lock);
	free(conn);
}

void connections_notify(void *arg, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		connections_add(arg, connection, context);
	else
		connections_remove(arg, *context); /* its socket is closed after this */
}

/* ---- Resetting ----------------------------------------------------------- */

/* SO_LINGER 0 makes the close a reset: else the kernel would keep the unread answer in its buffers
 * for a client that does not read. */
static void conn_count_slow(struct connections *connections, struct conn *conn)
{
	const struct linger none = {.l_onoff = 1};
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn->over = 0; /* each is counted once */
	connections->slow++;
	tally_count(connections->ctx, HTTP_SLOW, 1);
}

static void conn_reset(struct connections *connections, struct conn *conn)
{
	conn_count_slow(connections, conn);
	conn_set(connections, conn, CONN_WAITING, 0);
	conn_shut_down(conn);
}

/* The client that has read longest is the slowest; those who read normally are gone by then. */
static void connections_limit_outgoing(struct connections *connections)
{
	while (connections->bytes > HTTP_MAX_OUTGOING) {
		struct conn *slowest = NULL;
		for (struct conn *conn = connections->first; conn; conn = conn->next)
			if (conn->state == CONN_WRITING &&
			    (!slowest || conn->until <= slowest->until))
				slowest = conn;
		if (!slowest)
			return;
		conn_reset(connections, slowest);
	}
}

static void connections_watch(void *arg)
{
	struct connections *connections = arg;
	int64_t next = INT64_MAX;
	while (worker_wait(&connections->watcher, next) != WORKER_STOPPED) {
		int64_t now = tally_monotonic(connections->ctx);
		pthread_mutex_lock(&connections->lock);
		for (struct conn *conn = connections->first; conn; conn = conn->next)
			if (conn->until && conn->until <= now)
				conn_reset(connections, conn);
		/* The first at once, then sums once a minute. */
		if (connections->refused + connections->slow && now >= connections->report_after) {
			tally_log(connections->ctx, TALLY_WARNING,
				  "refused %u connections (max_connections, "
				  "max_connections_per_address), disconnected %u slow clients "
				  "(client_timeout)",
				  connections->refused, connections->slow);
			connections->refused = connections->slow = 0;
			connections->report_after = now + connections_report_interval;
		}
		/* It sleeps while nobody is connected; connections_notify() wakes it. */
		next = connections->first ? clock_monotonic() + CLOCK_SECOND : INT64_MAX;
		pthread_mutex_unlock(&connections->lock);
	}
}

/* ---- States -------------------------------------------------------------- */

static struct conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

bool connections_is_reserve(struct MHD_Connection *connection)
{
	const struct conn *conn = conn_of(connection);
	return conn && conn->reserve;
}

void connections_settle_reserve(struct connections *connections, struct MHD_Connection *connection,
				bool served)
{
	struct conn *conn = conn_of(connection);
	if (!conn)
		return;
	pthread_mutex_lock(&connections->lock);
	if (served)
		conn->over = 0;
	conn_count_refused(connections, conn);
	pthread_mutex_unlock(&connections->lock);
}

void connections_set(struct connections *connections, struct MHD_Connection *connection,
		     enum conn_state state)
{
	struct conn *conn = conn_of(connection);
	if (!conn)
		return;
	pthread_mutex_lock(&connections->lock);
	conn_set(connections, conn, state, 0);
	pthread_mutex_unlock(&connections->lock);
}

void connections_late(struct connections *connections, struct MHD_Connection *connection)
{
	struct conn *conn = conn_of(connection);
	if (!conn)
		return;
	pthread_mutex_lock(&connections->lock);
	conn_count_slow(connections, conn);
	pthread_mutex_unlock(&connections->lock);
}

void connections_begin_writing(struct connections *connections, struct MHD_Connection *connection,
			       size_t bytes)
{
	struct conn *conn = conn_of(connection);
	if (!conn)
		return;
	pthread_mutex_lock(&connections->lock);
	conn_set(connections, conn, CONN_WRITING, bytes);
	connections_limit_outgoing(connections);
	pthread_mutex_unlock(&connections->lock);
}

/* ---- Opening and closing ------------------------------------------------- */

static void connections_free(struct connections *connections)
{
	worker_done(&connections->watcher);
	pthread_mutex_destroy(&connections->lock);
	free(connections);
}

/* Without free file descriptors not even the reserve can accept, so connections get half of them at
 * most. */
static int64_t connections_max(struct tally_ctx *ctx, const struct http_config *config)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY ||
	    files.rlim_cur / 2 >= (rlim_t)config->max_connections)
		return config->max_connections;
	tally_log(ctx, TALLY_WARNING,
		  "max_connections: %llu instead of %lld, half of the files that this process may "
		  "have open (ulimit -n, LimitNOFILE=)",
		  (unsigned long long)files.rlim_cur / 2, (long long)config->max_connections);
	return (int64_t)(files.rlim_cur / 2);
}

int connections_open(struct tally_ctx *ctx, const struct http_config *config,
		     struct connections **ret)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	if (!connections)
		return -ENOMEM;
	connections->ctx = ctx;
	connections->config = config;
	connections->max = connections_max(ctx, config);
	pthread_mutex_init(&connections->lock, NULL);
	worker_init(&connections->watcher);
	int r = worker_start(&connections->watcher, "http-conns", connections_watch, connections);
	if (r < 0) {
		connections_free(connections);
		return r;
	}
	*ret = connections;
	return 0;
}

void connections_close(struct connections *connections)
{
	if (!connections)
		return;
	worker_stop(&connections->watcher);
	connections_free(connections);
}
