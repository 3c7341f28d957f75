/*
 * A block is made of the newest stretch of time that has none and whose lines are counted: the
 * counts say where it begins, its lines are read once, its slices are stored.  Where lines came
 * late the blocks are forgotten (log_lines.c does that in the transaction in which it counts them),
 * and so missing again; where the lines are deleted, too.  What there is of the index is always
 * true: a search reads whatever no block stands for (read/text_ranges.c).
 *
 * Called by maintenance, a block per step, so that a write waits for some ten milliseconds.  Old
 * lines get their blocks in the same way after an upgrade, the newest first.
 */
#include "maintenance/text_index.h"

#include <errno.h>

#include "base/clock.h"
#include "database.h"
#include "maintenance/watermarks.h"
#include "schema/schema.h"
#include "store.h"
#include "store/log_lines.h"
#include "store/log_text.h"

/* Blocks that one step forgets. */
enum { TEXT_INDEX_AT_ONCE = 50 };
/* Of counts that are read at first. */
#define TEXT_INDEX_SPAN (5 * CLOCK_MINUTE)

struct text_index {
	struct tally_ctx *ctx;
	sqlite3 *db;
	const struct stored_table *logs;
	struct log_lines lines;
	int64_t kept_from, counted_to;
};

static const char *text_index_name(const struct text_index *index)
{
	return index->logs->table.name;
}

static const char *text_index_time(const struct text_index *index)
{
	return index->logs->table.columns[0].name;
}

/* ---- Forgetting ------------------------------------------------------------------ */

static int text_index_drop(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			   const int64_t *blocks, int n)
{
	auto_statement sqlite3_stmt *drop = NULL;
	int r = database_preparef(ctx, db, &drop,
				  "DELETE FROM tally_text WHERE \"table\" = %Q AND slice = ?1 AND "
				  "\"from\" = ?2",
				  table);
	for (int i = 0; r == 0 && i < n; i++) {
		for (int slice = LOG_TEXT_HEAD; r == 0 && slice < LOG_TEXT_SLICES; slice++) {
			sqlite3_bind_int(drop, 1, slice);
			sqlite3_bind_int64(drop, 2, blocks[i]);
			r = database_step(ctx, drop);
		}
	}
	return r;
}

/* The first blocks of those that a statement finds; how many there were. */
static int text_index_forget_some(struct tally_ctx *ctx, sqlite3 *db, const char *table,
				  sqlite3_stmt *found)
{
	int64_t blocks[TEXT_INDEX_AT_ONCE];
	int r = 0, n = 0;
	while (n < TEXT_INDEX_AT_ONCE && (r = database_step(ctx, found)) > 0)
		blocks[n++] = sqlite3_column_int64(found, 0);
	sqlite3_reset(found);
	if (r >= 0 && n > 0)
		r = text_index_drop(ctx, db, table, blocks, n);
	return r < 0 ? r : n;
}

int text_index_forget(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t from,
		      int64_t to)
{
	auto_statement sqlite3_stmt *found = NULL;
	/* Blocks do not overlap, so only the last that begins before may reach into it. */
	int r = database_preparef(
		ctx, db, &found,
		"SELECT \"from\" FROM tally_text WHERE \"table\" = %Q AND slice = %d AND \"from\" "
		"< ?2 AND \"to\" > ?1 AND \"from\" >= ifnull((SELECT max(\"from\") FROM "
		"tally_text WHERE \"table\" = %Q AND slice = %d AND \"from\" <= ?1), ?1)",
		table, LOG_TEXT_HEAD, table, LOG_TEXT_HEAD);
	while (r >= 0) {
		sqlite3_bind_int64(found, 1, from);
		sqlite3_bind_int64(found, 2, to);
		r = text_index_forget_some(ctx, db, table, found);
		if (r < TEXT_INDEX_AT_ONCE)
			break;
	}
	return r < 0 ? r : 0;
}

/* Of lines that retention has deleted. */
static int text_index_forget_old(const struct text_index *index)
{
	auto_statement sqlite3_stmt *found = NULL;
	int r = database_preparef(index->ctx, index->db, &found,
				  "SELECT \"from\" FROM tally_text WHERE \"table\" = %Q AND slice "
				  "= %d AND \"from\" < ?1 AND \"to\" <= ?1 ORDER BY \"from\"",
				  text_index_name(index), LOG_TEXT_HEAD);
	if (r < 0)
		return r;
	sqlite3_bind_int64(found, 1, index->kept_from);
	return text_index_forget_some(index->ctx, index->db, text_index_name(index), found);
}

