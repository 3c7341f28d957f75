/*
 * A row becomes: its tags → a series id (from memory, else the file, else a new one), one INSERT
 * that does nothing if the key is there, and, if its minute is rolled up already, a mark that
 * this minute has to be rolled up again.
 */
#include "write/writer_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "database.h"
#include "maintenance/watermarks.h"
#include "packed/packed_file.h"
#include "schema/schema.h"
#include "store/log_lines.h"
#include "store/store_clock.h"

/* On the stack; a longer set of tags is looked up in the file each time. */
enum { WRITER_KEY_SIZE = 4096 };
/* Per table, in a process that should stay small: some 40,000 series with 160 bytes of tags. */
#define WRITER_SERIES_BYTES ((size_t)8 << 20)

/* ---- Statements --------------------------------------------------------------- */

static void writer_table_columns(const struct writer_table *table, sqlite3_str *sql,
				 const char *format, const char *between)
{
	const struct tally_table *t = &table->stored->table;
	const char *before = "";
	for (uint32_t c = 0; c < t->n_columns; c++) {
		if (!table->parameter[c])
			continue;
		sqlite3_str_appendall(sql, before);
		sqlite3_str_appendf(sql, format, t->columns[c].name, t->columns[c].name);
		before = between;
	}
}

static int writer_table_prepare_insert(struct writer_table *table)
{
	const struct tally_table *t = &table->stored->table;
	bool state = t->kind == TALLY_STATE;
	sqlite3_str *sql = sqlite3_str_new(table->db);
	sqlite3_str_appendf(sql, "INSERT INTO \"%w%s\" (%s", t->name, state ? "" : "_rows",
			    state ? "" : "_series, ");
	writer_table_columns(table, sql, "\"%w\"", ", ");
	sqlite3_str_appendf(sql, ") VALUES (?1");
	uint32_t n = t->n_columns + (state ? 0 : 1 - table->stored->n_tags);
	for (uint32_t i = 2; i <= n; i++)
		sqlite3_str_appendf(sql, ", ?%u", i);
	sqlite3_str_appendf(sql, ") ON CONFLICT DO ");
	if (state) {
		sqlite3_str_appendf(sql, "UPDATE SET ");
		writer_table_columns(table, sql, "\"%w\" = excluded.\"%w\"", ", ");
		/* A newer row stays, unless it came from a clock that was wrong. */
		sqlite3_str_appendf(sql,
				    " WHERE excluded.\"%w\" >= \"%w\".\"%w\" OR \"%w\".\"%w\" > "
				    "?%u",
				    t->columns[0].name, t->name, t->columns[0].name, t->name,
				    t->columns[0].name, n + 1);
	} else {
		sqlite3_str_appendf(sql, "NOTHING");
	}
	return database_prepare_text(table->ctx, table->db, sql, &table->insert);
}

static int writer_table_prepare_find(struct writer_table *table)
{
	const struct stored_table *stored = table->stored;
	sqlite3_str *sql = sqlite3_str_new(table->db);
	sqlite3_str_appendf(sql, "SELECT _series FROM \"%w_series\" WHERE 1", stored->table.name);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		/* NULL is a value among tags, but equal to nothing in SQL, also in a UNIQUE index
		 * (SQLite, NULL Handling).  An empty blob stands for it, which no tag is. */
		sqlite3_str_appendf(sql, " AND " SCHEMA_KEY " = ifnull(?%u, x'')", "",
				    stored->table.columns[stored->tags[i]].name, i + 1);
	return database_prepare_text(table->ctx, table->db, sql, &table->find_series);
}

static int writer_table_prepare_add(struct writer_table *table)
{
	const struct stored_table *stored = table->stored;
	sqlite3_str *sql = sqlite3_str_new(table->db);
	sqlite3_str_appendf(sql, "INSERT INTO \"%w_series\" (", stored->table.name);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "",
				    stored->table.columns[stored->tags[i]].name);
	sqlite3_str_appendf(sql, "%s", stored->n_tags ? ") VALUES (" : "_series) VALUES (1");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%s?%u", i ? ", " : "", i + 1);
	sqlite3_str_appendf(sql, ")");
	return database_prepare_text(table->ctx, table->db, sql, &table->add_series);
}

