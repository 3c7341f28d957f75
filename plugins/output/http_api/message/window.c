/*
 * The parameters from, to, step and points, resolved against the request's own time.  arguments.c
 * calls it once per request, on libmicrohttpd's thread; /tables/{name} calls it on a worker's,
 * since only a table that is not a state has a range.
 *
 * from and to are widened to whole steps.  So everybody who looks at "the last hour" within one
 * step asks the store the same and shares one answer, and a bucket never changes its edges between
 * two polls.  A range beyond max_query_range_days and more points than max_results_per_query are
 * refused here, before the store hears of them.
 */
#include "message/window.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "message/time_expr.h"

/* `fixed` is set if the time was given and does not depend on now. */
static int window_read_time(struct context *context, const char *name, int64_t *time, bool *fixed)
{
	const char *text = target_param(context->target, name);
	if (!text)
		return 0;
	*fixed = strncmp(text, "now", 3) != 0;
	int r = time_expr_read(text, context->now, time);
	if (r == -ERANGE)
		return response_problem(context->builder, 400, name,
					"\"%s\" is before 1970 or after 2199", text);
	if (r < 0)
		return response_problem(
			context->builder, 400, name,
			"\"%s\" is not a time (try 2026-01-31T12:00:00Z, Unix seconds "
			"or milliseconds, now or now-1h)",
			text);
	return 0;
}

int window_read(struct context *context, int64_t range, struct window *ret)
{
	int64_t days = context->config->max_query_range_days, longest = days * CLOCK_DAY;
	struct window window = {.to = context->now};
	int r = window_read_time(context, "to", &window.to, &window.to_is_fixed);
	if (r < 0)
		return r;
	if (range == WINDOW_LONGEST)
		range = longest;
	window.from = window.to > range ? window.to - range : 0;
	r = window_read_time(context, "from", &window.from, &window.from_is_fixed);
	if (r < 0)
		return r;
	if (window.from >= window.to)
		return response_problem(context->builder, 400, "from", "from must be before to");
	if (window.to - window.from > longest)
		return response_problem(context->builder, 400, "from",
					"the range is longer than %" PRId64 " day%s, which is "
					"max_query_range_days here",
					days, days == 1 ? "" : "s");
	*ret = window;
	return 0;
}

/*
 * The shortest step that people would choose themselves and that gives at most so many points.
 * Not under 10 s: at the default interval of 5 s every bucket then has a value in it.
 */
static int64_t window_nice_step(int64_t range, int64_t points)
{
	static const int32_t nice[] = {10,  15,   20,   30,   60,    120,   300,   600,
				       900, 1800, 3600, 7200, 10800, 21600, 43200, 86400};
	int64_t step = CLOCK_DAY;
	for (size_t i = 0; i < sizeof(nice) / sizeof(*nice); i++)
		if (nice[i] * CLOCK_SECOND * points >= range)
			return nice[i] * CLOCK_SECOND;
	while (step * points < range)
		step += CLOCK_DAY;
	return step;
}

int window_set_grid(struct context *context, int64_t step, int64_t points, struct window *window)
{
	int64_t max = context->config->max_results_per_query;
	if (step != ARGUMENT_NONE && target_param(context->target, "points"))
		return response_problem(context->builder, 400, "points",
					"give either step or points");
	window->step =
		step != ARGUMENT_NONE ? step : window_nice_step(window->to - window->from, points);
	window->from -= window->from % window->step;
	window->to += (window->step - window->to % window->step) % window->step;
	int64_t n = (window->to - window->from) / window->step;
	if (n > max + 1) /* widening may add one */
		return response_problem(context->builder, 400, "step",
					"too many results: %" PRId64 " points, %" PRId64
					" are allowed; take a larger step or a shorter range",
					n, max);
	window->points = (uint32_t)n;
	return 0;
}
