/*
 * A short array, searched from its start: comparing some dozen hashes takes a hundredth of what
 * preparing does.  read/readers.c borrows for those that read and gives back, on a query's thread.
 * A statement whose tables were changed is prepared again by SQLite itself.  Memory is bounded by
 * number and by bytes, since lists of filters make texts of any length.
 */
#include "read/statements.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

/* Of one connection: a query over all columns of container_stats takes some 30 KB. */
#define STATEMENTS_BYTES ((int64_t)512 << 10)

static void statements_drop(struct statement *statement)
{
	sqlite3_finalize(statement->prepared);
	free(statement->shape);
	*statement = (struct statement){0};
}

/* A free place, else the one that was borrowed longest ago; NULL: all are borrowed. */
static struct statement *statements_oldest(struct statements *statements, bool free_too)
{
	struct statement *oldest = NULL;
	for (int i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *statement = &statements->all[i];
		if (statement->borrowed || (!statement->prepared && !free_too))
			continue;
		if (!oldest || statement->used < oldest->used)
			oldest = statement;
	}
	return oldest;
}

static sqlite3_stmt *statements_take(struct statements *statements, struct statement *statement)
{
	statement->used = ++statements->clock;
	statement->borrowed = true;
	statements->borrowed[statements->n_borrowed++] = (uint8_t)(statement - statements->all);
	return statement->prepared;
}

sqlite3_stmt *statements_borrow(struct statements *statements, const struct statement_key *key)
{
	for (int i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *statement = &statements->all[i];
		if (statement->prepared && !statement->borrowed && statement->role == key->role &&
		    query_shape_is(statement->shape, key->shape))
			return statements_take(statements, statement);
	}
	return NULL;
}

int statements_prepare(struct statements *statements, struct tally_ctx *ctx, sqlite3 *db,
		       const struct statement_key *key, sqlite3_str *text, sqlite3_stmt **ret)
{
	auto_text char *sql = sqlite3_str_finish(text);
	struct statement *statement = statements_oldest(statements, true);
	if (!sql)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (!statement)
		return tally_fail(ctx, EMFILE, "a query of more than %d statements",
				  STATEMENTS_MAX);
	statements_drop(statement);
	statement->shape = query_shape_copy(key->shape);
	if (!statement->shape)
		return tally_fail(ctx, ENOMEM, "no memory");
	int r = database_prepare_kept(ctx, db, sql, &statement->prepared);
	if (r < 0) {
		statements_drop(statement);
		return r;
	}
	statement->role = key->role;
	statements->grew = true;
	*ret = statements_take(statements, statement);
	return 0;
}

/* How much they take is known only once they have run. */
static void statements_shrink(struct statements *statements)
{
	int64_t bytes = 0;
	for (int i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *statement = &statements->all[i];
		if (statement->prepared && !statement->bytes)
			statement->bytes = sqlite3_stmt_status(statement->prepared,
							       SQLITE_STMTSTATUS_MEMUSED, 0);
		bytes += statement->bytes;
	}
	while (bytes > STATEMENTS_BYTES) {
		struct statement *oldest = statements_oldest(statements, false);
		if (!oldest)
			break;
		bytes -= oldest->bytes;
		statements_drop(oldest);
	}
}

void statements_give_back(struct statements *statements)
{
	while (statements->n_borrowed) {
		uint8_t i = statements->borrowed[--statements->n_borrowed];
		struct statement *statement = &statements->all[i];
		sqlite3_reset(statement->prepared);
		/* Texts that were bound are the query's, which ends. */
		sqlite3_clear_bindings(statement->prepared);
		statement->borrowed = false;
	}
	if (statements->grew)
		statements_shrink(statements);
	statements->grew = false;
}

void statements_done(struct statements *statements)
{
	for (int i = 0; i < STATEMENTS_MAX; i++)
		statements_drop(&statements->all[i]);
	statements->n_borrowed = 0;
}
