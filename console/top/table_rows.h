/* Which rows a table has: what table.c and table_rows.c share. */
#ifndef TALLYD_CONSOLE_TABLE_ROWS_H
#define TALLYD_CONSOLE_TABLE_ROWS_H

#include "top/table.h"

enum table_column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_HEALTH,
	COLUMN_CPU,
	COLUMN_MEM,
	COLUMN_NET,
	COLUMN_DISK,
	COLUMN_UP,
	COLUMN_IMAGE,
	COLUMN_PROJECT,
	COLUMN_HOST,
	COLUMN_NOTE
};

/* The model's containers that pass the filter, by group and in order.  False: no memory. */
bool table_choose(struct table *table, const struct table_view *view, const struct model *model);

/* "": unknown, or none.  Of a column that is text. */
const char *table_text(const struct container *container, int column);

#endif
