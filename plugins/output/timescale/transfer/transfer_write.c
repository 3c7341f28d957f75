/*
 * Writes what is received into a database, a chunk as one transaction: delete what an earlier
 * attempt wrote, COPY, note, commit.  The session holds the leader's lock, so that nobody maintains
 * what is half there, and that of the writers, who wait with their rows.  The notes are two tables
 * of their own, which exist only while a copy is not finished.  On the main thread of
 * `tallyd db copy`.
 */
#include "transfer/transfer_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "schema/partitioning.h"
#include "schema/server_time.h"
#include "store/log_lines.h"
#include "transfer/transfer_encode.h"
#include "transfer/transfer_read.h"

enum { TRANSFER_PIECE = 64 << 10 };

struct transfer_store {
	struct store *store;
	struct pg_connection *pg;
	struct transfer_database database;
	struct schema_where where;
	struct strbuf bytes;      /* of COPY, not sent yet */
	uint32_t without;         /* tags that are not part of a series' key */
	struct tally_cell *cells; /* of the row that is put */
};

static const char transfer_notes[] =
	"create table tally.copying_from (source text not null, run bigint not null);"
	"create table tally.copying (\"table\" text not null, part int not null, start bigint not "
	"null, rows bigint not null, checksum bigint not null, kept_rows bigint not null, "
	"kept_checksum bigint not null, run bigint not null, primary key (\"table\", part, "
	"start));";

static int transfer_no_memory(const struct transfer_store *to)
{
	return tally_fail(to->pg->ctx, ENOMEM, "no memory");
}

static int transfer_run_text(const struct transfer_store *to, const struct strbuf *sql)
{
	return sql->failed ? transfer_no_memory(to) : pg_exec(to->pg, sql->data);
}

/* ---- The beginning -------------------------------------------------------------------- */

/* Of a session, so that they go with it, however that ends. */
static int transfer_lock(struct transfer_store *to)
{
	char leads[8];
	int r = pg_query_text(to->pg, "select pg_try_advisory_lock(1952541804, 2)::text", leads,
			      sizeof(leads));
	if (r == 0 && strcmp(leads, "true") != 0)
		return tally_fail(to->pg->ctx, EBUSY,
				  "a daemon maintains this database: stop it, or set maintenance = "
				  "no there until the copy is complete");
	return r == 0 ? pg_exec(to->pg, "select pg_advisory_lock(1952541804, 3)") : r;
}

static int transfer_check_empty(void *arg, const struct tally_table *table)
{
	struct transfer_store *to = arg;
	const struct stored_table *stored = catalog_find(to->database.catalog, table->name);
	auto_strbuf struct strbuf sql = {0};
	char there[8];
	for (int part = LEVEL_ROWS; part <= transfer_last_part(stored); part++)
		strbuf_add(&sql, "%s exists (select from tally.\"%s%s_rows\")",
			   sql.len ? " or" : "select (", table->name, schema_levels[part].suffix);
	strbuf_add(&sql, ")::text");
	int r = sql.failed ? transfer_no_memory(to)
			   : pg_query_text(to->pg, sql.data, there, sizeof(there));
	if (r == 0 && strcmp(there, "true") == 0)
		return tally_fail(to->pg->ctx, EEXIST,
				  "the database has rows in table %s: a copy goes only into an "
				  "empty store; name another database, or drop the schema tally",
				  table->name);
	return r;
}

