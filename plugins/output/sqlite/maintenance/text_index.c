/*
 * Blocks are made of the newest stretch of time that has none and whose lines are counted: the
 * counts say where they begin, their lines are read once, their slices are stored.  Where lines
 * came late the blocks are forgotten (log_lines.c does that in the transaction in which it counts
 * them), and so missing again; where the lines are deleted, too.  What there is of the index is
 * always true: a search reads whatever no block stands for (read/text_ranges.c).
 *
 * Called by maintenance, some blocks per step, so that a write waits for some ten milliseconds. Old
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
#include "store/log_text_blocks.h"
#include "store/log_text_gaps.h"

/* Blocks that one step forgets. */
enum { TEXT_INDEX_AT_ONCE = 50 };
/* Minutes whose counts are read at once, at first and at most. */
enum { TEXT_INDEX_FIRST = 5, TEXT_INDEX_MOST = 1280 };

struct text_index {
	struct tally_ctx *ctx;
	sqlite3 *db;
	const struct stored_table *logs;
	struct log_lines lines;
	int64_t kept_from, counted_to;
	struct log_text_blocks next; /* what is made in this step */
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

/* The first blocks of those that a statement finds; how many there were, *first is not later. */
static int text_index_forget_some(struct tally_ctx *ctx, sqlite3 *db, const char *table,
				  sqlite3_stmt *found, int64_t *first)
{
	int64_t blocks[TEXT_INDEX_AT_ONCE];
	int r = 0, n = 0;
	while (n < TEXT_INDEX_AT_ONCE && (r = database_step(ctx, found)) > 0) {
		blocks[n] = sqlite3_column_int64(found, 0);
		*first = blocks[n] < *first ? blocks[n] : *first;
		n++;
	}
	sqlite3_reset(found);
	if (r >= 0 && n > 0)
		r = text_index_drop(ctx, db, table, blocks, n);
	return r < 0 ? r : n;
}

int text_index_forget(struct store *store, const char *table, int64_t from, int64_t to)
{
	struct tally_ctx *ctx = store->ctx;
	sqlite3 *db = store->db;
	int64_t first = from;
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
		r = text_index_forget_some(ctx, db, table, found, &first);
		if (r < TEXT_INDEX_AT_ONCE)
			break;
	}
	log_text_whole_forget(&store->text_whole, first);
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
	int64_t first = INT64_MAX;
	return text_index_forget_some(index->ctx, index->db, text_index_name(index), found, &first);
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

/* Lines of [from, to), at most TEXT_INDEX_MOST minutes, the newest minute first.  Added up here:
 * the counts are by series, and a statement that groups them would sort them. */
static int text_index_count_some(const struct text_index *index, sqlite3_stmt *counts, int64_t from,
				 int64_t to, struct log_text_blocks *blocks)
{
	int64_t lines[TEXT_INDEX_MOST] = {0};
	int r;
	sqlite3_bind_int64(counts, 1, from);
	sqlite3_bind_int64(counts, 2, to);
	while ((r = database_step(index->ctx, counts)) > 0) {
		int64_t minute = (sqlite3_column_int64(counts, 0) - from) / CLOCK_MINUTE;
		lines[minute] += sqlite3_column_int64(counts, 1);
	}
	for (int64_t i = TEXT_INDEX_MOST - 1; r == 0 && i >= 0; i--)
		if (lines[i] > 0)
			log_text_blocks_count(blocks, from + i * CLOCK_MINUTE, lines[i]);
	return r;
}

/* How many lines the newest minutes of a gap have, until there are enough for all blocks. */
static int text_index_count(const struct text_index *index, int64_t to,
			    struct log_text_blocks *blocks)
{
	auto_statement sqlite3_stmt *counts = NULL;
	const char *name = index->lines.name, *time = text_index_time(index);
	int64_t minutes = TEXT_INDEX_FIRST;
	int r = database_preparef(
		index->ctx, index->db, &counts,
		"SELECT r.\"%w\", r.lines FROM \"%w_series\" s CROSS JOIN \"%w_rows\" "
		"r ON r._series = s._series WHERE r.\"%w\" >= ?1 AND r.\"%w\" < ?2",
		time, name, name, time, time);
	while (r == 0 && !log_text_blocks_are_full(blocks) && to > blocks->from) {
		/* As many whole minutes as there is room for, also where `to` is within one. */
		int64_t end = schema_floor(to + CLOCK_MINUTE - 1, CLOCK_MINUTE);
		int64_t from = schema_floor(blocks->from, CLOCK_MINUTE);
		if ((end - from) / CLOCK_MINUTE > minutes)
			from = end - minutes * CLOCK_MINUTE;
		r = text_index_count_some(index, counts, from, to, blocks);
		to = from;
		minutes = minutes * 4 < TEXT_INDEX_MOST ? minutes * 4 : TEXT_INDEX_MOST;
	}
	return r;
}

/* 1: ret says which blocks of the gap [from, to) come next; 0: none do. */
static int text_index_in_gap(const struct text_index *index, int64_t from, int64_t to,
			     struct log_text_blocks *ret)
{
	/* Before the first block: since lines begin. */
	int r = from == INT64_MIN ? text_index_first(index, &from) : 0;
	if (r < 0 || from >= to)
		return r;
	log_text_blocks_init(ret, from, to);
	r = text_index_count(index, to, ret);
	log_text_blocks_counted(ret, to == index->counted_to);
	return r < 0 ? r : ret->n > 0;
}

/* The same of the time after all blocks, where nearly all of the work is. */
static int text_index_after_all(const struct text_index *index, struct log_text_blocks *ret)
{
	auto_statement sqlite3_stmt *last = NULL;
	int r = database_preparef(index->ctx, index->db, &last,
				  "SELECT \"to\" FROM tally_text WHERE \"table\" = %Q AND slice = "
				  "%d ORDER BY \"from\" DESC LIMIT 1",
				  text_index_name(index), LOG_TEXT_HEAD);
	if (r == 0)
		r = database_step(index->ctx, last);
	if (r < 0)
		return r;
	int64_t from = r > 0 ? sqlite3_column_int64(last, 0) : INT64_MIN;
	return text_index_in_gap(index, from, index->counted_to, ret);
}

static int text_index_blocks(void *arg, int64_t from, int64_t before, struct log_text_span *ret,
			     int most)
{
	const struct text_index *index = arg;
	auto_statement sqlite3_stmt *blocks = NULL;
	int n = 0;
	int r = database_preparef(
		index->ctx, index->db, &blocks,
		"SELECT \"from\", \"to\" FROM tally_text WHERE \"table\" = %Q AND "
		"slice = %d AND \"from\" >= %lld AND \"from\" < %lld ORDER BY "
		"\"from\" DESC LIMIT %d",
		text_index_name(index), LOG_TEXT_HEAD, (long long)from, (long long)before, most);
	while (r == 0 && (r = database_step(index->ctx, blocks)) > 0) {
		ret[n++] = (struct log_text_span){sqlite3_column_int64(blocks, 0),
						  sqlite3_column_int64(blocks, 1)};
		r = 0;
	}
	return r < 0 ? r : n;
}

static int text_index_gap(void *arg, int64_t from, int64_t to)
{
	struct text_index *index = arg;
	return text_index_in_gap(index, from, to, &index->next);
}

/* The same of the newest gap that has some; LOG_TEXT_GAPS_MORE: that is not known yet. */
static int text_index_next(struct text_index *index, struct log_text_whole *whole)
{
	const struct log_text_gaps gaps = {text_index_blocks, text_index_gap, index};
	int r = text_index_after_all(index, &index->next);
	return r != 0 ? r
		      : log_text_gaps_find(&gaps, whole, text_index_name(index),
					   tally_monotonic(index->ctx));
}

/* ---- Making ----------------------------------------------------------------------- */

/* 1: read; 0: it is too much. */
static int text_index_read(const struct text_index *index, struct log_text_blocks *blocks)
{
	auto_statement sqlite3_stmt *lines = NULL;
	const char *name = text_index_name(index), *time = text_index_time(index);
	const char *column = index->logs->table.columns[log_text_column(index->logs)].name;
	int r = database_preparef(index->ctx, index->db, &lines,
				  "SELECT r.\"%w\", r.\"%w\" FROM \"%w_series\" s CROSS JOIN "
				  "\"%w_rows\" r ON r._series = s._series WHERE r.\"%w\" >= %lld "
				  "AND r.\"%w\" < %lld",
				  time, column, name, name, time,
				  (long long)log_text_blocks_begin(blocks), time,
				  (long long)blocks->blocks[0].to);
	while (r == 0 && (r = database_step(index->ctx, lines)) > 0) {
		const char *line = (const char *)sqlite3_column_text(lines, 1);
		if (line && !log_text_blocks_add(blocks, sqlite3_column_int64(lines, 0), line,
						 (size_t)sqlite3_column_bytes(lines, 1)))
			return 0;
		r = 0;
	}
	return r < 0 ? r : 1;
}

static int text_index_store(const struct text_index *index, const struct log_text_block *block,
			    const struct log_text *text, sqlite3_stmt *put)
{
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	uint32_t salt = log_text_salt(block->begin);
	int r = 0;
	for (int slice = LOG_TEXT_HEAD; r == 0 && slice < LOG_TEXT_SLICES; slice++) {
		size_t len = slice == LOG_TEXT_HEAD
				     ? 0
				     : log_text_slice(text, (uint32_t)slice, salt, bits);
		sqlite3_bind_int(put, 1, slice);
		sqlite3_bind_int64(put, 2, block->begin);
		sqlite3_bind_int64(put, 3, block->to);
		sqlite3_bind_int(put, 4, (int)salt);
		sqlite3_bind_blob(put, 5, bits, (int)len, SQLITE_STATIC);
		r = database_step(index->ctx, put);
	}
	return r;
}

static int text_index_make(const struct text_index *index, struct log_text_blocks *blocks)
{
	auto_statement sqlite3_stmt *put = NULL;
	int r = 0;
	while (r == 0) {
		if (log_text_blocks_clear(blocks) < 0)
			return tally_fail(index->ctx, ENOMEM, "no memory");
		r = text_index_read(index, blocks);
		if (r == 0)
			log_text_blocks_shrink(blocks);
	}
	if (r > 0)
		r = database_preparef(index->ctx, index->db, &put,
				      "INSERT INTO tally_text (\"table\", slice, \"from\", \"to\", "
				      "salt, bits) VALUES (%Q, ?1, ?2, ?3, ?4, ?5)",
				      text_index_name(index));
	for (uint32_t i = 0; r == 0 && i < blocks->n; i++)
		r = text_index_store(index, &blocks->blocks[i], blocks->texts[i], put);
	return r;
}

/* ---- One step --------------------------------------------------------------------- */

static int text_index_work(struct text_index *index, struct log_text_whole *whole)
{
	struct watermarks of_logs, of_lines;
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
	r = text_index_next(index, whole);
	if (r != 1)
		return r;
	r = text_index_make(index, &index->next);
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
	int more = text_index_work(&index, &store->text_whole);
	log_text_blocks_done(&index.next);
	r = database_end(store->ctx, store->db, more < 0 ? more : 0);
	return r < 0 ? r : more > 0;
}
