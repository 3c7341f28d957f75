/*
 * A query to a store, put together from columns of a table that is known to be there.
 *
 *	struct query query;
 *	query_begin(&query, asker, table);
 *	query_select(&query, column, TALLY_LAST);
 *	query_text(&query, column, TALLY_EQUALS, "web");
 *	r = query_run(&query, &rows);     time, groups, selected columns: in this order
 *
 * Who asks says how long it may take, how many rows it may give, and what becomes of an error: in
 * http_api the answer to a request, in an input what the core logs.  One thread per asker.
 */
#ifndef TALLYD_ASK_QUERY_H
#define TALLYD_ASK_QUERY_H

#include <tallyd/host.h>
#include <tallyd/query.h>

#include "ask/result_set.h"

enum { QUERY_MAX_FILTERS = 128, QUERY_MAX_GROUPS = 32 };

struct asker;

struct asker_ops {
	/* A table of the store; NULL: it has none of that name, which is no error.  Valid as long
	 * as the asker. */
	int (*table)(struct asker *asker, const char *name, const struct tally_table **ret);
	void (*answered)(struct asker *asker); /* NULL: nobody wants to know */
	/* The store could not answer.  Returns what the function that asked is to return. */
	int (*failed)(struct asker *asker, int error);
	/* The same for a reason that lies in the question: ENOENT, EINVAL, E2BIG or ENOMEM. */
	int (*refuse)(struct asker *asker, int error, const char *why);
};

struct asker {
	const struct asker_ops *ops;
	struct tally_ctx *ctx;
	struct tally_store *store;
	int64_t now;                  /* wall time, the same for all questions */
	int64_t deadline;             /* monotonic */
	uint32_t limit;               /* of rows, where a query does not set its own */
	bool (*cancelled)(void *arg); /* NULL: somebody waits in any case */
	void *cancelled_arg;
};

struct query {
	struct asker *asker;
	const struct tally_table *table;
	struct tally_query spec;
	struct tally_select select[RESULT_SET_MAX_COLUMNS];
	struct tally_filter filters[QUERY_MAX_FILTERS];
	const char *groups[QUERY_MAX_GROUPS];
	bool too_many;
	bool bounded; /* as result_set.h has it; set it after query_begin() */
};

/* All rows of the table. */
void query_begin(struct query *query, struct asker *asker, const struct tally_table *table);
void query_select(struct query *query, const struct tally_column *column, uint32_t aggregate);
void query_group(struct query *query, const struct tally_column *column);
void query_text(struct query *query, const struct tally_column *column, uint32_t match,
		const char *text);
void query_filter(struct query *query, const struct tally_column *column, uint32_t match,
		  const struct tally_cell *value);

/* Owes result_set_done(), also on failure; then it is what the asker made of it. */
int query_run(struct query *query, struct result_set *ret);
/* The same query with other filters: adds to the rows. */
int query_run_more(struct query *query, struct result_set *rows);

/* Hands the rows out as they come.  -ETIMEDOUT: query->spec.deadline passed, which the asker was
 * not told. */
int query_stream(struct query *query, tally_rows_fn *rows, void *arg);

/* What the asker makes of a reason of its question's own. */
__attribute__((format(printf, 3, 4))) int asker_refuse(struct asker *asker, int error,
						       const char *fmt, ...);

#endif
