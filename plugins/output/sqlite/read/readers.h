/*
 * A few read-only connections for the many threads that query.  Each reads a snapshot of its own
 * from the time it is taken until it is given back; SQLite stops a statement that runs past the
 * deadline.
 */
#ifndef TALLYD_SQLITE_READERS_H
#define TALLYD_SQLITE_READERS_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "database.h"
#include "read/statements.h"
#include "read/table_facts.h"
#include "store/connection_pool.h"

enum { READERS_N = 4, READER_FACTS = 16 };

struct reader {
	struct tally_ctx *ctx;
	sqlite3 *db;
	int64_t deadline;
	const struct tally_query *query; /* that it runs; NULL: none */
	int64_t asked;                   /* when cancelled() was called last */
	bool cancelled;
	sqlite3_stmt *snapshot; /* which is open as long as this is at its row */
	int64_t version;        /* of the data in it, see read/table_facts.c */
	struct statements statements;
	struct query_shape shape, of_table; /* of the query that it runs; of all of that table */
	struct table_facts facts[READER_FACTS];
	uint32_t next_facts;
};

struct readers {
	struct connection_pool pool;
	struct reader all[READERS_N];
};

void readers_init(struct readers *readers);
int readers_start(struct readers *readers, struct tally_ctx *ctx,
		  const struct database_settings *settings);
void readers_stop(struct readers *readers); /* undoes both */

/* Begins a read transaction for a query.  -ETIMEDOUT: none was free before its deadline. */
int readers_take(struct readers *readers, struct tally_ctx *ctx, const struct tally_query *query,
		 struct reader **ret);
void readers_give_back(struct readers *readers, struct reader *reader);

/* What the statements are of that the reader is asked for from now on. */
void reader_ask(struct reader *reader, const struct bound_query *bound);
/* A statement that was prepared for such a query before; NULL: there is none, so prepare it.  It
 * stays the reader's, and is good until that is given back.  role: enum statement_role. */
sqlite3_stmt *reader_borrow(struct reader *reader, uint32_t role);
/* As database_prepare_text(). */
int reader_prepare(struct reader *reader, uint32_t role, sqlite3_str *text, sqlite3_stmt **ret);

/* Its deadline has passed, or the query is cancelled: for those that work outside of statements,
 * and then return -EINTR. */
bool reader_is_over(struct reader *reader);

/* What to return for an error met on it: -ETIMEDOUT or -ECANCELED if that was the reason. */
int reader_result(struct reader *reader, int result);

#endif
