/*
 * The parameters from, to, step, points and tz, resolved against the request's own time.
 * arguments.c calls it once per request, on libmicrohttpd's thread; /tables/{name} calls it on a
 * worker's, since only a table that is not a state has a range.
 *
 * from and to are widened to whole steps.  So everybody who looks at "the last hour" within one
 * step asks the store the same and shares one answer, and a bucket never changes its edges between
 * two polls.  A range beyond max_query_range_days and more points than max_results_per_query are
 * refused here, before the store hears of them.
 *
 * With tz= days, weeks and months are those of a zone.  Such a day has 23 hours where the clocks go
 * forward and 25 where they go back, so these points have edges instead of a step.  Weeks begin on
 * Mondays (ISO 8601), quarters in January.
 */
#include "message/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "message/time_expr.h"
#include "message/zone.h"

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

/* ---- Days and months ------------------------------------------------------ */

/* A step of a calendar: so many days or months, counted from 1970-01-01 or from the year 0. */
struct calendar {
	const struct zone *zone;
	int64_t days, months; /* one of them is 0 */
};

/* 1970-01-05 was a Monday. */
static int64_t calendar_first_day(const struct calendar *calendar)
{
	return calendar->days % 7 == 0 ? 4 : 0;
}

/* When step `number` begins. */
static int64_t calendar_begins(const struct calendar *calendar, int64_t number)
{
	int64_t day = calendar_first_day(calendar) + number * calendar->days;
	if (calendar->months) {
		int64_t month = number * calendar->months;
		struct tm first = {.tm_year = (int)(month / 12) - 1900,
				   .tm_mon = (int)(month % 12),
				   .tm_mday = 1};
		day = timegm(&first) / 86400;
	}
	return zone_day_begins(calendar->zone, day);
}

/* The number of the step that a time is in. */
static int64_t calendar_number_of(const struct calendar *calendar, int64_t time)
{
	int64_t day = zone_day_of(calendar->zone, time);
	int64_t number = calendar->days ? (day - calendar_first_day(calendar)) / calendar->days : 0;
	if (calendar->months) {
		time_t midnight = day * 86400;
		struct tm date;
		gmtime_r(&midnight, &date);
		number = ((date.tm_year + 1900) * 12 + date.tm_mon) / calendar->months;
	}
	while (calendar_begins(calendar, number) > time)
		number--;
	return number;
}

static int refuse_points(struct context *context, int64_t n)
{
	int64_t max = context->config->max_results_per_query;
	return response_problem(context->builder, 400, "step",
				"too many results: %" PRId64 " points, %" PRId64
				" are allowed; take a larger step or a shorter range",
				n, max);
}

/* Leaves out a day that the zone did. */
static int window_set_edges(struct context *context, const struct calendar *calendar,
			    struct window *window)
{
	int64_t first = calendar_number_of(calendar, window->from);
	int64_t last = calendar_number_of(calendar, window->to - 1), n = last - first + 1;
	if (n > (int64_t)context->config->max_results_per_query + 1)
		return refuse_points(context, n);
	window->edges = calloc((size_t)n + 1, sizeof(*window->edges));
	if (!window->edges)
		return response_unavailable(context->builder, "out of memory");
	window->points = 0;
	for (int64_t i = 0; i <= n; i++) {
		int64_t begin = calendar_begins(calendar, first + i);
		if (i == 0 || begin > window->edges[window->points])
			window->edges[i ? ++window->points : 0] = begin;
	}
	window->from = window->edges[0];
	window->to = window->edges[window->points];
	return 0;
}

static int window_set_calendar(struct context *context, int64_t step, struct window *window)
{
	struct zone *zone auto_zone = NULL;
	const char *name = window->zone ? window->zone : "UTC";
	if (zone_open(name, &zone) < 0)
		return response_problem(context->builder, 400, "tz",
					"there is no time zone \"%s\" (try Europe/Berlin or UTC)",
					name);
	struct calendar calendar = {.zone = zone};
	if (step > STEP_MONTHS)
		calendar.months = step - STEP_MONTHS;
	else
		calendar.days = step / CLOCK_DAY;
	window->step = calendar.days * CLOCK_DAY;
	/* A step under a day is one that was chosen by points=. */
	return step < CLOCK_DAY ? 0 : window_set_edges(context, &calendar, window);
}

uint32_t window_point(const struct window *window, int64_t time)
{
	uint32_t low = 0, high = window->points;
	if (!window->edges)
		return (uint32_t)((time - window->from) / window->step);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (window->edges[middle] <= time)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- The grid --------------------------------------------------------------- */

static int window_set_steps(struct context *context, struct window *window)
{
	window->from -= window->from % window->step;
	window->to += (window->step - window->to % window->step) % window->step;
	int64_t n = (window->to - window->from) / window->step;
	if (n > (int64_t)context->config->max_results_per_query + 1) /* widening may add one */
		return refuse_points(context, n);
	window->points = (uint32_t)n;
	return 0;
}

int window_set_grid(struct context *context, int64_t step, int64_t points, struct window *window)
{
	window->zone = target_param(context->target, "tz");
	if (step != ARGUMENT_NONE && target_param(context->target, "points"))
		return response_problem(context->builder, 400, "points",
					"give either step or points");
	if (window->zone && step != ARGUMENT_NONE && step < STEP_MONTHS && step % CLOCK_DAY != 0)
		return response_problem(context->builder, 400, "step",
					"with tz= a step is of whole days, weeks or months (try "
					"1d, 1w or 1mo)");
	if (step == ARGUMENT_NONE)
		step = window_nice_step(window->to - window->from, points);
	if (window->zone || step > STEP_MONTHS) {
		int r = window_set_calendar(context, step, window);
		if (r < 0 || window->edges)
			return r;
	}
	window->step = step;
	return window_set_steps(context, window);
}
