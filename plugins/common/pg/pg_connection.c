/*
 * Every call is: send without blocking, then poll the socket and the interrupt until the answer is
 * there.  One thread at a time calls these, whoever owns the connection: writers, readers, the
 * maintenance.  Errors are sorted here by what is to be done about them (pg_fault), once for all.
 *
 * When the deadline passes the statement is cancelled and the connection closed, since whether it
 * was carried out is not known; the caller's ledger settles that.  Keeping the connection would
 * mean waiting for the answer, which is what the deadline prevents.
 */
#include "pg/pg_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_conninfo.h"
#include "pg/pg_prepared.h"
#include "base/strbuf.h"
#include "pg/pg_value.h"
#include "pg/pg_wire.h"

/* ---- Faults ------------------------------------------------------------------- */

enum pg_fault pg_fault_of(const char *sqlstate)
{
	static const struct {
		const char *begin;
		enum pg_fault fault;
	} table[] = {
		/* By class where all of it has one cure; the first that fits counts.
		 * https://www.postgresql.org/docs/15/errcodes-appendix.html */
		{"08", PG_FAULT_RETRY},        {"53", PG_FAULT_RETRY},
		{"57", PG_FAULT_RETRY},        {"40", PG_FAULT_RETRY},
		{"55P03", PG_FAULT_RETRY},     {"25006", PG_FAULT_RETRY},
		{"25P03", PG_FAULT_RETRY},     {"23505", PG_FAULT_DUPLICATE},
		{"23514", PG_FAULT_PARTITION}, {"22", PG_FAULT_VALUE},
		{"23502", PG_FAULT_VALUE},     {"54", PG_FAULT_VALUE},
		{"42P01", PG_FAULT_SCHEMA},    {"42703", PG_FAULT_SCHEMA},
		{"3F000", PG_FAULT_SCHEMA},    {"58", PG_FAULT_RETRY},
	};
	if (!sqlstate || !sqlstate[0])
		return PG_FAULT_RETRY; /* the connection's, not the server's */
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(sqlstate, table[i].begin, strlen(table[i].begin)) == 0)
			return table[i].fault;
	return PG_FAULT_OTHER;
}

static int pg_errno(enum pg_fault fault, const char *sqlstate)
{
	/* query_canceled, by statement_timeout or by pg_cancel(). */
	if (strcmp(sqlstate, "57014") == 0)
		return ETIMEDOUT;
	switch (fault) {
	case PG_FAULT_RETRY:
		return sqlstate[0] ? EAGAIN : ENOTCONN;
	case PG_FAULT_DUPLICATE:
		return EEXIST;
	case PG_FAULT_SCHEMA:
	case PG_FAULT_OTHER:
		return EIO;
	default:
		return EINVAL;
	}
}

/* PQerrorMessage()'s lines name hosts, databases and users.  pg_conninfo_fits() sees to it that no
 * piece of a password is among those. */
int pg_fail_connection(struct pg_connection *pg)
{
	char text[400];
	snprintf(text, sizeof(text), "%s", PQerrorMessage(pg->conn));
	for (char *at = text; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = at[1] ? ' ' : '\0';
	pg->fault = PG_FAULT_RETRY;
	pg->sqlstate[0] = '\0';
	pg_close(pg);
	return tally_fail(pg->ctx, ENOTCONN, "%s", text[0] ? text : "the connection was lost");
}

int pg_fail_result(struct pg_connection *pg, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (!sqlstate || PQstatus(pg->conn) == CONNECTION_BAD)
		return pg_fail_connection(pg);
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", sqlstate);
	pg->fault = pg_fault_of(sqlstate);
	return tally_fail(pg->ctx, pg_errno(pg->fault, sqlstate), "%s (SQLSTATE %s)",
			  message ? message : "the server gave no reason", sqlstate);
}

/* ---- Waiting ------------------------------------------------------------------ */

int64_t pg_until(const struct pg_connection *pg)
{
	int64_t until = tally_monotonic(pg->ctx) + pg->timeout;
	return pg->deadline && pg->deadline < until ? pg->deadline : until;
}

static int pg_give_up(struct pg_connection *pg, int error, const char *why)
{
	pg_cancel(pg);
	pg_close(pg);
	pg->fault = PG_FAULT_RETRY;
	pg->sqlstate[0] = '\0';
	return tally_fail(pg->ctx, error, "%s", why);
}

enum { PG_ASK_EVERY_MS = 50 }; /* whether it is cancelled */

static int pg_wait(struct pg_connection *pg, short events, int64_t until)
{
	struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = events},
				{.fd = pg->interrupt_fd, .events = POLLIN}};
	for (;;) {
		int64_t left = until - tally_monotonic(pg->ctx);
		if (left <= 0)
			return pg_give_up(pg, ETIMEDOUT, "the server did not answer in time");
		if (pg->cancelled && pg->cancelled(pg->cancelled_arg))
			return pg_give_up(pg, ECANCELED, "the query was cancelled");
		int64_t ms = left / 1000000 + 1, longest = pg->cancelled ? PG_ASK_EVERY_MS : 60000;
		int n = poll(fds, 2, (int)(ms > longest ? longest : ms));
		if (n < 0 && errno != EINTR)
			return pg_give_up(pg, errno, strerror(errno));
		if (n > 0 && fds[1].revents)
			return pg_give_up(pg, ECANCELED, "interrupted");
		if (n > 0)
			return 0;
	}
}