static int writer_table_prepare(struct writer_table *table)
{
	const struct tally_table *t = &table->stored->table;
	bool state = t->kind == TALLY_STATE;
	struct watermarks watermarks;
	struct log_lines lines;
	uint16_t next = state ? 1 : 2;
	for (uint32_t c = 0; c < t->n_columns; c++)
		if (state || t->columns[c].role != TALLY_TAG)
			table->parameter[c] = next++;
	int r = writer_table_prepare_insert(table);
	if (r < 0 || state)
		return r;
	r = writer_table_prepare_find(table);
	if (r == 0)
		r = writer_table_prepare_add(table);
	bool counted = log_lines_are_counted(table->stored);
	if (r < 0 || (!table->stored->n_numbers && !counted))
		return r;
	if (counted)
		log_lines_declare(table->stored, LOG_LINES_LEVELS, &lines);
	r = packed_load_to(table->ctx, table->db, t->name, &table->packed_to);
	if (r < 0)
		return r;
	/* A row can come too late only for a table that is rolled up, or whose lines are counted.
	 */
	r = database_preparef(table->ctx, table->db, &table->mark_late,
			      "INSERT OR IGNORE INTO tally_late VALUES (%Q, %d, ?1, ?2)", t->name,
			      LEVEL_MINUTE);
	if (r == 0)
		r = watermarks_load(table->ctx, table->db, counted ? lines.name : t->name,
				    &watermarks);
	if (r == 0)
		table->rolled_to = watermarks.rolled_to[counted ? LEVEL_ROWS : LEVEL_MINUTE];
	return r;
}

int writer_table_create(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
			struct writer_table **ret)
{
	struct writer_table *table = calloc(1, sizeof(*table));
	if (!table)
		return tally_fail(ctx, ENOMEM, "no memory");
	*table = (struct writer_table){
		.ctx = ctx, .db = db, .stored = stored, .packed_to = INT64_MIN};
	table->series = series_cache_create(WRITER_SERIES_BYTES);
	int r = table->series ? writer_table_prepare(table) : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0)
		*ret = table;
	else
		writer_table_destroy(table);
	return r;
}

void writer_table_destroy(struct writer_table *table)
{
	if (!table)
		return;
	sqlite3_finalize(table->insert);
	sqlite3_finalize(table->find_series);
	sqlite3_finalize(table->add_series);
	sqlite3_finalize(table->mark_late);
	packed_keys_done(&table->packed);
	series_cache_destroy(table->series);
	free(table);
}

void writer_table_forget(struct writer_table *table)
{
	series_cache_clear(table->series);
	table->late_series = 0;
}

/* ---- Rows ---------------------------------------------------------------------- */

struct writer_row {
	struct batch_map map;
	uint32_t row;
};

static const struct tally_cell *writer_cell(const struct writer_row *row, uint32_t column)
{
	return batch_map_cell(&row->map, row->row, column);
}

/* The tags as bytes: a length (or "NULL") and the value of each.  0: too long to remember.  Without
 * any tags there is one series, and a key for it. */
static size_t writer_row_key(const struct stored_table *stored, const struct writer_row *row,
			     char key[WRITER_KEY_SIZE])
{
	size_t len = 0;
	for (uint32_t i = 0; i < stored->n_tags; i++) {
		const struct tally_cell *cell = writer_cell(row, stored->tags[i]);
		uint16_t type = stored->table.columns[stored->tags[i]].type;
		bool text = type == TALLY_TEXT || type == TALLY_JSON;
		const void *value = text ? (const void *)cell->text : &cell->i;
		uint32_t size = text ? cell->len : sizeof(cell->i);
		uint32_t mark = cell->set ? size : UINT32_MAX;
		if (!cell->set)
			size = 0;
		/* The length before each value keeps ("ab", "c") and ("a", "bc") apart. */
		if (len + sizeof(mark) + size > WRITER_KEY_SIZE)
			return 0;
		memcpy(key + len, &mark, sizeof(mark));
		if (size)
			memcpy(key + len + sizeof(mark), value, size);
		len += sizeof(mark) + size;
	}
	if (stored->n_tags == 0)
		key[len++] = '-';
	return len;
}

static void writer_bind_tags(const struct stored_table *stored, const struct writer_row *row,
			     sqlite3_stmt *statement)
{
	for (uint32_t i = 0; i < stored->n_tags; i++)
		bind_cell(statement, (int)i + 1, stored->table.columns[stored->tags[i]].type,
			  writer_cell(row, stored->tags[i]));
}