/* A text in SQL, whatever it holds. */
static void transfer_quote(struct strbuf *sql, const char *text)
{
	strbuf_bytes(sql, "'", 1);
	for (; *text; text++)
		strbuf_bytes(sql, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
	strbuf_bytes(sql, "'", 1);
}

static int transfer_begin_new(struct transfer_store *to, const char *source)
{
	auto_strbuf struct strbuf sql = {0};
	int r = catalog_each(to->database.catalog, transfer_check_empty, to);
	strbuf_add(&sql, "begin; %s insert into tally.copying_from values (", transfer_notes);
	transfer_quote(&sql, source);
	strbuf_add(&sql, ", 1); commit");
	if (r == 0)
		r = transfer_run_text(to, &sql);
	return r;
}

static int transfer_begin_again(struct transfer_store *to, const char *source, int64_t *run)
{
	auto_result PGresult *row = NULL;
	int r = pg_query(to->pg,
			 "update tally.copying_from set run = run + 1 returning source, run", NULL,
			 &row);
	if (r < 0)
		return r;
	const char *was = PQntuples(row) ? PQgetvalue(row, 0, 0) : "another store";
	if (strcmp(was, source) != 0)
		return tally_fail(to->pg->ctx, EEXIST,
				  "the database has an unfinished copy of %s, not of %s: finish "
				  "that one, or drop the schema tally",
				  was, source);
	*run = pg_get_64(PQgetvalue(row, 0, 1));
	return 0;
}

static int transfer_begin(void *self, const char *source, int64_t *ret_run)
{
	struct transfer_store *to = self;
	char there[80];
	int r = transfer_lock(to);
	if (r == 0)
		r = schema_load_catalog(to->pg, to->database.catalog);
	if (r == 0)
		r = pg_query_text(to->pg, "select to_regclass('tally.copying_from')::text", there,
				  sizeof(there));
	if (r < 0)
		return r;
	*ret_run = 1;
	return there[0] ? transfer_begin_again(to, source, ret_run)
			: transfer_begin_new(to, source);
}

static int transfer_ensure(void *self, const struct tally_table *table)
{
	struct transfer_store *to = self;
	const struct stored_table *stored;
	return schema_ensure(to->pg, &to->where, table, &stored);
}

/* ---- Notes ------------------------------------------------------------------------------- */

static void transfer_read_note(const PGresult *result, int row, struct transfer_chunk *chunk)
{
	chunk->sent.rows = (uint64_t)pg_get_64(PQgetvalue(result, row, 0));
	chunk->sent.checksum = (uint64_t)pg_get_64(PQgetvalue(result, row, 1));
	chunk->kept.rows = (uint64_t)pg_get_64(PQgetvalue(result, row, 2));
	chunk->kept.checksum = (uint64_t)pg_get_64(PQgetvalue(result, row, 3));
	chunk->run = pg_get_64(PQgetvalue(result, row, 4));
}

static int transfer_find(void *self, struct transfer_chunk *chunk)
{
	struct transfer_store *to = self;
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *row = NULL;
	strbuf_add(&sql,
		   "select rows, checksum, kept_rows, kept_checksum, run from tally.copying where "
		   "\"table\" = '%s' and part = %d and start = %" PRId64,
		   chunk->table, chunk->part, chunk->from);
	int r = sql.failed ? transfer_no_memory(to) : pg_query(to->pg, sql.data, NULL, &row);
	if (r < 0 || PQntuples(row) == 0)
		return r < 0 ? r : -ENOENT;
	transfer_read_note(row, 0, chunk);
	return 0;
}

static void transfer_append_note(struct strbuf *sql, const struct transfer_chunk *chunk)
{
	strbuf_add(sql,
		   "insert into tally.copying values ('%s', %d, %" PRId64 ", %" PRId64 ", %" PRId64
		   ", %" PRId64 ", %" PRId64 ", %" PRId64
		   ") on conflict (\"table\", part, start) do update set rows = excluded.rows, "
		   "checksum = excluded.checksum, kept_rows = excluded.kept_rows, kept_checksum = "
		   "excluded.kept_checksum, run = excluded.run;",
		   chunk->table, chunk->part, chunk->from, (int64_t)chunk->sent.rows,
		   (int64_t)chunk->sent.checksum, (int64_t)chunk->kept.rows,
		   (int64_t)chunk->kept.checksum, chunk->run);
}

static int transfer_seen(void *self, const struct transfer_chunk *chunk)
{
	struct transfer_store *to = self;
	auto_strbuf struct strbuf sql = {0};
	transfer_append_note(&sql, chunk);
	return transfer_run_text(to, &sql);
}

static int transfer_chunks(void *self, transfer_chunk_fn *each, void *arg)
{
	struct transfer_store *to = self;
	auto_result PGresult *rows = NULL;
	int r = pg_query(to->pg,
			 "select rows, checksum, kept_rows, kept_checksum, run, \"table\", part, "
			 "start from tally.copying order by \"table\", part, start",
			 NULL, &rows);
	for (int row = 0; r == 0 && row < PQntuples(rows); row++) {
		struct transfer_chunk chunk = {.part = pg_get_32(PQgetvalue(rows, row, 6)),
					       .from = pg_get_64(PQgetvalue(rows, row, 7))};
		snprintf(chunk.table, sizeof(chunk.table), "%s", PQgetvalue(rows, row, 5));
		transfer_read_note(rows, row, &chunk);
		r = each(arg, &chunk);
	}
	return r;
}

/* ---- A chunk ------------------------------------------------------------------------------ */

/* Where its rows are written: a level may be a view before a continuous aggregate. */
static int transfer_where(const struct transfer_store *to, const struct transfer_shape *shape,
			  char *ret, size_t size)
{
	auto_strbuf struct strbuf sql = {0};
	snprintf(ret, size, "tally.\"%s\"", shape->relation);
	if (shape->part <= LEVEL_MINUTE)
		return 0;
	strbuf_add(&sql,
		   "select case when relkind = 'v' then tally.aggregate_rows('%s%s_cagg') else "
		   "'tally.\"%s\"' end from pg_class where oid = to_regclass('tally.\"%s\"')",
		   shape->stored->table.name, schema_levels[shape->part].suffix, shape->relation,
		   shape->relation);
	return sql.failed ? transfer_no_memory(to) : pg_query_text(to->pg, sql.data, ret, size);
}

static void transfer_append_delete(struct strbuf *sql, const struct transfer_shape *shape,
				   const char *where, int64_t from, int64_t until)
{
	strbuf_add(sql, "delete from %s", where);
	if (shape->timed) {
		const char *time = shape->cells[shape->time].name;
		strbuf_add(sql,
			   " where \"%s\" >= to_timestamp(%" PRId64
			   ") and \"%s\" < to_timestamp(%" PRId64 ")",
			   time, from / CLOCK_SECOND, time, until / CLOCK_SECOND);
	}
	strbuf_add(sql, ";");
}

static void transfer_append_columns(struct strbuf *sql, const struct transfer_shape *shape)
{
	for (uint32_t i = 0; i < shape->n; i++)
		strbuf_add(sql, "%s\"%s\"", i ? ", " : "", shape->cells[i].name);
	if (shape->timed && transfer_has_nanos(shape, shape->time))
		strbuf_add(sql, ", _nanos");
}

static int transfer_begin_chunk(const struct transfer_store *to, const struct transfer_shape *shape,
				const char *where, int64_t from, int64_t until, bool delete)
{
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql, "begin;");
	if (to->store->server.mode == SERVER_TSL)
		strbuf_add(
			&sql,
			"set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0;");
	if (shape->timed && shape->part <= LEVEL_MINUTE)
		partitioning_add(&sql, shape->stored->table.name, (enum schema_level)shape->part,
				 from, until - CLOCK_SECOND);
	if (delete)
		transfer_append_delete(&sql, shape, where, from, until);
	if (transfer_encode_has_key(shape))
		strbuf_add(&sql, "create temporary table tally_copy_in (like %s) on commit drop;",
			   where);
	return transfer_run_text(to, &sql);
}

