/*
 * The lines of a stretch of time are counted by one statement, and where the counting has come to
 * is noted in the same transaction, as level 0 of the counts' own watermarks.  Minutes to which
 * lines came late are marked by the writer, as those of a rolled-up table are, and counted again;
 * the rollups of what changed are marked in turn.  Counts by pattern go with those by level, under
 * the same watermark.  Called by maintenance.
 *
 * Behind the writer and not in it: a line costs an insert nothing, lines that were there before
 * tallyd counted them are counted like any others, and a line that is offered twice counts once.
 */
#include "maintenance/log_lines.h"

#include <errno.h>
#include <string.h>

#include "database.h"
#include "maintenance/text_index.h"
#include "maintenance/watermarks.h"
#include "schema/schema.h"
#include "store.h"
#include "store/log_lines.h"

enum { LOG_LINES_LATE_AT_ONCE = 100 };

struct log_counting {
	struct store *store;
	const struct stored_table *logs;
	const struct stored_table *lines[LOG_LINES_KINDS]; /* NULL: not counted so */
	struct watermarks watermarks[LOG_LINES_KINDS];     /* of lines */
	int64_t kept_from;                                 /* of logs: earlier lines are gone */
};

/* ---- One stretch --------------------------------------------------------------- */

static void log_lines_append_tags(const struct log_counting *counting, sqlite3_str *sql,
				  const char *before)
{
	for (uint32_t i = 0; i < counting->logs->n_tags; i++)
		sqlite3_str_appendf(sql, ", %s\"%w\"", before,
				    counting->logs->table.columns[counting->logs->tags[i]].name);
}

/* Lines of [from, to), series by series: CROSS keeps the order. */
static void log_lines_append_rows(const struct log_counting *counting, enum log_lines_kind kind,
				  sqlite3_str *sql, int64_t from, int64_t to)
{
	const char *name = counting->logs->table.name;
	const char *time = counting->logs->table.columns[0].name;
	sqlite3_str_appendf(sql,
			    " FROM \"%w_series\" s CROSS JOIN \"%w_rows\" r ON r._series = "
			    "s._series WHERE r.\"%w\" >= %lld AND r.\"%w\" < %lld",
			    name, name, time, (long long)from, time, (long long)to);
	if (kind == LOG_LINES_PATTERNS)
		sqlite3_str_appendf(sql, " AND r.pattern IS NOT NULL");
}

/* Tags and levels that no line had before. */
static int log_lines_add_series(const struct log_counting *counting, enum log_lines_kind kind,
				int64_t from, int64_t to)
{
	sqlite3_str *sql = sqlite3_str_new(counting->store->db);
	sqlite3_str_appendf(sql, "INSERT OR IGNORE INTO \"%w_series\" (%s",
			    counting->lines[kind]->table.name, log_lines_by(kind));
	log_lines_append_tags(counting, sql, "");
	sqlite3_str_appendf(sql, ") SELECT DISTINCT r.%s", log_lines_by(kind));
	log_lines_append_tags(counting, sql, "s.");
	log_lines_append_rows(counting, kind, sql, from, to);
	return database_exec_text(counting->store->ctx, counting->store->db, sql);
}

