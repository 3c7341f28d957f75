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

/* Text points into the statement and is valid until its next step.  The value itself, since each
 * sqlite3_column_…() looks for the column anew; its functions take no lock, and connections that
 * were opened without one have none that they lack (SQLite, Protected and Unprotected sqlite3_value
 * Objects). */
static inline struct tally_cell bind_read(sqlite3_stmt *row, int column, uint16_t type)
{
	sqlite3_value *value = sqlite3_column_value(row, column);
	struct tally_cell cell = {.set = 0};
	if (sqlite3_value_type(value) == SQLITE_NULL)
		return cell;
	cell.set = 1;
	if (type == TALLY_REAL) {
		cell.f = sqlite3_value_double(value);
	} else if (type == TALLY_TEXT || type == TALLY_JSON) {
		cell.text = (const char *)sqlite3_value_text(value);
		cell.len = (uint32_t)sqlite3_value_bytes(value);
	} else {
		cell.i = sqlite3_value_int64(value);
	}
	return cell;
}

#endif
