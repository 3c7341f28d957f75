/*
 * Filters as SQL.  In every statement of a query the value of filter i is parameter i + 1; what
 * else the statement needs is numbered from CONDITION_FREE(bound) on.
 */
#ifndef TALLYD_SQLITE_CONDITION_H
#define TALLYD_SQLITE_CONDITION_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/bound_query.h"

#define CONDITION_FREE(bound) ((int)(bound)->query->n_filters + 1)

/* tally_prefix(), tally_contains() and tally_glob() for this connection. */
int condition_register(struct tally_ctx *ctx, sqlite3 *db);

/* Appends " AND …" for each filter on columns of these sides, which stand under these aliases
 * ("s." and "r."; "" for a plain table). */
void condition_append(sqlite3_str *sql, const struct bound_query *bound, unsigned sides,
		      const char *tags, const char *fields);
/* The values of filters on columns of these sides. */
void condition_bind(sqlite3_stmt *statement, const struct bound_query *bound, unsigned sides);

#endif
