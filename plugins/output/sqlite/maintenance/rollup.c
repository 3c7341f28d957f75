/*
 * A step finds the lowest level that is behind and rolls it up: for every series it walks over the
 * finer level's rows into an aggregator, and writes its buckets to the rollup's table.  The
 * watermark moves in the same transaction, so a crash in between loses or doubles nothing.  Called
 * by maintenance, in the store's turn.
 *
 * In C and not in SQL, since it is the same code that answers queries: so a rollup says what its
 * rows say.
 */
#include "maintenance/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "database.h"
#include "packed/packed_file.h"
#include "read/row_source.h"
#include "schema/rollup_columns.h"

/* How many rows back a counter's last sample is searched: it may be NULL in some. */
enum { ROLLUP_LATE_AT_ONCE = 500, ROLLUP_BASELINE_ROWS = 16 };

struct rollup {
	struct tally_ctx *ctx;
	sqlite3 *db;
	const struct stored_table *stored;
	struct watermarks watermarks;
	enum schema_level level;
	const char *finer;  /* what of the table has the finer level: "_rows", "_1min_rows", … */
	sqlite3_stmt *from; /* rows of the finer level: ?1 series, ?2 from, ?3 to */
	sqlite3_stmt *before;  /* rows before ?2; of LEVEL_MINUTE only */
	sqlite3_stmt *samples; /* time and counters since ?2; of LEVEL_MINUTE, if there are any */
	uint32_t n_counters;
	sqlite3_stmt *put;
	struct aggregator aggregator;
	struct row_source source;
	struct aggregator_field fields[CATALOG_MAX_COLUMNS];
};

static const char *rollup_name(const struct rollup *rollup)
{
	return rollup->stored->table.name;
}

static const struct tally_column *rollup_column(const struct rollup *rollup, uint32_t i)
{
	return &rollup->stored->table.columns[rollup->stored->numbers[i]];
}

/* ---- Statements ------------------------------------------------------------------- */

/* The finer level's time column has the declared name only in the rows themselves. */
static const char *rollup_time(const struct rollup *rollup)
{
	return rollup->level == LEVEL_MINUTE ? rollup->stored->table.columns[0].name : "time";
}

static int rollup_prepare_from(struct rollup *rollup, bool before)
{
	const char *time = rollup_time(rollup);
	sqlite3_str *sql = sqlite3_str_new(rollup->db);
	sqlite3_str_appendf(sql, "SELECT \"%w\"", time);
	if (rollup->level > LEVEL_MINUTE)
		sqlite3_str_appendf(sql, ", newest, rows");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		const struct tally_column *column = rollup_column(rollup, i);
		if (rollup->level == LEVEL_MINUTE) {
			sqlite3_str_appendf(sql, ", \"%w\"", column->name);
			continue;
		}
		for (uint32_t part = 0; part < schema_n_parts(column); part++)
			sqlite3_str_appendf(sql, ", \"%w_%s\"", column->name, schema_parts[part]);
	}
	/* The row before may be packed, wherever the range is. */
	sqlite3_str_appendf(sql, " FROM \"%w%s\" WHERE _series = ?1 AND ", rollup_name(rollup),
			    before ? packed_suffix(rollup->db, rollup_name(rollup))
				   : rollup->finer);
	if (before)
		sqlite3_str_appendf(sql, "\"%w\" < ?2 ORDER BY \"%w\" DESC LIMIT %d", time, time,
				    ROLLUP_BASELINE_ROWS);
	else
		sqlite3_str_appendf(sql, "\"%w\" >= ?2 AND \"%w\" < ?3 ORDER BY \"%w\"", time, time,
				    time);
	return database_prepare_text(rollup->ctx, rollup->db, sql,
				     before ? &rollup->before : &rollup->from);
}

