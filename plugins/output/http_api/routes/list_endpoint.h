/*
 * A list of rows as they were written, for an endpoint that says which table and by what it can
 * be narrowed down: paging, order, range and format are the same for all of them.
 */
#ifndef TALLYD_HTTP_LIST_ENDPOINT_H
#define TALLYD_HTTP_LIST_ENDPOINT_H

#include "message/row_writer.h"
#include "query/container_lookup.h"
#include "query/list_filter.h"

extern const struct list logs_of_containers, events_of_containers;

/* container: only its rows; NULL: those of the containers that container= names, or of all.
 * A table that the store does not have gives an empty list. */
int list_answer(struct context *context, const struct list *list,
		const struct container *container);

int list_read_format(struct context *context, enum list_format *ret); /* 0, or a problem */

/* limit, from, to and cursor of a list whose table is not there yet, so that no cursor of it can be
 * right.  0, or a problem. */
int list_check_page(struct context *context, int64_t back);

void list_write_empty(struct json_writer *json);

#endif
