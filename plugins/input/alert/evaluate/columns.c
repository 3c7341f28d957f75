/*
 * Called under the engine's lock, for each row that passes.
 */
#include "evaluate/columns.h"

#include <string.h>

#include "base/text_match.h"
#include "pattern.h"

int32_t columns_place(const struct tally_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return (int32_t)i;
	return COLUMNS_NONE;
}

bool columns_find(const struct tally_table *table, const struct rule *rule, struct columns *ret)
{
	*ret = (struct columns){.table = table};
	ret->host = columns_place(table, "host");
	ret->container_id = columns_place(table, "container_id");
	ret->name = columns_place(table, "name");
	ret->service = columns_place(table, "service");
	ret->measured = columns_place(table, rule->column);
	ret->size = columns_place(table, rule->size);
	ret->tell = columns_place(table, rule->tell);
	ret->gone = ret->order = COLUMNS_NONE;
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (table->columns[i].role == TALLY_GONE)
			ret->gone = (int32_t)i;
		if (table->columns[i].role == TALLY_ORDER)
			ret->order = (int32_t)i;
		if (table->columns[i].role == TALLY_TAG && ret->n_tags < COLUMNS_TAGS)
			ret->tags[ret->n_tags++] = (int32_t)i;
	}
	for (unsigned i = 0; i < rule->n_conditions; i++) {
		ret->conditions[i] = columns_place(table, rule->conditions[i].column);
		if (ret->conditions[i] == COLUMNS_NONE)
			return false;
	}
	return (!rule->column[0] || ret->measured != COLUMNS_NONE) &&
	       (!rule->size[0] || ret->size != COLUMNS_NONE) &&
	       (!rule->tell[0] || ret->tell != COLUMNS_NONE);
}

bool columns_number(const struct columns *columns, int32_t place, const struct tally_cell *row,
		    double *ret)
{
	if (place == COLUMNS_NONE || !row[place].set)
		return false;
	const struct tally_column *column = &columns->table->columns[place];
	*ret = column->type == TALLY_REAL ? row[place].f : (double)row[place].i;
	return true;
}

static bool match_text(const struct rule_condition *condition, const struct tally_cell *cell)
{
	size_t len = strlen(condition->text);
	bool same = cell->len == len && memcmp(cell->text, condition->text, len) == 0;
	switch (condition->op) {
	case RULE_EQUAL:
		return same;
	case RULE_UNEQUAL:
		return !same;
	case RULE_CONTAINS:
		return text_contains(cell->text, cell->len, condition->text, len);
	default:
		return pattern_match(condition->pattern, cell->text, cell->len) > 0;
	}
}

static bool match(const struct columns *columns, const struct rule_condition *condition,
		  int32_t place, const struct tally_cell *row, int64_t now)
{
	double number;
	if (!row[place].set)
		return condition->op == RULE_UNEQUAL;
	if (condition->text)
		return match_text(condition, &row[place]);
	if (condition->type == TALLY_TIME)
		return ((double)(now - row[place].i) < condition->number) ==
		       (condition->op == RULE_NEWER);
	return columns_number(columns, place, row, &number) &&
	       rule_compare(number, condition->op, condition->number);
}

bool columns_match(const struct columns *columns, const struct rule *rule,
		   const struct tally_cell *row, int64_t now)
{
	for (unsigned i = 0; i < rule->n_conditions; i++)
		if (!match(columns, &rule->conditions[i], columns->conditions[i], row, now))
			return false;
	return true;
}
