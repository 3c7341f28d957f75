/*
 * Goes through the series in the order of their numbers, and through the rows of each, a stretch at
 * a time: from its first unpacked row on, within one hour.  A stretch is read as all readers do
 * (packed_rows.h), together with the chunk that it lies in or follows, so rows that came late are
 * merged into what is packed already; what was there first stays.  The chunks are written and the
 * rows deleted in one transaction, so a crash leaves the one or the other.
 *
 * A stretch that cannot be packed, mostly since the chunk beside it is damaged, is passed over: its
 * rows stay rows, and the round reports why.
 */
#include "maintenance/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "database.h"
#include "packed/packed_file.h"
#include "packed/packed_rows.h"
#include "schema/schema.h"

/* Of a chunk; of a stretch, beside what the chunk has that it is merged with. */
enum { PACK_ROWS = 4096, PACK_BYTES = 8 << 20 };
/* A write waits for a step at most. */
#define PACK_STEP (20 * CLOCK_MS)

/* One stretch: rows of one series, by column. */
struct stretch {
	struct tally_ctx *ctx;
	sqlite3 *db;
	const struct stored_table *stored;
	uint32_t n_columns;
	struct packed_rows rows;
	uint16_t wanted[CATALOG_MAX_COLUMNS];
	int64_t series;
	int64_t from, until;  /* its unpacked rows: from the first one to the last, inclusive */
	int64_t merged;       /* where the chunk begins that it is merged with; else as `from` */
	int64_t merged_id;    /* of that chunk; 0: none */
	int64_t merged_until; /* its last row */
	struct chunk_value *columns[CATALOG_MAX_COLUMNS];
	uint32_t n, size;
	size_t bytes;
	struct arena texts;
};

int64_t pack_until(int64_t now, int64_t pack_after, int64_t rolled_to)
{
	if (rolled_to == INT64_MIN || now < INT64_MIN + pack_after)
		return INT64_MIN;
	int64_t until = now - pack_after < rolled_to ? now - pack_after : rolled_to;
	return schema_floor(until, PACKED_SPAN);
}

/* ---- Which rows -------------------------------------------------------------------- */

static const char *stretch_name(const struct stretch *stretch)
{
	return stretch->stored->table.name;
}

static const char *stretch_time(const struct stretch *stretch)
{
	return stretch->stored->table.columns[0].name;
}

/* The chunk of the same hour that begins before the stretch: if the stretch lies within it, or if
 * it is not full. */
static int stretch_find_merged(struct stretch *stretch)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_preparef(
		stretch->ctx, stretch->db, &row,
		"SELECT id, first, last, rows < %d AND length(data) < %d FROM "
		"\"%w_chunks\" WHERE _series = %lld AND first >= %lld AND first "
		"<= %lld ORDER BY first DESC LIMIT 1",
		PACK_ROWS, PACK_BYTES / 8, stretch_name(stretch), (long long)stretch->series,
		(long long)schema_floor(stretch->from, PACKED_SPAN), (long long)stretch->from);
	if (r == 0)
		r = database_step(stretch->ctx, row);
	stretch->merged = stretch->from;
	stretch->merged_id = 0;
	stretch->merged_until = INT64_MIN;
	if (r > 0 &&
	    (sqlite3_column_int64(row, 2) >= stretch->from || sqlite3_column_int(row, 3))) {
		stretch->merged_id = sqlite3_column_int64(row, 0);
		stretch->merged = sqlite3_column_int64(row, 1);
		stretch->merged_until = sqlite3_column_int64(row, 2);
	}
	return r < 0 ? r : 0;
}

