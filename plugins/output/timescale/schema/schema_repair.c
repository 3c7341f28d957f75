/*
 * Somebody dropped a table or a column that the catalog has: find what is missing → recreate it,
 * empty → note since when rows are complete, and what has to be rolled up again → log it.  One
 * transaction, in which nobody writes rows.  What identifies rows, or the series they belong to,
 * cannot be recreated; then everything stays as it is, and so do the rows that wait to be written.
 *
 * schema.c calls this when a write failed with 42P01, 42703 or 3F000, on the thread that writes;
 * the maintenance likewise on its own, tallyd db migrate for all tables.
 */
#include <errno.h>
#include <string.h>

#include "maintenance/watermarks.h"
#include "schema/migration.h"
#include "schema/schema_sql.h"
#include "store.h"

static int repair_look(struct pg_connection *pg, const struct stored_table *stored, PGresult **ret)
{
	auto_strbuf struct strbuf sql = {0};
	schema_sql_lacks(&sql, stored);
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	return pg_query(pg, sql.data, NULL, ret);
}

static const char *repair_suffix(const PGresult *lacks, int row)
{
	return PQgetvalue(lacks, row, 0);
}

static const char *repair_column(const PGresult *lacks, int row)
{
	return PQgetvalue(lacks, row, 1);
}

static const char *repair_type(const PGresult *lacks, int row)
{
	return PQgetvalue(lacks, row, 2);
}

static bool repair_is_relation(const PGresult *lacks, int row)
{
	return !repair_column(lacks, row)[0];
}

static void repair_list(const struct stored_table *stored, const PGresult *lacks, char *ret,
			size_t size)
{
	size_t len = 0;
	ret[0] = '\0';
	for (int row = 0; row < PQntuples(lacks) && len < size; row++)
		len += (size_t)snprintf(ret + len, size - len, "%stally.%s%s%s%s", row ? ", " : "",
					stored->table.name, repair_suffix(lacks, row),
					repair_is_relation(lacks, row) ? "" : ".",
					repair_column(lacks, row));
}

int schema_missing(struct pg_connection *pg, const struct stored_table *stored, char *ret,
		   size_t size)
{
	auto_result PGresult *lacks = NULL;
	int r = repair_look(pg, stored, &lacks);
	if (r == 0)
		repair_list(stored, lacks, ret, size);
	return r;
}

/* ---- Making ------------------------------------------------------------------- */

/* Columns of the key; and the series, if there is anything that refers to them. */
static bool repair_is_possible(const struct stored_table *stored, const PGresult *lacks)
{
	/* Of those the table consists of: what is left counts down to 0 when all of them are gone.
	 */
	int relations = stored->table.kind == TALLY_STATE ? 1
			: stored->n_numbers               ? 1 + N_LEVELS
							  : 2;
	bool series = false;
	for (int row = 0; row < PQntuples(lacks); row++) {
		relations -= repair_is_relation(lacks, row);
		series = series || strcmp(repair_suffix(lacks, row), "_series") == 0;
		if (!repair_is_relation(lacks, row) && !repair_type(lacks, row)[0])
			return false;
	}
	return !series || relations == 0;
}

/* Rows are complete from now on; a rollup is rebuilt from what the level below still has. */
static int repair_mark(struct pg_connection *pg, const struct schema_where *where,
		       const char *table, enum schema_level level)
{
	if (level == LEVEL_ROWS)
		return watermarks_set_kept_from(pg, table, level, where->now);
	return pg_execf(
		pg,
		"delete from tally.marks where \"table\" = '%s' and level = %d; insert into "
		"tally.marks (\"table\", level, kept_from) select \"table\", %d, kept_from "
		"from tally.marks where \"table\" = '%s' and level = %d",
		table, watermarks_numbers[level], watermarks_numbers[level], table,
		watermarks_numbers[level - 1]);
}

