/*
 * /api/v1/changes/{id}/effect: what a service used, printed and went through before and after a
 * change.  On a worker's thread.
 *
 *	the change → the containers of its service at the time → readings, lines and ends of
 *	containers on a grid around it, and around the same hour a day earlier → effect_test.c
 *
 * Readings of several containers are added up: what counts is what the service takes.  The point in
 * which the change lies is on neither side.  What stores give is rounded to six digits before it is
 * written, since they add up in different orders.
 */
#include "routes/endpoint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_cell.h"
#include "query/catalog_cache.h"
#include "query/counted.h"
#include "query/effect_test.h"
#include "query/query_builder.h"

enum { EFFECT_CONTAINERS = 64, EFFECT_POINTS = 100, EFFECT_RANGES = 2, EFFECT_SIDES = 2 };

/* The newest point may lack readings that are on their way. */
static const int64_t effect_late = 10 * CLOCK_SECOND, effect_counted = 10 * CLOCK_MINUTE;

/* ---- What is compared ------------------------------------------------------ */

enum { EFFECT_READINGS = 5, EFFECT_LINES = 3, EFFECT_METRICS = EFFECT_READINGS + EFFECT_LINES };
static const struct effect_metric {
	const char *name, *unit;
	uint32_t aggregate;
	const char *columns[2]; /* added up */
	double floor;
} effect_metrics[EFFECT_METRICS] = {
	{"cpu", "percent", TALLY_AVG, {"cpu_percent"}, 0.1},
	{"memory", "bytes", TALLY_AVG, {"mem_used_bytes"}, 1 << 20},
	{"network", "bytes/s", TALLY_RATE, {"net_rx_bytes", "net_tx_bytes"}, 1024},
	{"disk", "bytes/s", TALLY_RATE, {"blk_read_bytes", "blk_write_bytes"}, 1024},
	{"throttling", "ns/s", TALLY_RATE, {"throttled_ns"}, 1e6},
	{"lines_error", "lines/min", TALLY_SUM, {NULL}, 0.1},
	{"lines_warning", "lines/min", TALLY_SUM, {NULL}, 0.1},
	{"lines", "lines/min", TALLY_SUM, {NULL}, 1},
};
enum { LINES_ERROR = EFFECT_READINGS, LINES_WARNING, LINES_ALL };

/* [0]: around the change; [1]: a day earlier. */
struct effect_grid {
	int64_t step, from[EFFECT_RANGES];
	uint32_t n, n_after; /* points before, and after, behind the one with the change */
	double points[EFFECT_METRICS][EFFECT_RANGES][2 * EFFECT_POINTS + 1];
};

struct effect {
	struct context *context;
	int64_t time, window;
	struct result_set change; /* one row, as the list has it */
	const struct tally_table *table;
	const struct tally_cell *host, *service;
	bool everywhere; /* of all hosts */
	struct result_set containers;
	uint32_t n_containers;
	struct effect_grid readings, lines;
	double deaths[EFFECT_SIDES], seconds[EFFECT_SIDES];
};

static void effect_done(struct effect *effect)
{
	result_set_done(&effect->change);
	result_set_done(&effect->containers);
}

/* ---- The change -------------------------------------------------------------- */

static uint32_t change_place(const struct effect *effect, const char *column)
{
	const struct tally_column *found = table_column(effect->table, column);
	return found ? (uint32_t)(found - effect->table->columns) : 0;
}

/* The id begins with the time. */
static int find_change(struct effect *effect)
{
	struct context *context = effect->context;
	struct query query;
	char *end;
	int64_t time = (int64_t)strtoull(context->segment, &end, 16) * 1000;
	int r = context_table(context, "container_changes", &effect->table);
	if (r < 0)
		return r;
	if (effect->table && *end == '-') {
		query_init(&query, context, effect->table);
		for (uint32_t i = 1; i < effect->table->n_columns; i++)
			query_select(&query, &effect->table->columns[i], TALLY_RAW);
		query_text(&query, table_column(effect->table, "id"), TALLY_EQUALS,
			   context->segment);
		query.spec.from = time;
		query.spec.to = time + 1000;
		query.spec.limit = 1;
		r = query_run(&query, &effect->change);
	}
	if (r < 0)
		return r;
	if (effect->change.n_rows == 0)
		return response_problem(context->builder, 404, NULL, "there is no change \"%s\"",
					context->segment);
	const struct tally_cell *row = result_set_row(&effect->change, 0);
	effect->time = row[0].i;
	effect->host = &row[change_place(effect, "host")];
	effect->service = &row[change_place(effect, "service")];
	effect->everywhere = cell_equals(&row[change_place(effect, "kind")], "mark");
	return 0;
}