/* Up to the end of the hour, the next chunk, or the last row that there is room for. */
static int stretch_find_end(struct stretch *stretch)
{
	int64_t end = schema_floor(stretch->from, PACKED_SPAN) + PACKED_SPAN, last = INT64_MAX;
	auto_text char *chunk = sqlite3_mprintf(
		"SELECT min(first) FROM \"%w_chunks\" WHERE _series = %lld AND first > %lld AND "
		"first < %lld",
		stretch_name(stretch), (long long)stretch->series, (long long)stretch->from,
		(long long)end);
	int r = chunk ? database_int(stretch->ctx, stretch->db, chunk, &end)
		      : tally_fail(stretch->ctx, ENOMEM, "no memory");
	if (r < 0)
		return r;
	auto_text char *row = sqlite3_mprintf(
		"SELECT \"%w\" FROM \"%w_rows\" WHERE _series = %lld AND \"%w\" >= %lld AND \"%w\" "
		"< %lld ORDER BY \"%w\" LIMIT 1 OFFSET %d",
		stretch_time(stretch), stretch_name(stretch), (long long)stretch->series,
		stretch_time(stretch), (long long)stretch->from, stretch_time(stretch),
		(long long)end, stretch_time(stretch), PACK_ROWS - 1);
	r = row ? database_int(stretch->ctx, stretch->db, row, &last)
		: tally_fail(stretch->ctx, ENOMEM, "no memory");
	stretch->until = last < end - 1 ? last : end - 1;
	return r;
}

/* ---- Reading them -------------------------------------------------------------------- */

static int stretch_prepare(struct stretch *stretch)
{
	const struct tally_table *table = &stretch->stored->table;
	sqlite3_str *sql = sqlite3_str_new(stretch->db);
	sqlite3_str_appendall(sql, "SELECT ");
	stretch->n_columns = 0;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		if (table->columns[c].role == TALLY_TAG)
			continue;
		sqlite3_str_appendf(sql, "%s\"%w\"", c ? ", " : "", table->columns[c].name);
		stretch->wanted[stretch->n_columns] = (uint16_t)stretch->n_columns;
		stretch->n_columns++;
	}
	stretch->rows.columns = stretch->wanted;
	stretch->rows.n = stretch->n_columns;
	packed_append_range(sql, table->name, stretch_time(stretch), false);
	int r = database_prepare_text(stretch->ctx, stretch->db, sql, &stretch->rows.rows);
	if (r < 0)
		return r;
	sql = sqlite3_str_new(stretch->db);
	packed_append_chunks(sql, table->name, false);
	return database_prepare_text(stretch->ctx, stretch->db, sql, &stretch->rows.chunks);
}

static void stretch_done(struct stretch *stretch)
{
	packed_rows_end(&stretch->rows);
	sqlite3_finalize(stretch->rows.rows);
	sqlite3_finalize(stretch->rows.chunks);
	for (uint32_t c = 0; c < stretch->n_columns; c++)
		free(stretch->columns[c]);
	arena_done(&stretch->texts);
}

static int stretch_grow(struct stretch *stretch)
{
	if (stretch->n < stretch->size)
		return 0;
	uint32_t size = stretch->size ? stretch->size * 2 : 512;
	for (uint32_t c = 0; c < stretch->n_columns; c++) {
		struct chunk_value *column = realloc(stretch->columns[c], size * sizeof(*column));
		if (!column)
			return tally_fail(stretch->ctx, ENOMEM, "no memory");
		stretch->columns[c] = column;
	}
	stretch->size = size;
	return 0;
}

static int stretch_fail(struct stretch *stretch, int code)
{
	if (code == SQLITE_NOMEM)
		return tally_fail(stretch->ctx, ENOMEM, "no memory");
	if (!stretch->rows.error[0])
		return database_fail(stretch->ctx, stretch->db);
	return tally_fail(stretch->ctx, EBADMSG, "%s: table %s: %s", database_path(stretch->db),
			  stretch_name(stretch), stretch->rows.error);
}

static int stretch_add(struct stretch *stretch)
{
	int r = stretch_grow(stretch);
	for (uint32_t c = 0; r == 0 && c < stretch->n_columns; c++) {
		struct chunk_value *value = &stretch->columns[c][stretch->n];
		int code = packed_rows_value(&stretch->rows, c, value);
		if (code != SQLITE_OK)
			return stretch_fail(stretch, code);
		if (value->type != CHUNK_TEXT && value->type != CHUNK_BLOB)
			continue;
		value->bytes =
			arena_copy(&stretch->texts, value->len ? value->bytes : "", value->len);
		stretch->bytes += value->len;
		if (!value->bytes)
			r = tally_fail(stretch->ctx, ENOMEM, "no memory");
	}
	stretch->n += r == 0;
	return r;
}

