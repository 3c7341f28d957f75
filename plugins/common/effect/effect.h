/*
 * What a change of a service did: effect.c reads what the service used before and after it,
 * effect_judge.c compares, effect_patterns.c tells which patterns of lines came, grew and went.
 * The method is in docs/changes.md.  One thread per effect.
 */
#ifndef TALLYD_EFFECT_H
#define TALLYD_EFFECT_H

#include "ask/query.h"
#include "base/clock.h"
#include "effect/effect_test.h"

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
	struct asker *asker;
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

/* Reads all of it for the change with this id; the window is cut at the asker's `now`.  Owes
 * effect_done(), also on failure, which is what the asker made of it. */
int effect_read(struct effect *effect, struct asker *asker, const char *id, int64_t window);
void effect_done(struct effect *effect);

/* One quantity, compared. */
struct effect_measure {
	const char *name, *unit;
	bool points; /* of a grid, so that both sides have more than a mean */
	struct effect_result result;
};
typedef void effect_measure_fn(void *arg, const struct effect_measure *measure);

/* Compares what was read; returns the worst verdict. */
enum effect_verdict effect_judge(const struct effect *effect, effect_measure_fn *each, void *arg);
const char *effect_verdict_text(enum effect_verdict verdict);

/* ---- For its files ---------------------------------------------------------- */

/* Restricts a query to the containers and the host. */
void effect_narrow(const struct effect *effect, struct query *query);

#endif
