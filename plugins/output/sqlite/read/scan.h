/* Rows as they were written: filtered, ordered, page by page. */
#ifndef TALLYD_SQLITE_SCAN_H
#define TALLYD_SQLITE_SCAN_H

#include "read/readers.h"
#include "store/result_builder.h"
#include "store/bound_query.h"

int scan_run(struct reader *reader, const struct bound_query *bound, struct result *result);

#endif
