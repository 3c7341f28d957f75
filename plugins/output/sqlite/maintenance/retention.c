/*
 * In a clustered table the old rows of a series lie together, so a deletion goes series by series,
 * up to a number of rows per transaction: one DELETE over all would hold the write lock for as long
 * as it takes, and grow the log.  Before the first row of a level is deleted, kept_from is moved,
 * so that nothing is ever computed again from what is left.  Called by maintenance, and by a write
 * that found the file full, in the store's turn.
 */
#include "maintenance/retention.h"

#include <errno.h>
#include <stdlib.h>

#include "database.h"
#include "maintenance/watermarks.h"
#include "packed/packed_file.h"
#include "packed/packed_rows.h"
#include "schema/schema.h"

enum {
	RETENTION_ROWS = 5000,
	RETENTION_CHUNKS = 50,
	RETENTION_PAGES = 256,
	RETENTION_SLACK_PAGES = 256
};

/* ---- Rows before a time ------------------------------------------------------------ */

struct retention {
	struct store *store;
	const struct stored_table *stored;
	enum schema_level level;
	sqlite3_stmt *series, *nth, *delete;
};

static int retention_prepare(struct retention *retention)
{
	struct tally_ctx *ctx = retention->store->ctx;
	sqlite3 *db = retention->store->db;
	const char *table = retention->stored->table.name,
		   *time = retention->level == LEVEL_ROWS ? retention->stored->table.columns[0].name
							  : "time";
	const char *suffix = schema_levels[retention->level].suffix;
	/* EXISTS ends at the first row, and the clustering makes that one seek per series.  OFFSET
	 * walks over no more rows than are deleted afterwards. */
	int r = database_preparef(ctx, db, &retention->series,
				  "SELECT s._series FROM \"%w_series\" s WHERE EXISTS (SELECT 1 "
				  "FROM \"%w%s_rows\" r WHERE r._series = s._series AND r.\"%w\" < "
				  "?1)",
				  table, table, suffix, time);
	if (r == 0)
		r = database_preparef(ctx, db, &retention->nth,
				      "SELECT \"%w\" FROM \"%w%s_rows\" WHERE _series = ?1 AND "
				      "\"%w\" < ?2 ORDER BY \"%w\" LIMIT 1 OFFSET ?3",
				      time, table, suffix, time, time);
	if (r == 0)
		r = database_preparef(ctx, db, &retention->delete,
				      "DELETE FROM \"%w%s_rows\" WHERE _series = ?1 AND \"%w\" < "
				      "?2",
				      table, suffix, time);
	return r;
}

/* At most about `most` of a series' rows before cut; rows of one time go together. */
static int retention_delete(struct retention *retention, int64_t series, int64_t cut, int most)
{
	struct tally_ctx *ctx = retention->store->ctx;
	sqlite3_bind_int64(retention->nth, 1, series);
	sqlite3_bind_int64(retention->nth, 2, cut);
	sqlite3_bind_int(retention->nth, 3, most);
	int r = database_step(ctx, retention->nth);
	if (r > 0)
		cut = sqlite3_column_int64(retention->nth, 0) + 1;
	sqlite3_reset(retention->nth);
	if (r < 0)
		return r;
	sqlite3_bind_int64(retention->delete, 1, series);
	sqlite3_bind_int64(retention->delete, 2, cut);
	r = database_step(ctx, retention->delete);
	return r < 0 ? r : sqlite3_changes(retention->store->db);
}

/* Returns how many rows were deleted. */
static int retention_delete_some(struct retention *retention, int64_t cut)
{
	struct store *store = retention->store;
	int deleted = 0;
	int r = retention_prepare(retention);
	if (r < 0)
		return r;
	sqlite3_bind_int64(retention->series, 1, cut);
	while (deleted < RETENTION_ROWS && (r = database_step(store->ctx, retention->series)) > 0) {
		/* In the same transaction, before the first row goes: from here on what is left is
		 * not rolled up again, since it would replace a whole bucket by half of it. */
		if (deleted == 0)
			r = watermarks_set_kept_from(store->ctx, store->db,
						     retention->stored->table.name,
						     retention->level, cut);
		if (r >= 0)
			r = retention_delete(retention, sqlite3_column_int64(retention->series, 0),
					     cut, RETENTION_ROWS - deleted);
		if (r < 0)
			return r;
		deleted += r;
	}
	return r < 0 ? r : deleted;
}