static int log_lines_count(const struct log_counting *counting, enum log_lines_kind kind,
			   int64_t from, int64_t to)
{
	const char *name = counting->lines[kind]->table.name, *by = log_lines_by(kind);
	const char *time = counting->lines[kind]->table.columns[0].name;
	sqlite3_str *sql = sqlite3_str_new(counting->store->db);
	/* Added up before the series of the count is looked for: once per minute, not per line. */
	sqlite3_str_appendf(sql,
			    "INSERT INTO \"%w_rows\" (_series, \"%w\", lines) SELECT d._series, "
			    "c.minute, c.n FROM (SELECT r.%s AS %s, r.\"%w\" - r.\"%w\" %% "
			    "%lld AS minute, count(*) AS n",
			    name, time, by, by, time, time,
			    (long long)schema_levels[LEVEL_MINUTE].bucket);
	log_lines_append_tags(counting, sql, "s.");
	log_lines_append_rows(counting, kind, sql, from, to);
	sqlite3_str_appendf(sql,
			    " GROUP BY s._series, 2, 1) c CROSS JOIN \"%w_series\" d ON " SCHEMA_KEY
			    " = " SCHEMA_KEY,
			    name, "d.", by, "c.", by);
	for (uint32_t i = 0; i < counting->logs->n_tags; i++) {
		const char *tag = counting->logs->table.columns[counting->logs->tags[i]].name;
		sqlite3_str_appendf(sql, " AND " SCHEMA_KEY " = " SCHEMA_KEY, "d.", tag, "c.", tag);
	}
	sqlite3_str_appendf(sql, " WHERE 1 ON CONFLICT DO UPDATE SET lines = excluded.lines");
	return database_exec_text(counting->store->ctx, counting->store->db, sql);
}

/* The minutes of the counts that are rolled up already. */
static int log_lines_mark(const struct log_counting *counting, enum log_lines_kind kind,
			  int64_t from, int64_t to)
{
	const char *name = counting->lines[kind]->table.name;
	const char *time = counting->lines[kind]->table.columns[0].name;
	int64_t rolled_to = counting->watermarks[kind].rolled_to[LEVEL_MINUTE];
	to = to < rolled_to ? to : rolled_to;
	if (from >= to)
		return 0;
	return database_execf(counting->store->ctx, counting->store->db,
			      "INSERT OR IGNORE INTO tally_late SELECT %Q, %d, r.\"%w\", "
			      "r._series FROM \"%w_series\" d CROSS JOIN \"%w_rows\" r ON "
			      "r._series = d._series WHERE r.\"%w\" >= %lld AND r.\"%w\" < %lld",
			      name, LEVEL_MINUTE, time, name, name, time, (long long)from, time,
			      (long long)to);
}

static int log_lines_stretch(const struct log_counting *counting, int64_t from, int64_t to)
{
	int r = 0;
	for (int kind = 0; kind < LOG_LINES_KINDS && r == 0; kind++) {
		if (!counting->lines[kind])
			continue;
		r = log_lines_add_series(counting, kind, from, to);
		if (r == 0)
			r = log_lines_count(counting, kind, from, to);
		if (r == 0)
			r = log_lines_mark(counting, kind, from, to);
	}
	return r;
}

/* ---- What came late, and what closed --------------------------------------------- */

/* How many minutes were counted again. */
static int log_lines_late(const struct log_counting *counting)
{
	struct store *store = counting->store;
	const char *name = counting->logs->table.name;
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	auto_text char *next = sqlite3_mprintf("SELECT min(bucket) FROM tally_late WHERE \"table\" "
					       "= %Q AND level = %d",
					       name, LEVEL_MINUTE);
	int n = 0, r = next ? 0 : tally_fail(store->ctx, ENOMEM, "no memory");
	for (; r == 0 && n < LOG_LINES_LATE_AT_ONCE; n++) {
		int64_t bucket = INT64_MIN;
		r = database_int(store->ctx, store->db, next, &bucket);
		if (r < 0 || bucket == INT64_MIN)
			break;
		if (bucket >= counting->kept_from &&
		    bucket < counting->watermarks[LOG_LINES_LEVELS].rolled_to[LEVEL_ROWS])
			r = log_lines_stretch(counting, bucket, bucket + minute);
		/* With the mark goes what tells a search that the index does not know the line. */
		if (r == 0)
			r = text_index_forget(store, name, bucket, bucket + minute);
		if (r == 0)
			r = database_execf(store->ctx, store->db,
					   "DELETE FROM tally_late WHERE \"table\" = %Q AND level "
					   "= %d AND bucket = %lld",
					   name, LEVEL_MINUTE, (long long)bucket);
	}
	return r < 0 ? r : n;
}