/* Up to where the server asks for rows. */
static int transfer_start_copy(struct transfer_store *to, const struct transfer_shape *shape,
			       const char *where)
{
	static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
	auto_strbuf struct strbuf sql = {0};
	PGresult *result = NULL;
	bool key = transfer_encode_has_key(shape), copying = false;
	strbuf_add(&sql, "copy %s (", key ? "tally_copy_in" : where);
	transfer_append_columns(&sql, shape);
	strbuf_add(&sql, "%s) from stdin (format binary)", key ? ", _key" : "");
	int r = sql.failed ? transfer_no_memory(to) : pg_send_script(to->pg, sql.data);
	while (r == 0 && !copying && (r = pg_next(to->pg, &result)) == 0 && result) {
		copying = PQresultStatus(result) == PGRES_COPY_IN;
		PQclear(result);
	}
	strbuf_clear(&to->bytes);
	strbuf_bytes(&to->bytes, head, sizeof(head));
	return r == 0 && !copying ? tally_fail(to->pg->ctx, EPROTO, "no COPY") : r;
}

static int transfer_open(void *self, const struct transfer_shape *shape, int64_t from,
			 int64_t until, bool delete)
{
	struct transfer_store *to = self;
	char where[160];
	to->without = transfer_counted_log(to->database.catalog, shape->stored) ? 1 : 0;
	struct tally_cell *cells = realloc(to->cells, (shape->n + 1) * sizeof(*cells));
	if (!cells)
		return transfer_no_memory(to);
	to->cells = cells;
	int r = transfer_where(to, shape, where, sizeof(where));
	if (r == 0)
		r = transfer_begin_chunk(to, shape, where, from, until, delete);
	return r == 0 ? transfer_start_copy(to, shape, where) : r;
}

