/*
 * A query that was checked: every name looked up in the catalog, every combination of aggregate
 * and type known to make sense.  What comes after this may rely on it.
 */
#ifndef TALLYD_PLUGINS_COMMON_BOUND_QUERY_H
#define TALLYD_PLUGINS_COMMON_BOUND_QUERY_H

#include <tallyd/host.h>
#include <tallyd/query.h>

#include "store/catalog.h"

enum { BOUND_QUERY_MAX_FILTERS = 256 };

struct bound_query {
	const struct tally_query *query;
	const struct stored_table *stored;
	uint16_t select[CATALOG_MAX_COLUMNS]; /* columns, as query->select */
	uint16_t group[CATALOG_MAX_COLUMNS];
	uint16_t filter[BOUND_QUERY_MAX_FILTERS];
	bool raw;            /* rows, not aggregates */
	bool only_last;      /* every aggregate is LAST */
	bool filters_fields; /* some filter looks at more than tags */
};

/* Whether what is selected is the time of each bucket's newest row: the MAX or LAST of the time. */
bool bound_query_is_newest(const struct bound_query *bound, uint32_t select);

/* Whether a filter belongs here: it is one on columns of these sides, and if it is an EQUALS, the
 * first on its column, since all of a column are alternatives of one IN (…). */
enum bound_query_side { BOUND_QUERY_TAGS = 1, BOUND_QUERY_FIELDS = 2 };
bool bound_query_has_filter(const struct bound_query *bound, uint32_t filter, unsigned sides);
/* Whether a filter is an EQUALS on that column. */
bool bound_query_is_equals(const struct bound_query *bound, uint32_t filter, uint16_t column);
/* How many there are: with one, all rows of the answer have the same there. */
uint32_t bound_query_alternatives(const struct bound_query *bound, uint16_t column);

/* The times in which a page can have rows, [from, to): it goes on after a row, so what lies on the
 * other side of that row's time need not be read.  Of rows of that very time the rest of the key
 * says which follow; that is left to the statement. */
void bound_query_range(const struct bound_query *bound, int64_t *ret_from, int64_t *ret_to);

int bound_query_check(struct tally_ctx *ctx, struct catalog *catalog,
		      const struct tally_query *query, struct bound_query *ret);

#endif
