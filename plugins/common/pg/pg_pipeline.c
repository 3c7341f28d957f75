/*
 * libpq's pipeline mode for the length of one call: everything is sent, with one Sync at its end,
 * then all is received.  After an error the server skips the rest, and so does what is received.
 * https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 *
 * Readers call pg_ask() on the thread that asks a query: all that it takes is one round trip that
 * way, or two.  A statement is prepared the first time it is used
 * (pg_prepared.h), under the same Sync, so that costs no round trip either.  If sending fails
 * half-way the connection is closed; an error of the server leaves it open, its transaction failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_prepared.h"
#include "pg/pg_wire.h"

/* What was sent, and whose answers come in this order. */
struct ask {
	struct pg_connection *pg;
	int n, n_sent;
	int n_forgotten; /* statements that made room for others, by name */
	char forgotten[PG_ASK_MAX][PG_PREPARED_NAME];
	pg_row_fn *row; /* takes rows as they come, NULL: nothing does */
	int first;      /* of this statement and those after it */
	void *arg;
	int stopped; /* what it returned */
	struct {
		int statement; /* whose answer it is; -1: nobody's */
		int prepared;  /* what is there if it went well; -1: nothing */
	} sent[3 * PG_ASK_MAX];
};

static int ask_sent(struct ask *ask, int statement, int prepared, int ok)
{
	if (!ok)
		return pg_fail_connection(ask->pg);
	ask->sent[ask->n_sent].statement = statement;
	ask->sent[ask->n_sent++].prepared = prepared;
	return 0;
}

/* ---- Preparing ---------------------------------------------------------------- */

static int ask_prepare(struct ask *ask, const struct pg_statement *statement, int at)
{
	struct pg_prepared *prepared = ask->pg->prepared;
	const struct pg_params *params = statement->params;
	PGconn *conn = ask->pg->conn;
	if (prepared->all[at].there)
		memcpy(ask->forgotten[ask->n_forgotten++], prepared->all[at].name,
		       PG_PREPARED_NAME);
	if (pg_prepared_name(prepared, at, statement->sql) < 0)
		return tally_fail(ask->pg->ctx, ENOMEM, "no memory");
	return ask_sent(ask, -1, at,
			PQsendPrepare(conn, prepared->all[at].name, statement->sql,
				      params ? params->n : 0, params ? params->types : NULL));
}

/* After all others: before BEGIN it would have begun the transaction. */
static int ask_forget(struct ask *ask)
{
	int r = 0;
	for (int i = 0; r == 0 && i < ask->n_forgotten; i++) {
		char sql[64];
		snprintf(sql, sizeof(sql), "deallocate %s", ask->forgotten[i]);
		r = ask_sent(ask, -1, -1,
			     PQsendQueryParams(ask->pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1));
	}
	return r;
}

/* ---- Sending ------------------------------------------------------------------ */

static int ask_send_one(struct ask *ask, const struct pg_statement *statement, int number)
{
	static const struct pg_params none;
	const struct pg_params *params = statement->params ? statement->params : &none;
	struct pg_prepared *prepared = ask->pg->prepared;
	int at = pg_prepared_find(prepared, statement->sql), formats[PG_PARAMS_MAX], r = 0;
	if (params->n > PG_PARAMS_MAX)
		return tally_fail(ask->pg->ctx, EINVAL, "too many parameters");
	for (int i = 0; i < params->n; i++)
		formats[i] = 1;
	if (!prepared->all[at].sql || strcmp(prepared->all[at].sql, statement->sql) != 0)
		r = ask_prepare(ask, statement, at);
	if (r < 0)
		return r;
	prepared->all[at].asked = ++prepared->clock;
	return ask_sent(ask, number, -1,
			PQsendQueryPrepared(ask->pg->conn, prepared->all[at].name, params->n,
					    params->values, params->lengths, formats, 1));
}