/* Chunks whose last row is too old, whole.  Returns how many rows were in them. */
static int retention_delete_chunks(struct retention *retention, int64_t cut)
{
	struct store *store = retention->store;
	const char *table = retention->stored->table.name;
	auto_statement sqlite3_stmt *row = NULL;
	int deleted = 0;
	if (retention->level != LEVEL_ROWS || !packed_exists(store->db, table))
		return 0;
	int r = database_preparef(
		store->ctx, store->db, &row,
		"DELETE FROM \"%w_chunks\" WHERE id IN (SELECT c.id FROM "
		"\"%w_series\" s CROSS JOIN \"%w_chunks\" c ON c._series = "
		"s._series WHERE c.first < ?1 AND c.last < ?1 LIMIT %d) RETURNING "
		"rows",
		table, table, table, RETENTION_CHUNKS);
	if (r < 0)
		return r;
	sqlite3_bind_int64(row, 1, cut);
	while ((r = database_step(store->ctx, row)) > 0)
		deleted += sqlite3_column_int(row, 0);
	if (r == 0 && deleted)
		r = watermarks_set_kept_from(store->ctx, store->db, table, LEVEL_ROWS, cut);
	return r < 0 ? r : deleted;
}

/* In a transaction of its own; returns how many rows were deleted. */
static int retention_before(struct store *store, const struct stored_table *stored,
			    enum schema_level level, int64_t cut, uint32_t metric)
{
	struct retention retention = {.store = store, .stored = stored, .level = level};
	int r = database_begin(store->ctx, store->db);
	if (r < 0)
		return r;
	int deleted = retention_delete_some(&retention, cut);
	int packed = deleted < 0 ? deleted : retention_delete_chunks(&retention, cut);
	deleted = packed < 0 ? packed : deleted + packed;
	/* Before the end of the transaction: a statement that is still at a row would keep its lock
	 * for reading. */
	sqlite3_finalize(retention.series);
	sqlite3_finalize(retention.nth);
	sqlite3_finalize(retention.delete);
	r = database_end(store->ctx, store->db, deleted < 0 ? deleted : 0);
	if (r < 0)
		return r;
	tally_count(store->ctx, metric, (uint64_t)deleted);
	return deleted;
}

/* ---- What is too old ------------------------------------------------------------------ */

int retention_gc_series(struct store *store, const struct stored_table *stored)
{
	const char *table = stored->table.name;
	if (stored->table.kind == TALLY_STATE || stored->n_tags == 0)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(store->db);
	sqlite3_str_appendf(sql, "DELETE FROM \"%w_series\" WHERE ", table);
	for (int level = 0; level < (stored->n_numbers ? N_LEVELS : 1); level++)
		sqlite3_str_appendf(sql,
				    "%sNOT EXISTS (SELECT 1 FROM \"%w%s_rows\" r WHERE r._series = "
				    "\"%w_series\"._series)",
				    level ? " AND " : "", table, schema_levels[level].suffix,
				    table);
	if (packed_exists(store->db, table))
		sqlite3_str_appendf(sql,
				    " AND NOT EXISTS (SELECT 1 FROM \"%w_chunks\" c WHERE "
				    "c._series = \"%w_series\"._series)",
				    table, table);
	int r = database_exec_text(store->ctx, store->db, sql);
	if (r == 0 && sqlite3_changes(store->db) > 0)
		/* The writer may have the number of a series in memory that is gone now. */
		writer_forget_series(&store->writer, table);
	return r;
}

/* Things that have been gone for long.  By rowid, since SQLite has no DELETE … LIMIT unless it was
 * built with it (SQLITE_ENABLE_UPDATE_DELETE_LIMIT). */
static int retention_gone(struct store *store, const struct stored_table *stored)
{
	if (!stored->gone)
		return 0;
	const char *table = stored->table.name, *gone = stored->table.columns[stored->gone].name;
	int64_t cut = store_clock_cut(&store->clock, store->age.rollup);
	int r = database_execf(store->ctx, store->db,
			       "DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" WHERE "
			       "\"%w\" < %lld LIMIT %d)",
			       table, table, gone, (long long)cut, RETENTION_ROWS);
	if (r < 0)
		return r;
	int deleted = sqlite3_changes(store->db);
	tally_count(store->ctx, METRIC_DELETED_OLD, (uint64_t)deleted);
	return deleted >= RETENTION_ROWS;
}

