/*
 * One row of tally_rollups per table and level.  Read by queries, each within its own snapshot, and
 * by maintenance; written by maintenance only, in the transaction that makes them true.  rolled_to
 * moves with the rollup, kept_from before the first row is deleted: whichever of the two is cut
 * short by a crash, a reader never counts a minute twice and never takes half a minute for a whole
 * one.
 */
#include "maintenance/watermarks.h"

#include <errno.h>

#include "database.h"
#include "store/log_lines.h"

/* The level becomes an index, and a newer version may have written more of them: hence BETWEEN. */
void watermarks_append(sqlite3_str *sql, const char *table)
{
	sqlite3_str_appendf(sql,
			    "SELECT level, rolled_to, kept_from FROM tally_rollups WHERE \"table\" "
			    "= %Q AND level BETWEEN 0 AND %d",
			    table, N_LEVELS - 1);
}

int watermarks_read(struct tally_ctx *ctx, sqlite3_stmt *row, struct watermarks *ret)
{
	int r;
	for (int level = 0; level < N_LEVELS; level++)
		ret->rolled_to[level] = ret->kept_from[level] = INT64_MIN;
	while ((r = database_step(ctx, row)) > 0) {
		int level = sqlite3_column_int(row, 0);
		if (sqlite3_column_type(row, 1) != SQLITE_NULL)
			ret->rolled_to[level] = sqlite3_column_int64(row, 1);
		if (sqlite3_column_type(row, 2) != SQLITE_NULL)
			ret->kept_from[level] = sqlite3_column_int64(row, 2);
	}
	return r;
}

int watermarks_load(struct tally_ctx *ctx, sqlite3 *db, const char *table, struct watermarks *ret)
{
	auto_statement sqlite3_stmt *row = NULL;
	sqlite3_str *sql = sqlite3_str_new(db);
	watermarks_append(sql, table);
	int r = database_prepare_text(ctx, db, sql, &row);
	return r < 0 ? r : watermarks_read(ctx, row, ret);
}

int watermarks_set_rolled_to(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			     enum schema_level level, int64_t time)
{
	return database_execf(ctx, db,
			      "INSERT INTO tally_rollups (\"table\", level, rolled_to) VALUES (%Q, "
			      "%d, %lld) ON CONFLICT DO UPDATE SET rolled_to = excluded.rolled_to",
			      table, level, (long long)time);
}

int watermarks_set_kept_from(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			     enum schema_level level, int64_t time)
{
	return database_execf(ctx, db,
			      "INSERT INTO tally_rollups (\"table\", level, kept_from) VALUES (%Q, "
			      "%d, %lld) ON CONFLICT DO UPDATE SET kept_from = "
			      "max(excluded.kept_from, ifnull(kept_from, excluded.kept_from))",
			      table, level, (long long)time);
}

/* ---- Back to the present -------------------------------------------------------- */

/* All levels at once: none may be rolled up further than the one it is made of.  Without a minute a
 * level begins again with the first rows there are. */
static int watermarks_rewind_levels(struct tally_ctx *ctx, sqlite3 *db,
				    const struct stored_table *stored, int64_t now, int64_t closed)
{
	const char *table = stored->table.name;
	int64_t from = now;
	int r = 0;
	if (stored->n_numbers) {
		/* The newest minute that is rolled up and can be: perhaps not the whole of it. */
		auto_text char *sql = sqlite3_mprintf(
			"SELECT max((SELECT max(time) FROM \"%w%s_rows\" r WHERE r._series = "
			"s._series AND time < %lld)) FROM \"%w_series\" s",
			table, schema_levels[LEVEL_MINUTE].suffix, (long long)closed, table);
		from = INT64_MIN;
		r = sql ? database_int(ctx, db, sql, &from) : tally_fail(ctx, ENOMEM, "no memory");
	}
	for (int level = LEVEL_ROWS; r == 0 && level < N_LEVELS; level++) {
		int64_t bucket = level == LEVEL_ROWS ? 1 : schema_levels[level].bucket;
		int64_t to = schema_floor(from == INT64_MIN ? now : from, bucket);
		r = database_execf(
			ctx, db,
			"UPDATE tally_rollups SET rolled_to = CASE WHEN %d THEN min(rolled_to, "
			"%lld) END, kept_from = CASE WHEN kept_from > %lld THEN %lld ELSE "
			"kept_from END WHERE \"table\" = %Q AND level = %d",
			from != INT64_MIN, (long long)to, (long long)now, (long long)to, table,
			level);
	}
	/* Lines of a time that is not counted are not marked as late, so no block may stand for it:
	 * those of the log whose counts these are. */
	if (r == 0)
		r = database_execf(ctx, db,
				   "DELETE FROM tally_text WHERE \"table\" || '" LOG_LINES_SUFFIX
				   "' = %Q AND "
				   "\"to\" > ifnull((SELECT rolled_to FROM tally_rollups WHERE "
				   "\"table\" = %Q AND level = %d), \"from\")",
				   table, table, LEVEL_ROWS);
	return r;
}

int watermarks_rewind(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		      int64_t now, int64_t closed)
{
	struct watermarks watermarks;
	int r = watermarks_load(ctx, db, stored->table.name, &watermarks);
	if (r < 0 || !watermarks_lie_ahead(&watermarks, now))
		return r;
	tally_log(ctx, TALLY_WARNING,
		  "table %s is rolled up, or deleted, to a time that is still to come, by a clock "
		  "that was wrong: rolling it up again from its newest minute before now",
		  stored->table.name);
	r = database_begin(ctx, db);
	if (r == 0)
		r = database_end(ctx, db, watermarks_rewind_levels(ctx, db, stored, now, closed));
	return r < 0 ? r : 1;
}
