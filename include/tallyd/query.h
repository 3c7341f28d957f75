/*
 * What a plugin can ask a store: columns of one declared table, with filters, a time range, and
 * optionally aggregated in buckets.  No SQL crosses this interface: the store looks up every name
 * in its own catalog, refuses unknown ones, and binds every value.
 *
 * The answer arrives as batches of a table that the store makes for it.  The table's name says
 * where the rows came from (container_stats, container_stats_1min, …).  Its columns are the time,
 * then those of group_by, then those of select.  The time is that of the row, or the start of its
 * bucket, or, with one bucket over the whole range, that of the group's newest row.  LAST and MAX
 * of the time column give the time of the newest row in a bucket, also in rolled-up tables.
 * Rows are ordered by time and then by group_by; rows of a STATE table by their key.
 */
#ifndef TALLYD_QUERY_H
#define TALLYD_QUERY_H

#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULLs are left out of every aggregate; without any value the result is NULL, or 0 for COUNT. */
enum tally_aggregate {
	TALLY_RAW, /* the stored value; bucket must be 0 and group_by empty */
	TALLY_AVG, /* REAL */
	TALLY_MIN,
	TALLY_MAX,
	TALLY_SUM,
	TALLY_LAST,  /* the value of the newest row in the bucket, also if that is NULL */
	TALLY_RATE,  /* REAL, per second, of a COUNTER; a decrease is a restart, never negative */
	TALLY_COUNT, /* INT: the number of values */
};

/* A NULL cell matches IS_NULL only.  Text is compared byte by byte. */
enum tally_match {
	TALLY_EQUALS,
	TALLY_DIFFERS,
	TALLY_LESS,
	TALLY_GREATER,
	TALLY_PREFIX,   /* the text begins with the value */
	TALLY_CONTAINS, /* the text contains the value; ASCII letters match in either case */
	TALLY_GLOB,     /* the text matches a pattern of * and ? */
	TALLY_HAS,      /* the JSON object has a member: "key" or "key=value" */
	TALLY_IS_NULL,
	TALLY_NOT_NULL,
};

struct tally_select {
	const char *column;
	uint32_t aggregate; /* enum tally_aggregate, per bucket and group */
	uint32_t reserved;
};

/* A row must match all filters.  Several EQUALS filters on one column are alternatives. */
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
	int64_t from, to; /* ns since 1970; from is included, to is not; STATE tables ignore both */
	int64_t bucket;   /* ns, aligned to 1970; 0: one bucket over the range, or RAW rows */
	const struct tally_select *select; /* all of them RAW, or none */
	const struct tally_filter *filters;
	const char *const *group_by; /* TAG columns */
	/* For paging of RAW rows: start after the row with this key.  The key is the time and the
	 * tags (and the order), or the tags of a STATE table, in the order of the table's columns.
	 * NULL: from the start. */
	const struct tally_cell *after;
	uint32_t n_select, n_filters, n_group_by, n_after;
	uint32_t limit; /* rows; 0 is refused */
	uint32_t reserved;
	int64_t deadline; /* ns, CLOCK_MONOTONIC; 0 is refused */
	/* Optional: returns true once nobody needs the answer; the query then ends with -ECANCELED.
	 * The store calls it several times a second while it works, on the thread that called
	 * tally_query().  It must not block. */
	bool (*cancelled)(void *arg);
	void *cancelled_arg;
};

#ifdef __cplusplus
}
#endif
#endif