/* What comes meanwhile is taken in, so that neither side waits for the other. */
int pg_flush(struct pg_connection *pg, int64_t until)
{
	int left;
	while ((left = PQflush(pg->conn)) > 0) {
		int r = pg_wait(pg, POLLIN | POLLOUT, until);
		if (r < 0)
			return r;
		if (!PQconsumeInput(pg->conn))
			return pg_fail_connection(pg);
	}
	return left < 0 ? pg_fail_connection(pg) : 0;
}

/* The deadline is of the next result, not of the statement: while a long answer keeps coming, the
 * server does not hang.  pg->deadline bounds all of it. */
int pg_receive(struct pg_connection *pg, PGresult **ret)
{
	int64_t until = pg_until(pg);
	while (PQisBusy(pg->conn)) {
		int r = pg_wait(pg, POLLIN, until);
		if (r < 0)
			return r;
		if (!PQconsumeInput(pg->conn))
			return pg_fail_connection(pg);
	}
	*ret = PQgetResult(pg->conn);
	return 0;
}

/* ---- Opening ------------------------------------------------------------------ */

/* libpq would print them on stderr; "relation already exists, skipping" is what IF NOT EXISTS is
 * for. */
static void pg_ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void pg_drop(struct pg_connection *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg_prepared_free(pg->prepared);
	pg->prepared = NULL;
}

int pg_open(struct pg_connection *pg, const char *conninfo, const char *setup)
{
	pg_drop(pg);
	if (!pg_conninfo_fits(conninfo)) {
		char problem[PG_CONNINFO_PROBLEM_SIZE];
		pg->fault = PG_FAULT_OTHER;
		pg->sqlstate[0] = '\0';
		return tally_fail(pg->ctx, ENOTCONN, "conninfo %s",
				  pg_conninfo_problem(conninfo, problem));
	}
	int r = pg_connect(pg, conninfo);
	if (r < 0)
		return r;
	pg->fault = PG_FAULT_NONE;
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return pg_fail_connection(pg);
	PQsetNoticeReceiver(pg->conn, pg_ignore_notice, NULL);
	PQsetnonblocking(pg->conn, 1);
	r = setup ? pg_exec(pg, setup) : 0;
	if (r < 0)
		pg_close(pg);
	return r;
}

int pg_open_secret(struct pg_connection *pg, const char *option, const char *conninfo,
		   const char *setup)
{
	char *fresh = NULL;
	/* Read for each attempt and wiped after it: a password is rotated without a restart. */
	int r = tally_secret(pg->ctx, option, &fresh);
	if (r < 0)
		return tally_fail(pg->ctx, -r, "no memory");
	r = pg_open(pg, fresh ? fresh : conninfo, setup);
	if (fresh)
		explicit_bzero(fresh, strlen(fresh));
	free(fresh);
	return r;
}

void pg_close(struct pg_connection *pg)
{
	pg_drop(pg);
	pg_forget_attempt(pg);
}

bool pg_is_open(const struct pg_connection *pg)
{
	return pg->conn && PQstatus(pg->conn) == CONNECTION_OK;
}

bool pg_in_transaction(const struct pg_connection *pg)
{
	return pg->conn && PQtransactionStatus(pg->conn) != PQTRANS_IDLE;
}

/* ---- Sending and receiving ---------------------------------------------------- */

int pg_closed(struct pg_connection *pg)
{
	pg->fault = PG_FAULT_RETRY;
	pg->sqlstate[0] = '\0';
	return tally_fail(pg->ctx, ENOTCONN, "not connected");
}

int pg_send_script(struct pg_connection *pg, const char *sql)
{
	if (!pg->conn)
		return pg_closed(pg);
	if (!PQsendQuery(pg->conn, sql))
		return pg_fail_connection(pg);
	return pg_flush(pg, pg_until(pg));
}

/* All in binary, both ways. */
static int pg_send_params(struct pg_connection *pg, const char *sql, const struct pg_params *params)
{
	static const struct pg_params none;
	int formats[PG_PARAMS_MAX];
	if (!pg->conn)
		return pg_closed(pg);
	if (!params)
		params = &none;
	if (params->n > PG_PARAMS_MAX)
		return tally_fail(pg->ctx, EINVAL, "too many parameters");
	for (int i = 0; i < params->n; i++)
		formats[i] = 1;
	if (!PQsendQueryParams(pg->conn, sql, params->n, params->types, params->values,
			       params->lengths, formats, 1))
		return pg_fail_connection(pg);
	return 0;
}

