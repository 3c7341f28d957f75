/*
 * Walked and not indexed: a rule names a handful of columns, once, when it is read.
 */
#include "language/names.h"

#include <string.h>

#include "base/suggest.h"

const struct tally_table *names_table(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->tables[i]->name, name) == 0)
			return names->tables[i];
	return NULL;
}

void names_add(struct names *names, const struct tally_table *table, const char *but)
{
	if (names->n < NAMES_MAX && strcmp(table->name, but) != 0 &&
	    !names_table(names, table->name))
		names->tables[names->n++] = table;
}

const struct tally_column *names_column(const struct tally_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

static const struct tally_table *with(const struct names *names, const char *column, unsigned kind,
				      size_t *ret_n)
{
	const struct tally_table *found = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < names->n; i++) {
		const struct tally_table *table = names->tables[i];
		if ((kind && table->kind != kind) || !names_column(table, column))
			continue;
		found = table;
		(*ret_n)++;
	}
	return *ret_n == 1 ? found : NULL;
}

const struct tally_table *names_table_with(const struct names *names, const char *column,
					   unsigned kind, size_t *ret_n)
{
	const struct tally_table *found = kind ? with(names, column, kind, ret_n) : NULL;
	return found ? found : with(names, column, 0, ret_n);
}

const char *names_near_column(const struct names *names, const struct tally_table *table,
			      const char *name)
{
	const char *near = NULL;
	unsigned best = SUGGEST_NEAR;
	for (size_t i = 0; i < names->n; i++) {
		const struct tally_table *other = names->tables[i];
		for (uint32_t c = 0; (!table || table == other) && c < other->n_columns; c++)
			if (suggest_nearer(name, other->columns[c].name, &best))
				near = other->columns[c].name;
	}
	return near;
}

const char *names_near_table(const struct names *names, const char *name)
{
	const char *near = NULL;
	unsigned best = SUGGEST_NEAR;
	for (size_t i = 0; i < names->n; i++)
		if (suggest_nearer(name, names->tables[i]->name, &best))
			near = names->tables[i]->name;
	return near;
}
