/*
 * Queries to the store for a request (ask/query.h), put together from columns of a table that is
 * known to be there, so that no name from a request gets any further.
 */
#ifndef TALLYD_HTTP_QUERY_BUILDER_H
#define TALLYD_HTTP_QUERY_BUILDER_H

#include "ask/query.h"
#include "message/context.h"

/* A table of the store; NULL: it has none of that name, which is no error.  Valid as long as the
 * context.  On failure a problem is written. */
int context_table(struct context *context, const char *name, const struct tally_table **ret);

/* Asks the store for its tables now.  Those that context_table() gave before are not valid any
 * more. */
int context_reload_tables(struct context *context);

/* Who asks for this request: a query that fails writes a problem.  Valid as long as the context. */
struct asker *context_asker(struct context *context);

/* All rows of the query's range, limit as configured. */
void query_init(struct query *query, struct context *context, const struct tally_table *table);
/* Of a query of query_init(). */
struct context *query_context(const struct query *query);

/* Makes a problem of what query_stream() returned. */
int query_timed_out(struct context *context);

/* Calls run() for the query as it is; where the points of the request's window are days or months,
 * once for each that its range touches.  What run() returns, the first that is not 0. */
int query_each_point(struct query *query, int (*run)(struct query *query, void *arg), void *arg);

#endif
