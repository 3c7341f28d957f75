/* Recursion from the coarsest level down: the middle from it, head and tail from finer ones. */
#include "store_coverage.h"

/* Only numbers are rolled up, and only as a whole. */
static bool coverage_is_rolled(const struct question *question)
{
	const struct tally_query *query = question->query;
	if (question->stored->n_numbers == 0 || question->filters_fields ||
	    (question->only_last && query->bucket == 0))
		return false;
	for (uint32_t i = 0; i < query->n_select; i++) {
		const struct tally_column *column =
			&question->stored->table.columns[question->select[i]];
		if (column->role == TALLY_TAG || !catalog_is_number(column) ||
		    question->select[i] == 0)
			return false;
	}
	return true;
}

static void coverage_add(struct coverage *coverage, enum schema_level level, int64_t from,
			 int64_t to)
{
	if (from >= to)
		return;
	if (level > coverage->level)
		coverage->level = level;
	coverage->pieces[coverage->n_pieces++] = (struct coverage_piece){level, from, to};
}

static void coverage_split(struct coverage *coverage, const int64_t rolled_to[N_LEVELS],
			   enum schema_level level, int64_t from, int64_t to)
{
	if (level == LEVEL_ROWS || from >= to) {
		coverage_add(coverage, LEVEL_ROWS, from, to);
		return;
	}
	int64_t size = schema_levels[level].bucket;
	enum schema_level finer = (enum schema_level)(level - 1);
	int64_t first = from > INT64_MIN + size ? schema_floor(from - 1, size) + size : from;
	int64_t end = to > INT64_MIN + size ? schema_floor(to, size) : to;
	if (end > rolled_to[level])
		end = rolled_to[level];
	if (first >= end) {
		coverage_split(coverage, rolled_to, finer, from, to);
		return;
	}
	coverage_split(coverage, rolled_to, finer, from, first);
	coverage_add(coverage, level, first, end);
	coverage_split(coverage, rolled_to, finer, end, to);
}

void coverage_find(const struct question *question, const struct marks *marks, struct coverage *ret)
{
	const struct tally_query *query = question->query;
	enum schema_level level = LEVEL_ROWS;
	*ret = (struct coverage){.level = LEVEL_ROWS};
	if (question->stored->table.kind == TALLY_STATE) {
		coverage_add(ret, LEVEL_ROWS, INT64_MIN, INT64_MAX); /* whatever the range is */
		return;
	}
	if (coverage_is_rolled(question)) {
		level = LEVEL_DAY;
		while (level > LEVEL_ROWS && query->bucket % schema_levels[level].bucket != 0)
			level = (enum schema_level)(level - 1);
	}
	coverage_split(ret, marks->rolled_to, level, query->from, query->to);
}
