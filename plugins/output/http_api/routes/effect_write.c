/*
 * See effect_write.h.  On a worker's thread; no I/O.  What stores give is rounded to six digits
 * before it is written, since they add up in different orders.
 */
#include "routes/effect_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_cell.h"
#include "routes/effect_patterns.h"

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

/* known: there was enough for a verdict, so that a mean of nothing is 0. */
static void write_side(struct json_writer *json, const char *key, const struct effect_side *side,
		       bool points, bool known)
{
	json_write_key(json, key);
	json_begin_object(json);
	json_write_key(json, "n");
	json_write_int(json, side->n);
	if (side->n || known)
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
	bool known = result->verdict != EFFECT_TOO_LITTLE;
	write_side(json, "before", &result->before, points, known);
	write_side(json, "after", &result->after, points, known);
	if (known) {
		write_number(json, "difference", result->difference);
		if (points || result->high > result->low) {
			write_number(json, "low", result->low);
			write_number(json, "high", result->high);
		}
		write_number(json, "confidence", result->confidence);
		json_write_key(json, "day_before");
		json_write_bool(json, result->day);
	}
	json_end_object(json);
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

/* Returns the worst verdict. */
static enum effect_verdict write_metrics(const struct effect *effect, struct json_writer *json)
{
	enum effect_verdict all = EFFECT_TOO_LITTLE;
	struct effect_result result;
	for (int m = 0; m < EFFECT_METRICS; m++) {
		struct effect_input input =
			effect_grid_input(m < EFFECT_READINGS ? &effect->readings : &effect->lines,
					  effect->points[m][0], effect->points[m][1], true);
		input.floor = effect_metrics[m].floor;
		effect_compare(&input, &result);
		write_metric(json, effect_metrics[m].name, effect_metrics[m].unit, &result, true);
		all = result.verdict > all ? result.verdict : all;
		if (m != EFFECT_MEMORY)
			continue;
		effect_compare_growth(&input, &result);
		write_metric(json, "memory_growth", "bytes/h", &result, false);
		all = result.verdict > all ? result.verdict : all;
	}
	effect_compare_counts(effect->deaths, effect->seconds, &result);
	write_metric(json, "ends", "1/h", &result, false);
	return result.verdict > all ? result.verdict : all;
}

void effect_write(const struct effect *effect)
{
	struct json_writer *json = &effect->context->builder->body;
	json_begin_object(json);
	write_change(effect, json);
	write_number(json, "window", (double)effect->window / 1e9);
	write_number(json, "step", (double)effect->readings.step / 1e9);
	json_write_key(json, "containers");
	json_write_int(json, effect->n_containers);
	json_write_key(json, "metrics");
	json_begin_array(json);
	enum effect_verdict all = write_metrics(effect, json);
	json_end_array(json);
	json_write_key(json, "verdict");
	json_write_string(json, verdict_names[all]);
	json_write_key(json, "patterns");
	effect_patterns_write(effect, json);
	json_end_object(json);
}
