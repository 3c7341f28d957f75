/*
 * `PRAGMA data_version` in the snapshot says whether they are still true: its value is another one
 * once anybody else has committed anything, also another process (SQLite, PRAGMA data_version).
 * It is the same comparison by which SQLite keeps or drops the pages that it has in memory.
 */
#include "read/table_facts.h"

#include "database.h"
#include "maintenance/watermarks.h"
#include "packed/packed_file.h"
#include "read/readers.h"

static int table_facts_read_watermarks(struct reader *reader, struct watermarks *ret)
{
	sqlite3_stmt *row = reader_borrow(reader, STATEMENT_WATERMARKS);
	int r = 0;
	if (!row) {
		sqlite3_str *sql = sqlite3_str_new(reader->db);
		watermarks_append(sql, reader->of_table.table->table.name);
		r = reader_prepare(reader, STATEMENT_WATERMARKS, sql, &row);
	}
	return r < 0 ? r : watermarks_read(reader->ctx, row, ret);
}

static int table_facts_read_packed_to(struct reader *reader, int64_t *ret)
{
	const struct stored_table *stored = reader->of_table.table;
	*ret = INT64_MIN;
	if (!packed_can(stored) || !packed_exists(reader->db, stored->table.name))
		return 0;
	sqlite3_stmt *to = reader_borrow(reader, STATEMENT_PACKED_TO);
	int r = 0;
	if (!to) {
		sqlite3_str *sql = sqlite3_str_new(reader->db);
		packed_append_to(sql, stored->table.name);
		r = reader_prepare(reader, STATEMENT_PACKED_TO, sql, &to);
	}
	if (r == 0)
		r = database_step(reader->ctx, to);
	if (r > 0) {
		*ret = sqlite3_column_int64(to, 0);
		sqlite3_reset(to);
	}
	return r < 0 ? r : 0;
}

/* Watermarks first: a statement finds out whether the connection's schema is that of the snapshot,
 * and only then packed_exists() says what is there now. */
static int table_facts_read(struct reader *reader, struct table_facts *ret)
{
	int r = table_facts_read_watermarks(reader, &ret->watermarks);
	return r < 0 ? r : table_facts_read_packed_to(reader, &ret->packed_to);
}

int table_facts_find(struct reader *reader, const struct table_facts **ret)
{
	const struct stored_table *table = reader->of_table.table;
	struct table_facts *facts = NULL;
	for (int i = 0; i < READER_FACTS && !facts; i++)
		if (reader->facts[i].table == table)
			facts = &reader->facts[i];
	if (!facts)
		facts = &reader->facts[reader->next_facts++ % READER_FACTS];
	if (facts->table != table || facts->version != reader->version) {
		facts->table = NULL; /* until they are all there */
		int r = table_facts_read(reader, facts);
		if (r < 0)
			return r;
		facts->table = table;
		facts->version = reader->version;
	}
	*ret = facts;
	return 0;
}
