/*
 * Which patterns of a service's lines came with a change, grew, and went.  The patterns are asked
 * for first, then their lines are added, of both ranges.
 */
#ifndef TALLYD_EFFECT_PATTERNS_H
#define TALLYD_EFFECT_PATTERNS_H

#include "base/json_writer.h"
#include "effect/effect.h"

/* Those of the service.  0, also if the store has none, or a problem. */
int effect_patterns_find(struct effect *effect);
/* Adds the counts by the minute of a range.  0, or a problem. */
int effect_patterns_count(struct effect *effect, int range);
/* 0, -ENOMEM or -E2BIG, for query_stream(). */
int effect_patterns_add(struct effect *effect, int range, int64_t time,
			const struct tally_cell *pattern, double lines);
/* An object, or null if nothing is known. */
void effect_patterns_write(const struct effect *effect, struct json_writer *json);
void effect_patterns_done(struct effect_patterns *patterns);

#endif
