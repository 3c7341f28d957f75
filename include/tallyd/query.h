/*
 * What a store can be asked: one declared table, some of its columns, filters, a range of
 * time, perhaps buckets.  No SQL crosses this line: a store looks every name up in its own
 * tables, refuses what it does not know, and binds every value.
 *
 * The answer comes as batches of a table made for it, whose name says where the rows came
 * from (container_stats, container_stats_1min, …).  Its columns are, in this order: the time
 * (of the row; the start of its bucket; with one bucket over all, of the group's newest row),
 * the group_by columns, the selected ones.
 * The LAST (or MAX) of the time is that of a bucket's newest row, also of what is rolled up.
 * Rows come in the order of time, then of group_by; of a STATE table in the order of its key.
 */
#ifndef TALLYD_QUERY_H
#define TALLYD_QUERY_H

#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tally_aggregate {
	TALLY_RAW, /* the value as it was written: bucket and group_by must be empty */
	TALLY_AVG, /* REAL; NULLs are left out, no value at all gives NULL, here and below */
	TALLY_MIN,
	TALLY_MAX,
	TALLY_SUM,
	TALLY_LAST,  /* of the newest row of the bucket, NULL if it is NULL there */
	TALLY_RATE,  /* REAL per second of a TALLY_COUNTER; a fall is a new start, never negative */
	TALLY_COUNT, /* INT: values that are not NULL */
};

/* A NULL cell matches nothing but IS_NULL; text is compared byte by byte. */
enum tally_match {
	TALLY_EQUALS,
	TALLY_DIFFERS,
	TALLY_LESS,
	TALLY_GREATER,
	TALLY_PREFIX,   /* text begins with value */
	TALLY_CONTAINS, /* text holds value, upper and lower case alike for ASCII letters */
	TALLY_GLOB,     /* text fits * and ? */
	TALLY_HAS,      /* a JSON object has the member: "key" or "key=value" */
	TALLY_IS_NULL,
	TALLY_NOT_NULL,
};

struct tally_select {
	const char *column;
	uint32_t aggregate; /* enum tally_aggregate, per bucket and group */
	uint32_t reserved;
};

/* All must hold; filters on one column with EQUALS are alternatives to each other. */
struct tally_filter {
	const char *column;
	uint32_t match; /* enum tally_match */
	uint32_t reserved;
	struct tally_cell value; /* of the column's type */
};

struct tally_query {
	uint32_t size;
	uint32_t newest_first;
	const char *table;
	int64_t from, to; /* ns since 1970; to is excluded; of a STATE table not looked at */
	int64_t bucket;   /* ns, aligned to 1970; 0: one bucket over all, or rows if RAW */
	const struct tally_select *select; /* all RAW or none */
	const struct tally_filter *filters;
	const char *const *group_by; /* columns with role TAG */
	/* Rows after this one in the answer's order, for paging; RAW only.  Time and tags (and
	 * order), in the order of the table's columns; of a STATE table the tags.  NULL: from
	 * the start. */
	const struct tally_cell *after;
	uint32_t n_select, n_filters, n_group_by, n_after;
	uint32_t limit; /* rows; 0 is refused */
	uint32_t reserved;
	int64_t deadline; /* ns, CLOCK_MONOTONIC; 0 is refused */
	/* Optional: true once nobody wants the rows any more; the query then ends with -ECANCELED.
	 * The store calls it several times a second while it works, on the thread that called
	 * tally_query(); it must not block. */
	bool (*cancelled)(void *arg);
	void *cancelled_arg;
};

#ifdef __cplusplus
}
#endif
#endif
