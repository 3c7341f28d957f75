/*
 * What a service used, printed and went through before and after a change.
 *
 *	the change → the containers of its service at the time → readings, lines and ends of
 *	containers on a grid around it, and around the same hour a day earlier → effect_judge.c
 *
 * Readings of several containers are added up: what counts is what the service takes.  The point in
 * which the change lies is on neither side.
 */
#include "effect/effect.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ask/counted.h"
#include "ask/table.h"
#include "effect/effect_patterns.h"

/* The newest point may lack rows that are on their way. */
static const int64_t effect_late = 10 * CLOCK_SECOND, effect_late_short = 3 * CLOCK_SECOND;
static const int64_t effect_counted = 10 * CLOCK_MINUTE;

void effect_done(struct effect *effect)
{
	result_set_done(&effect->change);
	result_set_done(&effect->containers);
	effect_patterns_done(effect->patterns);
}

/* ---- The change -------------------------------------------------------------- */

static uint32_t change_place(const struct effect *effect, const char *column)
{
	const struct tally_column *found = table_column(effect->table, column);
	return found ? (uint32_t)(found - effect->table->columns) : 0;
}

/* The id begins with the time. */
static int find_change(struct effect *effect, const char *id)
{
	struct asker *asker = effect->asker;
	struct query query;
	char *end;
	int64_t time = (int64_t)strtoull(id, &end, 16) * 1000;
	int r = asker->ops->table(asker, "container_changes", &effect->table);
	if (r < 0)
		return r;
	if (effect->table && *end == '-') {
		query_begin(&query, asker, effect->table);
		for (uint32_t i = 1; i < effect->table->n_columns; i++)
			query_select(&query, &effect->table->columns[i], TALLY_RAW);
		query_text(&query, table_column(effect->table, "id"), TALLY_EQUALS, id);
		query.spec.from = time;
		query.spec.to = time + 1000;
		query.spec.limit = 1;
		r = query_run(&query, &effect->change);
	}
	if (r < 0)
		return r;
	if (effect->change.n_rows == 0)
		return asker_refuse(asker, ENOENT, "there is no change \"%s\"", id);
	const struct tally_cell *row = result_set_row(&effect->change, 0);
	effect->time = row[0].i;
	effect->host = &row[change_place(effect, "host")];
	effect->service = &row[change_place(effect, "service")];
	effect->everywhere = cell_equals(&row[change_place(effect, "kind")], "mark");
	return 0;
}

/* ---- Its containers ------------------------------------------------------------ */

static bool was_there(const struct effect *effect, const struct tally_cell *row)
{
	int64_t from = effect->time - effect->window - CLOCK_DAY;
	return !(row[EFFECT_GONE].set && row[EFFECT_GONE].i < from) &&
	       !(row[EFFECT_CREATED].set && row[EFFECT_CREATED].i > effect->time + effect->window);
}

/* NULL: the store has no such table, or one of another version that lacks a column. */
static int find_table(struct effect *effect, const char *name, const char *const columns[3],
		      const struct tally_table **ret)
{
	const struct tally_table *table;
	int r = effect->asker->ops->table(effect->asker, name, &table);
	*ret = NULL;
	if (r < 0 || !table)
		return r;
	for (int i = 0; i < 3 && columns[i]; i++)
		if (!table_column(table, columns[i]))
			return 0;
	*ret = table;
	return 0;
}

/* Without a service it is all containers of the host, or of all. */
static int find_containers(struct effect *effect)
{
	struct asker *asker = effect->asker;
	const struct tally_table *table;
	struct query query;
	int r = find_table(effect, "container_info",
			   (const char *const[3]){"container_id", "service", "created"}, &table);
	if (r < 0 || !table || !effect->service->set || !table_gone(table) ||
	    !table_column(table, "host"))
		return r;
	query_begin(&query, asker, table);
	query_select(&query, table_column(table, "container_id"), TALLY_RAW);
	query_select(&query, table_column(table, "created"), TALLY_RAW);
	query_select(&query, table_gone(table), TALLY_RAW);
	query_filter(&query, table_column(table, "service"), TALLY_EQUALS, effect->service);
	if (!effect->everywhere)
		query_filter(&query, table_column(table, "host"), TALLY_EQUALS, effect->host);
	query.spec.limit = INT32_MAX;
	r = query_run(&query, &effect->containers);
	struct result_set *rows = &effect->containers;
	for (uint32_t i = 0; r == 0 && i < rows->n_rows; i++)
		if (was_there(effect, result_set_row(rows, i)))
			memmove(&rows->cells[(size_t)effect->n_containers++ * rows->n_columns],
				result_set_row(rows, i), rows->n_columns * sizeof(*rows->cells));
	if (r == 0 && effect->n_containers > EFFECT_CONTAINERS)
		return asker_refuse(asker, E2BIG,
				    "the service had %u containers in this time, and at most %d "
				    "are compared: take a shorter window",
				    effect->n_containers, EFFECT_CONTAINERS);
	return r;
}

