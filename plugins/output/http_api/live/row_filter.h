/*
 * The filters of a stream: the parameters of the list that it belongs to, applied to rows here
 * instead of by a store, with the same meaning (query.h).  Immutable once read; any thread.
 */
#ifndef TALLYD_HTTP_ROW_FILTER_H
#define TALLYD_HTTP_ROW_FILTER_H

#include "live/service_members.h"
#include "query/list_filter.h"
#include "query/query_builder.h"

struct row_filter_rule {
	const char *column; /* static */
	uint32_t match;     /* enum tally_match: EQUALS, CONTAINS, GLOB */
	char *value;
};

struct row_filter {
	struct row_filter_rule *rules;
	uint32_t n;
	struct service_members members; /* service=, which no column of a row says */
};

/* From the request, for its topic of that name (NULL: it has one kind of rows); container= is
 * looked up in the store.  0, or a problem; owes row_filter_done() in either case. */
int row_filter_read(struct context *context, const struct list_filter *filters, const char *topic,
		    struct row_filter *ret);
void row_filter_done(struct row_filter *row_filter);

bool row_filter_passes(const struct row_filter *row_filter, const struct tally_table *table,
		       const struct tally_cell *row);
/* The same rules for a question to the store.  false: not all of them could be asked, so that
 * row_filter_passes() has to be. */
bool row_filter_ask(const struct row_filter *row_filter, struct query *query);

#endif
