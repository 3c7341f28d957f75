/*
 * A few connections for the many threads with queries, apart from the writers', so that a slow
 * query never holds up a write.  They are opened when they are needed.  Whoever takes one begins a
 * read-only transaction with one snapshot; the server stops a statement that runs past the
 * deadline, and if the server does not answer, the connection is closed.
 */
#ifndef TALLYD_TIMESCALE_READERS_H
#define TALLYD_TIMESCALE_READERS_H

#include "pg/pg_connection.h"
#include "store/connection_pool.h"

struct readers {
	struct tally_ctx *ctx;
	const char *option; /* whose value conninfo was at the start */
	const char *conninfo;
	struct connection_pool pool;
	int64_t refused_until; /* under the pool's lock: no attempt to connect before then */
	struct pg_connection all[CONNECTION_POOL_MAX];
};

/* interrupt_fd: readable when whoever waits for an answer should give up. */
void readers_init(struct readers *readers, struct tally_ctx *ctx, const char *conninfo, uint32_t n,
		  int interrupt_fd);
void readers_done(struct readers *readers);
void readers_close(struct readers *readers); /* nobody has taken one */

/* -ETIMEDOUT: none was free before the deadline (monotonic ns); -ENOTCONN: no server. */
int readers_take(struct readers *readers, int64_t deadline, struct pg_connection **ret);
void readers_give_back(struct readers *readers, struct pg_connection *pg);

/* How a transaction's statements are planned: those that stay prepared once, or each by itself, as
 * is right for those that do not. */
enum readers_plans { READERS_PLANS_KEPT, READERS_PLANS_NEW };
/* The transaction, as the first two statements of a pg_ask(); room: what they point to. */
enum { READERS_BEGIN = 2 };
struct readers_begin {
	char text[24];
	const char *value;
	int length;
	struct pg_params params;
};
int readers_begin(const struct pg_connection *pg, enum readers_plans plans,
		  struct readers_begin *room, struct pg_statement *ret);
/* Or by itself, for statements that are not prepared. */
int readers_begin_now(struct pg_connection *pg);
/* What follows in a transaction that began with READERS_PLANS_KEPT. */
int readers_plan_anew(struct pg_connection *pg);

#endif