/* ---- Its containers ------------------------------------------------------------ */

enum { INFO_ID = 1, INFO_CREATED, INFO_GONE };

static bool was_there(const struct effect *effect, const struct tally_cell *row)
{
	int64_t from = effect->time - effect->window - CLOCK_DAY;
	return !(row[INFO_GONE].set && row[INFO_GONE].i < from) &&
	       !(row[INFO_CREATED].set && row[INFO_CREATED].i > effect->time + effect->window);
}

/* A table of another version, or of somebody else, may lack some; then nothing is known of it. */
static bool has_columns(const struct tally_table *table, const char *one, const char *two,
			const char *three)
{
	return table_column(table, one) && table_column(table, two) && table_column(table, three);
}

/* Without a service it is all containers of the host, or of all. */
static int find_containers(struct effect *effect)
{
	struct context *context = effect->context;
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, "container_info", &table);
	if (r < 0 || !table || !effect->service->set ||
	    !has_columns(table, "container_id", "host", "service") ||
	    !has_columns(table, "container_id", "host", "created") || !table_gone(table))
		return r;
	query_init(&query, context, table);
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
		return response_problem(context->builder, 413, NULL,
					"the service had %u containers in this time, and at most "
					"%d are compared: take a shorter window",
					effect->n_containers, EFFECT_CONTAINERS);
	return r;
}

/* Nothing of a service without containers. */
static bool has_containers(const struct effect *effect)
{
	return !effect->service->set || effect->n_containers;
}

static void narrow(const struct effect *effect, struct query *query)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	const struct tally_column *host = table_column(query->table, "host");
	for (uint32_t i = 0; id && i < effect->n_containers; i++)
		query_filter(query, id, TALLY_EQUALS,
			     &result_set_row(&effect->containers, i)[INFO_ID]);
	if (host && !effect->everywhere)
		query_filter(query, host, TALLY_EQUALS, effect->host);
}

/* ---- The grid -------------------------------------------------------------------- */

enum { STEP_HALF_A_MINUTE, STEP_MINUTE, STEPS = 5 };

/* least: of these steps. */
static void set_grid(const struct effect *effect, size_t least, int64_t until,
		     struct effect_grid *ret)
{
	static const int64_t steps[STEPS] = {30 * CLOCK_SECOND, CLOCK_MINUTE, 5 * CLOCK_MINUTE,
					     15 * CLOCK_MINUTE, CLOCK_HOUR};
	size_t i = least;
	while (i + 1 < STEPS && effect->window / steps[i] > EFFECT_POINTS)
		i++;
	int64_t step = steps[i], middle = effect->time / step * step;
	int64_t after = (until - middle) / step - 1;
	ret->step = step;
	ret->n = (uint32_t)(effect->window / step);
	ret->n_after = after < 0 ? 0 : after < ret->n ? (uint32_t)after : ret->n;
	ret->from[0] = middle - ret->n * step;
	ret->from[1] = ret->from[0] - CLOCK_DAY;
	for (int m = 0; m < EFFECT_METRICS; m++)
		for (int range = 0; range < EFFECT_RANGES; range++)
			for (int k = 0; k <= 2 * EFFECT_POINTS; k++)
				ret->points[m][range][k] = NAN;
}

static void set_range(const struct effect_grid *grid, int range, struct query *query)
{
	query->spec.from = grid->from[range];
	query->spec.to = grid->from[range] + (grid->n + 1 + grid->n_after) * grid->step;
	query->spec.bucket = grid->step;
	query->spec.limit = INT32_MAX;
}

/* NULL: outside. */
static double *point_of(struct effect_grid *grid, int metric, int range, int64_t time)
{
	int64_t at = (time - grid->from[range]) / grid->step;
	return at < 0 || at > 2 * grid->n ? NULL : &grid->points[metric][range][at];
}

