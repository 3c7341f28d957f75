/*
 * Tables by which both stores name and read their rollups.  Constant, for every thread.
 */
#include "store/rollup_parts.h"

#include <tallyd/query.h>

#include "base/clock.h"

/* Rows this close to deleted ones may lack the sample that their counters go on from. */
#define ROLLUP_MARGIN CLOCK_HOUR

const struct schema_level_info schema_levels[N_LEVELS] = {
	[LEVEL_ROWS] = {"", 0, ""},
	[LEVEL_MINUTE] = {"_1min", CLOCK_MINUTE, "1 minute"},
	[LEVEL_FIVE] = {"_5min", 5 * CLOCK_MINUTE, "5 minutes"},
	[LEVEL_HOUR] = {"_1h", CLOCK_HOUR, "1 hour"},
	[LEVEL_DAY] = {"_1d", CLOCK_DAY, "1 day"},
};

const char *const schema_parts[N_PARTS] = {"count", "sum",      "min", "max",
					   "last",  "increase", "span"};

uint32_t schema_n_parts(const struct tally_column *column)
{
	return column->role == TALLY_COUNTER ? N_PARTS : PART_INCREASE;
}

uint8_t schema_all_parts(const struct tally_column *column)
{
	return (uint8_t)((1U << schema_n_parts(column)) - 1);
}

uint8_t schema_parts_of(uint32_t aggregate)
{
	const unsigned count = 1U << PART_COUNT;
	switch (aggregate) {
	case TALLY_MIN:
		return (uint8_t)(count | 1U << PART_MIN);
	case TALLY_MAX:
		return (uint8_t)(count | 1U << PART_MAX);
	case TALLY_LAST:
		return (uint8_t)(count | 1U << PART_LAST);
	case TALLY_RATE:
		return (uint8_t)(1U << PART_INCREASE | 1U << PART_SPAN);
	case TALLY_COUNT:
		return (uint8_t)count;
	default: /* TALLY_AVG, TALLY_SUM */
		return (uint8_t)(count | 1U << PART_SUM);
	}
}

bool schema_is_caught_up(const struct watermarks *watermarks)
{
	for (int level = LEVEL_FIVE; level < N_LEVELS; level++)
		if (watermarks->rolled_to[level - 1] < watermarks->rolled_to[level])
			return false;
	return true;
}

bool watermarks_lie_ahead(const struct watermarks *watermarks, int64_t now)
{
	for (int level = LEVEL_ROWS; level < N_LEVELS; level++)
		if (watermarks->rolled_to[level] > now || watermarks->kept_from[level] > now)
			return true;
	return false;
}

int64_t watermarks_complete_from(const struct watermarks *watermarks, enum schema_level level)
{
	int64_t kept = watermarks->kept_from[level - 1];
	return kept != INT64_MIN && level == LEVEL_MINUTE ? kept + ROLLUP_MARGIN : kept;
}
