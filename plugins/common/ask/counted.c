/* See counted.h.  One query.  Used by the counts, patterns and effects. */
#include "ask/counted.h"

#include "base/clock.h"

int counted_until(struct asker *asker, const struct tally_table *table, int64_t from, int64_t to,
		  int64_t *ret)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct query query;
	query_begin(&query, asker, table);
	query_select(&query, &table->columns[0], TALLY_LAST);
	query.spec.from = from;
	query.spec.to = to;
	int r = query_run(&query, &rows);
	*ret = from;
	if (r == 0 && rows.n_rows && result_set_row(&rows, 0)[0].set)
		*ret = result_set_row(&rows, 0)[0].i + CLOCK_MINUTE;
	return r;
}
