/*
 * The query parameters of a request: what a route says of each, and the values that a client gave.
 *
 * A parameter is described once, by a struct param_spec in routes/route_params.c.  From it follow
 * the check of its name and value here, the default, and its entry in openapi.json.  Values are
 * read once per request, on libmicrohttpd's thread; after that they never change, so whoever holds
 * the request may use them on any thread.
 */
#ifndef TALLYD_HTTP_ARGUMENTS_H
#define TALLYD_HTTP_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;

enum param_type {
	PARAM_TEXT,     /* anything; the endpoint takes it from the target */
	PARAM_INT,      /* min to max */
	PARAM_CHOICE,   /* one of choices; its value is its place among them */
	PARAM_CHOICES,  /* some of them, with commas between; a bit for each, 1 << its place */
	PARAM_FLAG,     /* no or yes: 0 or 1 */
	PARAM_TIME,     /* from and to, which window.c resolves against each other */
	PARAM_DURATION, /* min to max, in ns */
	PARAM_STEP,     /* the same, or months: STEP_MONTHS and their number */
};

enum {
	PARAM_REPEATED = 1 << 0, /* may be given more than once */
	PARAM_REQUIRED = 1 << 1,
	PARAM_RESULTS = 1 << 2, /* max_results_per_query takes the place of max */
	PARAM_IN_PATH = 1 << 3, /* not part of the query: for the document only */
	PARAM_IN_HEADER = 1 << 4,
};

struct param_spec {
	const char *name;
	enum param_type type;
	unsigned flags;
	size_t at;            /* the int64_t in struct arguments; 0: its text stays in the target */
	const char *choices;  /* "asc|desc" */
	const char *fallback; /* as a client would write it; NULL: ARGUMENT_NONE */
	int64_t min, max;
	const char *help, *example; /* example: JSON, or NULL */
	const char *component;      /* its name in openapi.json if several routes share it */
};

/* What becomes of parameters that a route does not list. */
enum other_params {
	OTHERS_REFUSED,   /* so that a mistyped name does not go unnoticed */
	OTHERS_IGNORED,   /* probes and scrapers add some of their own */
	OTHERS_OF_TOPICS, /* TOPIC.NAME, where the route lists NAME: the endpoint knows the topics
			   */
	OTHERS_ARE_TAGS,  /* of a table: arguments_check_tags() once its columns are known */
};

struct route_params {
	const struct param_spec *const *list; /* ends with NULL; NULL: none */
	enum other_params others;
	int64_t range; /* ns; where from is by default, as in window_read(); 0: it has no range */
	bool grid;     /* the range has steps */
};

struct window {
	int64_t from, to; /* ns; to is excluded */
	int64_t step;     /* ns, of days that the clocks leave alone; 0: no grid, or months */
	uint32_t points;
	/* When each point begins and the last one ends, of days or months in a zone, which are not
	 * of one length; NULL: each `step` after the one before. */
	int64_t *edges;
	const char *zone; /* its name, in the target; NULL: none was given */
	/* Given as a point in time, not as one relative to now.  Only such a point can be moved
	 * onto the grid without changing what the client asked for. */
	bool from_is_fixed, to_is_fixed;
};

static inline int64_t window_begin(const struct window *window, uint32_t point)
{
	return window->edges ? window->edges[point] : window->from + point * window->step;
}
/* Which point a time of the window is in. */
uint32_t window_point(const struct window *window, int64_t time);

enum { ARGUMENT_NONE = -1 };
#define STEP_MONTHS (INT64_C(1) << 62) /* more than any duration */

enum list_order { ORDER_ASC, ORDER_DESC };

/* A parameter that its route does not have is 0. */
struct arguments {
	struct window window;
	int64_t limit, order, format, csv_safe, gone, outdated, total;
	int64_t times, ints;                        /* how they are written */
	int64_t step, points, aggregates, group_by; /* of series */
	int64_t before, after;                      /* of logs */
	int64_t agg, span;                          /* of /top */
	int64_t tail;                               /* of streams */
};

/* Checks the parameters of context->target against a route.  0, or -EINVAL with a problem written
 * that names the parameter and guesses what was meant.  Owes arguments_done() in either case. */
int arguments_read(struct context *context, const struct route_params *params,
		   struct arguments *ret);

void arguments_done(struct arguments *args);

/* For OTHERS_ARE_TAGS: whether each parameter is the route's or one of these. */
int arguments_check_tags(struct context *context, const struct route_params *params,
			 const char *const *tags, size_t n);

#endif
