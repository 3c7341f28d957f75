/*
 * Writes what is received into a file, which the daemon's own lock keeps everybody else out of.
 * The notes of what is there are two tables of their own, tally_copying and tally_copying_from,
 * which exist only while a copy is not finished.  On the main thread of `tallyd db copy`.
 */
#include "transfer/transfer_write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bind.h"
#include "database.h"
#include "schema/schema.h"
#include "store.h"
#include "store_life.h"
#include "transfer/transfer_read.h"

struct transfer_store {
	struct store *store;
	struct transfer_file file;
	sqlite3_stmt *insert; /* of the chunk that is open */
	int64_t run;
};

static const char transfer_notes[] =
	"CREATE TABLE tally_copying_from (source TEXT NOT NULL, run INTEGER NOT NULL);"
	"CREATE TABLE tally_copying (\"table\" TEXT NOT NULL, part INTEGER NOT NULL, start INTEGER "
	"NOT NULL, rows INTEGER NOT NULL, checksum INTEGER NOT NULL, kept_rows INTEGER NOT NULL, "
	"kept_checksum INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (\"table\", part, "
	"start)) WITHOUT ROWID;";

/* ---- The beginning ------------------------------------------------------------------ */

static int transfer_check_empty(void *arg, const struct tally_table *table)
{
	struct transfer_store *to = arg;
	const struct transfer_file *file = &to->file;
	const struct stored_table *stored = catalog_find(file->catalog, table->name);
	int r = 0;
	for (int part = LEVEL_ROWS; r == 0 && part <= transfer_last_part(stored); part++) {
		struct transfer_shape shape;
		int64_t there = 0;
		if (transfer_shape_init(&shape, stored, part) < 0)
			return tally_fail(file->ctx, ENOMEM, "no memory");
		auto_text char *relation = transfer_readable(file, &shape);
		auto_text char *sql =
			relation ? sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM \"%w\")", relation)
				 : NULL;
		transfer_shape_done(&shape);
		r = sql ? database_int(file->ctx, file->db, sql, &there)
			: tally_fail(file->ctx, ENOMEM, "no memory");
		if (r == 0 && there)
			r = tally_fail(file->ctx, EEXIST,
				       "%s has rows in table %s: a copy goes only into an empty "
				       "store; name another path, or move this file away",
				       database_path(file->db), table->name);
	}
	return r;
}

static int transfer_begin_new(struct transfer_store *to, const char *source)
{
	const struct transfer_file *file = &to->file;
	int r = catalog_each(file->catalog, transfer_check_empty, to);
	to->run = 1;
	if (r == 0)
		r = database_begin(file->ctx, file->db);
	if (r < 0)
		return r;
	r = database_exec(file->ctx, file->db, transfer_notes);
	if (r == 0)
		r = database_execf(file->ctx, file->db,
				   "INSERT INTO tally_copying_from VALUES (%Q, 1)", source);
	return database_end(file->ctx, file->db, r);
}

static int transfer_begin_again(struct transfer_store *to, const char *source)
{
	const struct transfer_file *file = &to->file;
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(file->ctx, file->db, "SELECT source, run FROM tally_copying_from",
				 &row);
	if (r == 0)
		r = database_step(file->ctx, row);
	if (r < 0)
		return r;
	const char *was = (const char *)sqlite3_column_text(row, 0);
	if (!was || strcmp(was, source) != 0)
		return tally_fail(file->ctx, EEXIST,
				  "%s has an unfinished copy of %s, not of %s: finish that one, or "
				  "move this file away",
				  database_path(file->db), was ? was : "another store", source);
	to->run = sqlite3_column_int64(row, 1) + 1;
	sqlite3_reset(row);
	return database_execf(file->ctx, file->db, "UPDATE tally_copying_from SET run = %lld",
			      (long long)to->run);
}

static int transfer_begin(void *self, const char *source, int64_t *ret_run)
{
	struct transfer_store *to = self;
	int64_t there = 0;
	int r = database_int(to->file.ctx, to->file.db,
			     "SELECT count(*) FROM sqlite_master WHERE name = 'tally_copying_from'",
			     &there);
	if (r == 0)
		r = there ? transfer_begin_again(to, source) : transfer_begin_new(to, source);
	*ret_run = to->run;
	return r;
}

