/* How many rows a list of logs or events has: total=yes, counted as /logs/count does. */
#ifndef TALLYD_HTTP_LOG_COUNTS_H
#define TALLYD_HTTP_LOG_COUNTS_H

#include "query/paging.h"
#include "routes/list_narrow.h"

/* container: as of list_narrow().  Sets the total; NULL: search_time was not enough.  0, or a
 * problem. */
int log_counts_total(struct context *context, const struct list *list,
		     const struct container *container, struct paging *paging);

#endif
