/* Rows as they were written: filtered, ordered, page by page. */
#ifndef TALLYD_TIMESCALE_SCAN_H
#define TALLYD_TIMESCALE_SCAN_H

#include "read/readers.h"
#include "store/result_builder.h"

/* In a transaction of its own, which whoever gives the connection back ends if it is still open. */
int scan_run(struct reader *reader, const struct bound_query *bound, struct result *result);

#endif