static int transfer_ensure(void *self, const struct tally_table *table)
{
	struct transfer_store *to = self;
	const struct stored_table *stored;
	return schema_ensure(to->file.ctx, to->file.catalog, to->file.db, table, &stored);
}

/* ---- Notes ---------------------------------------------------------------------------- */

static void transfer_read_note(sqlite3_stmt *row, struct transfer_chunk *chunk)
{
	chunk->sent.rows = (uint64_t)sqlite3_column_int64(row, 0);
	chunk->sent.checksum = (uint64_t)sqlite3_column_int64(row, 1);
	chunk->kept.rows = (uint64_t)sqlite3_column_int64(row, 2);
	chunk->kept.checksum = (uint64_t)sqlite3_column_int64(row, 3);
	chunk->run = sqlite3_column_int64(row, 4);
}

static int transfer_find(void *self, struct transfer_chunk *chunk)
{
	struct transfer_store *to = self;
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_preparef(to->file.ctx, to->file.db, &row,
				  "SELECT rows, checksum, kept_rows, kept_checksum, run FROM "
				  "tally_copying WHERE \"table\" = %Q AND part = %d AND start = "
				  "%lld",
				  chunk->table, chunk->part, (long long)chunk->from);
	if (r == 0)
		r = database_step(to->file.ctx, row);
	if (r > 0)
		transfer_read_note(row, chunk);
	return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}

static int transfer_note(struct transfer_store *to, const struct transfer_chunk *chunk)
{
	return database_execf(to->file.ctx, to->file.db,
			      "INSERT OR REPLACE INTO tally_copying VALUES (%Q, %d, %lld, %lld, "
			      "%lld, %lld, %lld, %lld)",
			      chunk->table, chunk->part, (long long)chunk->from,
			      (long long)chunk->sent.rows, (long long)chunk->sent.checksum,
			      (long long)chunk->kept.rows, (long long)chunk->kept.checksum,
			      (long long)chunk->run);
}

static int transfer_seen(void *self, const struct transfer_chunk *chunk)
{
	return transfer_note(self, chunk);
}

/* One after the other: chunks may be written meanwhile. */
static int transfer_chunks(void *self, transfer_chunk_fn *each, void *arg)
{
	struct transfer_store *to = self;
	struct transfer_chunk chunk = {.part = INT32_MIN};
	for (;;) {
		auto_statement sqlite3_stmt *row = NULL;
		int r = database_preparef(
			to->file.ctx, to->file.db, &row,
			"SELECT rows, checksum, kept_rows, kept_checksum, run, \"table\", part, "
			"start FROM tally_copying WHERE (\"table\", part, start) > (%Q, %d, %lld) "
			"ORDER BY \"table\", part, start LIMIT 1",
			chunk.table, chunk.part, (long long)chunk.from);
		if (r == 0)
			r = database_step(to->file.ctx, row);
		if (r <= 0)
			return r;
		transfer_read_note(row, &chunk);
		snprintf(chunk.table, sizeof(chunk.table), "%s",
			 (const char *)sqlite3_column_text(row, 5));
		chunk.part = sqlite3_column_int(row, 6);
		chunk.from = sqlite3_column_int64(row, 7);
		sqlite3_reset(row);
		r = each(arg, &chunk);
		if (r < 0)
			return r;
	}
}

/* ---- A chunk --------------------------------------------------------------------------- */

static int transfer_delete(struct transfer_store *to, const struct transfer_shape *shape,
			   int64_t from, int64_t until)
{
	const struct transfer_file *file = &to->file;
	if (!shape->timed)
		return database_execf(file->ctx, file->db, "DELETE FROM \"%w\"",
				      transfer_relation(shape));
	const char *time = shape->cells[shape->time].name;
	return database_execf(
		file->ctx, file->db, "DELETE FROM \"%w\" WHERE \"%w\" >= %lld AND \"%w\" < %lld",
		transfer_relation(shape), time, (long long)from, time, (long long)until);
}