static const char *transfer_keep(void *self, const struct transfer_shape *shape,
				 struct tally_cell *cells)
{
	(void)self;
	return transfer_encode_keep(shape, cells);
}

static int transfer_flush(struct transfer_store *to)
{
	if (to->bytes.failed)
		return transfer_no_memory(to);
	int r = pg_copy_put(to->pg, to->bytes.data, to->bytes.len);
	strbuf_clear(&to->bytes);
	return r;
}

static int transfer_put(void *self, const struct transfer_shape *shape,
			const struct tally_cell *cells)
{
	struct transfer_store *to = self;
	memcpy(to->cells, cells, shape->n * sizeof(*cells));
	transfer_encode_sums(shape, to->cells);
	transfer_encode_row(&to->bytes, shape, to->cells, to->without);
	return to->bytes.len >= TRANSFER_PIECE || to->bytes.failed ? transfer_flush(to) : 0;
}

static int transfer_end_copy(struct transfer_store *to)
{
	PGresult *result = NULL;
	strbuf_bytes(&to->bytes, "\377\377", 2);
	int r = transfer_flush(to);
	if (r == 0)
		r = pg_copy_end(to->pg);
	while (r == 0 && (r = pg_next(to->pg, &result)) == 0 && result)
		PQclear(result);
	return r;
}

/* The server hashes the keys.  That of a count of lines is the key of the log's series with the
 * level behind it (maintenance/log_lines.c). */
static void transfer_append_keyed(const struct transfer_store *to, struct strbuf *sql,
				  const struct transfer_shape *shape)
{
	const char *table = shape->stored->table.name;
	strbuf_add(sql, "insert into tally.\"%s\" (", shape->relation);
	transfer_append_columns(sql, shape);
	strbuf_add(sql, ", _key) select ");
	transfer_append_columns(sql, shape);
	strbuf_add(sql, ", sha256(_key)%s from tally_copy_in;",
		   to->without ? " || convert_to(coalesce('=' || level, ''), 'UTF8')" : "");
	if (shape->part == TRANSFER_SERIES)
		strbuf_add(sql,
			   "select setval(pg_get_serial_sequence('tally.\"%s_series\"', "
			   "'_series'), greatest(max(_series), 1)) from tally.\"%s_series\";",
			   table, table);
}

