/*
 * Declared table → DDL.  A table that is not in the catalog is created; one that is there is
 * compared, and columns that were appended to its declaration are added to the file.  Called by
 * the writer for each table that it meets, in the store's turn.  What can fail is the file, or a
 * name that something else in it has.
 *
 * Names stand in the text of these statements, since SQL has no parameters for them; %w quotes
 * them, whatever they hold.
 */
#include "schema/catalog_file.h"
#include "schema/schema.h"

#include <errno.h>
#include <string.h>

#include "database.h"
#include "packed/packed_file.h"
#include "schema/rollup_columns.h"
#include "store/column_fill.h"

struct schema_complete {
	struct tally_ctx *ctx;
	struct catalog *catalog;
	sqlite3 *db;
};

static const char *schema_type(const struct tally_column *column)
{
	switch (column->type) {
	case TALLY_REAL:
		return "REAL";
	case TALLY_TEXT:
	case TALLY_JSON:
		return "TEXT";
	default:
		return "INTEGER";
	}
}

/* ---- DDL ------------------------------------------------------------------ */

/* A dictionary of tag sets for SERIES and LOG; of a table without tags it has one row. */
static int schema_create_series(struct tally_ctx *ctx, sqlite3 *db,
				const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql, "CREATE TABLE \"%w_series\" (_series INTEGER PRIMARY KEY",
			    table->name);
	for (uint32_t i = 0; i < stored->n_tags; i++) {
		const struct tally_column *tag = &table->columns[stored->tags[i]];
		sqlite3_str_appendf(sql, ", \"%w\" %s", tag->name, schema_type(tag));
	}
	sqlite3_str_appendf(sql, ");");
	if (stored->n_tags == 0)
		sqlite3_str_appendf(sql, "INSERT INTO \"%w_series\" VALUES (1);", table->name);
	return database_exec_text(ctx, db, sql);
}

/* One row per series and time, so a row that is offered again finds its key taken. */
static int schema_create_rows(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql, "CREATE TABLE \"%w_rows\" (_series INTEGER NOT NULL", table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			sqlite3_str_appendf(sql, ", \"%w\" %s", table->columns[c].name,
					    schema_type(&table->columns[c]));
	sqlite3_str_appendf(sql, ", PRIMARY KEY (_series, \"%w\"", table->columns[0].name);
	if (stored->order)
		sqlite3_str_appendf(sql, ", \"%w\"", table->columns[stored->order].name);
	/* The rows are the index: those of a series lie together in order of time.  Measured with
	 * six million rows: 24 h of one container in 1.6 ms instead of 10.4 with a rowid and an
	 * index, in three quarters of the room, at the same speed of inserts. */
	sqlite3_str_appendf(sql, ")) WITHOUT ROWID");
	return database_exec_text(ctx, db, sql);
}

/* With a rowid: a state row is updated in place, and found by the unique index over its tags. */
static int schema_create_state(struct tally_ctx *ctx, sqlite3 *db,
			       const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql, "CREATE TABLE \"%w\" (", table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		sqlite3_str_appendf(sql, "%s\"%w\" %s", c ? ", " : "", table->columns[c].name,
				    schema_type(&table->columns[c]));
	sqlite3_str_appendf(sql, ")");
	return database_exec_text(ctx, db, sql);
}

/* Counts and spans are integers, whatever the column is. */
static const char *schema_part_type(const struct tally_column *column, uint32_t part)
{
	return part == PART_COUNT || part == PART_SPAN ? "INTEGER" : schema_type(column);
}

/* `newest` is the time of the newest row in a bucket, for the last value over several buckets;
 * `rows` shows when a bucket that is computed again would be made of fewer rows: then it stays as
 * it was. */