/* From memory, else from the file, else a new one. */
static int writer_series(struct writer_table *table, const struct writer_row *row, int64_t *ret)
{
	char key[WRITER_KEY_SIZE];
	size_t len = writer_row_key(table->stored, row, key);
	int64_t id = len ? series_cache_find(table->series, key, len) : 0;
	if (id) {
		*ret = id;
		return 0;
	}
	writer_bind_tags(table->stored, row, table->find_series);
	int r = database_step(table->ctx, table->find_series);
	if (r > 0) {
		id = sqlite3_column_int64(table->find_series, 0);
		sqlite3_reset(table->find_series);
	} else if (r == 0) {
		writer_bind_tags(table->stored, row, table->add_series);
		r = database_step(table->ctx, table->add_series);
		id = sqlite3_last_insert_rowid(table->db);
	}
	if (r < 0)
		return r;
	/* Also one that is new: a rollback takes it away and clears this cache with it. */
	if (len)
		series_cache_add(table->series, key, len, id);
	*ret = id;
	return 0;
}

static int writer_mark_late(struct writer_table *table, int64_t series, int64_t time)
{
	int64_t size = schema_levels[LEVEL_MINUTE].bucket;
	int64_t bucket = schema_floor(time, size);
	/* Late rows come in runs of one series and minute: one mark for each run. */
	if (series == table->late_series && bucket == table->late_bucket)
		return 0;
	sqlite3_bind_int64(table->mark_late, 1, bucket);
	sqlite3_bind_int64(table->mark_late, 2, series);
	int r = database_step(table->ctx, table->mark_late);
	table->late_series = series;
	table->late_bucket = bucket;
	return r;
}

/* 0: stored, or there already, or rejected.  A row that SQLite refuses for its content would be
 * refused each time, so it is rejected and the rest goes on; any other error ends the transaction.
 */
static int writer_insert(struct writer_table *table, const struct writer_row *row)
{
	switch (sqlite3_step(table->insert) & 0xff) {
	case SQLITE_DONE:
		sqlite3_reset(table->insert);
		return 0;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		tally_reject_row(table->ctx, row->map.batch, row->row, sqlite3_errmsg(table->db));
		sqlite3_reset(table->insert);
		return 0;
	default:
		break;
	}
	int r = database_fail(table->ctx, table->db);
	sqlite3_reset(table->insert);
	return r;
}

static int writer_put_row(struct writer_table *table, const struct writer_row *row)
{
	const struct tally_table *t = &table->stored->table;
	const char *fault = batch_map_fault(&row->map, table->stored, row->row);
	int64_t series = 0;
	if (!fault && writer_cell(row, 0)->i > table->ahead)
		fault = "its time lies more than a day ahead of this host's clock";
	if (fault) {
		tally_reject_row(table->ctx, row->map.batch, row->row, fault);
		return 0;
	}
	if (t->kind != TALLY_STATE) {
		int r = writer_series(table, row, &series);
		if (r < 0)
			return r;
		if (writer_cell(row, 0)->i < table->packed_to)
			r = packed_keys_have(&table->packed, table->ctx, table->db, t->name, series,
					     writer_cell(row, 0)->i);
		if (r != 0)
			return r < 0 ? r : 0;
		sqlite3_bind_int64(table->insert, 1, series);
	} else {
		sqlite3_bind_int64(table->insert, (int)t->n_columns + 1, table->ahead);
	}
	for (uint32_t c = 0; c < t->n_columns; c++)
		if (table->parameter[c])
			bind_cell(table->insert, table->parameter[c], t->columns[c].type,
				  writer_cell(row, c));
	int r = writer_insert(table, row);
	/* A row that was there already changes nothing, so its minute is still right. */
	if (r == 0 && table->mark_late && writer_cell(row, 0)->i < table->rolled_to &&
	    sqlite3_changes(table->db) > 0)
		r = writer_mark_late(table, series, writer_cell(row, 0)->i);
	return r;
}

int writer_table_put(struct writer_table *table, const struct tally_batch *batch)
{
	struct writer_row row;
	batch_map_init(&row.map, table->stored, batch);
	/* What was marked for the last batch may have been rolled up since, and its mark
	 * deleted. */
	table->late_series = 0;
	packed_keys_forget(&table->packed);
	table->ahead = tally_now(table->ctx) + STORE_CLOCK_AHEAD;
	int r = 0;
	for (row.row = 0; r == 0 && row.row < batch->n_rows; row.row++)
		r = writer_put_row(table, &row);
	return r;
}