static int transfer_close(void *self, const struct transfer_shape *shape,
			  const struct transfer_chunk *chunk)
{
	struct transfer_store *to = self;
	auto_strbuf struct strbuf sql = {0};
	int r = transfer_end_copy(to);
	if (transfer_encode_has_key(shape))
		transfer_append_keyed(to, &sql, shape);
	transfer_append_note(&sql, chunk);
	strbuf_add(&sql, "commit");
	return r == 0 ? transfer_run_text(to, &sql) : r;
}

static void transfer_give_up(void *self)
{
	struct transfer_store *to = self;
	pg_rollback(to->pg);
}

/* ---- The end -------------------------------------------------------------------------------- */

static void transfer_append_time(struct strbuf *sql, int64_t time)
{
	if (time == INT64_MIN)
		strbuf_add(sql, ", null");
	else /* watermarks lie on whole seconds; what is not complete stays so */
		strbuf_add(sql, ", to_timestamp(%" PRId64 ")",
			   schema_floor(time + CLOCK_SECOND - 1, CLOCK_SECOND) / CLOCK_SECOND);
}

static int transfer_set_watermarks(void *self, const char *table,
				   const struct watermarks *watermarks)
{
	struct transfer_store *to = self;
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql, "delete from tally.marks where \"table\" = '%s';", table);
	for (int level = 0; level < N_LEVELS; level++) {
		int64_t rolled_to = watermarks->rolled_to[level];
		int64_t kept_from = watermarks->kept_from[level];
		if (rolled_to == INT64_MIN && kept_from == INT64_MIN)
			continue;
		strbuf_add(
			&sql,
			"insert into tally.marks (\"table\", level, rolled_to, kept_from) values "
			"('%s', %d",
			table, watermarks_numbers[level]);
		transfer_append_time(&sql, rolled_to);
		transfer_append_time(&sql, kept_from);
		strbuf_add(&sql, ");");
	}
	return transfer_run_text(to, &sql);
}

static int transfer_set_late(void *self, const struct stored_table *stored, int64_t time)
{
	struct transfer_store *to = self;
	return pg_execf(to->pg,
			"insert into tally.late values ('%s', to_timestamp(%" PRId64
			"), 'tallyd db copy') on conflict do nothing",
			stored->table.name, schema_floor(time, CLOCK_MINUTE) / CLOCK_SECOND);
}

static int transfer_set_ledger(void *self, const char *writer, int64_t sequence)
{
	struct transfer_store *to = self;
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql, "insert into tally.ledger (writer, sequence) values (");
	transfer_quote(&sql, writer);
	strbuf_add(&sql,
		   ", %" PRId64
		   ") on conflict (writer) do update set sequence = excluded.sequence, written = "
		   "now()",
		   sequence);
	return transfer_run_text(to, &sql);
}

static int transfer_begin_end(void *self)
{
	struct transfer_store *to = self;
	return pg_exec(to->pg, "begin");
}

static int transfer_end(void *self)
{
	struct transfer_store *to = self;
	return pg_exec(to->pg, "drop table tally.copying, tally.copying_from; commit");
}

/* ---- All of it --------------------------------------------------------------------------------
 */

int transfer_write_database(struct store *store, int fd)
{
	struct pg_connection *pg = &store->maintenance.pg;
	struct transfer_store to = {.store = store, .pg = pg};
	to.database = (struct transfer_database){.pg = pg, .catalog = &store->catalog};
	to.where = (struct schema_where){.server = &store->server,
					 .views = store->config->schema,
					 .catalog = &store->catalog,
					 .make = true,
					 .age = store_age(store->config)};
	const struct transfer_writer writer = {.reader = transfer_read_database(&to.database),
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
	int r = store_migrate(store, pg, true);
	if (r == 0)
		r = server_time_read(pg, &to.where.now);
	if (r == 0)
		r = transfer_receive(&writer, fd);
	strbuf_done(&to.bytes);
	free(to.cells);
	return r;
}
