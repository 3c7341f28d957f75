/*
 * What a column holds in rows that were stored before there was such a column, where that can be
 * said: an SQL expression of the columns before it.  For a table of state, in the transaction that
 * adds the column.  Any thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_COLUMN_FILL_H
#define TALLYD_PLUGINS_COMMON_COLUMN_FILL_H

enum column_fill_dialect { COLUMN_FILL_SQLITE, COLUMN_FILL_POSTGRESQL, COLUMN_FILL_DIALECTS };

/* NULL: it stays NULL. */
const char *column_fill(const char *table, const char *column, enum column_fill_dialect dialect);

#endif