static int transfer_prepare_insert(struct transfer_store *to, const struct transfer_shape *shape)
{
	sqlite3_str *sql = sqlite3_str_new(to->file.db);
	sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", transfer_relation(shape));
	for (uint32_t i = 0; i < shape->n; i++)
		sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "", shape->cells[i].name);
	sqlite3_str_appendf(sql, ") VALUES (?1");
	for (uint32_t i = 1; i < shape->n; i++)
		sqlite3_str_appendf(sql, ", ?%u", i + 1);
	sqlite3_str_appendf(sql, ")");
	return database_prepare_text(to->file.ctx, to->file.db, sql, &to->insert);
}

/* The series of a table without tags are there from the beginning: one. */
static int transfer_open(void *self, const struct transfer_shape *shape, int64_t from,
			 int64_t until, bool delete)
{
	struct transfer_store *to = self;
	int r = database_begin(to->file.ctx, to->file.db);
	if (r == 0 && (delete || shape->part == TRANSFER_SERIES))
		r = transfer_delete(to, shape, from, until);
	return r == 0 ? transfer_prepare_insert(to, shape) : r;
}

/* NaN is NULL in SQLite, and -0.0 is 0. */
static const char *transfer_keep(void *self, const struct transfer_shape *shape,
				 struct tally_cell *cells)
{
	(void)self;
	for (uint32_t i = 0; i < shape->n; i++) {
		if (shape->cells[i].type != TALLY_REAL || !cells[i].set)
			continue;
		if (isnan(cells[i].f))
			cells[i] = (struct tally_cell){.set = 0};
		else if (cells[i].f == 0)
			cells[i].f = 0;
	}
	return NULL;
}

/* The caller's cells stay as they are. */
static int transfer_put(void *self, const struct transfer_shape *shape,
			const struct tally_cell *cells)
{
	struct transfer_store *to = self;
	struct tally_cell plain[N_PARTS];
	for (uint32_t i = 0; i < shape->n; i++) {
		const struct tally_cell *cell = &cells[i];
		int part = shape->cells[i].part;
		if (part > PART_COUNT && part < PART_INCREASE &&
		    shape->cells[i].type != TALLY_REAL) {
			uint32_t first = i - (uint32_t)part;
			memcpy(plain, &cells[first], PART_INCREASE * sizeof(*plain));
			transfer_turn(plain);
			cell = &plain[part];
		}
		if (bind_cell(to->insert, (int)i + 1, shape->cells[i].type, cell) != SQLITE_OK)
			return database_fail(to->file.ctx, to->file.db);
	}
	return database_step(to->file.ctx, to->insert);
}

static void transfer_finish_insert(struct transfer_store *to)
{
	sqlite3_finalize(to->insert);
	to->insert = NULL;
}

static int transfer_close(void *self, const struct transfer_shape *shape,
			  const struct transfer_chunk *chunk)
{
	struct transfer_store *to = self;
	(void)shape;
	transfer_finish_insert(to);
	int r = transfer_note(to, chunk);
	if (r == 0)
		r = database_end(to->file.ctx, to->file.db, 0);
	return r == 0 ? database_checkpoint(to->file.ctx, to->file.db) : r;
}

