/*
 * Only libpq's blocking call goes on to the next host in time, and it knows neither a deadline nor
 * an interrupt: PQconnectPoll() leaves connect_timeout to its caller
 * (https://www.postgresql.org/docs/15/libpq-connect.html).  So a thread of its own makes the call,
 * and whoever wants the connection waits for that thread, on its own, in pg_connect().
 *
 * A caller that cannot wait any longer leaves the attempt in the pg_connection and finds it there
 * the next time: with a first host that is silent no attempt would come to the second one
 * otherwise.  An interrupt, or closing, drops it; the last of the two holders frees it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pg/pg_wire.h"

/* Held by the thread, and by a pg_connection until it has the connection or wants it no more. */
struct pg_attempt {
	atomic_int holders;
	char *conninfo;
	int ended; /* an eventfd: readable when the thread is through */
	_Atomic(PGconn *) conn;
};

static void attempt_drop(struct pg_attempt *attempt)
{
	if (atomic_fetch_sub(&attempt->holders, 1) > 1)
		return;
	PQfinish(atomic_load(&attempt->conn));
	if (attempt->ended >= 0)
		close(attempt->ended);
	free(attempt->conninfo);
	free(attempt);
}

/* The server's machine may vanish without a FIN: keepalives say so within a minute,
 * tcp_user_timeout where data is under way.  By libpq's own deadline per host.  What stands before
 * dbname are defaults for what the conninfo leaves out. */
static void *attempt_run(void *arg)
{
	static const char *const keys[] = {"connect_timeout",
					   "tcp_user_timeout",
					   "keepalives_idle",
					   "keepalives_interval",
					   "keepalives_count",
					   "fallback_application_name",
					   "dbname",
					   "client_encoding",
					   NULL};
	struct pg_attempt *attempt = arg;
	const char *const values[] = {"5",      "20000",           "30",   "10", "3",
				      "tallyd", attempt->conninfo, "UTF8", NULL};
	uint64_t one = 1;
	atomic_store(&attempt->conn, PQconnectdbParams(keys, values, 1));
	/* After the connection was stored: the waiter reads it when this descriptor says so. */
	ssize_t n = write(attempt->ended, &one, sizeof(one));
	(void)n; /* it is 0 before, so there is room */
	attempt_drop(attempt);
	return NULL;
}

int pg_start_thread(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int r = pthread_create(&thread, &attributes, run, arg);
	pthread_attr_destroy(&attributes);
	return -r;
}

static int attempt_start(struct pg_connection *pg, const char *conninfo)
{
	struct pg_attempt *attempt = calloc(1, sizeof(*attempt));
	if (!attempt)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	/* Before the thread exists, which may drop it at once. */
	atomic_store(&attempt->holders, 2);
	attempt->conninfo = strdup(conninfo);
	attempt->ended = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int r = attempt->ended < 0 ? -errno : 0;
	if (r == 0)
		r = attempt->conninfo ? pg_start_thread(attempt_run, attempt) : -ENOMEM;
	if (r < 0) {
		atomic_store(&attempt->holders, 1);
		attempt_drop(attempt);
		return tally_fail(pg->ctx, -r, "connecting: %s", strerror(-r));
	}
	pg->attempt = attempt;
	return 0;
}

/* 0: it is over; -ETIMEDOUT: not yet; -ECANCELED. */
static int attempt_wait(const struct pg_connection *pg)
{
	struct pollfd fds[2] = {{.fd = pg->attempt->ended, .events = POLLIN},
				{.fd = pg->interrupt_fd, .events = POLLIN}};
	for (;;) {
		int ms = 60000;
		if (pg->deadline) {
			int64_t left = pg->deadline - tally_monotonic(pg->ctx);
			if (left <= 0)
				return -ETIMEDOUT;
			ms = left / 1000000 < ms ? (int)(left / 1000000) + 1 : ms;
		}
		int n = poll(fds, 2, ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		if (n > 0)
			return -ECANCELED;
	}
}

void pg_forget_attempt(struct pg_connection *pg)
{
	if (pg->attempt)
		attempt_drop(pg->attempt);
	pg->attempt = NULL;
}

int pg_connect(struct pg_connection *pg, const char *conninfo)
{
	int r = pg->attempt ? 0 : attempt_start(pg, conninfo);
	pg->fault = PG_FAULT_RETRY;
	pg->sqlstate[0] = '\0';
	if (r < 0)
		return r;
	r = attempt_wait(pg);
	if (r == -ETIMEDOUT)
		return tally_fail(pg->ctx, ETIMEDOUT,
				  "the server did not complete the login in time");
	if (r == 0)
		pg->conn = atomic_exchange(&pg->attempt->conn, NULL);
	pg_forget_attempt(pg);
	if (r < 0)
		return tally_fail(pg->ctx, -r, "%s",
				  r == -ECANCELED ? "interrupted" : strerror(-r));
	return pg->conn ? 0 : tally_fail(pg->ctx, ENOMEM, "no memory");
}