static int schema_create_rollup(struct tally_ctx *ctx, sqlite3 *db,
				const struct stored_table *stored, enum schema_level level)
{
	const struct tally_table *table = &stored->table;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql,
			    "CREATE TABLE \"%w%s_rows\" (_series INTEGER NOT NULL, time INTEGER "
			    "NOT NULL, newest INTEGER NOT NULL, rows INTEGER NOT NULL",
			    table->name, schema_levels[level].suffix);
	for (uint32_t i = 0; i < stored->n_numbers; i++) {
		const struct tally_column *column = &table->columns[stored->numbers[i]];
		for (uint32_t part = 0; part < schema_n_parts(column); part++)
			sqlite3_str_appendf(sql, ", \"%w_%s\" %s", column->name, schema_parts[part],
					    schema_part_type(column, part));
	}
	sqlite3_str_appendf(sql, ", PRIMARY KEY (_series, time)) WITHOUT ROWID");
	return database_exec_text(ctx, db, sql);
}

/* An index over expressions, since a plain one would take two NULLs for different. */
static int schema_index(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	const char *suffix = table->kind == TALLY_STATE ? "" : "_series";
	if (stored->n_tags == 0)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql,
			    "DROP INDEX IF EXISTS \"%w%s_key\"; "
			    "CREATE UNIQUE INDEX \"%w%s_key\" ON \"%w%s\" (",
			    table->name, suffix, table->name, suffix, table->name, suffix);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%s" SCHEMA_KEY, i ? ", " : "", "",
				    table->columns[stored->tags[i]].name);
	sqlite3_str_appendf(sql, ")");
	return database_exec_text(ctx, db, sql);
}

/* Behind what is looked for the other tags, so that what is found is in the order of the key. */
static void schema_append_tags(sqlite3_str *sql, const struct stored_table *stored, int but)
{
	for (uint32_t i = 0; i < stored->n_tags; i++)
		if (stored->tags[i] != but)
			sqlite3_str_appendf(sql, ", " SCHEMA_KEY, "",
					    stored->table.columns[stored->tags[i]].name);
	sqlite3_str_appendall(sql, ")");
}

/* What a state table is about is looked for by its name, among all that are gone as well. */
static int schema_index_name(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	int name = catalog_column(table, "name");
	if (table->kind != TALLY_STATE || name < 0 || table->columns[name].type != TALLY_TEXT)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(db);
	/* Of the name alone, as older versions made it. */
	sqlite3_str_appendf(sql,
			    "DROP INDEX IF EXISTS \"tally_name_%w\"; CREATE INDEX IF NOT EXISTS "
			    "\"tally_names_%w\" ON \"%w\" (name",
			    table->name, table->name, table->name);
	schema_append_tags(sql, stored, name);
	return database_exec_text(ctx, db, sql);
}

/* Readings and lines are asked for by the container, of which there are many that are gone. */
static int schema_index_id(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	int id = catalog_column(table, "container_id");
	if (table->kind == TALLY_STATE || id < 0 || table->columns[id].role != TALLY_TAG)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql,
			    "CREATE INDEX IF NOT EXISTS \"tally_id_%w\" ON \"%w_series\" "
			    "(" SCHEMA_KEY,
			    table->name, table->name, "", table->columns[id].name);
	schema_append_tags(sql, stored, id);
	return database_exec_text(ctx, db, sql);
}

static int schema_index_more(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	int r = schema_index_name(ctx, db, stored);
	return r == 0 ? schema_index_id(ctx, db, stored) : r;
}

/* For people with sqlite3 in hand, and for the contract that tables go by their declared names;
 * queries of the store read the tables below. */
int schema_show(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const struct tally_table *table = &stored->table;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql, "DROP VIEW IF EXISTS \"%w\"; CREATE VIEW \"%w\" AS SELECT ",
			    table->name, table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		sqlite3_str_appendf(sql, "%s%s.\"%w\"", c ? ", " : "",
				    table->columns[c].role == TALLY_TAG ? "s" : "r",
				    table->columns[c].name);
	sqlite3_str_appendf(sql, " FROM \"%w%s\" r JOIN \"%w_series\" s USING (_series)",
			    table->name, packed_suffix(db, table->name), table->name);
	return database_exec_text(ctx, db, sql);
}

