/*
 * Checks a query once, so that the stores can rely on it.  Called on the thread that asks; only the
 * query itself can be wrong.  Errors name the table or column: they reach the API's client.
 */
#include "store/bound_query.h"

#include <errno.h>
#include <string.h>

static const char *const bound_query_aggregates[] = {"raw", "avg",  "min",  "max",
						     "sum", "last", "rate", "count"};

/* guess: where it may well be, since queries name columns in the table's order. */
static int bound_query_column(struct tally_ctx *ctx, const struct bound_query *bound,
			      const char *name, uint32_t guess, uint16_t *ret)
{
	const struct tally_table *table = &bound->stored->table;
	bool guessed = guess < table->n_columns && strcmp(table->columns[guess].name, name) == 0;
	int column = guessed ? (int)guess : catalog_column(table, name);
	if (column < 0)
		return tally_fail(ctx, EINVAL, "table %s has no column %s", table->name, name);
	*ret = (uint16_t)column;
	return 0;
}

static bool bound_query_can(const struct bound_query *bound, const struct tally_column *column,
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
		       bound->stored->table.kind != TALLY_STATE;
	default:
		return false;
	}
}

bool bound_query_is_newest(const struct bound_query *bound, uint32_t select)
{
	uint32_t aggregate = bound->query->select[select].aggregate;
	return bound->select[select] == 0 && (aggregate == TALLY_MAX || aggregate == TALLY_LAST);
}

static int bound_query_select(struct tally_ctx *ctx, struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	if (query->n_select == 0 || query->n_select > CATALOG_MAX_COLUMNS)
		return tally_fail(ctx, EINVAL, "a query selects 1 to %d columns",
				  CATALOG_MAX_COLUMNS);
	bound->raw = query->select[0].aggregate == TALLY_RAW;
	bound->only_last = true;
	for (uint32_t i = 0; i < query->n_select; i++) {
		uint32_t aggregate = query->select[i].aggregate;
		int r = bound_query_column(ctx, bound, query->select[i].column,
					   i ? bound->select[i - 1] + 1U : 0, &bound->select[i]);
		if (r < 0)
			return r;
		if (bound->raw != (aggregate == TALLY_RAW))
			return tally_fail(ctx, EINVAL,
					  "a query selects either rows or aggregates, not both");
		if (!bound_query_can(bound, &bound->stored->table.columns[bound->select[i]],
				     aggregate))
			return tally_fail(
				ctx, EINVAL, "column %s has no %s", query->select[i].column,
				aggregate <= TALLY_COUNT ? bound_query_aggregates[aggregate]
							 : "such aggregate");
		bound->only_last &= aggregate == TALLY_LAST;
	}
	return 0;
}

static int bound_query_groups(struct tally_ctx *ctx, struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	if (query->n_group_by > CATALOG_MAX_COLUMNS)
		return tally_fail(ctx, EINVAL, "too many group_by columns");
	if (bound->raw && (query->n_group_by || query->bucket))
		return tally_fail(ctx, EINVAL,
				  "a query of rows takes neither group_by nor a bucket");
	for (uint32_t i = 0; i < query->n_group_by; i++) {
		int r = bound_query_column(ctx, bound, query->group_by[i],
					   i ? bound->group[i - 1] + 1U : 0, &bound->group[i]);
		if (r < 0)
			return r;
		if (bound->stored->table.columns[bound->group[i]].role != TALLY_TAG)
			return tally_fail(ctx, EINVAL,
					  "column %s is not a tag and cannot be grouped by",
					  query->group_by[i]);
	}
	return 0;
}

static bool bound_query_can_match(const struct tally_column *column, uint32_t match)
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

static int bound_query_filters(struct tally_ctx *ctx, struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	if (query->n_filters > BOUND_QUERY_MAX_FILTERS)
		return tally_fail(ctx, EINVAL, "more than %d filters", BOUND_QUERY_MAX_FILTERS);
	for (uint32_t i = 0; i < query->n_filters; i++) {
		int r = bound_query_column(ctx, bound, query->filters[i].column,
					   i ? bound->filter[i - 1] : 0, &bound->filter[i]);
		if (r < 0)
			return r;
		const struct tally_column *column = &bound->stored->table.columns[bound->filter[i]];
		if (!bound_query_can_match(column, query->filters[i].match))
			return tally_fail(ctx, EINVAL, "column %s does not support this filter",
					  column->name);
		bound->filters_fields |= column->role != TALLY_TAG;
	}
	return 0;
}

static int bound_query_shape(struct tally_ctx *ctx, const struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	if (query->limit == 0)
		return tally_fail(ctx, EINVAL, "a query needs a limit");
	if (query->deadline <= 0)
		return tally_fail(ctx, EINVAL, "a query needs a deadline");
	if (query->bucket < 0)
		return tally_fail(ctx, EINVAL, "a bucket cannot be negative");
	if (!query->after)
		return 0;
	if (!bound->raw)
		return tally_fail(ctx, EINVAL, "only a query of rows can be paged");
	if (query->n_after != bound->stored->n_key)
		return tally_fail(
			ctx, EINVAL,
			"the row to continue after has %u cells, but the table's key has %u",
			query->n_after, bound->stored->n_key);
	return 0;
}

/* ---- What both stores make of it ------------------------------------------------- */

bool bound_query_is_equals(const struct bound_query *bound, uint32_t filter, uint16_t column)
{
	return bound->query->filters[filter].match == TALLY_EQUALS &&
	       bound->filter[filter] == column;
}

uint32_t bound_query_alternatives(const struct bound_query *bound, uint16_t column)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < bound->query->n_filters; i++)
		n += bound_query_is_equals(bound, i, column);
	return n;
}

bool bound_query_has_filter(const struct bound_query *bound, uint32_t filter, unsigned sides)
{
	uint16_t column = bound->filter[filter];
	bool tag = bound->stored->table.columns[column].role == TALLY_TAG;
	if (!(sides & (tag ? BOUND_QUERY_TAGS : BOUND_QUERY_FIELDS)))
		return false;
	if (!bound_query_is_equals(bound, filter, column))
		return true;
	for (uint32_t i = 0; i < filter; i++)
		if (bound_query_is_equals(bound, i, column))
			return false;
	return true;
}

void bound_query_range(const struct bound_query *bound, int64_t *ret_from, int64_t *ret_to)
{
	const struct tally_query *query = bound->query;
	/* The time is the first column, and so the first of the key. */
	const struct tally_cell *time = query->after;
	*ret_from = query->from;
	*ret_to = query->to;
	if (!time || !time->set)
		return;
	if (!query->newest_first && time->i > *ret_from)
		*ret_from = time->i;
	if (query->newest_first && time->i < *ret_to && time->i < INT64_MAX)
		*ret_to = time->i + 1;
}

/* ---- Checking -------------------------------------------------------------------- */

int bound_query_check(struct tally_ctx *ctx, struct catalog *catalog,
		      const struct tally_query *query, struct bound_query *ret)
{
	*ret = (struct bound_query){.query = query, .stored = catalog_find(catalog, query->table)};
	if (!ret->stored)
		return tally_fail(ctx, ENOENT, "there is no table %s", query->table);
	int r = bound_query_select(ctx, ret);
	if (r == 0)
		r = bound_query_groups(ctx, ret);
	if (r == 0)
		r = bound_query_filters(ctx, ret);
	return r < 0 ? r : bound_query_shape(ctx, ret);
}
