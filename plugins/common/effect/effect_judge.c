/* See effect.h: compares what effect.c has read.  No I/O. */
#include "effect/effect.h"

const char *effect_verdict_text(enum effect_verdict verdict)
{
	static const char *const texts[] = {[EFFECT_TOO_LITTLE] = "too little data",
					    [EFFECT_SAME] = "no difference",
					    [EFFECT_BETTER] = "better",
					    [EFFECT_WORSE] = "worse"};
	return texts[verdict];
}

struct judging {
	effect_measure_fn *each;
	void *arg;
	enum effect_verdict worst;
};

static void pass_on(struct judging *judging, const struct effect_measure *measure)
{
	judging->each(judging->arg, measure);
	if (measure->result.verdict > judging->worst)
		judging->worst = measure->result.verdict;
}

static void judge_metric(const struct effect *effect, int m, struct judging *judging)
{
	struct effect_measure measure = {
		.name = effect_metrics[m].name, .unit = effect_metrics[m].unit, .points = true};
	struct effect_input input =
		effect_grid_input(m < EFFECT_READINGS ? &effect->readings : &effect->lines,
				  effect->points[m][0], effect->points[m][1], true);
	input.floor = effect_metrics[m].floor;
	effect_compare(&input, &measure.result);
	pass_on(judging, &measure);
	if (m != EFFECT_MEMORY)
		return;
	struct effect_measure growth = {.name = "memory_growth", .unit = "bytes/h"};
	effect_compare_growth(&input, &growth.result);
	pass_on(judging, &growth);
}

enum effect_verdict effect_judge(const struct effect *effect, effect_measure_fn *each, void *arg)
{
	struct judging judging = {.each = each, .arg = arg, .worst = EFFECT_TOO_LITTLE};
	struct effect_measure ends = {.name = "ends", .unit = "1/h"};
	for (int m = 0; m < EFFECT_METRICS; m++)
		judge_metric(effect, m, &judging);
	effect_compare_counts(effect->deaths, effect->seconds, &ends.result);
	pass_on(&judging, &ends);
	return judging.worst;
}
