/* Finding columns of a table that a store lists.  Any thread; no I/O. */
#ifndef TALLYD_ASK_TABLE_H
#define TALLYD_ASK_TABLE_H

#include <tallyd/plugin.h>

/* NULL: no such column. */
const struct tally_column *table_column(const struct tally_table *table, const char *name);
const struct tally_column *table_gone(const struct tally_table *table);
bool column_is_number(const struct tally_column *column); /* a field or counter to draw */
/* As query.h says of `after`: time and tags and order; of a STATE table the tags. */
bool table_is_key(const struct tally_table *table, uint32_t column);

#endif
