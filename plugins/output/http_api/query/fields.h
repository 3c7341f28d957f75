/* The columns that a request selects, and how each is aggregated over time. */
#ifndef TALLYD_HTTP_FIELDS_H
#define TALLYD_HTTP_FIELDS_H

#include "query/query_builder.h"

struct fields {
	const struct tally_column *columns[RESULT_SET_MAX_COLUMNS];
	uint16_t aggregates[RESULT_SET_MAX_COLUMNS];
	uint32_t n;
};

/*
 * fields=a,b: by default all numbers.  agg: of all of them; by default the average, and of
 * counters the rate.  With agg=rate the default is all counters.  0, or a problem.
 */
int fields_read(struct context *context, const struct tally_table *table, struct fields *ret);
/* The same without agg: the newest values. */
int fields_read_last(struct context *context, const struct tally_table *table, struct fields *ret);

void fields_select(const struct fields *fields, struct query *query);

const char *fields_aggregate_name(uint32_t aggregate);
/* "bytes", "bytes/s"; "" is for none. */
void fields_unit(const struct fields *fields, uint32_t field, char *ret, size_t size);

/* A problem that lists what there is and guesses what was meant. */
int fields_unknown(struct context *context, const char *parameter, const struct tally_table *table,
		   const char *name);

#endif
