/*
 * /api/v1/changes/{id}/effect: what effect/ has read and compared, as JSON.  On a worker's thread.
 * What stores give is rounded to six digits before it is written, since they add up in different
 * orders.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_cell.h"
#include "effect/effect.h"
#include "effect/effect_patterns.h"
#include "query/query_builder.h"
#include "routes/endpoint.h"

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

static void write_measure(void *arg, const struct effect_measure *measure)
{
	struct json_writer *json = arg;
	const struct effect_result *result = &measure->result;
	bool known = result->verdict != EFFECT_TOO_LITTLE;
	json_begin_object(json);
	json_write_key(json, "name");
	json_write_string(json, measure->name);
	json_write_key(json, "unit");
	json_write_string(json, measure->unit);
	json_write_key(json, "verdict");
	json_write_string(json, effect_verdict_text(result->verdict));
	write_side(json, "before", &result->before, measure->points, known);
	write_side(json, "after", &result->after, measure->points, known);
	if (known) {
		write_number(json, "difference", result->difference);
		if (measure->points || result->high > result->low) {
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

static void effect_write(const struct effect *effect, struct json_writer *json)
{
	json_begin_object(json);
	write_change(effect, json);
	write_number(json, "window", (double)effect->window / 1e9);
	write_number(json, "step", (double)effect->readings.step / 1e9);
	json_write_key(json, "containers");
	json_write_int(json, effect->n_containers);
	json_write_key(json, "metrics");
	json_begin_array(json);
	enum effect_verdict all = effect_judge(effect, write_measure, json);
	json_end_array(json);
	json_write_key(json, "verdict");
	json_write_string(json, effect_verdict_text(all));
	json_write_key(json, "patterns");
	effect_patterns_write(effect, json);
	json_end_object(json);
}

int changes_effect(struct context *context)
{
	struct effect *effect = malloc(sizeof(*effect));
	if (!effect)
		return response_unavailable(context->builder, "out of memory");
	int r = effect_read(effect, context_asker(context), context->segment, context->args->span);
	if (r == 0)
		effect_write(effect, &context->builder->body);
	effect_done(effect);
	free(effect);
	return r;
}
