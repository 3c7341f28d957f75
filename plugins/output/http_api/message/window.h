/* The range of time that a request asks for, and the grid of its points: struct window. */
#ifndef TALLYD_HTTP_WINDOW_H
#define TALLYD_HTTP_WINDOW_H

#include "message/arguments.h"
#include "message/context.h"

enum { WINDOW_LONGEST = -1 }; /* as a range: as long as max_query_range_days allows */

/* from and to.  range: how many ns before `to` the window begins if from is not given.  0, or a
 * problem. */
int window_read(struct context *context, int64_t range, struct window *ret);

/* Lays a grid over it: steps of `step` ns, or without one (ARGUMENT_NONE) of a round width that
 * gives at most `points`.  from and to are widened to whole steps.  0, or a problem. */
int window_set_grid(struct context *context, int64_t step, int64_t points, struct window *window);

#endif
