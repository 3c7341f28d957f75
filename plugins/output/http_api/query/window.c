/*
 * The parameters from, to, step and points, checked and resolved against the request's own time. On
 * the thread that answers, and once more on libmicrohttpd's for the cache's key: both see the same
 * `now`, so both get the same window.
 *
 * from and to are widened to whole steps.  So all who look at "the last hour" within one step ask
 * the same question, share one answer, and a bucket never changes its edges between two polls.  A
 * range beyond max_query_range_days and more points than max_results_per_query are refused here,
 * before the store hears of them.
 */
#include "query/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "message/time_expr.h"

enum { WINDOW_POINTS = 300, WINDOW_MAX_STEP_DAYS = 3650 };

static int window_read_moment(struct context *context, const char *name, int64_t *moment)
{
	const char *text = target_param(context->target, name);
	if (!text)
		return 0;
	int r = time_expr_read(text, context->now, moment);
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

int window_read_back(struct context *context, int64_t back, struct window *ret)
{
	int64_t days = context->config->max_query_range_days;
	struct window window = {.to = context->now};
	int r = window_read_moment(context, "to", &window.to);
	if (r < 0)
		return r;
	window.from = window.to > back ? window.to - back : 0;
	r = window_read_moment(context, "from", &window.from);
	if (r < 0)
		return r;
	if (window.from >= window.to)
		return response_problem(context->builder, 400, "from", "from must be before to");
	if (window.to - window.from > days * CLOCK_DAY)
		return response_problem(context->builder, 400, "from",
					"the range is longer than %" PRId64 " day%s, which is "
					"max_query_range_days here",
					days, days == 1 ? "" : "s");
	*ret = window;
	return 0;
}

int window_read(struct context *context, struct window *ret)
{
	return window_read_back(context, CLOCK_HOUR, ret);
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

/* Without points= and step=: as many points as a chart on a screen can show. */
static int window_read_points(struct context *context, int64_t range, int64_t *ret_step)
{
	int64_t max = context->config->max_results_per_query;
	int64_t points = WINDOW_POINTS < max ? WINDOW_POINTS : max;
	const char *text = target_param(context->target, "points");
	if (text) {
		char *end;
		points = strtol(text, &end, 10);
		if (*text < '0' || *text > '9' || *end || points < 1 || points > max)
			return response_problem(context->builder, 400, "points",
						"\"%s\" is not a number from 1 to %" PRId64, text,
						max);
	}
	*ret_step = window_nice_step(range, points);
	return 0;
}

/* A sign is read here only to say "too short" instead of "not a duration". */
static int window_read_step(struct context *context, const char *text, int64_t *ret_step)
{
	if (target_param(context->target, "points"))
		return response_problem(context->builder, 400, "points",
					"give either step or points");
	bool negative = *text == '-';
	int r = span_read(text + negative, ret_step);
	if (r == -EINVAL)
		return response_problem(context->builder, 400, "step",
					"\"%s\" is not a duration (try 10s, 5m or 1h)", text);
	if (r == -EDOM || negative || (r == 0 && *ret_step < CLOCK_SECOND))
		return response_problem(context->builder, 400, "step",
					"\"%s\" is too short: a step is at least 1s", text);
	if (r < 0 || *ret_step > WINDOW_MAX_STEP_DAYS * CLOCK_DAY)
		return response_problem(context->builder, 400, "step",
					"\"%s\" is too long: a step is at most %dd", text,
					WINDOW_MAX_STEP_DAYS);
	return 0;
}

int window_read_grid(struct context *context, struct window *ret)
{
	int64_t max = context->config->max_results_per_query;
	const char *step = target_param(context->target, "step");
	struct window window;
	int r = window_read(context, &window);
	if (r < 0)
		return r;
	r = step ? window_read_step(context, step, &window.step)
		 : window_read_points(context, window.to - window.from, &window.step);
	if (r < 0)
		return r;
	window.from -= window.from % window.step;
	window.to += (window.step - window.to % window.step) % window.step;
	int64_t points = (window.to - window.from) / window.step;
	if (points > max + 1) /* one more may come from the widening */
		return response_problem(context->builder, 400, "step",
					"too many results: %" PRId64 " points, %" PRId64
					" are allowed; take a larger step or a shorter range",
					points, max);
	window.points = (uint32_t)points;
	*ret = window;
	return 0;
}