static int rollup_prepare_samples(struct rollup *rollup)
{
	const char *time = rollup_time(rollup);
	sqlite3_str *sql = sqlite3_str_new(rollup->db);
	sqlite3_str_appendf(sql, "SELECT \"%w\"", time);
	rollup->n_counters = 0;
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		if (rollup_column(rollup, i)->role != TALLY_COUNTER)
			continue;
		sqlite3_str_appendf(sql, ", \"%w\"", rollup_column(rollup, i)->name);
		rollup->n_counters++;
	}
	sqlite3_str_appendf(sql,
			    " FROM \"%w%s\" WHERE _series = ?1 AND \"%w\" >= ?2 ORDER BY \"%w\"",
			    rollup_name(rollup), rollup->finer, time, time);
	if (rollup->n_counters > 0)
		return database_prepare_text(rollup->ctx, rollup->db, sql, &rollup->samples);
	sqlite3_free(sqlite3_str_finish(sql));
	return 0;
}

/* Name for name, between what goes before each. */
static void rollup_append_parts(const struct rollup *rollup, sqlite3_str *sql, const char *format)
{
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		const struct tally_column *column = rollup_column(rollup, i);
		for (uint32_t part = 0; part < schema_n_parts(column); part++) {
			auto_text char *name =
				sqlite3_mprintf("%s_%s", column->name, schema_parts[part]);
			sqlite3_str_appendf(sql, format, name, name);
		}
	}
}

/* Never to fewer rows than there were: some were deleted since. */
static int rollup_prepare_put(struct rollup *rollup)
{
	/* The series, the time, newest and rows. */
	uint32_t parameters = 4;
	sqlite3_str *sql = sqlite3_str_new(rollup->db);
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		parameters += schema_n_parts(rollup_column(rollup, i));
	sqlite3_str_appendf(sql, "INSERT INTO \"%w%s_rows\" AS r (_series, time, newest, rows",
			    rollup_name(rollup), schema_levels[rollup->level].suffix);
	rollup_append_parts(rollup, sql, ", \"%w\"");
	sqlite3_str_appendf(sql, ") VALUES (?");
	for (uint32_t i = 1; i < parameters; i++)
		sqlite3_str_appendf(sql, ", ?");
	sqlite3_str_appendf(sql, ") ON CONFLICT DO UPDATE SET newest = excluded.newest, rows = "
				 "excluded.rows");
	rollup_append_parts(rollup, sql, ", \"%w\" = excluded.\"%w\"");
	sqlite3_str_appendf(sql, " WHERE excluded.rows >= r.rows");
	return database_prepare_text(rollup->ctx, rollup->db, sql, &rollup->put);
}

static int rollup_prepare(struct rollup *rollup)
{
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		rollup->fields[i] = (struct aggregator_field){
			.type = rollup_column(rollup, i)->type,
			.counter = rollup_column(rollup, i)->role == TALLY_COUNTER,
			.parts = schema_all_parts(rollup_column(rollup, i))};
	aggregator_init(&rollup->aggregator, rollup->ctx, rollup->fields, rollup->stored->n_numbers,
			schema_levels[rollup->level].bucket, UINT32_MAX);
	int r = rollup_prepare_from(rollup, false);
	if (r == 0 && rollup->level == LEVEL_MINUTE)
		r = rollup_prepare_from(rollup, true);
	return r == 0 ? rollup_prepare_put(rollup) : r;
}

/* ---- One series --------------------------------------------------------------------- */

static int rollup_read(struct rollup *rollup, int64_t series, int64_t from, int64_t to)
{
	int r;
	sqlite3_stmt *row = rollup->from;
	aggregator_begin_series(&rollup->aggregator, 0, series);
	sqlite3_bind_int64(row, 1, series);
	sqlite3_bind_int64(row, 2, from);
	sqlite3_bind_int64(row, 3, to);
	/* Only minutes are made of samples, so only they need the sample before; coarser levels add
	 * up growth that is counted already. */
	bool first = rollup->before != NULL;
	while ((r = database_step(rollup->ctx, row)) > 0) {
		/* Not before there is a row: a series that was silent costs no search. */
		if (first) {
			sqlite3_bind_int64(rollup->before, 1, series);
			sqlite3_bind_int64(rollup->before, 2, from);
			r = row_source_baseline(&rollup->source, &rollup->aggregator,
						rollup->before);
		}
		/* Of a row before that is damaged nothing is known, like before the first one. */
		if (first && r == -EBADMSG)
			r = 0;
		first = false;
		if (r >= 0)
			r = rollup->level == LEVEL_MINUTE
				    ? row_source_row(&rollup->source, &rollup->aggregator, row)
				    : row_source_rolled(&rollup->source, &rollup->aggregator, row);
		if (r < 0) {
			sqlite3_reset(row);
			return r;
		}
	}
	return r;
}