/* The first line at or after a time; INT64_MAX: none. */
static int log_lines_first(const struct log_counting *counting, int64_t from, int64_t *ret)
{
	const char *name = counting->logs->table.name;
	const char *time = counting->logs->table.columns[0].name;
	auto_text char *sql = sqlite3_mprintf(
		"SELECT min((SELECT min(r.\"%w\") FROM \"%w_rows\" r WHERE r._series = s._series "
		"AND r.\"%w\" >= %lld)) FROM \"%w_series\" s",
		time, name, time, (long long)from, name);
	*ret = INT64_MAX;
	return sql ? database_int(counting->store->ctx, counting->store->db, sql, ret)
		   : tally_fail(counting->store->ctx, ENOMEM, "no memory");
}

static int log_lines_ahead(const struct log_counting *counting, int64_t closed, int64_t span)
{
	struct store *store = counting->store;
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket, first = 0;
	int64_t from = counting->watermarks[LOG_LINES_LEVELS].rolled_to[LEVEL_ROWS];
	int64_t target = schema_floor(closed, minute);
	if (from >= target)
		return 0;
	int r = log_lines_first(counting, from, &first);
	if (r < 0)
		return r;
	/* A gap is passed at once. */
	if (first < target) {
		from = schema_floor(first, minute);
		target = schema_step_end(from, minute, span, target);
		r = log_lines_stretch(counting, from, target);
	}
	if (r == 0)
		r = watermarks_set_rolled_to(store->ctx, store->db,
					     counting->lines[LOG_LINES_LEVELS]->table.name,
					     LEVEL_ROWS, target);
	if (r == 0)
		writer_set_rolled_to(&store->writer, counting->logs->table.name, target);
	return r < 0 ? r : 1;
}

static int log_lines_ensure(struct log_counting *counting)
{
	struct store *store = counting->store;
	struct log_lines declared;
	int r = 0;
	for (int kind = 0; kind < LOG_LINES_KINDS && r == 0; kind++) {
		if (!log_lines_has(counting->logs, kind))
			continue;
		log_lines_declare(counting->logs, kind, &declared);
		r = schema_ensure(store->ctx, &store->catalog, store->db, &declared.table,
				  &counting->lines[kind]);
	}
	return r;
}

int log_lines_step(struct store *store, const struct stored_table *logs, int64_t closed,
		   int64_t span)
{
	struct log_counting counting = {.store = store, .logs = logs};
	struct watermarks of_logs;
	int r = log_lines_ensure(&counting);
	if (r == 0)
		r = database_begin(store->ctx, store->db);
	if (r < 0)
		return r;
	int more = watermarks_load(store->ctx, store->db, logs->table.name, &of_logs);
	counting.kept_from = of_logs.kept_from[LEVEL_ROWS];
	for (int kind = 0; kind < LOG_LINES_KINDS && more == 0; kind++)
		if (counting.lines[kind])
			more = watermarks_load(store->ctx, store->db,
					       counting.lines[kind]->table.name,
					       &counting.watermarks[kind]);
	if (more == 0)
		more = log_lines_late(&counting);
	if (more == 0)
		more = log_lines_ahead(&counting, closed, span);
	r = database_end(store->ctx, store->db, more < 0 ? more : 0);
	return r < 0 ? r : more > 0;
}

/* ---- Which are counts -------------------------------------------------------------- */

struct counts_search {
	struct catalog *catalog;
	const char *name;
	bool found;
};

static int counts_search(void *arg, const struct tally_table *logs)
{
	struct counts_search *search = arg;
	const struct stored_table *stored = catalog_find(search->catalog, logs->name);
	struct log_lines counts;
	for (int kind = 0; log_lines_are_counted(stored) && kind < LOG_LINES_KINDS; kind++) {
		if (!log_lines_has(stored, (enum log_lines_kind)kind))
			continue;
		log_lines_declare(stored, (enum log_lines_kind)kind, &counts);
		search->found = search->found || strcmp(counts.name, search->name) == 0;
	}
	return 0;
}

bool log_lines_are_of(struct catalog *catalog, const struct stored_table *counts)
{
	struct counts_search search = {.catalog = catalog, .name = counts->table.name};
	catalog_each(catalog, counts_search, &search);
	return search.found;
}