static int schema_rollup_view(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
			      enum schema_level level)
{
	const struct tally_table *table = &stored->table;
	const char *suffix = schema_levels[level].suffix;
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_str_appendf(sql,
			    "DROP VIEW IF EXISTS \"%w%s\"; CREATE VIEW \"%w%s\" AS SELECT "
			    "r.time, r.newest, r.rows",
			    table->name, suffix, table->name, suffix);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, ", s.\"%w\"", table->columns[stored->tags[i]].name);
	for (uint32_t i = 0; i < stored->n_numbers; i++) {
		const struct tally_column *column = &table->columns[stored->numbers[i]];
		for (uint32_t part = 0; part < schema_n_parts(column); part++) {
			sqlite3_str_appendf(sql, ", ");
			rollup_columns_append_plain(sql, column, (enum schema_part)part);
		}
	}
	sqlite3_str_appendf(sql, " FROM \"%w%s_rows\" r JOIN \"%w_series\" s USING (_series)",
			    table->name, suffix, table->name);
	return database_exec_text(ctx, db, sql);
}

/* Objects that depend on all columns: dropped and created again whenever a column is added. */
static int schema_derive(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	int r = schema_index(ctx, db, stored);
	if (r == 0)
		r = schema_index_more(ctx, db, stored);
	if (r == 0 && packed_exists(db, stored->table.name))
		r = packed_create_all(ctx, db, stored);
	if (r == 0 && stored->table.kind != TALLY_STATE)
		r = schema_show(ctx, db, stored);
	for (int level = LEVEL_MINUTE; r == 0 && stored->n_numbers && level < N_LEVELS; level++)
		r = schema_rollup_view(ctx, db, stored, (enum schema_level)level);
	return r;
}

static int schema_create_rollups(struct tally_ctx *ctx, sqlite3 *db,
				 const struct stored_table *stored)
{
	int r = 0;
	for (int level = LEVEL_MINUTE; r == 0 && level < N_LEVELS; level++)
		r = schema_create_rollup(ctx, db, stored, (enum schema_level)level);
	return r;
}

static int schema_create(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	int r;
	if (stored->table.kind == TALLY_STATE) {
		r = schema_create_state(ctx, db, stored);
	} else {
		r = schema_create_series(ctx, db, stored);
		if (r == 0)
			r = schema_create_rows(ctx, db, stored);
	}
	if (r == 0 && stored->n_numbers)
		r = schema_create_rollups(ctx, db, stored);
	return r;
}

/* Creates what files of older versions do not have: the level of five minutes, indexes. */
static int schema_complete_table(void *arg, const struct tally_table *table)
{
	const struct schema_complete *complete = arg;
	const struct stored_table *stored = catalog_find(complete->catalog, table->name);
	int64_t there = 0;
	int r = schema_index_more(complete->ctx, complete->db, stored);
	if (r < 0 || !stored->n_numbers)
		return r;
	auto_text char *sql =
		sqlite3_mprintf("SELECT count(*) FROM sqlite_master WHERE name = '%q%s_rows'",
				table->name, schema_levels[LEVEL_FIVE].suffix);
	r = sql ? database_int(complete->ctx, complete->db, sql, &there)
		: tally_fail(complete->ctx, ENOMEM, "no memory");
	if (r == 0 && !there)
		r = schema_create_rollup(complete->ctx, complete->db, stored, LEVEL_FIVE);
	if (r == 0 && !there)
		r = schema_derive(complete->ctx, complete->db, stored);
	return r;
}

int schema_complete(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db)
{
	struct schema_complete complete = {ctx, catalog, db};
	int r = database_begin(ctx, db);
	if (r == 0)
		r = database_end(ctx, db, catalog_each(catalog, schema_complete_table, &complete));
	return r;
}

/* ---- Columns that were added ------------------------------------------------ */

