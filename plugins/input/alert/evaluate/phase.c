/*
 * The whole state machine.  Unknown is neither true nor false: a pending alert goes back, since
 * nothing says that it is still so, and a firing one stays, since nothing says that it is over.
 * Called under the engine's lock.
 */
#include "evaluate/phase.h"

const char *phase_text(enum phase_name name)
{
	static const char *const texts[] = {"resolved", "pending", "firing"};
	return texts[name];
}

static bool is_over(const struct rule *rule, const struct phase_look *look)
{
	if (look->truth == PHASE_UNKNOWN)
		return false;
	if (!rule->has_clear || !look->has_value)
		return look->truth == PHASE_FALSE;
	return rule_compare(look->value, rule->clear.op, rule->clear.number);
}

static bool step_firing(struct phase *phase, const struct rule *rule, const struct phase_look *look)
{
	if (!is_over(rule, look)) {
		phase->clear_since = 0;
		return false;
	}
	if (!phase->clear_since)
		phase->clear_since = look->now;
	if (look->now - phase->clear_since < rule->clear_for)
		return false;
	phase->name = PHASE_QUIET;
	phase->clear_since = 0;
	return true;
}

/* The `for` of silence is how long no row has come, which the look knows already. */
static bool is_due(const struct phase *phase, const struct rule *rule, int64_t now)
{
	return rule->function == RULE_SILENCE || now - phase->since >= rule->when_for;
}

bool phase_step(struct phase *phase, const struct rule *rule, const struct phase_look *look)
{
	enum phase_name before = phase->name;
	if (before == PHASE_FIRING)
		return step_firing(phase, rule, look);
	if (look->truth != PHASE_TRUE) {
		phase->name = PHASE_QUIET;
		return before != PHASE_QUIET;
	}
	if (before == PHASE_QUIET)
		phase->since = look->since ? look->since : look->now;
	phase->name = is_due(phase, rule, look->now) ? PHASE_FIRING : PHASE_PENDING;
	return phase->name != before;
}