static int stretch_take_row(struct stretch *stretch)
{
	int64_t time = packed_rows_time(&stretch->rows);
	bool twice = stretch->n && stretch->columns[0][stretch->n - 1].i == time;
	/* One that another program wrote beside a packed one goes without a trace, as it would have
	 * if the daemon had written it. */
	if (twice || (!stretch->rows.packed && time > stretch->until))
		return 0;
	if (!stretch->rows.packed && time > stretch->from && stretch->bytes > PACK_BYTES) {
		/* The next stretch begins with it; what is packed already goes on to its end. */
		stretch->until = time - 1;
		return 0;
	}
	return stretch_add(stretch);
}

static int stretch_read(struct stretch *stretch)
{
	int64_t to =
		stretch->until > stretch->merged_until ? stretch->until : stretch->merged_until;
	int r = 0;
	int code = packed_rows_begin(&stretch->rows, stretch->series, stretch->merged, to);
	for (; r == 0 && code == SQLITE_ROW; code = packed_rows_next(&stretch->rows))
		r = stretch_take_row(stretch);
	if (r == 0 && code != SQLITE_DONE)
		r = stretch_fail(stretch, code);
	/* No statement may be at a row when its table is changed. */
	packed_rows_end(&stretch->rows);
	return r;
}

/* ---- Writing them ---------------------------------------------------------------------- */

static int stretch_insert(struct stretch *stretch, uint32_t first, uint32_t n)
{
	auto_statement sqlite3_stmt *insert = NULL;
	const struct chunk_value *columns[CATALOG_MAX_COLUMNS];
	auto_free uint8_t *data = NULL;
	size_t len = 0;
	for (uint32_t c = 0; c < stretch->n_columns; c++)
		columns[c] = stretch->columns[c] + first;
	int r = chunk_encode(columns, stretch->n_columns, n, &data, &len);
	if (r < 0)
		return tally_fail(stretch->ctx, -r,
				  "table %s: rows of series %lld: cannot pack: %s",
				  stretch_name(stretch), (long long)stretch->series, strerror(-r));
	r = database_preparef(stretch->ctx, stretch->db, &insert,
			      "INSERT INTO \"%w_chunks\" (_series, first, last, rows, data) VALUES "
			      "(?1, ?2, ?3, ?4, ?5)",
			      stretch_name(stretch));
	if (r < 0)
		return r;
	sqlite3_bind_int64(insert, 1, stretch->series);
	sqlite3_bind_int64(insert, 2, columns[0][0].i);
	sqlite3_bind_int64(insert, 3, columns[0][n - 1].i);
	sqlite3_bind_int64(insert, 4, n);
	sqlite3_bind_blob64(insert, 5, data, len, SQLITE_STATIC);
	return database_step(stretch->ctx, insert);
}

/* How many rows from there on are for one chunk. */
static uint32_t stretch_piece(const struct stretch *stretch, uint32_t first)
{
	uint32_t n = 0;
	for (size_t bytes = 0; first + n < stretch->n && n < PACK_ROWS && bytes <= PACK_BYTES; n++)
		for (uint32_t c = 0; c < stretch->n_columns; c++)
			bytes += stretch->columns[c][first + n].len;
	return n;
}

static int stretch_write(struct stretch *stretch)
{
	int r = 0;
	if (stretch->merged_id)
		r = database_execf(stretch->ctx, stretch->db,
				   "DELETE FROM \"%w_chunks\" WHERE id = %lld",
				   stretch_name(stretch), (long long)stretch->merged_id);
	for (uint32_t at = 0, n; r == 0 && at < stretch->n; at += n) {
		n = stretch_piece(stretch, at);
		r = stretch_insert(stretch, at, n);
	}
	if (r == 0)
		r = database_execf(
			stretch->ctx, stretch->db,
			"DELETE FROM \"%w_rows\" WHERE _series = %lld AND \"%w\" >= %lld AND "
			"\"%w\" <= %lld",
			stretch_name(stretch), (long long)stretch->series, stretch_time(stretch),
			(long long)stretch->from, stretch_time(stretch), (long long)stretch->until);
	return r;
}

/* ---- Stretch by stretch ------------------------------------------------------------------- */

