/* How rollups lie in a store: a table per level, a column per part of each number. */
#ifndef TALLYD_PLUGINS_COMMON_ROLLUP_PARTS_H
#define TALLYD_PLUGINS_COMMON_ROLLUP_PARTS_H

#include <tallyd/host.h>

/* Each is rolled up from the one before it. */
enum schema_level { LEVEL_ROWS, LEVEL_MINUTE, LEVEL_FIVE, LEVEL_HOUR, LEVEL_DAY, N_LEVELS };

struct schema_level_info {
	const char *suffix; /* of the contract's name; "" for the rows themselves */
	int64_t bucket;     /* ns */
	const char *width;  /* as SQL's interval */
};
extern const struct schema_level_info schema_levels[N_LEVELS];

/* The start of the bucket that holds a time, also before 1970. */
static inline int64_t schema_floor(int64_t time, int64_t bucket)
{
	int64_t rest = time % bucket;
	return rest < 0 ? time - rest - bucket : time - rest;
}

/* Where a step ends that begins at a bucket: after the whole buckets of span, one at least, and not
 * past target. */
static inline int64_t schema_step_end(int64_t from, int64_t bucket, int64_t span, int64_t target)
{
	int64_t step = span < bucket ? bucket : schema_floor(span, bucket);
	return target - from > step ? from + step : target;
}

/* The parts of a rolled-up number, in the order of its columns. */
enum schema_part {
	PART_COUNT,
	PART_SUM,
	PART_MIN,
	PART_MAX,
	PART_LAST,
	PART_INCREASE, /* counters only, as the next */
	PART_SPAN,
	N_PARTS
};
extern const char *const schema_parts[N_PARTS];
uint32_t schema_n_parts(const struct tally_column *column);
/* As bits 1 << part: all that there are, and those that an aggregate is made of. */
uint8_t schema_all_parts(const struct tally_column *column);
uint8_t schema_parts_of(uint32_t aggregate);

/* Of a table: up to when each level is rolled up, and since when its rows are all there. */
struct watermarks {
	int64_t rolled_to[N_LEVELS]; /* INT64_MIN: nothing is */
	int64_t kept_from[N_LEVELS]; /* INT64_MIN: nothing was deleted */
};
/* False while a level that an older version did not have catches up with the coarser ones: until
 * then these cannot be computed again, and late rows wait. */
bool schema_is_caught_up(const struct watermarks *watermarks);
/* True: a clock that was wrong has set some of them to a time that is still to come. */
bool watermarks_lie_ahead(const struct watermarks *watermarks, int64_t now);
/* Since when all is there that a level's buckets are made of: earlier ones must not be computed
 * again.  INT64_MIN: all of them can be. */
int64_t watermarks_complete_from(const struct watermarks *watermarks, enum schema_level level);

#endif
