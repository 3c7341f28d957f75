/*
 * What a list of rows is made of: its table, and which parameter narrows down which column.  Static
 * tables, one per list; the endpoint of a list makes conditions of a query of them, a stream of the
 * same rows holds them against each row (live/row_filter.h).
 */
#ifndef TALLYD_HTTP_LIST_FILTER_H
#define TALLYD_HTTP_LIST_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct list_filter {
	const char *param, *column;
	/* enum tally_match, or LIST_FILTER_LEVEL; TALLY_GLOB is EQUALS for a value without * and ?.
	 * An INT column is compared with 0 if the value is yes, and left alone if it is no. */
	uint32_t match;
};

struct list {
	const char *table;
	const struct list_filter *filters; /* ends with .param = NULL */
};

/* EQUALS, of a level of logs, which other programs call by other names. */
enum { LIST_FILTER_LEVEL = 64 };

/* Whether a parameter of a request is this one: by its name, for all that know it, or as TOPIC.NAME
 * for the rows of one topic of a stream.  topic NULL: by its name only. */
bool list_filter_is(const char *param, const char *topic, const char *name);

/* How a column is to be compared, and with what: *value may become another, a constant. */
uint32_t list_filter_match(const struct list_filter *filter, const char **value);

#endif
