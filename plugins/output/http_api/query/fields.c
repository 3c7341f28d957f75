/*
 * The parameters fields= and agg=, checked against the columns of a table.  On a worker's thread.
 *
 * A counter is shown as its rate unless something else is asked for: the sum since a container's
 * start says nothing on a chart, and drops to 0 when it restarts.  Wrong names are refused with all
 * that there are, since a client that draws charts would otherwise show nothing and not say why.
 */
#include "query/fields.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "query/catalog_cache.h"

/* In the order of the choices of agg=. */
static const struct aggregate {
	const char *name;
	uint32_t aggregate;
} aggregates[] = {
	{"avg", TALLY_AVG},   {"min", TALLY_MIN},   {"max", TALLY_MAX},
	{"last", TALLY_LAST}, {"rate", TALLY_RATE}, {"sum", TALLY_SUM},
	{"p50", FIELD_P50},   {"p95", FIELD_P95},   {"p99", FIELD_P99},
};
enum { N_AGGREGATES = sizeof(aggregates) / sizeof(*aggregates) };

static const char *aggregate_name(uint32_t aggregate)
{
	for (size_t i = 0; i < N_AGGREGATES; i++)
		if (aggregates[i].aggregate == aggregate)
			return aggregates[i].name;
	return "raw";
}

/* All columns are listed, as far as they fit: a problem is bounded whatever the table is. */
int fields_unknown(struct context *context, const char *parameter, const struct tally_table *table,
		   const char *name)
{
	char list[768] = "", hint[96] = "";
	unsigned best = SUGGEST_NEAR;
	size_t len = 0;
	for (uint32_t i = 1; i < table->n_columns; i++) {
		const char *column = table->columns[i].name;
		if (suggest_nearer(name, column, &best))
			snprintf(hint, sizeof(hint), "; did you mean %s?", column);
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", column);
	}
	return response_problem(context->builder, 400, parameter,
				"%s has no such column: \"%s\"%s (%s)", table->name, name, hint,
				list);
}

/* ---- One column, one aggregate ------------------------------------------- */

/* Which aggregates of a column there are; TALLY_RAW stands for the default. */
static uint32_t default_aggregate(const struct tally_column *column, enum fields_of of)
{
	if (of == FIELDS_OF_GROUPS)
		return TALLY_SUM;
	return column->role == TALLY_COUNTER ? TALLY_RATE : TALLY_AVG;
}

/* Of a container in a group of its own: what it adds to the group.  A counter adds its rate. */
static uint32_t of_one(const struct tally_column *column, uint32_t aggregate)
{
	if (aggregate == TALLY_LAST || aggregate == TALLY_RATE)
		return aggregate;
	if (column->role == TALLY_COUNTER)
		return TALLY_RATE;
	return aggregate == TALLY_SUM ? TALLY_AVG : aggregate;
}

/* NULL: it can be had. */
static const char *why_not(const struct tally_column *column, uint32_t aggregate, enum fields_of of)
{
	bool counter = column->role == TALLY_COUNTER;
	if (of == FIELDS_OF_GROUPS)
		return NULL;
	if (aggregate == TALLY_RATE && !counter)
		return "is not a counter: it has no rate (try avg, min, max or last)";
	if (of == FIELDS_OF_ROWS && field_is_percentile(aggregate) && counter)
		return "is a counter, of whose values there are no percentiles (try rate)";
	return NULL;
}

static int add_field(struct context *context, const struct tally_column *column, uint32_t aggregate,
		     struct fields *fields)
{
	const char *reason = why_not(column, aggregate, fields->of);
	if (reason)
		return response_problem(context->builder, 400, "agg", "%s %s", column->name,
					reason);
	if (fields->n == FIELDS_MAX)
		return response_problem(context->builder, 400, "agg",
					"more than %d columns: ask for fewer fields or aggregates",
					FIELDS_MAX);
	if (aggregate == TALLY_RAW)
		aggregate = default_aggregate(column, fields->of);
	fields->names[fields->n] = aggregate_name(aggregate);
	if (fields->of == FIELDS_OF_CONTAINERS)
		aggregate = of_one(column, aggregate);
	fields->columns[fields->n] = column;
	fields->aggregates[fields->n++] = (uint16_t)aggregate;
	return 0;
}

/* ---- All that are wanted ------------------------------------------------- */

/* aggregates: bits as agg= has them; 0: the default. */
static int add_column(struct context *context, const struct tally_column *column, int64_t bits,
		      bool by_default, struct fields *fields)
{
	int r = bits == 0 ? add_field(context, column, TALLY_RAW, fields) : 0;
	for (size_t i = 0; r == 0 && i < N_AGGREGATES; i++) {
		uint32_t aggregate = aggregates[i].aggregate;
		if (!(bits >> i & 1))
			continue;
		if (!by_default || !why_not(column, aggregate, fields->of))
			r = add_field(context, column, aggregate, fields);
	}
	return r;
}

static int add_default_fields(struct context *context, const struct tally_table *table,
			      int64_t bits, struct fields *fields)
{
	int r = 0;
	for (uint32_t i = 1; r == 0 && i < table->n_columns; i++)
		if (column_is_number(&table->columns[i]))
			r = add_column(context, &table->columns[i], bits, true, fields);
	return r;
}

/* A field that is named twice is shown once: JSON objects have each key once. */
static bool has_field(const struct fields *fields, const struct tally_column *column)
{
	for (uint32_t i = 0; i < fields->n; i++)
		if (fields->columns[i] == column)
			return true;
	return false;
}

