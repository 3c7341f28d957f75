/* Recursion from the coarsest level down: the middle from it, head and tail from finer ones. */
#include "store/rollup_plan.h"

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
		if (question_is_newest(question, i))
			continue;
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

/* Since when a level answers.  What it has deleted may still be there in finer ones, if they are
 * kept for longer; where they are not, either has as little. */
static int64_t coverage_begin(const struct marks *marks, enum schema_level level)
{
	for (int finer = LEVEL_ROWS; finer < (int)level; finer++)
		if (marks->kept_from[finer] < marks->kept_from[level])
			return marks->kept_from[level];
	return INT64_MIN;
}

static int64_t coverage_ceil(int64_t time, int64_t size)
{
	return time > INT64_MIN + size ? schema_floor(time - 1, size) + size : time;
}

static void coverage_split(struct coverage *coverage, const struct marks *marks,
			   enum schema_level level, int64_t from, int64_t to)
{
	if (level == LEVEL_ROWS || from >= to) {
		coverage_add(coverage, LEVEL_ROWS, from, to);
		return;
	}
	int64_t size = schema_levels[level].bucket;
	enum schema_level finer = (enum schema_level)(level - 1);
	int64_t begin = coverage_begin(marks, level);
	int64_t first = coverage_ceil(from > begin ? from : begin, size);
	int64_t end = to > INT64_MIN + size ? schema_floor(to, size) : to;
	if (end > marks->rolled_to[level])
		end = marks->rolled_to[level];
	if (first >= end) {
		coverage_split(coverage, marks, finer, from, to);
		return;
	}
	coverage_split(coverage, marks, finer, from, first);
	coverage_add(coverage, level, first, end);
	coverage_split(coverage, marks, finer, end, to);
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
	coverage_split(ret, marks, level, query->from, query->to);
}