/* Nothing of a service without containers. */
static bool has_containers(const struct effect *effect)
{
	return !effect->service->set || effect->n_containers;
}

/* ---- The grid -------------------------------------------------------------------- */

enum { STEP_HALF_A_MINUTE, STEP_MINUTE, STEPS = 5 };

/* Many containers for so many points, where larger ones still give every block two. */
static bool is_costly(const struct effect *effect, int64_t step, int64_t larger)
{
	int64_t containers = effect->service->set ? effect->n_containers : EFFECT_CONTAINERS;
	return containers * (effect->window / step) > EFFECT_READ &&
	       effect->window / larger >= 2 * EFFECT_BLOCKS;
}

/* least: of these steps.  A store has hours rolled up, and is asked for a twelfth of the rows. */
static int64_t step_of(const struct effect *effect, size_t least)
{
	static const int64_t steps[STEPS] = {30 * CLOCK_SECOND, CLOCK_MINUTE, 5 * CLOCK_MINUTE,
					     15 * CLOCK_MINUTE, CLOCK_HOUR};
	size_t i = least;
	while (i + 1 < STEPS && (effect->window / steps[i] > EFFECT_POINTS ||
				 is_costly(effect, steps[i], steps[i + 1])))
		i++;
	return steps[i];
}

/* A twelfth of the window, in whole units. */
static int64_t step_of_blocks(const struct effect *effect, int64_t unit)
{
	int64_t step = effect->window / EFFECT_BLOCKS / unit * unit;
	return step > 0 ? step : unit;
}

static void set_grid(const struct effect *effect, int64_t step, int64_t until,
		     struct effect_grid *ret)
{
	int64_t middle = effect->time / step * step, after = (until - middle) / step - 1;
	ret->step = step;
	ret->n = (uint32_t)(effect->window / step);
	ret->n_after = after < 0 ? 0 : after < ret->n ? (uint32_t)after : ret->n;
	ret->from[0] = middle - ret->n * step;
	ret->from[1] = ret->from[0] - CLOCK_DAY;
}

/* Adds to a point of the metric, if it is one. */
static void add_value(struct effect *effect, int metric, int range, int point, double value)
{
	double *to = &effect->points[metric][range][point < 0 ? 0 : point];
	if (point >= 0)
		*to = isnan(*to) ? value : *to + value;
}

static void add_sight(struct effect *effect, int range, int64_t time)
{
	if (time < effect->seen[range])
		effect->seen[range] = time;
}

/* ---- Readings --------------------------------------------------------------------- */

static double cell_value(uint16_t type, const struct tally_cell *cell)
{
	return type == TALLY_REAL ? cell->f : (double)cell->i;
}

static int read_readings(struct effect *effect, const struct tally_table *table, int range)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	int metric_of[2 * EFFECT_READINGS];
	struct query query;
	uint32_t n = 0;
	query_begin(&query, effect->asker, table);
	effect_grid_range(&effect->readings, range, &query);
	query.spec.bucket = effect->readings.step;
	query_group(&query, table_column(table, "container_id"));
	for (int m = 0; m < EFFECT_READINGS; m++)
		for (int i = 0; i < 2 && effect_metrics[m].columns[i]; i++) {
			const struct tally_column *column =
				table_column(table, effect_metrics[m].columns[i]);
			if (!column)
				continue;
			query_select(&query, column, effect_metrics[m].aggregate);
			metric_of[n++] = m;
		}
	effect_narrow(effect, &query);
	int r = query_run(&query, &rows);
	for (uint32_t i = 0; r == 0 && i < rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&rows, i);
		int point = effect_grid_point(&effect->readings, range, row[0].i);
		add_sight(effect, range, row[0].i);
		for (uint32_t k = 0; k < n; k++)
			if (row[2 + k].set)
				add_value(effect, metric_of[k], range, point,
					  cell_value(rows.types[2 + k], &row[2 + k]));
	}
	return r;
}