static void add_point(double *point, double value)
{
	if (point)
		*point = isnan(*point) ? value : *point + value;
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
	query_init(&query, effect->context, table);
	set_range(&effect->readings, range, &query);
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
	narrow(effect, &query);
	int r = query_run(&query, &rows);
	for (uint32_t i = 0; r == 0 && i < rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&rows, i);
		for (uint32_t k = 0; k < n; k++)
			if (row[2 + k].set)
				add_point(
					point_of(&effect->readings, metric_of[k], range, row[0].i),
					cell_value(rows.types[2 + k], &row[2 + k]));
	}
	return r;
}

/* ---- Lines ------------------------------------------------------------------------- */

static void add_lines(struct effect_grid *grid, int range, const struct tally_cell *row,
		      double lines)
{
	bool error =
		row[1].set && (cell_equals(&row[1], "error") || cell_equals(&row[1], "critical"));
	add_point(point_of(grid, LINES_ALL, range, row[0].i), lines);
	if (error)
		add_point(point_of(grid, LINES_ERROR, range, row[0].i), lines);
	else if (row[1].set && cell_equals(&row[1], "warning"))
		add_point(point_of(grid, LINES_WARNING, range, row[0].i), lines);
}

/* A minute without a row is one without lines, if any of the range has some. */
static int read_lines(struct effect *effect, const struct tally_table *table, int range)
{
	struct effect_grid *grid = &effect->lines;
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct query query;
	query_init(&query, effect->context, table);
	set_range(grid, range, &query);
	query_group(&query, table_column(table, "level"));
	query_select(&query, table_column(table, "lines"), TALLY_SUM);
	narrow(effect, &query);
	int r = query_run(&query, &rows);
	for (int m = EFFECT_READINGS; r == 0 && rows.n_rows && m < EFFECT_METRICS; m++)
		for (uint32_t k = 0; k <= grid->n + grid->n_after; k++)
			grid->points[m][range][k] = 0;
	double minutes = (double)grid->step / (double)CLOCK_MINUTE;
	for (uint32_t i = 0; r == 0 && i < rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&rows, i);
		if (row[2].set)
			add_lines(grid, range, row, cell_value(rows.types[2], &row[2]) / minutes);
	}
	return r;
}

/* ---- Ends of containers --------------------------------------------------------------- */

