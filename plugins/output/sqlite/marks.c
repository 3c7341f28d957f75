/* One row of tally_rollups per table and level. */
#include "marks.h"

#include "database.h"

int marks_load(struct tally_ctx *ctx, sqlite3 *db, const char *table, struct marks *ret)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_preparef(ctx, db, &row,
				  "SELECT level, rolled_to, kept_from FROM tally_rollups WHERE "
				  "\"table\" = %Q AND level BETWEEN 0 AND %d",
				  table, N_LEVELS - 1);
	if (r < 0)
		return r;
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

int marks_set_rolled_to(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			enum schema_level level, int64_t time)
{
	return database_execf(ctx, db,
			      "INSERT INTO tally_rollups (\"table\", level, rolled_to) VALUES (%Q, "
			      "%d, %lld) ON CONFLICT DO UPDATE SET rolled_to = excluded.rolled_to",
			      table, level, (long long)time);
}

int marks_set_kept_from(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			enum schema_level level, int64_t time)
{
	return database_execf(ctx, db,
			      "INSERT INTO tally_rollups (\"table\", level, kept_from) VALUES (%Q, "
			      "%d, %lld) ON CONFLICT DO UPDATE SET kept_from = "
			      "max(excluded.kept_from, ifnull(kept_from, excluded.kept_from))",
			      table, level, (long long)time);
}
