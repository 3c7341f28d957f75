/*
 * A list of rows as they were written, for an endpoint that says which table and by what it can
 * be narrowed down: paging, order and format are the same for all of them.
 */
#ifndef TALLYD_HTTP_LIST_ENDPOINT_H
#define TALLYD_HTTP_LIST_ENDPOINT_H

#include "message/row_writer.h"
#include "query/container_lookup.h"
#include "query/list_filter.h"
#include "query/query_builder.h"

extern const struct list logs_of_containers, events_of_containers;

/* container: only its rows; NULL: those of the containers that container= names, or of all.
 * A table that the store does not have gives an empty list. */
int list_answer(struct context *context, const struct list *list,
		const struct container *container);

/* The containers that container= names; they must outlive the query. */
struct list_containers {
	struct container named[PARAMS_MAX];
	uint32_t n;
};
int list_find_containers(struct context *context, struct list_containers *ret);
/* The parameters of a list as conditions of a query on its table; container: as above.  0, or a
 * problem. */
int list_narrow(struct context *context, const struct list *list, const struct container *container,
		struct list_containers *named, struct query *query);

/* 0, or a problem if the request has a cursor: of a list whose table is not there yet no cursor can
 * be right. */
int list_refuse_cursor(struct context *context);

#endif
