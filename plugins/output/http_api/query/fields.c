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
static const struct {
	const char *name;
	uint32_t aggregate;
} aggregates[] = {
	{"avg", TALLY_AVG},   {"min", TALLY_MIN},   {"max", TALLY_MAX},
	{"last", TALLY_LAST}, {"rate", TALLY_RATE},
};

const char *fields_aggregate_name(uint32_t aggregate)
{
	for (size_t i = 0; i < sizeof(aggregates) / sizeof(*aggregates); i++)
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

/* aggregate RAW: by default. */
static int add_field(struct context *context, const struct tally_column *column, uint32_t aggregate,
		     struct fields *fields)
{
	bool counter = column->role == TALLY_COUNTER;
	if (aggregate == TALLY_RATE && !counter)
		return response_problem(context->builder, 400, "agg",
					"%s is not a counter: it has no rate (try avg, min, max or "
					"last)",
					column->name);
	if (aggregate == TALLY_RAW)
		aggregate = counter ? TALLY_RATE : TALLY_AVG;
	fields->columns[fields->n] = column;
	fields->aggregates[fields->n++] = (uint16_t)aggregate;
	return 0;
}

/* Some columns stay free for time, host, id and name, which the query adds. */
static int add_default_fields(struct context *context, const struct tally_table *table,
			      uint32_t aggregate, struct fields *fields)
{
	for (uint32_t i = 1; i < table->n_columns && fields->n < RESULT_SET_MAX_COLUMNS - 8; i++) {
		const struct tally_column *column = &table->columns[i];
		if (!column_is_number(column) ||
		    (aggregate == TALLY_RATE && column->role != TALLY_COUNTER))
			continue;
		int r = add_field(context, column, aggregate, fields);
		if (r < 0)
			return r;
	}
	return 0;
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
			   const char *name, uint32_t aggregate, struct fields *fields)
{
	const struct tally_column *column = table_column(table, name);
	if (!column)
		return fields_unknown(context, "fields", table, name);
	if (!column_is_number(column))
		return response_problem(context->builder, 400, "fields", "%s is not a number",
					name);
	if (has_field(fields, column))
		return 0;
	return add_field(context, column, aggregate, fields);
}

static int add_fields(struct context *context, const struct tally_table *table, uint32_t aggregate,
		      struct fields *fields)
{
	const char *text = target_param(context->target, "fields");
	if (!text)
		return add_default_fields(context, table, aggregate, fields);
	auto_free char *copy = strdup(text);
	if (!copy)
		return response_unavailable(context->builder, "out of memory");
	char *rest = copy;
	while (rest) {
		int r = add_named_field(context, table, strsep(&rest, ","), aggregate, fields);
		if (r < 0)
			return r;
	}
	return 0;
}

int fields_read(struct context *context, const struct tally_table *table, struct fields *ret)
{
	int64_t choice = context->args->aggregate;
	ret->n = 0;
	return add_fields(context, table,
			  choice == ARGUMENT_NONE ? TALLY_RAW : aggregates[choice].aggregate, ret);
}

int fields_read_last(struct context *context, const struct tally_table *table, struct fields *ret)
{
	ret->n = 0;
	return add_fields(context, table, TALLY_LAST, ret);
}

void fields_select(const struct fields *fields, struct query *query)
{
	for (uint32_t i = 0; i < fields->n; i++)
		query_select(query, fields->columns[i], fields->aggregates[i]);
}

void fields_unit(const struct fields *fields, uint32_t field, char *ret, size_t size)
{
	const char *unit = fields->columns[field]->unit;
	bool rate = fields->aggregates[field] == TALLY_RATE;
	if (rate)
		snprintf(ret, size, "%s/s", unit ? unit : "1");
	else
		snprintf(ret, size, "%s", unit ? unit : "");
}
