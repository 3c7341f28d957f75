/*
 * Statements that stay prepared on a reader's connection: the API asks much the same again and
 * again, and preparing a short query takes longer than running it.  They are found by what they
 * are for and the shape of the query, so that of a query that was asked before not even the text is
 * made.  One query borrows what it needs and gives all of it back at its end; what was borrowed
 * longest ago makes room for what is new.  Used by whoever has the reader.
 */
#ifndef TALLYD_SQLITE_STATEMENTS_H
#define TALLYD_SQLITE_STATEMENTS_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "read/query_shape.h"

/* Many more than one query ever borrows at a time. */
enum { STATEMENTS_MAX = 64 };

/* What one is for, and below what else its text depends on. */
enum statement_role {
	/* Of the table alone. */
	STATEMENT_WATERMARKS,
	STATEMENT_PACKED_TO,
	STATEMENT_CHUNKS,
	STATEMENT_TEXT_BLOCKS,
	STATEMENT_TEXT_BITS,
	STATEMENT_TEXT_MARKS,
	STATEMENT_TAGS,
	/* Of the query's shape. */
	STATEMENT_OF_QUERY,
	STATEMENT_FIND_SERIES = STATEMENT_OF_QUERY,
	STATEMENT_PAGE,
	STATEMENT_AFTER,
	STATEMENT_EDGE,
	STATEMENT_SERIES,
	STATEMENT_NEWEST_ROW,
	STATEMENT_BEFORE,
	STATEMENT_PACKED_ROWS,
	STATEMENT_LEVEL, /* the last one: and the level */
	STATEMENT_ROLES = 0xff,
	STATEMENT_ALL = 0x100,    /* reads packed rows, too */
	STATEMENT_SINGLE = 0x200, /* of one series */
	STATEMENT_NEWEST = 0x400, /* the newest first */
};

struct statement_key {
	uint32_t role; /* enum statement_role */
	const struct query_shape *shape;
};

struct statement {
	sqlite3_stmt *prepared; /* NULL: free */
	struct query_shape *shape;
	uint32_t role;
	bool borrowed;
	uint64_t used; /* when it was borrowed last */
	int64_t bytes; /* 0: not known yet */
};

struct statements {
	struct statement all[STATEMENTS_MAX];
	uint8_t borrowed[STATEMENTS_MAX]; /* which of all */
	uint32_t n_borrowed;
	bool grew; /* one was prepared since they were given back */
	uint64_t clock;
};

/* NULL: there is none that is free. */
sqlite3_stmt *statements_borrow(struct statements *statements, const struct statement_key *key);
/* Prepares and borrows one, where there was none.  Takes a text under construction, as
 * database_prepare_text() does.  The statement belongs to the cache: it must not be finalized. */
int statements_prepare(struct statements *statements, struct tally_ctx *ctx, sqlite3 *db,
		       const struct statement_key *key, sqlite3_str *text, sqlite3_stmt **ret);
/* All of them, with what was bound to them forgotten. */
void statements_give_back(struct statements *statements);
void statements_done(struct statements *statements);

#endif
