/* What the parameters of a list leave of its table's rows. */
#ifndef TALLYD_HTTP_LIST_NARROW_H
#define TALLYD_HTTP_LIST_NARROW_H

#include "query/container_lookup.h"
#include "query/list_filter.h"
#include "query/query_builder.h"

extern const struct list logs_of_containers, events_of_containers;

/* The containers that container= names; they must outlive the query. */
struct list_containers { /* some 50 KB: not to be cleared for each question */
	struct container named[PARAMS_MAX];
	uint32_t n;
};
int list_find_containers(struct context *context, struct list_containers *ret);
/* The parameters of a list as conditions of a query on its table.  container: only its rows; NULL:
 * those of the containers that container= names, or of all.  0, or a problem. */
int list_narrow(struct context *context, const struct list *list, const struct container *container,
		struct list_containers *named, struct query *query);
/* Unless container= is a filter as any other, of a table that knows only names. */
bool list_names_containers(const struct list *list);

#endif
