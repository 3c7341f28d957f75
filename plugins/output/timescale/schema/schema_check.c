/*
 * What of a declared table can be stored.  A name becomes part of statements as it is, and of the
 * names of relations; a row of a rollup has to fit into a page.  Pure functions, called by schema.c
 * before anything is made and by schema_catalog.c for what a database says; -EINVAL with the
 * reason, and nobody writes that table.
 */
#include <errno.h>
#include <string.h>

#include "schema/schema.h"

/* Of a row, https://www.postgresql.org/docs/15/limits.html: a page without its header. */
enum { CHECK_ROW_BYTES = 8160, CHECK_HEADER_BYTES = 23, CHECK_OWN_COLUMNS = 4 };

/* Of a name, of the 63 that PostgreSQL keeps: with _increase after a column's; and after a table's,
 * which may have been stored by an older tallyd, _1min_rows and _pYYYYMMDD. */
enum { CHECK_NAME_BYTES = 48, CHECK_TABLE_BYTES = 43 };

static bool check_is_name(const char *name)
{
	return name && strlen(name) <= CHECK_NAME_BYTES && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* Every column of a rollup takes eight bytes with what aligns it, and a bit that says it is NULL.
 */
static int check_rollup(struct tally_ctx *ctx, const struct tally_table *table)
{
	uint32_t columns = CHECK_OWN_COLUMNS;
	for (uint32_t c = 1; table->kind == TALLY_SERIES && c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG && catalog_is_number(&table->columns[c]))
			columns += schema_n_parts(&table->columns[c]);
	uint32_t head = CHECK_HEADER_BYTES + (columns + 7) / 8;
	uint32_t bytes = (head + 7) / 8 * 8 + 8 * columns;
	if (bytes <= CHECK_ROW_BYTES)
		return 0;
	return tally_fail(ctx, EINVAL,
			  "table %s: a row of its rollups would take %u bytes, more than the %d of "
			  "a page: it can have 142 counters, or 199 other numbers",
			  table->name, bytes, CHECK_ROW_BYTES);
}

int schema_check_form(struct tally_ctx *ctx, const struct tally_table *table)
{
	if (!check_is_name(table->name))
		return tally_fail(ctx, EINVAL, "\"%.60s\" is not a valid table name",
				  table->name ? table->name : "");
	int r = catalog_check(ctx, table);
	for (uint32_t c = 0; r == 0 && c < table->n_columns; c++)
		if (!check_is_name(table->columns[c].name))
			r = tally_fail(ctx, EINVAL, "table %s: column %u has an invalid name",
				       table->name, c);
	return r;
}

int schema_check(struct tally_ctx *ctx, const struct tally_table *table)
{
	int r = schema_check_form(ctx, table);
	if (r == 0 && strlen(table->name) > CHECK_TABLE_BYTES)
		r = tally_fail(ctx, EINVAL, "table %s: its name is longer than %d bytes",
			       table->name, CHECK_TABLE_BYTES);
	return r == 0 ? check_rollup(ctx, table) : r;
}