int retention_step(struct store *store, const struct stored_table *stored)
{
	struct watermarks watermarks;
	int deleted = 0;
	if (stored->table.kind == TALLY_STATE)
		return retention_gone(store, stored);
	int r = watermarks_load(store->ctx, store->db, stored->table.name, &watermarks);
	for (int level = 0; r >= 0 && level < (stored->n_numbers ? N_LEVELS : 1); level++) {
		enum schema_level at = (enum schema_level)level;
		r = retention_before(
			store, stored, at,
			retention_age_cut(&store->age, &store->clock, stored, &watermarks, at),
			METRIC_DELETED_OLD);
		deleted += r > 0 ? r : 0;
	}
	return r < 0 ? r : deleted > 0;
}

/* ---- What is too much ------------------------------------------------------------------- */

struct retention_pages {
	int64_t size, count, free;
};

static int retention_pages(struct store *store, struct retention_pages *ret)
{
	int r = database_int(store->ctx, store->db, "PRAGMA page_size", &ret->size);
	if (r == 0)
		r = database_int(store->ctx, store->db, "PRAGMA page_count", &ret->count);
	if (r == 0)
		r = database_int(store->ctx, store->db, "PRAGMA freelist_count", &ret->free);
	return r;
}

static int retention_set_limit(struct store *store, int64_t slack)
{
	struct retention_pages pages = {0};
	int r = retention_pages(store, &pages);
	if (r < 0)
		return r;
	/* SQLite refuses a page beyond this with SQLITE_FULL, in the middle of a transaction, which
	 * is what makes max_size hold; the log is not counted. */
	int64_t limit = store->config->max_size / pages.size + slack;
	return database_execf(store->ctx, store->db, "PRAGMA max_page_count = %lld",
			      (long long)limit);
}

int retention_limit(struct store *store)
{
	return retention_set_limit(store, 0);
}

int retention_size(struct store *store, int64_t *ret_bytes)
{
	struct retention_pages pages = {0};
	int r = retention_pages(store, &pages);
	if (r == 0)
		*ret_bytes = pages.count * pages.size;
	return r;
}

int retention_fill(struct store *store, int64_t *ret_percent)
{
	struct retention_pages pages = {0};
	int r = retention_pages(store, &pages);
	if (r == 0)
		*ret_percent =
			/* Free pages are room: SQLite fills them before the file grows. */
			(pages.count - pages.free) * pages.size / (store->config->max_size / 100);
	return r;
}

struct retention_span {
	struct store *store;
	enum schema_level level;
	bool kept_long; /* rows of such tables, and not of the others */
	int64_t oldest, newest, cut;
	int64_t packed; /* the oldest row of a chunk; INT64_MAX: none */
	int deleted;
};

/* A STATE table is not trimmed: it has one row per thing, old or not.  Rows that are kept long go
 * only when there are no others any more: they are few, and would be the oldest. */
static bool retention_has(const struct retention_span *span, const struct stored_table *stored)
{
	if (span->kept_long)
		return stored->table.flags & TALLY_KEPT_LONG && stored->table.kind != TALLY_STATE;
	if (span->level == LEVEL_ROWS)
		return !(stored->table.flags & TALLY_KEPT_LONG) &&
		       stored->table.kind != TALLY_STATE;
	return stored->n_numbers;
}

/* Chunks go whole: less than the oldest one would delete nothing. */
static int retention_find_packed(struct retention_span *span, const char *table)
{
	struct store *store = span->store;
	int64_t oldest = INT64_MAX, newest = INT64_MIN;
	if (span->level != LEVEL_ROWS || !packed_exists(store->db, table))
		return 0;
	auto_text char *first = sqlite3_mprintf(
		"SELECT min((SELECT min(first) FROM \"%w_chunks\" c WHERE c._series = s._series)) "
		"FROM \"%w_series\" s",
		table, table);
	auto_text char *last = sqlite3_mprintf(
		"SELECT max((SELECT last FROM \"%w_chunks\" c WHERE c._series = s._series ORDER BY "
		"first DESC LIMIT 1)) FROM \"%w_series\" s",
		table, table);
	int r = first && last ? database_int(store->ctx, store->db, first, &oldest) : -ENOMEM;
	if (r == 0)
		r = database_int(store->ctx, store->db, last, &newest);
	span->oldest = oldest < span->oldest ? oldest : span->oldest;
	span->newest = newest > span->newest ? newest : span->newest;
	span->packed = oldest < span->packed ? oldest : span->packed;
	return r;
}

