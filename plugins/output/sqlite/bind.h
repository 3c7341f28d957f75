/* Cells into and out of statements, by the type of their column. */
#ifndef TALLYD_SQLITE_BIND_H
#define TALLYD_SQLITE_BIND_H

#include <sqlite3.h>
#include <tallyd/plugin.h>

/* The text must outlive the statement's next reset.  Returns a SQLite code. */
static inline int bind_cell(sqlite3_stmt *statement, int parameter, uint16_t type,
			    const struct tally_cell *cell)
{
	if (!cell->set)
		return sqlite3_bind_null(statement, parameter);
	switch (type) {
	case TALLY_REAL:
		return sqlite3_bind_double(statement, parameter, cell->f);
	case TALLY_TEXT:
	case TALLY_JSON:
		return sqlite3_bind_text64(statement, parameter, cell->len ? cell->text : "",
					   cell->len, SQLITE_STATIC, SQLITE_UTF8);
	default:
		return sqlite3_bind_int64(statement, parameter, cell->i);
	}
}

/* Text points into the statement and is valid until its next step. */
static inline struct tally_cell bind_read(sqlite3_stmt *row, int column, uint16_t type)
{
	struct tally_cell cell = {.set = 0};
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return cell;
	cell.set = 1;
	if (type == TALLY_REAL) {
		cell.f = sqlite3_column_double(row, column);
	} else if (type == TALLY_TEXT || type == TALLY_JSON) {
		cell.text = (const char *)sqlite3_column_text(row, column);
		cell.len = (uint32_t)sqlite3_column_bytes(row, column);
	} else {
		cell.i = sqlite3_column_int64(row, column);
	}
	return cell;
}

#endif