/* ---- What is missing -------------------------------------------------------------- */

/* The first line that is kept; INT64_MAX: none. */
static int text_index_first(const struct text_index *index, int64_t *ret)
{
	auto_text char *sql = sqlite3_mprintf(
		"SELECT min((SELECT min(r.\"%w\") FROM \"%w_rows\" r WHERE r._series = s._series "
		"AND r.\"%w\" >= %lld)) FROM \"%w_series\" s",
		text_index_time(index), text_index_name(index), text_index_time(index),
		(long long)index->kept_from, text_index_name(index));
	*ret = INT64_MAX;
	int r = sql ? database_int(index->ctx, index->db, sql, ret)
		    : tally_fail(index->ctx, ENOMEM, "no memory");
	if (r == 0 && *ret != INT64_MAX)
		*ret = schema_floor(*ret, CLOCK_MS);
	return r;
}

/* How many lines the newest minutes of a gap have, until there are enough for a block. */
static int text_index_count(const struct text_index *index, struct log_text_cut *cut)
{
	auto_statement sqlite3_stmt *counts = NULL;
	const char *name = index->lines.name, *time = text_index_time(index);
	int64_t to = cut->to, span = TEXT_INDEX_SPAN;
	int r = database_preparef(index->ctx, index->db, &counts,
				  "SELECT r.\"%w\", sum(r.lines) FROM \"%w_series\" s CROSS JOIN "
				  "\"%w_rows\" r ON r._series = s._series WHERE r.\"%w\" >= ?1 AND "
				  "r.\"%w\" < ?2 GROUP BY 1 ORDER BY 1 DESC",
				  time, name, name, time, time);
	while (r == 0 && !cut->full && to > cut->from) {
		int64_t from = to - cut->from > span ? to - span : cut->from;
		from = schema_floor(from, CLOCK_MINUTE);
		sqlite3_bind_int64(counts, 1, from);
		sqlite3_bind_int64(counts, 2, to);
		while ((r = database_step(index->ctx, counts)) > 0)
			log_text_cut_add(cut, sqlite3_column_int64(counts, 0),
					 sqlite3_column_int64(counts, 1));
		to = from;
		span *= 4;
	}
	log_text_cut_end(cut);
	return r;
}

/* 1: cut says which block comes next; 0: none does. */
static int text_index_next(const struct text_index *index, struct log_text_cut *ret)
{
	auto_statement sqlite3_stmt *gaps = NULL;
	int64_t first = 0;
	int r = text_index_first(index, &first);
	if (r < 0 || first >= index->counted_to)
		return r;
	/* Gaps, the newest first: each before a block, or the end, and after another, or the first
	 * line. */
	r = database_preparef(
		index->ctx, index->db, &gaps,
		"SELECT a, b FROM (SELECT max(\"to\") OVER here AS a, lead(\"from\", 1, ?1) OVER "
		"here "
		"AS b FROM (SELECT \"from\", \"to\" FROM tally_text WHERE \"table\" = %Q AND slice "
		"= %d "
		"UNION ALL SELECT ?2, ?2) WINDOW here AS (ORDER BY \"from\", \"to\" ROWS UNBOUNDED "
		"PRECEDING)) WHERE a < b ORDER BY b DESC",
		text_index_name(index), LOG_TEXT_HEAD);
	if (r < 0)
		return r;
	sqlite3_bind_int64(gaps, 1, index->counted_to);
	sqlite3_bind_int64(gaps, 2, first);
	while ((r = database_step(index->ctx, gaps)) > 0) {
		log_text_cut_init(ret, sqlite3_column_int64(gaps, 0),
				  sqlite3_column_int64(gaps, 1));
		r = text_index_count(index, ret);
		/* The newest lines wait until they fill a block. */
		if (r < 0 || ret->full || ret->to < index->counted_to)
			return r < 0 ? r : 1;
	}
	return r;
}