static int rollup_put(struct rollup *rollup, struct aggregator_bucket *bucket)
{
	int at = 5;
	sqlite3_bind_int64(rollup->put, 1, bucket->series);
	sqlite3_bind_int64(rollup->put, 2, bucket->start);
	sqlite3_bind_int64(rollup->put, 3, bucket->newest);
	sqlite3_bind_int64(rollup->put, 4, bucket->rows);
	for (uint32_t f = 0; f < rollup->stored->n_numbers; f++) {
		rollup_columns_bind(rollup->put, at, &rollup->fields[f], &bucket->accumulators[f]);
		at += (int)schema_n_parts(rollup_column(rollup, f));
	}
	return database_step(rollup->ctx, rollup->put);
}

static int rollup_series(struct rollup *rollup, int64_t series, int64_t from, int64_t to)
{
	int r = rollup_read(rollup, series, from, to);
	for (uint32_t i = 0; r == 0 && i < rollup->aggregator.n_buckets; i++)
		r = rollup_put(rollup, rollup->aggregator.buckets[i]);
	aggregator_clear(&rollup->aggregator);
	return r;
}

/* ---- What came late ------------------------------------------------------------------- */

/* Again, if everything it is made of is still there and it was rolled up before. */
static int rollup_again(struct rollup *rollup, int64_t series, int64_t bucket)
{
	int64_t size = schema_levels[rollup->level].bucket;
	if (bucket < watermarks_complete_from(&rollup->watermarks, rollup->level) ||
	    bucket >= rollup->watermarks.rolled_to[rollup->level])
		return 0;
	int r = rollup_series(rollup, series, bucket, bucket + size);
	if (r < 0 || rollup->level == LEVEL_DAY)
		return r;
	/* The coarser level is marked instead of computed here, so that it is computed once for all
	 * of its late buckets. */
	int64_t parent = schema_floor(bucket, schema_levels[rollup->level + 1].bucket);
	if (parent >= rollup->watermarks.rolled_to[rollup->level + 1])
		return 0;
	return database_execf(rollup->ctx, rollup->db,
			      "INSERT OR IGNORE INTO tally_late VALUES (%Q, %d, %lld, %lld)",
			      rollup_name(rollup), rollup->level + 1, (long long)parent,
			      (long long)series);
}

/* Notes which counters a row has, or takes them away again; true: it has one of those noted. */
static bool rollup_note_counters(const struct rollup *rollup, sqlite3_stmt *row, bool has,
				 bool counters[CATALOG_MAX_COLUMNS])
{
	bool found = false;
	for (uint32_t i = 0; i < rollup->n_counters; i++) {
		if (sqlite3_column_type(row, (int)i + 1) == SQLITE_NULL || counters[i] == has)
			continue;
		counters[i] = has;
		found = true;
	}
	return found;
}

/* The minutes in which counters go on from a late minute: each with the next row that has it, which
 * need not be the next row.  As many rows on as rollup_read() looks back. */
static int rollup_find_followers(struct rollup *rollup, int64_t series, int64_t bucket,
				 int64_t ret[ROLLUP_BASELINE_ROWS], int *ret_n)
{
	const int64_t size = schema_levels[LEVEL_MINUTE].bucket;
	bool counters[CATALOG_MAX_COLUMNS] = {false};
	int r, rows = 0;
	*ret_n = 0;
	sqlite3_bind_int64(rollup->samples, 1, series);
	sqlite3_bind_int64(rollup->samples, 2, bucket);
	while (rows < ROLLUP_BASELINE_ROWS &&
	       (r = database_step(rollup->ctx, rollup->samples)) > 0) {
		int64_t minute = schema_floor(sqlite3_column_int64(rollup->samples, 0), size);
		bool late = minute == bucket;
		rows += !late;
		if (rollup_note_counters(rollup, rollup->samples, late, counters) && !late &&
		    (*ret_n == 0 || ret[*ret_n - 1] != minute))
			ret[(*ret_n)++] = minute;
		if (!late && !memchr(counters, 1, rollup->n_counters))
			break;
	}
	sqlite3_reset(rollup->samples);
	return r < 0 ? r : 0;
}