static int schema_add_column(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *old,
			     const struct tally_column *column)
{
	const struct tally_table *table = &old->table;
	const char *suffix = column->role == TALLY_TAG ? "_series" : "_rows";
	if (table->kind == TALLY_STATE)
		suffix = "";
	int r = database_execf(ctx, db, "ALTER TABLE \"%w%s\" ADD COLUMN \"%w\" %s", table->name,
			       suffix, column->name, schema_type(column));
	const char *fill = column_fill(table->name, column->name, COLUMN_FILL_SQLITE);
	if (r == 0 && fill && table->kind == TALLY_STATE)
		r = database_execf(ctx, db, "UPDATE \"%w\" SET \"%w\" = %s", table->name,
				   column->name, fill);
	bool number = table->kind == TALLY_SERIES && column->role != TALLY_TAG &&
		      catalog_is_number(column);
	/* Else the rollups are created with all their columns when the last one is there. */
	if (!number || !old->n_numbers)
		return r;
	for (int level = LEVEL_MINUTE; level < N_LEVELS; level++)
		for (uint32_t part = 0; r == 0 && part < schema_n_parts(column); part++)
			r = database_execf(ctx, db,
					   "ALTER TABLE \"%w%s_rows\" ADD COLUMN \"%w_%s\" %s",
					   table->name, schema_levels[level].suffix, column->name,
					   schema_parts[part], schema_part_type(column, part));
	return r;
}

static int schema_grow(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *old,
		       const struct stored_table *grown)
{
	int r = 0;
	for (uint32_t c = old->table.n_columns; r == 0 && c < grown->table.n_columns; c++)
		r = schema_add_column(ctx, db, old, &grown->table.columns[c]);
	if (r == 0 && grown->n_numbers && !old->n_numbers)
		r = schema_create_rollups(ctx, db, grown);
	return r;
}

/* ---- Comparing -------------------------------------------------------------- */

/* Puts a table, of which old (NULL: nothing) has only a part, into the file. */
static int schema_write(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *old,
			const struct stored_table *stored)
{
	int r = old ? schema_grow(ctx, db, old, stored) : schema_create(ctx, db, stored);
	if (r == 0)
		r = schema_derive(ctx, db, stored);
	/* SQLite has one error code for all that is wrong with a statement; only its text says that
	 * a name is taken by something that is not a table of ours. */
	if (r < 0 && sqlite3_errcode(db) == SQLITE_ERROR && strstr(sqlite3_errmsg(db), "already"))
		return tally_fail(ctx, EINVAL,
				  "table %s: the file already has something else of a name it "
				  "needs: %s",
				  stored->table.name, sqlite3_errmsg(db));
	return r < 0 ? r : catalog_store(ctx, db, &stored->table);
}

int schema_ensure(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db,
		  const struct tally_table *table, const struct stored_table **ret_stored)
{
	const struct stored_table *old = catalog_find(catalog, table->name);
	int r = catalog_check(ctx, table);
	if (r == 0)
		r = old ? catalog_check_same(ctx, &old->table, table)
			: catalog_check_names(ctx, table);
	if (r < 0)
		return r;
	bool grows = old && table->n_columns > old->table.n_columns;
	if (old && !grows && !catalog_lacks_flags(&old->table, table)) {
		*ret_stored = old;
		return 0;
	}
	struct stored_table *stored = catalog_copy(old && !grows ? &old->table : table);
	if (!stored)
		return tally_fail(ctx, ENOMEM, "no memory");
	stored->table.flags |= table->flags | (old ? old->table.flags : 0);
	r = database_begin(ctx, db);
	if (r == 0)
		r = database_end(ctx, db, schema_write(ctx, db, old, stored));
	if (r < 0) {
		catalog_free(stored);
		return r;
	}
	/* Last: a declaration is known only once its columns are committed. */
	catalog_add(catalog, stored);
	*ret_stored = stored;
	return 0;
}