static int retention_find_span(void *arg, const struct tally_table *table)
{
	struct retention_span *span = arg;
	struct store *store = span->store;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	const char *time = span->level == LEVEL_ROWS ? table->columns[0].name : "time";
	const char *suffix = schema_levels[span->level].suffix;
	int64_t oldest = INT64_MAX, newest = INT64_MIN;
	if (!retention_has(span, stored))
		return 0;
	/* min() or max() alone in a SELECT is one seek in the clustered table, not a walk over it
	 * (SQLite, The SQLite Query Optimizer Overview, "MIN/MAX Optimization"). */
	auto_text char *first = sqlite3_mprintf(
		"SELECT min((SELECT min(\"%w\") FROM \"%w%s_rows\" r WHERE r._series = s._series)) "
		"FROM \"%w_series\" s",
		time, table->name, suffix, table->name);
	auto_text char *last = sqlite3_mprintf(
		"SELECT max((SELECT max(\"%w\") FROM \"%w%s_rows\" r WHERE r._series = s._series)) "
		"FROM \"%w_series\" s",
		time, table->name, suffix, table->name);
	int r = first && last ? database_int(store->ctx, store->db, first, &oldest) : -ENOMEM;
	if (r == 0)
		r = database_int(store->ctx, store->db, last, &newest);
	span->oldest = oldest < span->oldest ? oldest : span->oldest;
	span->newest = newest > span->newest ? newest : span->newest;
	return r == 0 ? retention_find_packed(span, table->name) : r;
}

static int retention_trim(void *arg, const struct tally_table *table)
{
	struct retention_span *span = arg;
	const struct stored_table *stored = catalog_find(&span->store->catalog, table->name);
	if (!retention_has(span, stored))
		return 0;
	int n = retention_before(span->store, stored, span->level, span->cut, METRIC_DELETED_SIZE);
	span->deleted += n > 0 ? n : 0;
	return n < 0 ? n : 0;
}

/* From the oldest sixteenth of the finest level that has rows: rows before rollups, since a rollup
 * still answers for rows that are gone; last what is kept long. */
static int retention_trim_oldest(struct store *store)
{
	for (int level = 0; level <= N_LEVELS; level++) {
		bool last = level == N_LEVELS;
		struct retention_span span = {.store = store,
					      .level = last ? LEVEL_ROWS : (enum schema_level)level,
					      .kept_long = last,
					      .oldest = INT64_MAX,
					      .newest = INT64_MIN,
					      .packed = INT64_MAX};
		int r = catalog_each(&store->catalog, retention_find_span, &span);
		if (r < 0)
			return r;
		if (span.oldest > span.newest)
			continue;
		/* Rows that a wrong clock has dated far ahead must not make all others old. */
		int64_t trusted = store->clock.trusted;
		bool ahead = span.oldest <= trusted && trusted < span.newest;
		uint64_t length = (uint64_t)(ahead ? trusted : span.newest) - (uint64_t)span.oldest;
		span.cut = span.oldest + (int64_t)(length / 16) + 1;
		if (span.packed < span.cut && span.cut < span.packed + PACKED_SPAN)
			span.cut = span.packed + PACKED_SPAN;
		r = catalog_each(&store->catalog, retention_trim, &span);
		return r < 0 ? r : span.deleted;
	}
	return 0;
}

int retention_make_room(struct store *store)
{
	/* Deleting may have to split a page before it frees one. */
	int r = retention_set_limit(store, RETENTION_SLACK_PAGES);
	int deleted = r == 0 ? retention_trim_oldest(store) : r;
	/* Also after a failure: the slack is for this deletion only, not for rows. */
	r = retention_limit(store);
	if (deleted > 0)
		tally_log(store->ctx, TALLY_WARNING,
			  "%s reached its max_size: the oldest rows are being deleted",
			  store->path);
	return r < 0 ? r : deleted;
}

/* ---- Free pages ------------------------------------------------------------------------- */

int retention_shrink(struct store *store)
{
	struct retention_pages pages = {0};
	int r = retention_pages(store, &pages);
	if (r < 0 || pages.free < RETENTION_PAGES || pages.free * 8 < pages.count)
		return r;
	/* A few pages at a time: each is moved from the end of the file, under the store's turn.
	 * Only when an eighth is free, or what is freed now would have to be allocated again soon.
	 */
	r = database_execf(store->ctx, store->db, "PRAGMA incremental_vacuum(%d)", RETENTION_PAGES);
	return r < 0 ? r : 1;
}