/* ---- Lines ------------------------------------------------------------------------- */

static void add_lines(struct effect *effect, int range, int64_t time,
		      const struct tally_cell *level, double lines)
{
	int point = effect_grid_point(&effect->lines, range, time);
	add_sight(effect, range, time);
	lines *= (double)CLOCK_MINUTE / (double)effect->lines.step;
	add_value(effect, EFFECT_LINES_ALL, range, point, lines);
	if (cell_equals(level, "error") || cell_equals(level, "critical"))
		add_value(effect, EFFECT_LINES_ERROR, range, point, lines);
	else if (cell_equals(level, "warning"))
		add_value(effect, EFFECT_LINES_WARNING, range, point, lines);
}

/* A time without a row is one without lines, if any of the range has some; not before the service
 * was seen first, since then it may not have been there, or nobody watched. */
static void lines_are_known(struct effect *effect, int range)
{
	int first = effect_grid_point(&effect->lines, range, effect->seen[range]);
	for (int m = EFFECT_READINGS; m < EFFECT_METRICS; m++)
		for (uint32_t k = first < 0 ? 0 : (uint32_t)first;
		     k <= effect->lines.n + effect->lines.n_after + 1; k++)
			if (isnan(effect->points[m][range][k]))
				effect->points[m][range][k] = 0;
}

static int read_lines(struct effect *effect, const struct tally_table *table, int range)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct query query;
	query_begin(&query, effect->asker, table);
	effect_grid_range(&effect->lines, range, &query);
	query.spec.bucket = effect->lines.step;
	query_group(&query, table_column(table, "level"));
	query_select(&query, table_column(table, "lines"), TALLY_SUM);
	effect_narrow(effect, &query);
	int r = query_run(&query, &rows);
	for (uint32_t i = 0; r == 0 && i < rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&rows, i);
		if (row[2].set)
			add_lines(effect, range, row[0].i, &row[1],
				  cell_value(rows.types[2], &row[2]));
	}
	if (r == 0 && rows.n_rows)
		lines_are_known(effect, range);
	return r;
}

/* ---- Lines of a short window, one by one ------------------------------------------- */

struct lines_reading {
	struct effect *effect;
	int range;
	bool any;
};

static int take_lines(void *arg, const struct tally_batch *batch)
{
	struct lines_reading *reading = arg;
	uint32_t n = batch->table->n_columns;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		const struct tally_cell *row = &batch->cells[(size_t)i * n];
		add_lines(reading->effect, reading->range, row[0].i, &row[1], 1);
		if (n > 2 && row[2].set)
			r = effect_patterns_add(reading->effect, reading->range, row[0].i, &row[2],
						1);
		reading->any = true;
	}
	return r;
}

static int read_each_line(struct effect *effect, const struct tally_table *table, int range)
{
	struct lines_reading reading = {.effect = effect, .range = range};
	const struct tally_column *pattern = table_column(table, "pattern");
	struct query query;
	query_begin(&query, effect->asker, table);
	effect_grid_range(&effect->lines, range, &query);
	query_select(&query, table_column(table, "level"), TALLY_RAW);
	if (pattern)
		query_select(&query, pattern, TALLY_RAW);
	effect_narrow(effect, &query);
	int r = query_stream(&query, take_lines, &reading);
	if (reading.any)
		lines_are_known(effect, range);
	return r == -ETIMEDOUT ? effect->asker->ops->failed(effect->asker, r) : r;
}

/* ---- Ends of containers --------------------------------------------------------------- */

