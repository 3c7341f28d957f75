/*
 * What a parameter's value means, for the query of a list and the rows of a stream alike.  Pure
 * functions, any thread.
 */
#include "query/list_filter.h"

#include <stddef.h>
#include <string.h>
#include <tallyd/query.h>

/* route_params.c offers the same names. */
static const char *list_filter_level(const char *value)
{
	static const char *const names[][2] = {
		{"dbg", "debug"},      {"information", "info"},   {"warn", "warning"},
		{"err", "error"},      {"crit", "critical"},      {"fatal", "critical"},
		{"alert", "critical"}, {"emergency", "critical"}, {"panic", "critical"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(value, names[i][0]) == 0)
			return names[i][1];
	return value;
}

bool list_filter_is(const char *param, const char *topic, const char *name)
{
	size_t len = topic ? strlen(topic) : 0;
	if (topic && strncmp(param, topic, len) == 0 && param[len] == '.')
		param += len + 1;
	return strcmp(param, name) == 0;
}

uint32_t list_filter_match(const struct list_filter *filter, const char **value)
{
	if (filter->match == LIST_FILTER_LEVEL) {
		*value = list_filter_level(*value);
		return TALLY_EQUALS;
	}
	if (filter->match == TALLY_GLOB && !strpbrk(*value, "*?"))
		return TALLY_EQUALS;
	return filter->match;
}