/* Those that belong to the change itself are on neither side. */
static int read_deaths(struct effect *effect, const struct tally_table *table)
{
	int64_t now = effect->context->now, end = effect->time + effect->window;
	const int64_t ranges[EFFECT_SIDES][2] = {
		{effect->time - effect->window, effect->time - CLOCK_MINUTE},
		{effect->time + CLOCK_SECOND, end < now ? end : now}};
	for (int side = 0; side < EFFECT_SIDES; side++) {
		struct result_set rows auto_result_set = {.n_rows = 0};
		struct query query;
		query_init(&query, effect->context, table);
		query_select(&query, table_column(table, "name"), TALLY_COUNT);
		query_text(&query, table_column(table, "action"), TALLY_EQUALS, "die");
		query.spec.from = ranges[side][0];
		query.spec.to = ranges[side][1];
		narrow(effect, &query);
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

static int read_all(struct effect *effect)
{
	struct context *context = effect->context;
	const struct tally_table *stats = NULL, *lines = NULL, *events = NULL;
	int64_t until = 0;
	int r = context_table(context, "container_stats", &stats);
	if (r == 0)
		r = context_table(context, "container_logs_lines", &lines);
	if (r == 0)
		r = context_table(context, "container_events", &events);
	if (r == 0 && lines)
		r = counted_until(context, lines, context->now - effect_counted, context->now,
				  &until);
	if (r < 0)
		return r;
	set_grid(effect, STEP_HALF_A_MINUTE, context->now - effect_late, &effect->readings);
	set_grid(effect, STEP_MINUTE, until, &effect->lines);
	if (!has_containers(effect))
		return 0;
	for (int range = 0; r == 0 && range < EFFECT_RANGES; range++) {
		if (stats && has_columns(stats, "container_id", "host", "container_id"))
			r = read_readings(effect, stats, range);
		if (r == 0 && lines && has_columns(lines, "level", "lines", "container_id"))
			r = read_lines(effect, lines, range);
	}
	if (r < 0 || !events || !has_columns(events, "container_id", "name", "action"))
		return r;
	return read_deaths(effect, events);
}

/* ---- Writing ------------------------------------------------------------------------------ */

static const char *const verdict_names[] = {[EFFECT_TOO_LITTLE] = "too little data",
					    [EFFECT_SAME] = "no difference",
					    [EFFECT_BETTER] = "better",
					    [EFFECT_WORSE] = "worse"};

static void write_number(struct json_writer *json, const char *key, double value)
{
	char text[32];
	snprintf(text, sizeof(text), "%.6g", value);
	json_write_key(json, key);
	json_write_real(json, strtod(text, NULL));
}

static void write_side(struct json_writer *json, const char *key, const struct effect_side *side,
		       bool points)
{
	json_write_key(json, key);
	json_begin_object(json);
	json_write_key(json, "n");
	json_write_int(json, side->n);
	if (side->n || !points)
		write_number(json, "mean", side->mean);
	if (side->n && points) {
		write_number(json, "p50", side->p50);
		write_number(json, "p95", side->p95);
		write_number(json, "max", side->max);
		write_number(json, "per_hour", side->per_hour);
	}
	json_end_object(json);
}

static void write_metric(struct json_writer *json, const char *name, const char *unit,
			 const struct effect_result *result, bool points)
{
	json_begin_object(json);
	json_write_key(json, "name");
	json_write_string(json, name);
	json_write_key(json, "unit");
	json_write_string(json, unit);
	json_write_key(json, "verdict");
	json_write_string(json, verdict_names[result->verdict]);
	write_side(json, "before", &result->before, points);
	write_side(json, "after", &result->after, points);
	if (result->verdict != EFFECT_TOO_LITTLE) {
		write_number(json, "difference", result->difference);
		if (points) {
			write_number(json, "low", result->low);
			write_number(json, "high", result->high);
		}
		write_number(json, "confidence", result->confidence);
		json_write_key(json, "day_before");
		json_write_bool(json, result->day);
	}
	json_end_object(json);
}

static void compare_metric(const struct effect_grid *grid, int metric, struct effect_result *ret)
{
	const double *now = grid->points[metric][0], *day = grid->points[metric][1];
	const struct effect_input input = {.before = {now, grid->n},
					   .after = {now + grid->n + 1, grid->n_after},
					   .day_before = {day, grid->n},
					   .day_after = {day + grid->n + 1, grid->n_after},
					   .step = (double)grid->step / 1e9,
					   .floor = effect_metrics[metric].floor};
	effect_compare(&input, ret);
}

static void write_change(const struct effect *effect, struct json_writer *json)
{
	const struct tally_cell *row = result_set_row(&effect->change, 0);
	json_write_key(json, "change");
	json_begin_object(json);
	for (uint32_t i = 0; i < effect->table->n_columns; i++) {
		json_write_key(json, effect->table->columns[i].name);
		json_write_cell(json, i ? effect->change.types[i] : TALLY_TIME, &row[i]);
	}
	json_end_object(json);
}

/* Any metric that is worse makes the change worse. */
static void write_effect(const struct effect *effect)
{
	struct json_writer *json = &effect->context->builder->body;
	enum effect_verdict all = EFFECT_TOO_LITTLE;
	struct effect_result result;
	json_begin_object(json);
	write_change(effect, json);
	write_number(json, "window", (double)effect->window / 1e9);
	write_number(json, "step", (double)effect->readings.step / 1e9);
	json_write_key(json, "containers");
	json_write_int(json, effect->n_containers);
	json_write_key(json, "metrics");
	json_begin_array(json);
	for (int m = 0; m < EFFECT_METRICS; m++) {
		compare_metric(m < EFFECT_READINGS ? &effect->readings : &effect->lines, m,
			       &result);
		write_metric(json, effect_metrics[m].name, effect_metrics[m].unit, &result, true);
		all = result.verdict > all ? result.verdict : all;
	}
	effect_compare_counts(effect->deaths, effect->seconds, &result);
	write_metric(json, "ends", "1/h", &result, false);
	all = result.verdict > all ? result.verdict : all;
	json_end_array(json);
	json_write_key(json, "verdict");
	json_write_string(json, verdict_names[all]);
	json_end_object(json);
}

int changes_effect(struct context *context)
{
	struct effect *effect = calloc(1, sizeof(*effect));
	if (!effect)
		return response_unavailable(context->builder, "out of memory");
	effect->context = context;
	effect->window = context->args->span;
	int r = find_change(effect);
	if (r == 0)
		r = find_containers(effect);
	if (r == 0)
		r = read_all(effect);
	if (r == 0)
		write_effect(effect);
	effect_done(effect);
	free(effect);
	return r;
}
