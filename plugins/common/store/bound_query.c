/* Refusals name what they refuse, since they end up in front of whoever asked. */
#include "store/bound_query.h"

#include <errno.h>

static const char *const question_aggregates[] = {"raw", "avg",  "min",  "max",
						  "sum", "last", "rate", "count"};

static int question_column(struct tally_ctx *ctx, const struct question *question, const char *name,
			   uint16_t *ret)
{
	int column = catalog_column(&question->stored->table, name);
	if (column < 0)
		return tally_fail(ctx, EINVAL, "table %s has no column %s",
				  question->stored->table.name, name);
	*ret = (uint16_t)column;
	return 0;
}

static bool question_can(const struct question *question, const struct tally_column *column,
			 uint32_t aggregate)
{
	switch (aggregate) {
	case TALLY_RAW:
	case TALLY_LAST:
	case TALLY_COUNT:
		return true;
	case TALLY_MIN:
	case TALLY_MAX:
		return catalog_is_number(column) || column->type == TALLY_TIME;
	case TALLY_AVG:
	case TALLY_SUM:
		return catalog_is_number(column);
	case TALLY_RATE:
		return catalog_is_number(column) && column->role == TALLY_COUNTER &&
		       question->stored->table.kind != TALLY_STATE;
	default:
		return false;
	}
}

bool question_is_newest(const struct question *question, uint32_t select)
{
	uint32_t aggregate = question->query->select[select].aggregate;
	return question->select[select] == 0 && (aggregate == TALLY_MAX || aggregate == TALLY_LAST);
}

static int question_select(struct tally_ctx *ctx, struct question *question)
{
	const struct tally_query *query = question->query;
	if (query->n_select == 0 || query->n_select > CATALOG_MAX_COLUMNS)
		return tally_fail(ctx, EINVAL, "a query selects 1 to %d columns",
				  CATALOG_MAX_COLUMNS);
	question->raw = query->select[0].aggregate == TALLY_RAW;
	question->only_last = true;
	for (uint32_t i = 0; i < query->n_select; i++) {
		uint32_t aggregate = query->select[i].aggregate;
		int r = question_column(ctx, question, query->select[i].column,
					&question->select[i]);
		if (r < 0)
			return r;
		if (question->raw != (aggregate == TALLY_RAW))
			return tally_fail(ctx, EINVAL, "rows and aggregates in one query");
		if (!question_can(question, &question->stored->table.columns[question->select[i]],
				  aggregate))
			return tally_fail(ctx, EINVAL, "column %s has no %s",
					  query->select[i].column,
					  aggregate <= TALLY_COUNT ? question_aggregates[aggregate]
								   : "such aggregate");
		question->only_last &= aggregate == TALLY_LAST;
	}
	return 0;
}

static int question_groups(struct tally_ctx *ctx, struct question *question)
{
	const struct tally_query *query = question->query;
	if (query->n_group_by > CATALOG_MAX_COLUMNS)
		return tally_fail(ctx, EINVAL, "too many group_by columns");
	if (question->raw && (query->n_group_by || query->bucket))
		return tally_fail(ctx, EINVAL, "rows are neither grouped nor put into buckets");
	for (uint32_t i = 0; i < query->n_group_by; i++) {
		int r = question_column(ctx, question, query->group_by[i], &question->group[i]);
		if (r < 0)
			return r;
		if (question->stored->table.columns[question->group[i]].role != TALLY_TAG)
			return tally_fail(ctx, EINVAL, "column %s is no tag: no grouping by it",
					  query->group_by[i]);
	}
	return 0;
}

static bool question_can_match(const struct tally_column *column, uint32_t match)
{
	switch (match) {
	case TALLY_PREFIX:
	case TALLY_CONTAINS:
	case TALLY_GLOB:
		return column->type == TALLY_TEXT || column->type == TALLY_JSON;
	case TALLY_HAS:
		return column->type == TALLY_JSON;
	default:
		return match <= TALLY_NOT_NULL;
	}
}

static int question_filters(struct tally_ctx *ctx, struct question *question)
{
	const struct tally_query *query = question->query;
	if (query->n_filters > QUESTION_MAX_FILTERS)
		return tally_fail(ctx, EINVAL, "more than %d filters", QUESTION_MAX_FILTERS);
	for (uint32_t i = 0; i < query->n_filters; i++) {
		int r = question_column(ctx, question, query->filters[i].column,
					&question->filter[i]);
		if (r < 0)
			return r;
		const struct tally_column *column =
			&question->stored->table.columns[question->filter[i]];
		if (!question_can_match(column, query->filters[i].match))
			return tally_fail(ctx, EINVAL, "column %s cannot be matched like that",
					  column->name);
		question->filters_fields |= column->role != TALLY_TAG;
	}
	return 0;
}

static int question_shape(struct tally_ctx *ctx, const struct question *question)
{
	const struct tally_query *query = question->query;
	if (query->limit == 0)
		return tally_fail(ctx, EINVAL, "a query needs a limit");
	if (query->deadline <= 0)
		return tally_fail(ctx, EINVAL, "a query needs a deadline");
	if (query->bucket < 0)
		return tally_fail(ctx, EINVAL, "a bucket cannot be negative");
	if (!query->after)
		return 0;
	if (!question->raw)
		return tally_fail(ctx, EINVAL, "only rows can be paged through");
	if (query->n_after != question->stored->n_key)
		return tally_fail(ctx, EINVAL, "the row to go on after has %u cells, not %u",
				  query->n_after, question->stored->n_key);
	return 0;
}

int question_check(struct tally_ctx *ctx, struct catalog *catalog, const struct tally_query *query,
		   struct question *ret)
{
	*ret = (struct question){.query = query, .stored = catalog_find(catalog, query->table)};
	if (!ret->stored)
		return tally_fail(ctx, ENOENT, "there is no table %s", query->table);
	int r = question_select(ctx, ret);
	if (r == 0)
		r = question_groups(ctx, ret);
	if (r == 0)
		r = question_filters(ctx, ret);
	return r < 0 ? r : question_shape(ctx, ret);
}
