/*
 * What is known about a subject at a time: the value of the rule's function, and whether its
 * condition is true, false, or cannot be said.
 */
#include "evaluate/engine_parts.h"
#include "trend.h"

enum { TREND_LEAST = RING_SLOTS / 2 }; /* points */
_Static_assert((int)RING_SLOTS <= (int)TREND_POINTS, "trends are of so many points");
static const double trend_significant = 2; /* standard deviations */

/* Growth within the window, of all its series, by the time in which it was watched. */
static bool rate_of(const struct engine *engine, const struct subject *subject, int64_t now,
		    const struct ring_sum *sum, double *ret)
{
	int64_t from = now - engine->rule->window;
	int64_t first = subject->first_row > from ? subject->first_row : from;
	int64_t span = subject->last_row - first;
	if (!sum->n || span <= 0)
		return false;
	*ret = sum->sum * 1e9 / (double)span;
	return true;
}

static bool value_of(const struct engine *engine, const struct subject *subject, int64_t now,
		     double *ret)
{
	static const struct ring none;
	struct ring_sum sum;
	ring_fold(subject->ring ? subject->ring : &none, engine->rule->window, now, &sum);
	*ret = 0;
	switch (engine->rule->function) {
	case RULE_AVG:
		*ret = sum.n ? sum.sum / (double)sum.n : 0;
		return sum.n;
	case RULE_MIN:
		*ret = sum.min;
		return sum.n;
	case RULE_MAX:
		*ret = sum.max;
		return sum.n;
	case RULE_SUM:
		*ret = subject->sum;
		return subject->n_sum;
	case RULE_RATE:
		return rate_of(engine, subject, now, &sum, ret);
	default:
		*ret = (double)sum.n;
		return true;
	}
}

/* Until the window is full: more rows may have come than were seen. */
static bool may_count_more(const struct engine *engine, int64_t now)
{
	return engine->rule->function == RULE_COUNT &&
	       now - engine->whole_since < engine->rule->window;
}

static void judge_value(const struct engine *engine, const struct subject *subject, int64_t now,
			struct phase_look *ret)
{
	const struct rule_threshold *when = &engine->rule->when;
	if (!value_of(engine, subject, now, &ret->value))
		return;
	bool grows = when->op == RULE_GREATER || when->op == RULE_AT_LEAST;
	bool is_true = rule_compare(ret->value, when->op, when->number);
	ret->has_value = true;
	if (may_count_more(engine, now) && !(grows && is_true)) {
		ret->truth = PHASE_UNKNOWN;
		return;
	}
	ret->truth = is_true ? PHASE_TRUE : PHASE_FALSE;
}

/* What is free goes down a line, to 0.  Of several disks of a subject, that with the least room at
 * each time counts.  What is full already does not fill any more. */
static void judge_full_in(const struct engine *engine, const struct subject *subject, int64_t now,
			  struct phase_look *ret)
{
	double at[RING_SLOTS], room[RING_SLOTS];
	const struct rule_threshold *when = &engine->rule->when;
	double slot = (double)engine->rule->window / 1e9 / RING_SLOTS;
	unsigned n =
		subject->ring ? ring_least(subject->ring, engine->rule->window, now, at, room) : 0;
	if (n < TREND_LEAST)
		return;
	double slope = trend_slope(at, room, n), left = room[n - 1];
	ret->truth = PHASE_FALSE;
	ret->has_value =
		left <= 0 || (slope < 0 && trend_score(at, room, n, 0) < -trend_significant);
	if (!ret->has_value)
		return;
	ret->value = left > 0 ? left / -slope * slot : 0;
	if (rule_compare(ret->value, when->op, when->number))
		ret->truth = PHASE_TRUE;
}

static void judge_newest(const struct subject *subject, struct phase_look *ret)
{
	if (!subject->known)
		return;
	ret->truth = subject->n_true ? PHASE_TRUE : PHASE_FALSE;
	ret->has_value = subject->n_true && subject->has_newest;
	ret->value = subject->newest;
	ret->since = subject->true_since;
}

/* A container that does not run is rightly silent, as is one that is gone. */
static bool should_speak(const struct engine *engine, const struct subject *subject)
{
	return engine->rule->by == RULE_BY_HOST || !subject->gone;
}

static void judge_silence(const struct engine *engine, const struct subject *subject, int64_t now,
			  struct phase_look *ret)
{
	int64_t heard =
		subject->last_row > engine->setup.now ? subject->last_row : engine->setup.now;
	bool silent = now - heard >= engine->rule->when_for;
	ret->has_value = true;
	ret->value = (double)(now - heard) / 1e9;
	ret->since = heard;
	/* Known from before a restart, it has had no time to speak yet. */
	if (!should_speak(engine, subject))
		ret->truth = PHASE_FALSE;
	else if (subject->known || silent)
		ret->truth = silent ? PHASE_TRUE : PHASE_FALSE;
}

void engine_judge(const struct engine *engine, const struct subject *subject, int64_t now,
		  struct phase_look *ret)
{
	*ret = (struct phase_look){.truth = PHASE_UNKNOWN, .now = now};
	if (engine->rule->function == RULE_NEWEST)
		judge_newest(subject, ret);
	else if (engine->rule->function == RULE_SILENCE)
		judge_silence(engine, subject, now, ret);
	else if (engine->rule->function == RULE_FULL_IN)
		judge_full_in(engine, subject, now, ret);
	else
		judge_value(engine, subject, now, ret);
}
