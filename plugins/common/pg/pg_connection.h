/*
 * One connection to PostgreSQL, used by one thread at a time.  Every call ends by the connection's
 * deadline (or its timeout per call when that is 0), or when it is interrupted, and says why in
 * the operator's words: the server's primary message and SQLSTATE, never a row's content or a
 * conninfo.  A connection that was cut, or left in the middle of an answer, is closed; opening it
 * again is up to the caller.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_CONNECTION_H
#define TALLYD_PLUGINS_COMMON_PG_CONNECTION_H

#include <libpq-fe.h>
#include <tallyd/host.h>

#include "base/strbuf.h"

/* What to do about an error. */
enum pg_fault {
	PG_FAULT_NONE,
	PG_FAULT_RETRY,     /* the server, the network or another transaction: later */
	PG_FAULT_DUPLICATE, /* 23505 */
	PG_FAULT_PARTITION, /* 23514: no partition for the row, or a CHECK */
	PG_FAULT_VALUE,     /* a row's content: 22…, 23502 */
	PG_FAULT_SCHEMA,    /* a table or a column is not there */
	PG_FAULT_OTHER,
};

struct pg_connection {
	struct tally_ctx *ctx;
	PGconn *conn;                 /* NULL: closed */
	int64_t timeout;              /* ns, of each call */
	int64_t deadline;             /* ns, CLOCK_MONOTONIC, of all; 0: only the timeout counts */
	int interrupt_fd;             /* readable: give up; -1: none */
	bool (*cancelled)(void *arg); /* true: give up; NULL: nobody does */
	void *cancelled_arg;
	enum pg_fault fault;          /* of the last call that failed */
	char sqlstate[6];             /* likewise; "" if the server did not say one */
	struct pg_prepared *prepared; /* statements of pg_ask(); NULL: none yet */
	struct pg_attempt *attempt;   /* to connect, that a deadline left; NULL: none */
};

struct pg_params {
	int n;
	const Oid *types;
	const char *const *values;
	const int *lengths;
};

/* For setup: a server whose client vanished, host and all, notices within a minute and a half
 * rather than two hours, and gives its locks to others.  The last is not to be had on every
 * platform. */
#define PG_SETUP_VANISHED                                                                          \
	"set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set "                     \
	"tcp_keepalives_count "                                                                    \
	"= 3; do $$ begin perform set_config('client_connection_check_interval', '10s', false); "  \
	"exception when others then null; end $$; "

/* Connects, with libpq's own order of hosts; each has connect_timeout seconds.  Only a deadline
 * ends it before, not the timeout; calling it again then goes on with that attempt, to the conninfo
 * it began with.  setup: SQL to run first, or NULL. */
int pg_open(struct pg_connection *pg, const char *conninfo, const char *setup);
/* The same with what the SECRET option is now, since a password may have been changed in its file;
 * conninfo: if that is not to be had. */
int pg_open_secret(struct pg_connection *pg, const char *option, const char *conninfo,
		   const char *setup);
void pg_close(struct pg_connection *pg);
bool pg_is_open(const struct pg_connection *pg);
bool pg_in_transaction(const struct pg_connection *pg);

/* One statement or several, without parameters; their rows are thrown away. */
int pg_exec(struct pg_connection *pg, const char *sql);
__attribute__((format(printf, 2, 3))) int pg_execf(struct pg_connection *pg, const char *fmt, ...);
/* One statement with binary parameters (NULL: none) and a binary answer: PQclear() it. */
int pg_query(struct pg_connection *pg, const char *sql, const struct pg_params *params,
	     PGresult **ret);

struct pg_statement {
	const char *sql;
	const struct pg_params *params; /* NULL: none */
};
enum { PG_ASK_MAX = 32, PG_PARAMS_MAX = 600 };
/* Several such statements in one round trip, as pg_query() would ask them one by one, which the
 * server keeps prepared for the next time.  ret: an answer for each; all NULL after an error. */
int pg_ask(struct pg_connection *pg, const struct pg_statement *statements, int n, PGresult **ret);
/* The same, but each row of statements[first] and those after it is taken as it comes, and not
 * kept: row `at` of a result.  Once that is not 0 no more are taken, and it is what this returns.
 */
typedef int pg_row_fn(void *arg, const PGresult *result, int at);
int pg_ask_rows(struct pg_connection *pg, const struct pg_statement *statements, int n, int first,
		pg_row_fn *row, void *arg);
/* Row by row, for long answers: send, then next until it gives NULL. */
int pg_send(struct pg_connection *pg, const char *sql, const struct pg_params *params);
int pg_next(struct pg_connection *pg, PGresult **ret);
/* The first column of the first row of a query without parameters, as text in binary results. */
int pg_query_text(struct pg_connection *pg, const char *sql, char *ret, size_t size);
/* The time that is all of a query's answer, in ns; none: for NULL.  -ENOMEM if the text failed. */
int pg_query_time(struct pg_connection *pg, const struct strbuf *sql, int64_t none, int64_t *ret);

/* For COPY: next() until PGRES_COPY_IN, puts, then end and again next() until NULL. */
int pg_send_script(struct pg_connection *pg, const char *sql);
int pg_copy_put(struct pg_connection *pg, const char *data, size_t len);
int pg_copy_end(struct pg_connection *pg);

/* Ends whatever transaction is open; closes the connection if it cannot. */
void pg_rollback(struct pg_connection *pg);
/* Asks the server to stop what it is doing for us; waits for nothing. */
void pg_cancel(struct pg_connection *pg);

static inline void pg_clear(PGresult **result)
{
	PQclear(*result);
}
#define auto_result __attribute__((cleanup(pg_clear)))

enum pg_fault pg_fault_of(const char *sqlstate);

#endif
