/*
 * A few connections for the many threads with queries, apart from the writers', so that a slow
 * query never holds up a write.  They are opened when they are needed.  What is asked at once is a
 * read-only transaction with one snapshot, and what begins with readers_begin() is one until it is
 * committed; the server stops a statement that runs past the deadline, and if the server does not
 * answer, the connection is closed.
 */
#ifndef TALLYD_TIMESCALE_READERS_H
#define TALLYD_TIMESCALE_READERS_H

#include "pg/pg_connection.h"
#include "store/catalog.h"
#include "store/connection_pool.h"
#include "store/rollup_parts.h"

enum { READERS_KNOWN = 8 };

/* Partitions of a table up to which plans of statements that ask it are kept, in SQL. */
#define READERS_PARTITIONS "40"

struct reader {
	struct pg_connection pg;
	/* Watermarks as they were last, of the tables asked for last.  NULL: none. */
	struct reader_known {
		const struct stored_table *stored;
		struct watermarks watermarks;
	} known[READERS_KNOWN];
	uint32_t oldest; /* of those */
	PGresult *wide;  /* tables of more partitions, as statements name them */
	int64_t looked;  /* for those, monotonic ns */
};

struct readers {
	struct tally_ctx *ctx;
	const char *option; /* whose value conninfo was at the start */
	const char *conninfo;
	struct connection_pool pool;
	int64_t refused_until; /* under the pool's lock: no attempt to connect before then */
	struct reader all[CONNECTION_POOL_MAX];
};

/* interrupt_fd: readable when whoever waits for an answer should give up. */
void readers_init(struct readers *readers, struct tally_ctx *ctx, const char *conninfo, uint32_t n,
		  int interrupt_fd);
void readers_done(struct readers *readers);
void readers_close(struct readers *readers); /* nobody has taken one */

/* -ETIMEDOUT: none was free before the deadline (monotonic ns); -ENOTCONN: no server. */
int readers_take(struct readers *readers, int64_t deadline, struct reader **ret);
void readers_give_back(struct readers *readers, struct reader *reader);

/* As pg_ask() and pg_ask_rows() do, by the deadline: all of it is one transaction. */
enum { READERS_ASK_MAX = PG_ASK_MAX - 3 };
int readers_ask(struct reader *reader, const struct pg_statement *statements, int n,
		PGresult **ret);
int readers_ask_rows(struct reader *reader, const struct pg_statement *statement, pg_row_fn *row,
		     void *arg);

/* How a transaction's statements are planned: those that stay prepared once, or each by itself, as
 * is right for those that do not, and where one asks a table of many partitions. */
enum readers_plans { READERS_PLANS_KEPT, READERS_PLANS_NEW };
enum readers_plans reader_plans(const struct reader *reader, const struct pg_statement *statements,
				int n);
/* Goes before statements of a transaction that began with READERS_PLANS_KEPT. */
extern const struct pg_statement readers_plan_anew;
/* A transaction of several pg_ask()s, as the first two statements of the first one; room: what they
 * point to. */
enum { READERS_BEGIN = 2 };
struct readers_timeout {
	char text[24];
	const char *value;
	int length;
	struct pg_params params;
};
int readers_begin(const struct reader *reader, enum readers_plans plans,
		  struct readers_timeout *room, struct pg_statement *ret);
/* Or by itself, for statements that are not prepared. */
int readers_begin_now(struct reader *reader);

/* NULL: nothing is known of the table yet. */
const struct watermarks *reader_known(const struct reader *reader,
				      const struct stored_table *stored);
void reader_know(struct reader *reader, const struct stored_table *stored,
		 const struct watermarks *watermarks);

#endif