static int repair_marks(struct pg_connection *pg, const struct schema_where *where,
			const struct stored_table *stored, const PGresult *lacks)
{
	int r = 0;
	for (int level = LEVEL_ROWS; level < N_LEVELS; level++) {
		bool lacking = false;
		for (int row = 0; row < PQntuples(lacks); row++)
			lacking = lacking || schema_sql_level(repair_suffix(lacks, row)) ==
						     (enum schema_level)level;
		if (r == 0 && lacking && stored->table.kind != TALLY_STATE)
			r = repair_mark(pg, where, stored->table.name, (enum schema_level)level);
	}
	return r;
}

static int repair_make(struct pg_connection *pg, const struct schema_where *where,
		       const struct stored_table *stored, const PGresult *lacks)
{
	auto_strbuf struct strbuf sql = {0};
	for (int row = 0; row < PQntuples(lacks); row++) {
		const char *suffix = repair_suffix(lacks, row);
		if (repair_is_relation(lacks, row))
			schema_sql_relation(&sql, where, stored, suffix);
		else
			strbuf_add(&sql, "select tally.add_rollup_column('%s%s', '%s', '%s');",
				   stored->table.name, suffix, repair_column(lacks, row),
				   repair_type(lacks, row));
		/* Numbers begin at 1 again, and caches of all daemons hold the old ones.  A
		 * generation that a clock has moved is new even if tally.generation itself was
		 * dropped. */
		if (strcmp(suffix, "_series") == 0)
			strbuf_add(&sql,
				   "update tally.generation set series = greatest(series + 1, "
				   "(date_part('epoch', clock_timestamp()) * 1e6)::bigint);");
	}
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_exec(pg, sql.data);
	if (r == 0)
		r = repair_marks(pg, where, stored, lacks);
	if (r == 0)
		r = schema_store_table(pg, &stored->table);
	if (r == 0)
		r = schema_views_make(pg, where, stored);
	return r < 0 ? r : 0;
}

/* ---- All of it ---------------------------------------------------------------- */

static int repair_in_transaction(struct pg_connection *pg, const struct schema_where *where,
				 const struct stored_table *stored, char *dropped, size_t size)
{
	auto_result PGresult *lacks = NULL;
	int r = pg_execf(pg,
			 /* The table's own lock, then that of the series, which every transaction
			  * with rows holds shared: alone with it, nobody is writing. */
			 "begin; set local lock_timeout = '5s'; select "
			 "pg_advisory_xact_lock(1952541804, hashtext('%s')); select "
			 "pg_advisory_xact_lock(1952541804, 3)",
			 stored->table.name);
	if (r == 0)
		r = repair_look(pg, stored, &lacks);
	if (r < 0)
		return r;
	repair_list(stored, lacks, dropped, size);
	if (!repair_is_possible(stored, lacks))
		return tally_fail(pg->ctx, EPROTO,
				  "table %s: somebody dropped %s, which cannot be recreated beside "
				  "what is left: restore it, or drop the rest of the table too",
				  stored->table.name, dropped);
	if (dropped[0])
		r = repair_make(pg, where, stored, lacks);
	return r == 0 ? pg_exec(pg, "commit") : r;
}

static int repair_refuse(struct pg_connection *pg, const struct stored_table *stored)
{
	char dropped[200];
	int r = schema_missing(pg, stored, dropped, sizeof(dropped));
	if (r < 0 || !dropped[0])
		return r;
	return tally_fail(
		pg->ctx, ENOENT,
		"table %s: somebody dropped %s, and migrate = check: run tallyd db migrate",
		stored->table.name, dropped);
}

int schema_repair(struct pg_connection *pg, const struct schema_where *where,
		  const struct stored_table *stored)
{
	char dropped[200];
	int r = where->make ? migration_run(pg, migrations, NULL) : 0;
	if (r < 0 || !stored)
		return r;
	if (!where->make)
		return repair_refuse(pg, stored);
	r = repair_in_transaction(pg, where, stored, dropped, sizeof(dropped));
	if (r < 0) {
		pg_rollback(pg);
	} else if (dropped[0]) {
		tally_count(pg->ctx, METRIC_TABLES_REPAIRED, 1);
		tally_log(pg->ctx, TALLY_ERROR,
			  "table %s: somebody dropped %s: recreated, but its rows are lost",
			  stored->table.name, dropped);
	}
	return r;
}
