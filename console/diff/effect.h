/*
 * What the API says of a change and of its effect, read in place: texts stand in the answer's body,
 * which the caller keeps.  One thread.
 */
#ifndef TALLYD_CONSOLE_EFFECT_H
#define TALLYD_CONSOLE_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_reader.h"

enum {
	CHANGE_MEMBERS = 64,
	EFFECT_METRICS = 16,
	EFFECT_PATTERNS = 20,
	PATTERN_NEW = 0,
	PATTERN_GROWN,
	PATTERN_VANISHED,
	PATTERN_STATES
};

/* raw: as it stands in the JSON; at NULL: not there. */
struct change_member {
	struct json_text key, before, after;
};

struct change {
	int64_t time; /* ns since 1970 */
	struct json_text at, id, host, service, kind;
	struct change_member members[CHANGE_MEMBERS]; /* what is different */
	unsigned n;
};

struct effect_metric {
	struct json_text name, unit, verdict;
	double before, after; /* means; NAN: none */
};

struct effect_pattern {
	struct json_text template, level;
	struct json_int before, after; /* lines */
};

struct effect {
	struct json_text verdict;
	struct effect_metric metrics[EFFECT_METRICS];
	struct effect_pattern patterns[PATTERN_STATES][EFFECT_PATTERNS];
	unsigned n_metrics, n_patterns[PATTERN_STATES];
	struct json_int left_out; /* more patterns */
};

/* json is changed.  False: it is none. */
bool change_read(char *json, size_t len, struct change *ret);
bool effect_read(char *json, size_t len, struct effect *ret);

#endif