static int pack_stretch(struct stretch *stretch, struct pack *pack)
{
	int r = stretch_find_merged(stretch);
	if (r == 0)
		r = stretch_find_end(stretch);
	if (r == 0)
		r = stretch_prepare(stretch);
	if (r == 0)
		r = stretch_read(stretch);
	/* Nothing was changed yet, so the rest can go on. */
	if (r == -EBADMSG && stretch->rows.error[0]) {
		pack->error = r;
		r = 0;
	} else if (r == 0) {
		r = stretch_write(stretch);
	}
	pack->from = stretch->until + 1;
	stretch_done(stretch);
	return r;
}

/* The first unpacked row from where the round is: 1, and it is there; 0: there is none. */
static int pack_find(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		     int64_t until, struct pack *pack)
{
	auto_statement sqlite3_stmt *row = NULL;
	const char *table = stored->table.name, *time = stored->table.columns[0].name;
	int r = database_preparef(
		ctx, db, &row,
		"SELECT s._series, (SELECT r.\"%w\" FROM \"%w_rows\" r WHERE "
		"r._series = s._series AND r.\"%w\" >= CASE WHEN s._series = ?1 "
		"THEN ?2 ELSE ?4 END AND r.\"%w\" < ?3 ORDER BY r.\"%w\" LIMIT 1) "
		"t FROM \"%w_series\" s WHERE s._series >= ?1 AND t IS NOT NULL "
		"ORDER BY s._series LIMIT 1",
		time, table, time, time, time, table);
	if (r < 0)
		return r;
	sqlite3_bind_int64(row, 1, pack->series);
	sqlite3_bind_int64(row, 2, pack->from);
	sqlite3_bind_int64(row, 3, until);
	sqlite3_bind_int64(row, 4, INT64_MIN);
	r = database_step(ctx, row);
	if (r > 0) {
		pack->series = sqlite3_column_int64(row, 0);
		pack->from = sqlite3_column_int64(row, 1);
	}
	return r;
}

static int pack_some(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		     int64_t until, struct pack *pack)
{
	int64_t begin = tally_monotonic(ctx);
	auto_free struct stretch *stretch = malloc(sizeof(*stretch));
	int r = stretch ? 1 : tally_fail(ctx, ENOMEM, "no memory");
	while (r > 0 && tally_monotonic(ctx) - begin < PACK_STEP) {
		r = pack_find(ctx, db, stored, until, pack);
		if (r <= 0)
			break;
		*stretch = (struct stretch){.ctx = ctx,
					    .db = db,
					    .stored = stored,
					    .series = pack->series,
					    .from = pack->from};
		r = pack_stretch(stretch, pack);
		r = r == 0 ? 1 : r;
	}
	return r;
}

int pack_step(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored, int64_t until,
	      struct pack *pack)
{
	struct pack before = *pack;
	int r = pack_find(ctx, db, stored, until, pack);
	if (r <= 0)
		return r;
	r = database_begin(ctx, db);
	if (r < 0)
		return r;
	if (!packed_exists(db, stored->table.name)) {
		r = packed_create(ctx, db, stored);
		if (r == 0)
			r = schema_show(ctx, db, stored);
	}
	if (r == 0)
		r = packed_set_to(ctx, db, stored->table.name, until);
	if (r == 0)
		r = pack_some(ctx, db, stored, until, pack);
	int ended = database_end(ctx, db, r < 0 ? r : 0);
	if (ended < 0)
		*pack = before;
	return ended < 0 ? ended : r;
}

/* ---- The end ----------------------------------------------------------------------------- */

int pack_forget(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored)
{
	const char *table = stored->table.name;
	int64_t left = 0;
	if (!packed_exists(db, table))
		return 0;
	auto_text char *sql = sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM \"%w_chunks\")", table);
	int r = sql ? database_int(ctx, db, sql, &left) : tally_fail(ctx, ENOMEM, "no memory");
	if (r < 0 || left)
		return r;
	r = database_begin(ctx, db);
	if (r < 0)
		return r;
	r = database_execf(ctx, db,
			   "DROP TABLE \"%w_all\"; DROP TABLE \"%w_chunks\"; DELETE FROM "
			   "tally_packed WHERE \"table\" = %Q",
			   table, table, table);
	if (r == 0)
		r = schema_show(ctx, db, stored);
	r = database_end(ctx, db, r);
	return r < 0 ? r : 1;
}
