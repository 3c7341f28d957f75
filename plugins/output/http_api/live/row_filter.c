/*
 * The parameters of a stream, checked against each row.  Read by the worker that makes the client,
 * applied on libmicrohttpd's thread to every row of a ring buffer, for every client: so it must be
 * cheap, and it takes no lock, since it never changes once it is read.
 *
 * Its meaning is that of the store's filters (query.h), so that a stream and the list it belongs to
 * show the same rows: several EQUALS on one column are alternatives, everything else must hold;
 * CONTAINS does not look at upper and lower case, GLOB does; NULL passes nothing.
 */
#include "live/row_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_match.h"
#include "query/catalog_cache.h"
#include "query/container_lookup.h"

enum { ROW_FILTER_MAX_RULES = 2 * PARAMS_MAX };

/* ---- Reading ------------------------------------------------------------- */

static int row_filter_add(struct context *context, struct row_filter *row_filter,
			  struct row_filter_rule rule, const char *value)
{
	if (!row_filter->rules)
		row_filter->rules = calloc(ROW_FILTER_MAX_RULES, sizeof(*row_filter->rules));
	rule.value = strdup(value);
	if (!row_filter->rules || !rule.value || row_filter->n == ROW_FILTER_MAX_RULES) {
		free(rule.value);
		return response_unavailable(context->builder, "out of memory");
	}
	row_filter->rules[row_filter->n++] = rule;
	return 0;
}

static int row_filter_add_container(struct context *context, struct row_filter *row_filter,
				    const char *word)
{
	struct container container;
	int r = container_find(context, word, "container", &container);
	if (r == 0)
		r = row_filter_add(context, row_filter,
				   (struct row_filter_rule){"container_id", TALLY_EQUALS, NULL},
				   container.id);
	if (r == 0)
		r = row_filter_add(context, row_filter,
				   (struct row_filter_rule){"host", TALLY_EQUALS, NULL},
				   container.host);
	return r;
}

static int row_filter_add_param(struct context *context, struct row_filter *row_filter,
				const struct list_filter *filter, const char *value)
{
	uint32_t match = list_filter_match(filter, &value);
	return row_filter_add(context, row_filter,
			      (struct row_filter_rule){filter->column, match, NULL}, value);
}

int row_filter_read(struct context *context, const struct list_filter *filters, const char *topic,
		    struct row_filter *ret)
{
	*ret = (struct row_filter){.n = 0};
	int r = service_members_read(context, topic, &ret->members);
	for (uint32_t i = 0; r == 0 && i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		if (list_filter_is(param->name, topic, "container"))
			r = row_filter_add_container(context, ret, param->value);
		for (const struct list_filter *f = filters; r == 0 && f->param; f++)
			if (list_filter_is(param->name, topic, f->param))
				r = row_filter_add_param(context, ret, f, param->value);
	}
	return r;
}

void row_filter_done(struct row_filter *row_filter)
{
	for (uint32_t i = 0; i < row_filter->n; i++)
		free(row_filter->rules[i].value);
	free(row_filter->rules);
	service_members_done(&row_filter->members);
	*row_filter = (struct row_filter){.n = 0};
}

bool row_filter_ask(const struct row_filter *row_filter, struct query *query)
{
	for (uint32_t i = 0; i < row_filter->n; i++) {
		const struct row_filter_rule *rule = &row_filter->rules[i];
		const struct tally_column *column = table_column(query->table, rule->column);
		if (column)
			query_text(query, column, rule->match, rule->value);
	}
	return !row_filter->members.given || service_members_ask(&row_filter->members, query);
}

/* ---- Checking a row ------------------------------------------------------ */

static bool rule_passes(const struct row_filter_rule *rule, const struct tally_cell *cell)
{
	if (!cell->set)
		return false;
	if (rule->match == TALLY_CONTAINS)
		return text_contains(cell->text, cell->len, rule->value, strlen(rule->value));
	if (rule->match == TALLY_GLOB)
		return text_glob(cell->text, cell->len, rule->value, strlen(rule->value));
	return cell_equals(cell, rule->value);
}

/* Is there an EQUALS on the same column that the row passes? */
static bool alternative_passes(const struct row_filter *row_filter, const char *column,
			       const struct tally_cell *cell)
{
	for (uint32_t i = 0; i < row_filter->n; i++)
		if (row_filter->rules[i].match == TALLY_EQUALS &&
		    strcmp(row_filter->rules[i].column, column) == 0 &&
		    rule_passes(&row_filter->rules[i], cell))
			return true;
	return false;
}

static bool member_passes(const struct row_filter *row_filter, const struct tally_table *table,
			  const struct tally_cell *row)
{
	const struct tally_column *id;
	if (!row_filter->members.given)
		return true;
	id = table_column(table, "container_id");
	return id && service_members_has(&row_filter->members, &row[id - table->columns]);
}

bool row_filter_passes(const struct row_filter *row_filter, const struct tally_table *table,
		       const struct tally_cell *row)
{
	for (uint32_t i = 0; i < row_filter->n; i++) {
		const struct row_filter_rule *rule = &row_filter->rules[i];
		const struct tally_column *column = table_column(table, rule->column);
		if (!column)
			return false;
		const struct tally_cell *cell = &row[column - table->columns];
		bool passes = rule->match == TALLY_EQUALS
				      ? alternative_passes(row_filter, rule->column, cell)
				      : rule_passes(rule, cell);
		if (!passes)
			return false;
	}
	return member_passes(row_filter, table, row);
}
