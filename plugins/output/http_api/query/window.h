/* The range of time that a request asks for, and the grid of its points. */
#ifndef TALLYD_HTTP_WINDOW_H
#define TALLYD_HTTP_WINDOW_H

#include "message/context.h"

struct window {
	int64_t from, to; /* ns; to is excluded */
	int64_t step;     /* ns; 0: no grid */
	uint32_t points;
};

/* from and to: by default the last hour.  0, or a problem. */
int window_read(struct context *context, struct window *ret);
/* The same with another default: so many ns back from `to`. */
int window_read_back(struct context *context, int64_t back, struct window *ret);
/* Also step or points; from and to are widened to whole steps, so that everybody who asks for
 * about the same gets the same. */
int window_read_grid(struct context *context, struct window *ret);

#endif
