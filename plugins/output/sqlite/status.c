/*
 * The file's size, its tables and how far they are rolled up, and the clock that deletion follows.
 * Called by command.c with a connection that only reads, beside a running daemon or without one.
 * Rows are not counted, since that would read all of them, but for those that are packed.
 */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "database.h"
#include "maintenance/trusted_clock.h"
#include "packed/packed_file.h"
#include "report.h"
#include "store.h"

/* A watermark beyond the clock is shown, since it explains why nothing is rolled up or deleted:
 * a clock that was ahead has set it, and the daemon mends it in its next round
 * (watermarks_rewind()). */
static const char status_tables_sql[] =
	"SELECT t.name, t.kind, m.rolled_to, EXISTS (SELECT 1 FROM tally_rollups a WHERE "
	"a.\"table\" = t.name AND max(ifnull(a.rolled_to, 0), ifnull(a.kept_from, 0)) / "
	"1000000000 > ?1) FROM tally_tables t LEFT JOIN tally_rollups m ON m.\"table\" = t.name "
	"AND m.level = 1 ORDER BY t.name";

static int64_t status_bytes(const char *path)
{
	struct stat st;
	return path && stat(path, &st) == 0 ? st.st_size : 0;
}

static int status_file(struct tally_ctx *ctx, const struct sqlite_config *config, sqlite3 *db,
		       struct report *report)
{
	const char *path = database_path(db);
	int64_t bytes = status_bytes(path), page = 0, unused = 0;
	int64_t log = status_bytes(sqlite3_filename_wal(sqlite3_db_filename(db, "main")));
	int r = database_int(ctx, db, "PRAGMA page_size", &page);
	if (r == 0)
		r = database_int(ctx, db, "PRAGMA freelist_count", &unused);
	if (r < 0)
		return r;
	report_begin(report, false,
		     "%s: %" PRId64 " bytes of at most %" PRId64 ", %" PRId64
		     " of them unused; its log %" PRId64 " bytes",
		     path, bytes, config->max_size, unused * page, log);
	report_string(report, "database", path);
	report_int(report, "bytes", bytes);
	report_int(report, "max_bytes", config->max_size);
	report_int(report, "unused_bytes", unused * page);
	report_int(report, "log_bytes", log);
	report_end(report);
	return 0;
}

/* From the index of the chunks alone. */
static int status_packed(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t *ret)
{
	*ret = 0;
	if (!packed_exists(db, table))
		return 0;
	auto_text char *sql = sqlite3_mprintf("SELECT sum(rows) FROM \"%w_chunks\"", table);
	return sql ? database_int(ctx, db, sql, ret) : tally_fail(ctx, ENOMEM, "no memory");
}

static void status_table(struct report *report, sqlite3_stmt *row, int64_t now, int64_t n_packed)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	const char *kind = (const char *)sqlite3_column_text(row, 1);
	bool rolled = sqlite3_column_type(row, 2) != SQLITE_NULL,
	     ahead = sqlite3_column_int(row, 3);
	int64_t to = sqlite3_column_int64(row, 2), behind = 0;
	char until[80] = "", packed[48] = "", time[RFC3339_SIZE];
	if (rolled) {
		to = to / CLOCK_SECOND * CLOCK_SECOND;
		behind = to < now ? (now - to) / CLOCK_SECOND : 0;
		rfc3339_format(to, time);
		snprintf(until, sizeof(until), ", rolled up to %s, %" PRId64 " s behind", time,
			 behind);
	}
	if (n_packed)
		snprintf(packed, sizeof(packed), ", %" PRId64 " rows packed", n_packed);
	report_begin(report, ahead, "table %s (%s)%s%s%s", name, kind, until, packed,
		     ahead ? ", and in part to a time that is still to come: the next maintenance "
			     "puts that right"
			   : "");
	report_string(report, "table", name);
	report_string(report, "kind", kind);
	if (rolled) {
		report_time(report, "rolled_up_to", to);
		report_int(report, "behind_seconds", behind);
	} else {
		report_unknown(report, "rolled_up_to");
		report_unknown(report, "behind_seconds");
	}
	report_unknown(report, "rows_estimated");
	report_int(report, "packed_rows", n_packed);
	report_end(report);
}

static int status_tables(struct tally_ctx *ctx, sqlite3 *db, struct report *report)
{
	auto_statement sqlite3_stmt *row = NULL;
	int64_t now = tally_now(ctx);
	int r = database_prepare(ctx, db, status_tables_sql, &row);
	if (r < 0)
		return r;
	sqlite3_bind_int64(row, 1, now / CLOCK_SECOND);
	while ((r = database_step(ctx, row)) > 0) {
		int64_t n_packed = 0;
		const char *table = (const char *)sqlite3_column_text(row, 0);
		r = status_packed(ctx, db, table, &n_packed);
		if (r < 0)
			break;
		status_table(report, row, now, n_packed);
	}
	return r;
}

/* As the daemon's last round left it: only maintenance moves it on. */
static int status_clock(struct tally_ctx *ctx, const struct sqlite_config *config, sqlite3 *db,
			struct report *report)
{
	struct store_clock kept = {.trusted = INT64_MIN};
	int r = trusted_clock_load(ctx, db, &kept);
	if (r < 0)
		return r;
	int64_t held = 0;
	if (kept.trusted != INT64_MIN)
		held = store_clock_held(&kept, config->retention_raw);
	if (held < STORE_CLOCK_BOUND)
		return 0;
	report_begin(report, true,
		     "old rows are deleted %" PRId64
		     " s late because the clock jumped ahead: if the clock is right, run tallyd db "
		     "confirm-clock",
		     held / CLOCK_SECOND);
	report_int(report, "retention_held_seconds", held / CLOCK_SECOND);
	report_end(report);
	return 0;
}

int status_run(struct tally_ctx *ctx, const struct sqlite_config *config, sqlite3 *db,
	       struct report *report)
{
	int r = status_file(ctx, config, db, report);
	if (r == 0)
		r = status_tables(ctx, db, report);
	return r == 0 ? status_clock(ctx, config, db, report) : r;
}