static void transfer_give_up(void *self)
{
	struct transfer_store *to = self;
	transfer_finish_insert(to);
	if (!sqlite3_get_autocommit(to->file.db))
		sqlite3_exec(to->file.db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- The end --------------------------------------------------------------------------- */

static int transfer_set_watermarks(void *self, const char *table,
				   const struct watermarks *watermarks)
{
	struct transfer_store *to = self;
	int r = 0;
	for (int level = 0; r == 0 && level < N_LEVELS; level++) {
		int64_t rolled_to = watermarks->rolled_to[level];
		int64_t kept_from = watermarks->kept_from[level];
		if (rolled_to == INT64_MIN && kept_from == INT64_MIN)
			continue;
		r = database_execf(to->file.ctx, to->file.db,
				   "INSERT OR REPLACE INTO tally_rollups VALUES (%Q, %d, "
				   "nullif(%lld, %lld), nullif(%lld, %lld))",
				   table, level, (long long)rolled_to, (long long)INT64_MIN,
				   (long long)kept_from, (long long)INT64_MIN);
	}
	return r;
}

static int transfer_set_late(void *self, const struct stored_table *stored, int64_t time)
{
	struct transfer_store *to = self;
	const char *name = stored->table.name, *column = stored->table.columns[0].name;
	return database_execf(to->file.ctx, to->file.db,
			      "INSERT OR IGNORE INTO tally_late SELECT %Q, %d, %lld, r._series "
			      "FROM \"%w_series\" s CROSS JOIN \"%w_rows\" r ON r._series = "
			      "s._series WHERE r.\"%w\" >= %lld AND r.\"%w\" < %lld",
			      name, LEVEL_MINUTE, (long long)time, name, name, column,
			      (long long)time, column, (long long)time + (long long)CLOCK_MINUTE);
}

static int transfer_set_ledger(void *self, const char *writer, int64_t sequence)
{
	struct transfer_store *to = self;
	return database_execf(to->file.ctx, to->file.db,
			      "INSERT OR REPLACE INTO tally_ledger VALUES (%Q, %lld)", writer,
			      (long long)sequence);
}

static int transfer_begin_end(void *self)
{
	struct transfer_store *to = self;
	return database_begin(to->file.ctx, to->file.db);
}

static int transfer_end(void *self)
{
	struct transfer_store *to = self;
	int64_t pages = 0, size = 0;
	int r = database_exec(to->file.ctx, to->file.db,
			      "DROP TABLE tally_copying; DROP TABLE tally_copying_from");
	r = database_end(to->file.ctx, to->file.db, r);
	if (r == 0)
		r = database_flush(to->file.ctx, to->file.db);
	if (r == 0)
		r = database_int(to->file.ctx, to->file.db, "PRAGMA page_count", &pages);
	if (r == 0)
		r = database_int(to->file.ctx, to->file.db, "PRAGMA page_size", &size);
	if (r == 0 && pages * size > to->store->config->max_size)
		printf("! %s has %" PRId64 " bytes and max_size is %" PRId64
		       ": raise it before the daemon starts, or it deletes the oldest rows\n",
		       to->store->path, pages * size, to->store->config->max_size);
	return r;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static int transfer_receive_into(struct store *store, int fd)
{
	struct transfer_store to = {
		.store = store,
		.file = {.ctx = store->ctx, .db = store->db, .catalog = &store->catalog}};
	const struct transfer_writer writer = {.reader = transfer_read_file(&to.file),
					       .catalog = &store->catalog,
					       .self = &to,
					       .begin = transfer_begin,
					       .ensure = transfer_ensure,
					       .find = transfer_find,
					       .open = transfer_open,
					       .keep = transfer_keep,
					       .put = transfer_put,
					       .close = transfer_close,
					       .give_up = transfer_give_up,
					       .seen = transfer_seen,
					       .chunks = transfer_chunks,
					       .set_watermarks = transfer_set_watermarks,
					       .set_late = transfer_set_late,
					       .set_ledger = transfer_set_ledger,
					       .begin_end = transfer_begin_end,
					       .end = transfer_end};
	/* max_size is for the daemon, which deletes what is oldest: here nothing may be left out.
	 */
	int r = database_exec(store->ctx, store->db, "PRAGMA max_page_count = 4294967294");
	return r == 0 ? transfer_receive(&writer, fd) : r;
}

/* The store as the daemon opens it, its lock included; without its threads. */
int transfer_write_file(struct tally_ctx *ctx, const void *config, int fd)
{
	void *self = NULL;
	int r = store_create(ctx, config, &self);
	if (r < 0)
		return r;
	struct store *store = self;
	r = store_open(store);
	if (r == 0)
		r = transfer_receive_into(store, fd);
	store_close(store);
	store_destroy(store);
	return r;
}
