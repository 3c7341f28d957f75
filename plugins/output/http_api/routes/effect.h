/*
 * One answer of /api/v1/changes/{id}/effect in the making: effect.c reads, effect_patterns.c tells
 * which patterns of lines came, grew and went, effect_write.c compares and writes.
 */
#ifndef TALLYD_HTTP_EFFECT_H
#define TALLYD_HTTP_EFFECT_H

#include "base/clock.h"
#include "query/effect_test.h"
#include "query/query_builder.h"
#include "query/result_set.h"

/* EFFECT_SHORT: below this, counts by the minute are too few, so lines are counted one by one. */
#define EFFECT_SHORT (6 * CLOCK_MINUTE)

enum { EFFECT_CONTAINERS = 64, EFFECT_POINTS = 100, EFFECT_RANGES = 2, EFFECT_SIDES = 2 };
/* Points of all containers, in a window: with more, points are larger. */
enum { EFFECT_READ = 1000 };
enum { EFFECT_READINGS = 5, EFFECT_LINES = 3, EFFECT_METRICS = EFFECT_READINGS + EFFECT_LINES };
enum {
	EFFECT_MEMORY = 1,
	EFFECT_LINES_ERROR = EFFECT_READINGS,
	EFFECT_LINES_WARNING,
	EFFECT_LINES_ALL
};

/* Of a row of containers. */
enum { EFFECT_ID = 1, EFFECT_CREATED, EFFECT_GONE };

struct effect_metric {
	const char *name, *unit;
	uint32_t aggregate;
	const char *columns[2]; /* added up */
	double floor;
};
extern const struct effect_metric effect_metrics[EFFECT_METRICS];

/* [0]: around the change; [1]: a day earlier. */
struct effect_grid {
	int64_t step, from[EFFECT_RANGES];
	/* Points before, and after, behind the one with the change.  One more is read: if the
	 * window is not over, what there is of the next point. */
	uint32_t n, n_after;
};

/* -1: outside. */
int effect_grid_point(const struct effect_grid *grid, int range, int64_t time);
/* Of a query: the times of a range. */
void effect_grid_range(const struct effect_grid *grid, int range, struct query *query);

/* What is compared of points on it: now, and of the day before if `known`. */
struct effect_input effect_grid_input(const struct effect_grid *grid, const double *now,
				      const double *day, bool known);

struct effect_patterns;

struct effect {
	struct context *context;
	int64_t time, window;
	int64_t counted;          /* lines are, until then */
	struct result_set change; /* one row, as the list has it */
	const struct tally_table *table;
	const struct tally_cell *host, *service;
	bool everywhere; /* of all hosts */
	struct result_set containers;
	uint32_t n_containers;
	struct effect_grid readings, lines, patterns_grid;
	int64_t seen[EFFECT_RANGES]; /* the first reading or line; INT64_MAX: none */
	double points[EFFECT_METRICS][EFFECT_RANGES][2 * EFFECT_POINTS + 2];
	double deaths[EFFECT_SIDES], seconds[EFFECT_SIDES];
	struct effect_patterns *patterns; /* NULL: the store has none */
};

/* Restricts a query to the containers and the host. */
void effect_narrow(const struct effect *effect, struct query *query);

#endif