/* Those that belong to the change itself are on neither side. */
static int read_deaths(struct effect *effect, const struct tally_table *table)
{
	int64_t now = effect->asker->now, end = effect->time + effect->window;
	const int64_t ranges[EFFECT_SIDES][2] = {
		{effect->time - effect->window, effect->time - CLOCK_MINUTE},
		{effect->time + CLOCK_SECOND, end < now ? end : now}};
	for (int side = 0; side < EFFECT_SIDES; side++) {
		struct result_set rows auto_result_set = {.n_rows = 0};
		struct query query;
		query_begin(&query, effect->asker, table);
		query_select(&query, table_column(table, "name"), TALLY_COUNT);
		query_text(&query, table_column(table, "action"), TALLY_EQUALS, "die");
		query.spec.from = ranges[side][0];
		query.spec.to = ranges[side][1];
		effect_narrow(effect, &query);
		if (query.spec.from >= query.spec.to)
			continue;
		int r = query_run(&query, &rows);
		if (r < 0)
			return r;
		effect->seconds[side] = (double)(query.spec.to - query.spec.from) / 1e9;
		effect->deaths[side] = rows.n_rows ? (double)result_set_row(&rows, 0)[1].i : 0;
	}
	return 0;
}

/* ---- All of it --------------------------------------------------------------------------- */

static void set_grids(struct effect *effect)
{
	int64_t now = effect->asker->now;
	if (effect->window < EFFECT_SHORT) {
		int64_t step = step_of_blocks(effect, CLOCK_SECOND);
		effect->counted = now - effect_late_short;
		set_grid(effect, step, effect->counted, &effect->readings);
		effect->lines = effect->patterns_grid = effect->readings;
	} else {
		set_grid(effect, step_of(effect, STEP_HALF_A_MINUTE), now - effect_late,
			 &effect->readings);
		set_grid(effect, step_of(effect, STEP_MINUTE), effect->counted, &effect->lines);
		set_grid(effect, step_of_blocks(effect, CLOCK_MINUTE), effect->counted,
			 &effect->patterns_grid);
	}
	for (int range = 0; range < EFFECT_RANGES; range++) {
		effect->seen[range] = INT64_MAX;
		for (int m = 0; m < EFFECT_METRICS; m++)
			for (int k = 0; k <= 2 * EFFECT_POINTS + 1; k++)
				effect->points[m][range][k] = NAN;
	}
}

struct effect_tables {
	const struct tally_table *stats, *logs, *lines, *events;
};

static int find_tables(struct effect *effect, struct effect_tables *ret)
{
	const struct {
		const char *name, *columns[3];
		const struct tally_table **table;
	} wanted[] = {
		{"container_stats", {"container_id", "host"}, &ret->stats},
		{"container_logs", {"container_id", "host", "level"}, &ret->logs},
		{"container_logs_lines", {"container_id", "level", "lines"}, &ret->lines},
		{"container_events", {"container_id", "name", "action"}, &ret->events},
	};
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof(wanted) / sizeof(*wanted); i++)
		r = find_table(effect, wanted[i].name, wanted[i].columns, wanted[i].table);
	return r;
}

static int read_range(struct effect *effect, const struct effect_tables *tables, int range)
{
	bool each = effect->window < EFFECT_SHORT;
	int r = tables->stats ? read_readings(effect, tables->stats, range) : 0;
	if (r == 0 && each && tables->logs)
		r = read_each_line(effect, tables->logs, range);
	if (r == 0 && !each && tables->lines)
		r = read_lines(effect, tables->lines, range);
	return r == 0 && !each ? effect_patterns_count(effect, range) : r;
}

static int read_all(struct effect *effect)
{
	struct asker *asker = effect->asker;
	struct effect_tables tables = {.logs = NULL};
	int r = find_tables(effect, &tables);
	if (r == 0 && tables.lines && effect->window >= EFFECT_SHORT)
		r = counted_until(asker, tables.lines, asker->now - effect_counted, asker->now,
				  &effect->counted);
	if (r < 0)
		return r;
	set_grids(effect);
	if (!has_containers(effect))
		return 0;
	r = effect_patterns_find(effect);
	for (int range = 0; r == 0 && range < EFFECT_RANGES; range++)
		r = read_range(effect, &tables, range);
	return r == 0 && tables.events ? read_deaths(effect, tables.events) : r;
}

int effect_read(struct effect *effect, struct asker *asker, const char *id, int64_t window)
{
	*effect = (struct effect){.asker = asker, .window = window};
	int r = find_change(effect, id);
	if (r == 0)
		r = find_containers(effect);
	return r == 0 ? read_all(effect) : r;
}
