/*
 * A file whose rows were never packed has none of it, and pays for nothing but a look for a name.
 * Called by maintenance, which packs, and by all that read a table's rows.
 */
#include "packed/packed_file.h"

#include <errno.h>

#include "database.h"
#include "packed/packed_module.h"

bool packed_can(const struct stored_table *stored)
{
	return stored->table.kind == TALLY_SERIES && stored->n_numbers > 0 && !stored->order;
}

bool packed_exists(sqlite3 *db, const char *table)
{
	auto_text char *name = sqlite3_mprintf("%s_chunks", table);
	return name && sqlite3_table_column_metadata(db, "main", name, NULL, NULL, NULL, NULL, NULL,
						     NULL) == SQLITE_OK;
}

const char *packed_suffix(sqlite3 *db, const char *table)
{
	return packed_exists(db, table) ? "_all" : "_rows";
}

int packed_create_all(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	return database_execf(ctx, db,
			      "DROP TABLE IF EXISTS \"%w_all\"; CREATE VIRTUAL TABLE \"%w_all\" "
			      "USING " PACKED_MODULE "(\"%w\")",
			      stored->table.name, stored->table.name, stored->table.name);
}

int packed_create(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const char *table = stored->table.name;
	/* With a rowid, and what is searched for in an index: so no search touches the blobs. */
	int r = database_execf(ctx, db,
			       "CREATE TABLE \"%w_chunks\" (id INTEGER PRIMARY KEY, _series "
			       "INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, "
			       "rows INTEGER NOT NULL, data BLOB NOT NULL); CREATE UNIQUE INDEX "
			       "\"%w_chunks_key\" ON \"%w_chunks\" (_series, first, last, rows)",
			       table, table, table);
	return r == 0 ? packed_create_all(ctx, db, stored) : r;
}

void packed_append_to(sqlite3_str *sql, const char *table)
{
	sqlite3_str_appendf(sql, "SELECT packed_to FROM tally_packed WHERE \"table\" = %Q", table);
}

int packed_load_to(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t *ret)
{
	sqlite3_str *text = sqlite3_str_new(db);
	packed_append_to(text, table);
	auto_text char *sql = sqlite3_str_finish(text);
	*ret = INT64_MIN;
	return sql ? database_int(ctx, db, sql, ret) : tally_fail(ctx, ENOMEM, "no memory");
}

int packed_set_to(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t time)
{
	return database_execf(ctx, db,
			      "INSERT INTO tally_packed VALUES (%Q, %lld) ON CONFLICT DO UPDATE "
			      "SET packed_to = max(packed_to, excluded.packed_to)",
			      table, (long long)time);
}