/* ---- Making ----------------------------------------------------------------------- */

/* 1: read; 0: it is too much. */
static int text_index_read(const struct text_index *index, const struct log_text_cut *cut,
			   struct log_text *text)
{
	auto_statement sqlite3_stmt *lines = NULL;
	const char *name = text_index_name(index), *time = text_index_time(index);
	const char *column = index->logs->table.columns[log_text_column(index->logs)].name;
	bool most = log_text_cut_can_shrink(cut);
	int r = database_preparef(index->ctx, index->db, &lines,
				  "SELECT r.\"%w\" FROM \"%w_series\" s CROSS JOIN \"%w_rows\" r "
				  "ON r._series = s._series WHERE r.\"%w\" >= %lld AND r.\"%w\" < "
				  "%lld",
				  column, name, name, time, (long long)cut->begin, time,
				  (long long)cut->to);
	log_text_clear(text);
	while (r == 0 && (r = database_step(index->ctx, lines)) > 0) {
		const char *line = (const char *)sqlite3_column_text(lines, 0);
		if (line)
			log_text_add(text, line, (size_t)sqlite3_column_bytes(lines, 0));
		if (most && log_text_is_too_much(text))
			return 0;
		r = 0;
	}
	return r < 0 ? r : 1;
}

static int text_index_store(const struct text_index *index, const struct log_text_cut *cut,
			    const struct log_text *text)
{
	auto_statement sqlite3_stmt *put = NULL;
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	uint32_t salt = log_text_salt(cut->begin);
	int r = database_preparef(index->ctx, index->db, &put,
				  "INSERT INTO tally_text VALUES (%Q, ?1, %lld, %lld, %d, ?2)",
				  text_index_name(index), (long long)cut->begin, (long long)cut->to,
				  (int)salt);
	for (int slice = LOG_TEXT_HEAD; r == 0 && slice < LOG_TEXT_SLICES; slice++) {
		size_t len = slice == LOG_TEXT_HEAD
				     ? 0
				     : log_text_slice(text, (uint32_t)slice, salt, bits);
		sqlite3_bind_int(put, 1, slice);
		sqlite3_bind_blob(put, 2, bits, (int)len, SQLITE_STATIC);
		r = database_step(index->ctx, put);
	}
	return r;
}

static int text_index_make(const struct text_index *index, struct log_text_cut *cut)
{
	auto_log_text struct log_text *text = log_text_create();
	int r = text ? 0 : tally_fail(index->ctx, ENOMEM, "no memory");
	while (r == 0) {
		r = text_index_read(index, cut, text);
		if (r == 0)
			log_text_cut_shrink(cut);
	}
	return r < 0 ? r : text_index_store(index, cut, text);
}

/* ---- One step --------------------------------------------------------------------- */

static int text_index_work(struct text_index *index)
{
	struct watermarks of_logs, of_lines;
	struct log_text_cut cut;
	int r = watermarks_load(index->ctx, index->db, text_index_name(index), &of_logs);
	if (r == 0)
		r = watermarks_load(index->ctx, index->db, index->lines.name, &of_lines);
	if (r < 0)
		return r;
	index->kept_from = of_logs.kept_from[LEVEL_ROWS];
	index->counted_to = of_lines.rolled_to[LEVEL_ROWS];
	r = text_index_forget_old(index);
	if (r != 0 || index->counted_to == INT64_MIN)
		return r;
	r = text_index_next(index, &cut);
	if (r <= 0)
		return r;
	r = text_index_make(index, &cut);
	return r < 0 ? r : 1;
}

int text_index_step(struct store *store, const struct stored_table *logs)
{
	struct text_index index = {.ctx = store->ctx, .db = store->db, .logs = logs};
	if (!log_text_column(logs) || !log_lines_are_counted(logs))
		return 0;
	log_lines_declare(logs, LOG_LINES_LEVELS, &index.lines);
	/* Their table is made when the first lines are counted. */
	if (!catalog_find(&store->catalog, index.lines.name))
		return 0;
	int r = database_begin(store->ctx, store->db);
	if (r < 0)
		return r;
	int more = text_index_work(&index);
	r = database_end(store->ctx, store->db, more < 0 ? more : 0);
	return r < 0 ? r : more > 0;
}
