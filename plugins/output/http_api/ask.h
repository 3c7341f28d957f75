/*
 * A question to the store, put together from columns of a table that is known to be there, so
 * that no name from a request gets any further.
 *
 *	struct ask ask;
 *	ask_init(&ask, call, table);
 *	ask_select(&ask, column, TALLY_LAST);
 *	ask_text(&ask, column, TALLY_EQUALS, "web");
 *	r = ask_store(&ask, &rows);     time, groups, selected columns: in this order
 */
#ifndef TALLYD_HTTP_ASK_H
#define TALLYD_HTTP_ASK_H

#include <tallyd/query.h>

#include "endpoint.h"
#include "rowset.h"

enum { ASK_MAX_FILTERS = 128, ASK_MAX_GROUPS = 32 };

struct ask {
	struct call *call;
	const struct tally_table *table;
	struct tally_query query;
	struct tally_select select[ROWSET_MAX_COLUMNS];
	struct tally_filter filters[ASK_MAX_FILTERS];
	const char *groups[ASK_MAX_GROUPS];
	bool too_many;
	bool bounded; /* as rowset.h has it; set it after ask_init() */
};

/* A table of the store; NULL: it has none of that name, which is no error.  Valid as long as the
 * call.  On failure a problem is written. */
int call_table(struct call *call, const char *name, const struct tally_table **ret);

/* Asks the store for its tables now. */
int call_reload_tables(struct call *call);

/* All rows of the query's range, limit as configured. */
void ask_init(struct ask *ask, struct call *call, const struct tally_table *table);
void ask_select(struct ask *ask, const struct tally_column *column, uint32_t aggregate);
void ask_group(struct ask *ask, const struct tally_column *column);
void ask_text(struct ask *ask, const struct tally_column *column, uint32_t match, const char *text);
void ask_filter(struct ask *ask, const struct tally_column *column, uint32_t match,
		const struct tally_cell *value);

/* Owes rowset_done(), also on failure; then a problem is written. */
int ask_store(struct ask *ask, struct rowset *ret);
/* The same question with other filters: adds to the rows. */
int ask_more(struct ask *ask, struct rowset *rows);

#endif
