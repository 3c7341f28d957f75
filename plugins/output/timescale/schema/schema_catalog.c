/*
 * tally.tables and tally.columns into a catalog, and a declaration into them.  The whole catalog is
 * read at start, once per round of the maintenance and when a query has an unknown name (at most
 * once a second), each time over the caller's own connection; one table is read and stored under
 * its advisory lock by schema_ensure().  What somebody has changed there by hand is checked like a
 * declaration: names become part of statements.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pg/pg_value.h"
#include "schema/schema.h"

static const char *const catalog_kinds[] = {"", "series", "state", "log", NULL};
static const char *const catalog_types[] = {"",     "time", "int",  "real",
					    "bool", "text", "json", NULL};
static const char *const catalog_roles[] = {"field", "tag", "counter", "gone", "order", NULL};

/* What the CHECKs let through is in the list. */
static uint16_t catalog_word(const PGresult *result, int row, int column, const char *const *words)
{
	for (uint16_t i = 0; words[i]; i++)
		if (strcmp(PQgetvalue(result, row, column), words[i]) == 0)
			return i;
	return 0;
}

static const char *catalog_text(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

/* The columns of the table whose first one stands in row; ret_next: the row after its last.
 * -EINVAL: there can be no such table. */
static int catalog_read(struct tally_ctx *ctx, const PGresult *result, int row, int *ret_next,
			struct stored_table **ret)
{
	struct tally_column columns[CATALOG_MAX_COLUMNS];
	struct tally_table table = {.name = PQgetvalue(result, row, 0),
				    .kind = catalog_word(result, row, 1, catalog_kinds),
				    .revision = (uint32_t)pg_get_32(PQgetvalue(result, row, 2)),
				    .help = catalog_text(result, row, 3),
				    .flags = (uint32_t)pg_get_32(PQgetvalue(result, row, 9)),
				    .columns = columns};
	for (; row < PQntuples(result) && strcmp(PQgetvalue(result, row, 0), table.name) == 0;
	     row++)
		if (table.n_columns < CATALOG_MAX_COLUMNS)
			columns[table.n_columns++] = (struct tally_column){
				.name = PQgetvalue(result, row, 4),
				.type = catalog_word(result, row, 5, catalog_types),
				.role = catalog_word(result, row, 6, catalog_roles),
				.unit = catalog_text(result, row, 7),
				.help = catalog_text(result, row, 8)};
	*ret_next = row;
	int r = schema_check_form(ctx, &table);
	if (r < 0)
		return r;
	*ret = catalog_copy(&table);
	return *ret ? 0 : tally_fail(ctx, ENOMEM, "no memory");
}

/* NULL: all tables.  One statement, so that a table which another daemon makes meanwhile is there
 * with all of its columns or not at all. */
static int catalog_query(struct pg_connection *pg, const char *name, PGresult **ret)
{
	const Oid types[] = {PG_TEXT};
	const char *values[] = {name};
	const int lengths[] = {name ? (int)strlen(name) : 0};
	const struct pg_params params = {1, types, values, lengths};
	return pg_query(
		pg,
		"select t.name, t.kind, t.revision, t.help, c.name, c.type, c.role, "
		"c.unit, c.help, t.flags from tally.tables t join tally.columns c on c.\"table\" = "
		"t.name where $1 is null or t.name = $1 order by t.name, c.position",
		&params, ret);
}

int schema_load_table(struct pg_connection *pg, const char *name, struct stored_table **ret)
{
	auto_result PGresult *result = NULL;
	int r = catalog_query(pg, name, &result);
	if (r < 0)
		return r;
	if (PQntuples(result) == 0) {
		*ret = NULL;
		return 0;
	}
	int next = 0;
	r = catalog_read(pg->ctx, result, 0, &next, ret);
	if (r != -EINVAL)
		return r;
	char why[200];
	snprintf(why, sizeof(why), "%s", tally_reason(pg->ctx));
	return tally_fail(pg->ctx, EPROTO, "tally.tables or tally.columns was changed by hand: %s",
			  why);
}

/* An entry is added only if it says more than the one that is there. */
static void catalog_take(struct catalog *catalog, struct stored_table *stored)
{
	const struct stored_table *old = catalog_find(catalog, stored->table.name);
	if (old && old->table.n_columns >= stored->table.n_columns &&
	    !catalog_lacks_flags(&old->table, &stored->table))
		catalog_free(stored);
	else
		catalog_add(catalog, stored);
}

int schema_load_catalog(struct pg_connection *pg, struct catalog *catalog)
{
	auto_result PGresult *result = NULL;
	int r = catalog_query(pg, NULL, &result);
	for (int row = 0; r == 0 && row < PQntuples(result);) {
		struct stored_table *stored = NULL;
		const char *name = PQgetvalue(result, row, 0);
		r = catalog_read(pg->ctx, result, row, &row, &stored);
		if (r == 0)
			catalog_take(catalog, stored);
		else if (r == -EINVAL && catalog_refuse(catalog, name))
			tally_log(pg->ctx, TALLY_ERROR,
				  "tally.tables or tally.columns was changed by hand: %s; what is "
				  "not a table is left alone",
				  tally_reason(pg->ctx));
		r = r == -EINVAL ? 0 : r;
	}
	return r;
}

static int catalog_insert(struct pg_connection *pg, const char *sql, const char *const *texts,
			  int n)
{
	Oid types[8];
	int lengths[8];
	auto_result PGresult *result = NULL;
	for (int i = 0; i < n; i++) {
		types[i] = PG_TEXT;
		lengths[i] = texts[i] ? (int)strlen(texts[i]) : 0;
	}
	const struct pg_params params = {n, types, texts, lengths};
	return pg_query(pg, sql, &params, &result);
}

int schema_store_table(struct pg_connection *pg, const struct tally_table *table)
{
	char revision[16], flags[16];
	snprintf(revision, sizeof(revision), "%u", table->revision);
	snprintf(flags, sizeof(flags), "%u", table->flags);
	const char *texts[] = {table->name, catalog_kinds[table->kind], revision, table->help,
			       flags};
	int r = catalog_insert(pg,
			       "insert into tally.tables values ($1, $2, $3::int, $4, $5::int) on "
			       "conflict (name) do update set revision = excluded.revision, help = "
			       "excluded.help, flags = tables.flags | excluded.flags",
			       texts, 5);
	for (uint32_t c = 0; r == 0 && c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		char position[16];
		snprintf(position, sizeof(position), "%u", c);
		const char *values[] = {table->name,
					position,
					column->name,
					catalog_types[column->type],
					catalog_roles[column->role],
					column->unit,
					column->help};
		/* Name, type and role of a column never change. */
		r = catalog_insert(pg,
				   "insert into tally.columns values ($1, $2::int, $3, $4, $5, $6, "
				   "$7) on conflict (\"table\", position) do update set unit = "
				   "excluded.unit, help = excluded.help",
				   values, 7);
	}
	return r;
}