/* A late row is the sample before that of a later row, whose growth therefore changes, too. */
static int rollup_followers(struct rollup *rollup, int64_t series, int64_t bucket)
{
	int64_t minutes[ROLLUP_BASELINE_ROWS];
	int n = 0;
	int r = rollup_find_followers(rollup, series, bucket, minutes, &n);
	for (int i = 0; r == 0 && i < n; i++)
		r = rollup_again(rollup, series, minutes[i]);
	return r;
}

/* A minute whose other rows are damaged stays as it was rolled up before. */
static int rollup_late_bucket(struct rollup *rollup, int64_t series, int64_t bucket)
{
	int r = rollup_again(rollup, series, bucket);
	if (r == 0 && rollup->samples)
		r = rollup_followers(rollup, series, bucket);
	if (r != -EBADMSG)
		return r;
	tally_log(rollup->ctx, TALLY_ERROR, "table %s: a row that came late is not rolled up: %s",
		  rollup_name(rollup), tally_reason(rollup->ctx));
	return 0;
}

static int rollup_late(struct rollup *rollup)
{
	auto_statement sqlite3_stmt *late = NULL;
	int r = rollup->level == LEVEL_MINUTE ? rollup_prepare_samples(rollup) : 0;
	if (r == 0)
		r = database_preparef(rollup->ctx, rollup->db, &late,
				      "SELECT bucket, series FROM tally_late WHERE \"table\" = %Q "
				      "AND level = %d ORDER BY bucket, series LIMIT 1",
				      rollup_name(rollup), rollup->level);
	/* The first one each time and not one statement for all of them: rows are deleted in
	 * between, and whether a statement that is under way still sees them is undefined (SQLite,
	 * Isolation In SQLite). */
	for (int i = 0; r == 0 && i < ROLLUP_LATE_AT_ONCE; i++) {
		r = database_step(rollup->ctx, late);
		if (r <= 0)
			return r;
		int64_t bucket = sqlite3_column_int64(late, 0);
		int64_t series = sqlite3_column_int64(late, 1);
		r = rollup_late_bucket(rollup, series, bucket);
		if (r == 0)
			r = database_execf(rollup->ctx, rollup->db,
					   "DELETE FROM tally_late WHERE \"table\" = %Q AND level "
					   "= %d AND bucket = %lld AND series = %lld",
					   rollup_name(rollup), rollup->level, (long long)bucket,
					   (long long)series);
		sqlite3_reset(late);
	}
	return r;
}

/* ---- What closed ---------------------------------------------------------------------- */

/* The first row of the finer level at or after a time; INT64_MAX: none. */
static int rollup_first(struct rollup *rollup, int64_t from, int64_t *ret)
{
	const char *time = rollup_time(rollup);
	auto_text char *sql = sqlite3_mprintf(
		"SELECT min((SELECT r.\"%w\" FROM \"%w%s\" r WHERE r._series = s._series AND "
		"r.\"%w\" >= %lld ORDER BY r.\"%w\" LIMIT 1)) FROM \"%w_series\" s",
		time, rollup_name(rollup), rollup->finer, time, (long long)from, time,
		rollup_name(rollup));
	*ret = INT64_MAX;
	return sql ? database_int(rollup->ctx, rollup->db, sql, ret)
		   : tally_fail(rollup->ctx, ENOMEM, "no memory");
}