int pg_send(struct pg_connection *pg, const char *sql, const struct pg_params *params)
{
	int r = pg_send_params(pg, sql, params);
	if (r < 0)
		return r;
	PQsetSingleRowMode(pg->conn);
	return pg_flush(pg, pg_until(pg));
}

bool pg_is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

/* Throws away what is left of an answer. */
static int pg_drain(struct pg_connection *pg)
{
	PGresult *result = NULL;
	int r;
	while ((r = pg_receive(pg, &result)) == 0 && result) {
		bool copying = PQresultStatus(result) == PGRES_COPY_IN;
		PQclear(result);
		/* The server waits for rows that nobody will send. */
		if (copying)
			return pg_fail_connection(pg);
	}
	return r;
}

int pg_next(struct pg_connection *pg, PGresult **ret)
{
	PGresult *result = NULL;
	if (!pg->conn)
		return pg_closed(pg);
	int r = pg_receive(pg, &result);
	if (r == 0 && result && pg_is_error(result)) {
		r = pg_fail_result(pg, result);
		PQclear(result);
		if (pg->conn && pg_drain(pg) < 0)
			return -ENOTCONN;
		return r;
	}
	if (r == 0)
		*ret = result;
	return r;
}

int pg_exec(struct pg_connection *pg, const char *sql)
{
	PGresult *result = NULL;
	int r = pg_send_script(pg, sql);
	while (r == 0 && (r = pg_next(pg, &result)) == 0 && result)
		PQclear(result);
	return r;
}

int pg_execf(struct pg_connection *pg, const char *fmt, ...)
{
	char *sql = NULL;
	va_list ap;
	va_start(ap, fmt);
	int len = vasprintf(&sql, fmt, ap);
	va_end(ap);
	if (len < 0)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_exec(pg, sql);
	free(sql);
	return r;
}

/* Not row by row: the answer as one result. */
int pg_query(struct pg_connection *pg, const char *sql, const struct pg_params *params,
	     PGresult **ret)
{
	PGresult *result = NULL, *answer = NULL;
	int r = pg_send_params(pg, sql, params);
	if (r == 0)
		r = pg_flush(pg, pg_until(pg));
	while (r == 0 && (r = pg_next(pg, &result)) == 0 && result) {
		PQclear(answer);
		answer = result;
	}
	if (r == 0)
		*ret = answer;
	else
		PQclear(answer);
	return r;
}

int pg_query_text(struct pg_connection *pg, const char *sql, char *ret, size_t size)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(pg, sql, NULL, &result);
	if (r < 0)
		return r;
	bool none = PQntuples(result) == 0 || PQgetisnull(result, 0, 0);
	snprintf(ret, size, "%.*s", none ? 0 : PQgetlength(result, 0, 0),
		 none ? "" : PQgetvalue(result, 0, 0));
	return 0;
}

int pg_query_time(struct pg_connection *pg, const struct strbuf *sql, int64_t none, int64_t *ret)
{
	auto_result PGresult *result = NULL;
	if (sql->failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_query(pg, sql->data, NULL, &result);
	if (r == 0)
		*ret = PQgetisnull(result, 0, 0)
			       ? none
			       : pg_time_to_ns(pg_get_64(PQgetvalue(result, 0, 0)));
	return r;
}

/* ---- COPY --------------------------------------------------------------------- */

int pg_copy_put(struct pg_connection *pg, const char *data, size_t len)
{
	if (PQputCopyData(pg->conn, data, (int)len) != 1)
		return pg_fail_connection(pg);
	return pg_flush(pg, pg_until(pg));
}

int pg_copy_end(struct pg_connection *pg)
{
	if (PQputCopyEnd(pg->conn, NULL) != 1)
		return pg_fail_connection(pg);
	return pg_flush(pg, pg_until(pg));
}

/* ---- Ending ------------------------------------------------------------------- */

void pg_rollback(struct pg_connection *pg)
{
	if (!pg->conn)
		return;
	if (PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE) {
		pg_close(pg); /* in the middle of something */
		return;
	}
	enum pg_fault fault = pg->fault;
	char sqlstate[sizeof(pg->sqlstate)];
	memcpy(sqlstate, pg->sqlstate, sizeof(sqlstate));
	if (pg_in_transaction(pg) && pg_exec(pg, "ROLLBACK") < 0)
		pg_close(pg);
	pg->fault = fault;
	memcpy(pg->sqlstate, sqlstate, sizeof(sqlstate));
}
