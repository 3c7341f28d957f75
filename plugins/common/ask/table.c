/* See table.h. */
#include "ask/table.h"

#include <string.h>

const struct tally_column *table_column(const struct tally_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

const struct tally_column *table_gone(const struct tally_table *table)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (table->columns[i].role == TALLY_GONE)
			return &table->columns[i];
	return NULL;
}

bool column_is_number(const struct tally_column *column)
{
	return (column->role == TALLY_FIELD || column->role == TALLY_COUNTER) &&
	       (column->type == TALLY_INT || column->type == TALLY_REAL);
}

bool table_is_key(const struct tally_table *table, uint32_t column)
{
	uint16_t role = table->columns[column].role;
	if (column == 0)
		return table->kind != TALLY_STATE;
	return role == TALLY_TAG || (role == TALLY_ORDER && table->kind == TALLY_LOG);
}
