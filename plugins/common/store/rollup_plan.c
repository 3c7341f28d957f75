/* Recursion from the coarsest level down: the middle from it, head and tail from finer ones. */
#include "store/rollup_plan.h"

/* Only numbers are rolled up, and only as a whole. */
static bool rollup_plan_is_rolled(const struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	if (bound->stored->n_numbers == 0 || bound->filters_fields ||
	    (bound->only_last && query->bucket == 0))
		return false;
	for (uint32_t i = 0; i < query->n_select; i++) {
		const struct tally_column *column = &bound->stored->table.columns[bound->select[i]];
		if (bound_query_is_newest(bound, i))
			continue;
		if (column->role == TALLY_TAG || !catalog_is_number(column) ||
		    bound->select[i] == 0)
			return false;
	}
	return true;
}

static void rollup_plan_add(struct rollup_plan *plan, enum schema_level level, int64_t from,
			    int64_t to)
{
	if (from >= to)
		return;
	if (level > plan->level)
		plan->level = level;
	plan->pieces[plan->n_pieces++] = (struct rollup_plan_segment){level, from, to};
}

/* Since when a level answers.  What it has deleted may still be there in finer ones, if they are
 * kept for longer; where they are not, either has as little. */
static int64_t rollup_plan_begin(const struct watermarks *watermarks, enum schema_level level)
{
	for (int finer = LEVEL_ROWS; finer < (int)level; finer++)
		if (watermarks->kept_from[finer] < watermarks->kept_from[level])
			return watermarks->kept_from[level];
	return INT64_MIN;
}

static void rollup_plan_split(struct rollup_plan *plan, const struct watermarks *watermarks,
			      enum schema_level level, int64_t from, int64_t to)
{
	if (level == LEVEL_ROWS || from >= to) {
		rollup_plan_add(plan, LEVEL_ROWS, from, to);
		return;
	}
	int64_t size = schema_levels[level].bucket;
	enum schema_level finer = (enum schema_level)(level - 1);
	int64_t begin = rollup_plan_begin(watermarks, level);
	/* Only whole buckets: half of one cannot be taken out of its sums. */
	int64_t first = from > begin ? from : begin;
	if (first > INT64_MIN + size)
		first = schema_floor(first - 1, size) + size;
	int64_t end = to > INT64_MIN + size ? schema_floor(to, size) : to;
	if (end > watermarks->rolled_to[level])
		end = watermarks->rolled_to[level];
	if (first >= end) {
		rollup_plan_split(plan, watermarks, finer, from, to);
		return;
	}
	rollup_plan_split(plan, watermarks, finer, from, first);
	rollup_plan_add(plan, level, first, end);
	rollup_plan_split(plan, watermarks, finer, end, to);
}

void rollup_plan_find(const struct bound_query *bound, const struct watermarks *watermarks,
		      struct rollup_plan *ret)
{
	const struct tally_query *query = bound->query;
	enum schema_level level = LEVEL_ROWS;
	*ret = (struct rollup_plan){.level = LEVEL_ROWS};
	if (bound->stored->table.kind == TALLY_STATE) {
		rollup_plan_add(ret, LEVEL_ROWS, INT64_MIN, INT64_MAX); /* whatever the range is */
		return;
	}
	if (rollup_plan_is_rolled(bound)) {
		level = LEVEL_DAY;
		/* One bucket of the answer has to be made of whole ones, or values would be put
		 * into a bucket next to theirs.  A bucket of 0, all in one, is divided by any. */
		while (level > LEVEL_ROWS && query->bucket % schema_levels[level].bucket != 0)
			level = (enum schema_level)(level - 1);
	}
	rollup_plan_split(ret, watermarks, level, query->from, query->to);
}