/* Moves this level's watermark towards target, over what is empty at once. */
static int rollup_advance(struct rollup *rollup, int64_t target, int64_t span)
{
	int64_t size = schema_levels[rollup->level].bucket, first = 0;
	int64_t from = rollup->watermarks.rolled_to[rollup->level];
	if (from >= target)
		return 0;
	int r = rollup_first(rollup, from, &first);
	if (r < 0)
		return r;
	/* A gap is passed at once: after a daemon was down for a month nobody walks that month. */
	if (first < target) {
		from = schema_floor(first, size);
		target = schema_step_end(from, size, span, target);
		auto_statement sqlite3_stmt *series = NULL;
		r = database_preparef(rollup->ctx, rollup->db, &series,
				      "SELECT _series FROM \"%w_series\"", rollup_name(rollup));
		while (r == 0 && (r = database_step(rollup->ctx, series)) > 0)
			r = rollup_series(rollup, sqlite3_column_int64(series, 0), from, target);
	}
	if (r == 0)
		r = watermarks_set_rolled_to(rollup->ctx, rollup->db, rollup_name(rollup),
					     rollup->level, target);
	return r == 0 ? 1 : r;
}

/* Rows of a late bucket, and of those from a watermark that was moved back, may be packed. */
static int rollup_find_finer(struct rollup *rollup, bool late)
{
	static const char *const rolled[N_LEVELS] = {
		[LEVEL_FIVE] = "_1min_rows", [LEVEL_HOUR] = "_5min_rows", [LEVEL_DAY] = "_1h_rows"};
	int64_t packed_to = INT64_MIN;
	rollup->finer = rolled[rollup->level];
	if (rollup->finer)
		return 0;
	int r = packed_load_to(rollup->ctx, rollup->db, rollup_name(rollup), &packed_to);
	late = late || rollup->watermarks.rolled_to[LEVEL_MINUTE] < packed_to;
	rollup->finer = late ? packed_suffix(rollup->db, rollup_name(rollup)) : "_rows";
	return r;
}

/* 1: did something.  Late buckets come first: once the watermark of the next level has passed them,
 * that level would have to be computed twice. */
static int rollup_level(struct rollup *rollup, int64_t closed, int64_t span)
{
	int64_t late = 0;
	auto_text char *sql = sqlite3_mprintf(
		"SELECT 1 FROM tally_late WHERE \"table\" = %Q AND level = %d LIMIT 1",
		rollup_name(rollup), rollup->level);
	int64_t target = schema_floor(closed, schema_levels[rollup->level].bucket);
	int r = sql ? database_int(rollup->ctx, rollup->db, sql, &late) : -ENOMEM;
	/* Until a level that is new has caught up, the coarser ones cannot be computed from it. */
	late = late && schema_is_caught_up(&rollup->watermarks);
	if (r < 0 || (!late && rollup->watermarks.rolled_to[rollup->level] >= target))
		return r;
	r = rollup_find_finer(rollup, late);
	if (r == 0)
		r = rollup_prepare(rollup);
	if (r == 0 && late)
		r = rollup_late(rollup);
	else if (r == 0)
		r = rollup_advance(rollup, target, span);
	sqlite3_finalize(rollup->from);
	sqlite3_finalize(rollup->before);
	sqlite3_finalize(rollup->samples);
	sqlite3_finalize(rollup->put);
	aggregator_done(&rollup->aggregator);
	return r < 0 ? r : 1;
}

int rollup_step(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		int64_t closed, int64_t span)
{
	auto_free struct rollup *rollup = calloc(1, sizeof(*rollup));
	if (!rollup)
		return tally_fail(ctx, ENOMEM, "no memory");
	*rollup = (struct rollup){.ctx = ctx, .db = db, .stored = stored};
	int r = database_begin(ctx, db);
	if (r < 0)
		return r;
	int more = watermarks_load(ctx, db, rollup_name(rollup), &rollup->watermarks);
	for (int level = LEVEL_MINUTE; more == 0 && level < N_LEVELS; level++) {
		rollup->level = (enum schema_level)level;
		more = rollup_level(rollup, closed, span);
		/* A level can reach as far as the one it is made of, and no further. */
		closed = rollup->watermarks.rolled_to[level];
	}
	r = database_end(ctx, db, more < 0 ? more : 0);
	return r < 0 ? r : more;
}
