/*
 * What a list of rows is made of: its table, and the parameters that narrow it down.  Static
 * tables, one per list; the endpoint of a list makes conditions of a query of them, a stream of the
 * same rows holds them against each row (live/row_filter.h).
 */
#ifndef TALLYD_HTTP_LIST_FILTER_H
#define TALLYD_HTTP_LIST_FILTER_H

#include <stdint.h>

struct list_filter {
	const char *param, *column;
	uint32_t match; /* enum tally_match; EQUALS that may hold * and ?: TALLY_GLOB */
	/* "stdout|stderr": nothing else makes sense; NULL: anything.  Of a BOOL "yes|no"; of an INT
	 * "no|yes": yes compares it with 0, no leaves it alone. */
	const char *choices;
};

struct list {
	const char *table;
	const struct list_filter *filters; /* ends with .param = NULL */
	int64_t back;                      /* ns: the range unless from says otherwise */
};

#endif