static int add_named_field(struct context *context, const struct tally_table *table,
			   const char *name, int64_t bits, struct fields *fields)
{
	const struct tally_column *column = table_column(table, name);
	if (!column)
		return fields_unknown(context, "fields", table, name);
	if (!column_is_number(column))
		return response_problem(context->builder, 400, "fields", "%s is not a number",
					name);
	if (has_field(fields, column))
		return 0;
	return add_column(context, column, bits, false, fields);
}

static int add_fields(struct context *context, const struct tally_table *table, int64_t bits,
		      struct fields *fields)
{
	const char *text = target_param(context->target, "fields");
	if (!text)
		return add_default_fields(context, table, bits, fields);
	auto_free char *copy = strdup(text);
	if (!copy)
		return response_unavailable(context->builder, "out of memory");
	char *rest = copy;
	while (rest) {
		int r = add_named_field(context, table, strsep(&rest, ","), bits, fields);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_aggregate(int64_t bits, uint32_t aggregate)
{
	for (size_t i = 0; i < N_AGGREGATES; i++)
		if (aggregates[i].aggregate == aggregate)
			return bits >> i & 1;
	return false;
}

/* What agg= means depends on what is put together. */
static int check_aggregates(struct context *context, int64_t bits, enum fields_of of)
{
	if (of == FIELDS_OF_ROWS && has_aggregate(bits, TALLY_SUM))
		return response_problem(context->builder, 400, "agg",
					"a sum is that of a group's containers: "
					"/api/v1/stats?group_by=project&agg=sum");
	if (of == FIELDS_OF_GROUPS &&
	    (has_aggregate(bits, TALLY_LAST) || has_aggregate(bits, TALLY_RATE)))
		return response_problem(context->builder, 400, "agg",
					"groups have sum, avg, min, max, p50, p95 and p99; a "
					"counter is its rate in all of them");
	return 0;
}

int fields_read(struct context *context, const struct tally_table *table, enum fields_of of,
		struct fields *ret)
{
	int64_t bits = context->args->aggregates;
	bits = bits == ARGUMENT_NONE ? 0 : bits;
	ret->n = 0;
	ret->of = of;
	ret->several = (bits & (bits - 1)) != 0;
	int r = check_aggregates(context, bits, of);
	return r < 0 ? r : add_fields(context, table, bits, ret);
}

static int64_t begin_last(struct fields *ret)
{
	int64_t last = 0;
	for (size_t i = 0; i < N_AGGREGATES; i++)
		last |= (int64_t)(aggregates[i].aggregate == TALLY_LAST) << i;
	ret->n = 0;
	ret->of = FIELDS_OF_ROWS;
	ret->several = false;
	return last;
}

int fields_read_last(struct context *context, const struct tally_table *table, struct fields *ret)
{
	int64_t last = begin_last(ret);
	return add_fields(context, table, last, ret);
}

int fields_read_all_last(struct context *context, const struct tally_table *table,
			 struct fields *ret)
{
	int64_t last = begin_last(ret);
	return add_default_fields(context, table, last, ret);
}

int fields_pick_last(struct context *context, const struct tally_table *table,
		     const char *const *names, struct fields *ret)
{
	int64_t last = begin_last(ret);
	int r = 0;
	for (; r == 0 && *names; names++) {
		const struct tally_column *column = table_column(table, *names);
		if (column && column_is_number(column))
			r = add_column(context, column, last, false, ret);
	}
	return r == 0 && ret->n == 0 ? add_default_fields(context, table, last, ret) : r;
}

int fields_read_shown(struct context *context, const struct tally_table *table, const char *extra,
		      bool *ret_shown, bool *ret_extra)
{
	const char *text = target_param(context->target, "fields");
	for (uint32_t i = 0; i < table->n_columns; i++)
		ret_shown[i] = !text;
	if (extra)
		*ret_extra = !text;
	auto_free char *copy = text ? strdup(text) : NULL;
	if (text && !copy)
		return response_unavailable(context->builder, "out of memory");
	char *rest = copy;
	while (rest) {
		const char *name = strsep(&rest, ",");
		const struct tally_column *column = table_column(table, name);
		if (extra && strcmp(name, extra) == 0)
			*ret_extra = true;
		else if (!column)
			return fields_unknown(context, "fields", table, name);
		else
			ret_shown[column - table->columns] = true;
	}
	return 0;
}

void fields_select(const struct fields *fields, struct query *query)
{
	for (uint32_t i = 0; i < fields->n; i++)
		query_select(query, fields->columns[i],
			     field_is_percentile(fields->aggregates[i]) ? TALLY_COUNT
									: fields->aggregates[i]);
}

const char *fields_name(const struct fields *fields, uint32_t field, char ret[FIELD_NAME_SIZE])
{
	const char *name = fields->columns[field]->name;
	if (!fields->several)
		return name;
	snprintf(ret, FIELD_NAME_SIZE, "%s.%s", name, fields->names[field]);
	return ret;
}

void fields_unit(const struct fields *fields, uint32_t field, char *ret, size_t size)
{
	const char *unit = fields->columns[field]->unit;
	bool rate =
		fields->aggregates[field] == TALLY_RATE ||
		(fields->of == FIELDS_OF_GROUPS && fields->columns[field]->role == TALLY_COUNTER);
	if (rate)
		snprintf(ret, size, "%s/s", unit ? unit : "1");
	else
		snprintf(ret, size, "%s", unit ? unit : "");
}
