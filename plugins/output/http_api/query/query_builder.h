/*
 * A query to the store, put together from columns of a table that is known to be there, so
 * that no name from a request gets any further.
 *
 *	struct query query;
 *	query_init(&query, context, table);
 *	query_select(&query, column, TALLY_LAST);
 *	query_text(&query, column, TALLY_EQUALS, "web");
 *	r = query_run(&query, &rows);     time, groups, selected columns: in this order
 */
#ifndef TALLYD_HTTP_QUERY_BUILDER_H
#define TALLYD_HTTP_QUERY_BUILDER_H

#include <tallyd/query.h>

#include "message/context.h"
#include "query/result_set.h"

enum { QUERY_MAX_FILTERS = 128, QUERY_MAX_GROUPS = 32 };

struct query {
	struct context *context;
	const struct tally_table *table;
	struct tally_query spec;
	struct tally_select select[RESULT_SET_MAX_COLUMNS];
	struct tally_filter filters[QUERY_MAX_FILTERS];
	const char *groups[QUERY_MAX_GROUPS];
	bool too_many;
	bool bounded; /* as result_set.h has it; set it after query_init() */
};

/* A table of the store; NULL: it has none of that name, which is no error.  Valid as long as the
 * context.  On failure a problem is written. */
int context_table(struct context *context, const char *name, const struct tally_table **ret);

/* Asks the store for its tables now. */
int context_reload_tables(struct context *context);

/* All rows of the query's range, limit as configured. */
void query_init(struct query *query, struct context *context, const struct tally_table *table);
void query_select(struct query *query, const struct tally_column *column, uint32_t aggregate);
void query_group(struct query *query, const struct tally_column *column);
void query_text(struct query *query, const struct tally_column *column, uint32_t match,
		const char *text);
void query_filter(struct query *query, const struct tally_column *column, uint32_t match,
		  const struct tally_cell *value);

/* Owes result_set_done(), also on failure; then a problem is written. */
int query_run(struct query *query, struct result_set *ret);
/* The same query with other filters: adds to the rows. */
int query_run_more(struct query *query, struct result_set *rows);

/* Hands the rows out as they come.  -ETIMEDOUT: query->spec.deadline passed, which is no problem
 * that is written. */
int query_stream(struct query *query, tally_rows_fn *rows, void *arg);
/* Makes one of it. */
int query_timed_out(struct context *context);

/* Calls run() for the query as it is; where the points of the request's window are days or months,
 * once for each that its range touches.  What run() returns, the first that is not 0. */
int query_each_point(struct query *query, int (*run)(struct query *query, void *arg), void *arg);

#endif
