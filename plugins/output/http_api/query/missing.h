/* Files of the daemon that were deleted under it and are not restored yet, for /readyz. */
#ifndef TALLYD_HTTP_MISSING_H
#define TALLYD_HTTP_MISSING_H

#include "query/query_builder.h"

/* 0, or the answer that names them; on the caller's thread. */
int missing_check(struct context *context);

#endif
