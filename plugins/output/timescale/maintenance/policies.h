/*
 * TimescaleDB's own jobs on the store's tables: policies, if somebody has added some.  Nothing here
 * needs them, and the maintenance does not wait for them; but one that fails is said, since who
 * added it relies on it, and one that drops rows before they are rolled up loses them.
 */
#ifndef TALLYD_TIMESCALE_POLICIES_H
#define TALLYD_TIMESCALE_POLICIES_H

#include "base/strbuf.h"
#include "pg/pg_connection.h"
#include "schema/server.h"

struct policies {
	int64_t n, failed;
};

/* Rows (failed boolean, said text), one a policy, in the order of their numbers. */
void policies_append(struct strbuf *sql, const struct server *server);

/* Counts them, sets the metrics, and says so when others fail than did before, which is what
 * `policies` holds.  By the leader, on its thread. */
void policies_report(struct policies *policies, struct pg_connection *pg,
		     const struct server *server);

#endif
