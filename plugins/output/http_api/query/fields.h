/* The columns that a request selects, and how each is aggregated over time. */
#ifndef TALLYD_HTTP_FIELDS_H
#define TALLYD_HTTP_FIELDS_H

#include "query/query_builder.h"

enum { FIELDS_MAX = RESULT_SET_MAX_COLUMNS - 8 }; /* some stay free for what a query adds */

/* Percentiles stand among the aggregates, but no store knows them: query/percentiles.h. */
enum { FIELD_P50 = 100, FIELD_P95, FIELD_P99 };
static inline bool field_is_percentile(uint32_t aggregate)
{
	return aggregate >= FIELD_P50;
}

/* What the values of a field are put together of. */
enum fields_of {
	FIELDS_OF_ROWS,       /* the readings of a container */
	FIELDS_OF_CONTAINERS, /* the same, as a group of one: a counter is its rate */
	FIELDS_OF_GROUPS,     /* containers, each with its average or rate, and its extremes */
};

struct fields {
	const struct tally_column *columns[FIELDS_MAX];
	uint16_t aggregates[FIELDS_MAX]; /* enum tally_aggregate, or a percentile */
	const char *names[FIELDS_MAX];   /* of the aggregates, as agg= has them */
	uint32_t n;
	enum fields_of of;
	bool several; /* aggregates of one column: its name is not enough */
};

/*
 * fields=a,b: by default all numbers.  agg: of all of them; by default the average, and of
 * counters the rate; of groups the sum.  With agg=rate the default is all counters, with nothing
 * but percentiles all others.  0, or a problem.
 */
int fields_read(struct context *context, const struct tally_table *table, enum fields_of of,
		struct fields *ret);
/* The same without agg: the newest values. */
int fields_read_last(struct context *context, const struct tally_table *table, struct fields *ret);
/* Of these, NULL at the end, those that the table has; all if it has none of them. */
int fields_pick_last(struct context *context, const struct tally_table *table,
		     const char *const *names, struct fields *ret);
/* All of them, whatever fields= says. */
int fields_read_all_last(struct context *context, const struct tally_table *table,
			 struct fields *ret);

enum { FIELD_NAME_SIZE = 160 };
/* "cpu_percent", or if there are several aggregates "cpu_percent.max". */
const char *fields_name(const struct fields *fields, uint32_t field, char ret[FIELD_NAME_SIZE]);
/* Of percentiles the number of values that there should be. */
void fields_select(const struct fields *fields, struct query *query);

/* "bytes", "bytes/s"; "" is for none. */
void fields_unit(const struct fields *fields, uint32_t field, char *ret, size_t size);

/* fields= of a list of rows: which columns of the table are shown, by default all.  extra: another
 * name that may be among them, and ret_extra whether it is; NULL: none.  0, or a problem. */
int fields_read_shown(struct context *context, const struct tally_table *table, const char *extra,
		      bool *ret_shown, bool *ret_extra);

/* A problem that lists what there is and guesses what was meant. */
int fields_unknown(struct context *context, const char *parameter, const struct tally_table *table,
		   const char *name);

#endif