static int ask_send(struct ask *ask, const struct pg_statement *statements)
{
	struct pg_connection *pg = ask->pg;
	int r = 0;
	if (!pg->prepared)
		pg->prepared = calloc(1, sizeof(*pg->prepared));
	if (!pg->prepared)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	if (!PQenterPipelineMode(pg->conn))
		return pg_fail_connection(pg);
	for (int i = 0; r == 0 && i < ask->n; i++)
		r = ask_send_one(ask, &statements[i], i);
	if (r == 0)
		r = ask_forget(ask);
	if (r == 0 && !PQpipelineSync(pg->conn))
		r = pg_fail_connection(pg);
	return r == 0 ? pg_flush(pg, pg_until(pg)) : r;
}

/* ---- Receiving ---------------------------------------------------------------- */

static void ask_take_rows(struct ask *ask, const PGresult *result)
{
	for (int at = 0; at < PQntuples(result) && ask->stopped == 0; at++)
		ask->stopped = ask->row(ask->arg, result, at);
}

/* The result of one of the statements sent.  *failed: the error of an earlier one, already
 * reported; the server skipped those after it. */
static int ask_receive_one(struct ask *ask, int i, PGresult **ret, int *failed)
{
	struct pg_connection *pg = ask->pg;
	PGresult *result = NULL;
	int r, statement = ask->sent[i].statement, prepared = ask->sent[i].prepared;
	bool taken = ask->row && statement >= ask->first;
	if (taken)
		PQsetSingleRowMode(pg->conn);
	while ((r = pg_receive(pg, &result)) == 0 && result) {
		if (*failed == 0 && pg_is_error(result))
			*failed = pg_fail_result(pg, result);
		if (*failed == 0 && taken)
			ask_take_rows(ask, result);
		if (*failed == 0 && !taken && statement >= 0 && !ret[statement])
			ret[statement] = result;
		else
			PQclear(result);
		if (!pg->conn)
			return *failed;
	}
	if (r == 0 && *failed == 0 && prepared >= 0)
		pg->prepared->all[prepared].there = true;
	return r;
}

static int ask_receive(struct ask *ask, PGresult **ret)
{
	PGresult *sync = NULL;
	int r = 0, failed = 0;
	for (int i = 0; r == 0 && i < ask->n_sent; i++)
		r = ask_receive_one(ask, i, ret, &failed);
	if (r == 0)
		r = pg_receive(ask->pg, &sync);
	bool ended = r == 0 && PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
	PQclear(sync);
	if (r == 0 && (!ended || !PQexitPipelineMode(ask->pg->conn)))
		r = pg_fail_connection(ask->pg);
	if (r == 0)
		r = failed;
	return r < 0 ? r : ask->stopped;
}

static int ask_all(struct ask *ask, const struct pg_statement *statements, PGresult **ret)
{
	struct pg_connection *pg = ask->pg;
	int n = ask->n;
	for (int i = 0; i < n; i++)
		ret[i] = NULL;
	if (!pg->conn)
		return pg_closed(pg);
	if (n > PG_ASK_MAX)
		return tally_fail(pg->ctx, EINVAL, "too many statements at once");
	int r = ask_send(ask, statements);
	if (r < 0)
		pg_close(pg); /* in the middle of something */
	else
		r = ask_receive(ask, ret);
	if (r == 0)
		return 0;
	if (pg->prepared)
		pg_prepared_settle(pg->prepared);
	if (ask->n_forgotten)
		pg_close(pg); /* it may have been skipped, and nobody knows of it any more */
	for (int i = 0; i < n; i++) {
		PQclear(ret[i]);
		ret[i] = NULL;
	}
	return r;
}

int pg_ask(struct pg_connection *pg, const struct pg_statement *statements, int n, PGresult **ret)
{
	struct ask ask = {.pg = pg, .n = n};
	return ask_all(&ask, statements, ret);
}

int pg_ask_rows(struct pg_connection *pg, const struct pg_statement *statements, int n, int first,
		pg_row_fn *row, void *arg)
{
	PGresult *results[PG_ASK_MAX];
	struct ask ask = {.pg = pg, .n = n, .first = first, .row = row, .arg = arg};
	int r = ask_all(&ask, statements, results);
	for (int i = 0; r == 0 && i < n; i++)
		PQclear(results[i]);
	return r;
}
