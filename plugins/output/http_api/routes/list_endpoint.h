/*
 * A list of rows as they were written, for an endpoint that says which table and by what it can
 * be narrowed down: paging, order, range and format are the same for all of them.
 */
#ifndef TALLYD_HTTP_LIST_ENDPOINT_H
#define TALLYD_HTTP_LIST_ENDPOINT_H

#include "query/container_lookup.h"

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

extern const struct list logs_of_containers, events_of_containers;

/* container: only its rows; NULL: those of the containers that container= names, or of all.
 * A table that the store does not have gives an empty list. */
int list_answer(struct context *context, const struct list *list,
		const struct container *container);

enum list_format { LIST_JSON, LIST_NDJSON, LIST_CSV, LIST_CSV_SAFE /* for spreadsheets */ };
bool list_is_csv(enum list_format format);
int list_read_format(struct context *context, enum list_format *ret); /* 0, or a problem */

/* yes or no; a problem if it is neither. */
int list_read_flag(struct context *context, const char *param, bool *ret);

/* limit, from, to and cursor of a list whose table is not there yet, so that no cursor of it can be
 * right.  0, or a problem. */
int list_check_page(struct context *context, int64_t back);

/* 0, or a problem: not among the filter's choices. */
int list_check_choice(struct context *context, const struct list_filter *filter, const char *value);

/* A row of a table as an object. */
void list_write_row(struct json_writer *json, const struct tally_table *table,
		    const struct tally_cell *row);

void list_write_empty(struct json_writer *json);

#endif
