/*
 * Many alternatives for one column, as a page of containers asks for the readings of all of them:
 * tally_among(text, set).  SQLite's own IN makes a table of them, a row each, for every statement.
 */
#ifndef TALLYD_SQLITE_CONDITION_SET_H
#define TALLYD_SQLITE_CONDITION_SET_H

#include <sqlite3.h>

#include "store/bound_query.h"

/* Whether a filter stands for so many that they are a set: an EQUALS on a column of text. */
bool condition_is_set(const struct bound_query *bound, uint32_t filter);
/* Binds all alternatives of the filter's column as one set.  Texts are the query's.  Without memory
 * the statement fails when it is run. */
void condition_bind_set(sqlite3_stmt *statement, int parameter, const struct bound_query *bound,
			uint32_t filter);
int condition_register_set(sqlite3 *db); /* a SQLite code */

#endif
