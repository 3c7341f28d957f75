/*
 * Statements that stay prepared on a reader's connection, found by their text: the API asks much
 * the same again and again, and preparing a short query takes longer than running it.  One query
 * borrows what it needs and gives all of it back at its end; what was borrowed longest ago makes
 * room for what is new.  Used by whoever has the reader.
 */
#ifndef TALLYD_SQLITE_STATEMENTS_H
#define TALLYD_SQLITE_STATEMENTS_H

#include <sqlite3.h>
#include <tallyd/host.h>

/* More than one query ever borrows at a time. */
enum { STATEMENTS_MAX = 24 };

struct statement {
	sqlite3_stmt *prepared; /* NULL: free */
	uint64_t hash, used;    /* of its text; when it was borrowed last */
	int64_t bytes;          /* 0: not known yet */
	bool borrowed;
};

struct statements {
	struct statement all[STATEMENTS_MAX];
	uint64_t clock;
};

/* Takes a text under construction, as database_prepare_text() does.  The statement belongs to the
 * cache: it must not be finalized. */
int statements_borrow(struct statements *statements, struct tally_ctx *ctx, sqlite3 *db,
		      sqlite3_str *text, sqlite3_stmt **ret);
/* All of them, with what was bound to them forgotten. */
void statements_give_back(struct statements *statements);
void statements_done(struct statements *statements);

#endif
