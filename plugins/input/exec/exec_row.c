/*
 * What both formats share: a problem, the cells, and what is filled in.  Called by exec_rows.c for
 * each line.
 */
#include "exec_row.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int exec_refuse(struct exec_problem *problem, enum exec_refused reason, size_t column,
		const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(problem->text, sizeof(problem->text), fmt, ap);
	va_end(ap);
	problem->reason = reason;
	problem->column = column;
	return -EINVAL;
}

void exec_row_begin(struct exec_row *row, const struct tally_table *table)
{
	exec_row_done(row);
	row->table = table;
	row->n_unknown = 0;
	memset(row->cells, 0, table->n_columns * sizeof(row->cells[0]));
}

void exec_row_done(struct exec_row *row)
{
	for (uint32_t i = 0; i < row->n_dumped; i++)
		free(row->dumped[i]);
	row->n_dumped = 0;
}

static void row_fill_cell(struct tally_cell *cell, const struct tally_column *column,
			  const char *hostname, int64_t order)
{
	if (column->role == TALLY_ORDER) {
		cell->i = order;
		cell->set = 1;
	} else if (column->role == TALLY_TAG && column->type == TALLY_TEXT &&
		   strcmp(column->name, "host") == 0) {
		cell->text = hostname;
		cell->len = (uint32_t)strlen(hostname);
		cell->set = 1;
	}
}

int exec_row_fill(struct exec_row *row, int64_t now, const char *hostname, int64_t order,
		  struct exec_problem *problem)
{
	if (!row->cells[0].set)
		tally_put_int(row->cells, 0, now);
	for (uint32_t c = 1; c < row->table->n_columns; c++) {
		const struct tally_column *column = &row->table->columns[c];
		if (!row->cells[c].set)
			row_fill_cell(&row->cells[c], column, hostname, order);
		if (column->role == TALLY_TAG && !row->cells[c].set)
			return exec_refuse(problem, EXEC_TAG, 0, "%s: the tag %s is missing",
					   row->table->name, column->name);
	}
	return 0;
}
