/*
 * What a rule owns, and the small questions about it.  Called on any thread.
 */
#include "language/rule.h"

#include <stdlib.h>

#include "pattern.h"

void rule_destroy(struct rule *rule)
{
	for (unsigned i = 0; rule && i < rule->n_conditions; i++) {
		free(rule->conditions[i].text);
		pattern_destroy(rule->conditions[i].pattern);
	}
	free(rule);
}

const char *rule_unit(const struct rule *rule)
{
	return rule->function == RULE_SILENCE ? "s" : rule->unit;
}

bool rule_has_window(const struct rule *rule)
{
	return rule->function > RULE_SILENCE || rule->ages;
}

bool rule_needs_info(const struct rule *rule)
{
	return rule->by == RULE_BY_SERVICE || rule->by == RULE_BY_PROJECT ||
	       (rule->by == RULE_BY_CONTAINER && rule->function == RULE_SILENCE);
}

bool rule_compare(double value, enum rule_operator op, double with)
{
	switch (op) {
	case RULE_GREATER:
		return value > with;
	case RULE_AT_LEAST:
		return value >= with;
	case RULE_LESS:
		return value < with;
	case RULE_AT_MOST:
		return value <= with;
	case RULE_EQUAL:
		return value == with;
	case RULE_UNEQUAL:
		return value != with;
	default:
		return false;
	}
}

const char *rule_operator_text(enum rule_operator op)
{
	static const char *const texts[RULE_OPERATORS] = {
		">", ">=", "<", "<=", "=", "!=", "contains", "matches", "newer", "older"};
	return texts[op];
}

const char *rule_subject_text(enum rule_subject by)
{
	static const char *const texts[] = {"container", "service", "project", "host"};
	return texts[by];
}
