#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sqlite3.h>

#include "sqlite_fixture.h"
#include "base/clock.h"
#include "packed/packed_module.h"
#include "test.h"

/* The tests of what all stores have in common also run with everything packed that can be. */
#ifndef PACK_AFTER
#define PACK_AFTER 0
#endif

const char *const backend_name = "output.sqlite";
struct sqlite_config backend_config;
static char path[128];

const void *backend_open(struct fixture *fixture)
{
	snprintf(path, sizeof(path), "%s/tallyd.db", fixture->folder);
	backend_config = (struct sqlite_config){.path = path,
						.retention_raw = 7 * DAY,
						.retention_rollup = 30 * DAY,
						.retention_daily = 400 * DAY,
						.pack_after = PACK_AFTER,
						.max_size = INT64_C(4) << 30,
						.page_cache = 2 << 20,
						.busy_timeout = SECOND};
	return &backend_config;
}

void backend_close(struct fixture *fixture)
{
	static const char *const suffixes[] = {"", "-wal", "-wal.old", "-shm", ".lock"};
	char file[160];
	(void)fixture;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		unlink(file);
	}
}

bool backend_several(void)
{
	return true;
}

/* @name is tally_name, @@name just the name. */
static void expand(const char *sql, size_t size, char *ret)
{
	FILE *out = fmemopen(ret, size, "w");
	assert_non_null(out);
	for (; *sql; sql++) {
		if (sql[0] == '@' && sql[1] == '@')
			sql++;
		else if (sql[0] == '@')
			fputs("tally_", out);
		else
			fputc(*sql, out);
	}
	assert_int_equal(fclose(out), 0);
}

int64_t fixture_sql(struct fixture *fixture, const char *sql)
{
	char expanded[1000] = "";
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	(void)fixture;
	expand(sql, sizeof(expanded), expanded);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(packed_module_register(db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, expanded, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", expanded, sqlite3_errmsg(db));
	int64_t value = -1;
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

const char *const backend_empty_bits = "UPDATE @text SET bits = zeroblob(8)";
const char *const backend_watermarks = "@rollups";

void backend_time(int64_t ns, char *ret, size_t size)
{
	snprintf(ret, size, "%" PRId64, ns);
}

int64_t fixture_newest(struct fixture *fixture, const char *view)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT max(time) FROM %s", view);
	return fixture_sql(fixture, sql);
}

void fixture_keep(struct fixture *fixture, int64_t raw, int64_t rollup)
{
	backend_config.retention_raw = raw;
	backend_config.retention_rollup = rollup;
	fixture_restart(fixture);
}

void fixture_hold_readers(struct fixture *fixture, bool hold)
{
	static struct reader *held[READERS_N];
	const struct tally_query query = {.size = sizeof(query),
					  .deadline = clock_monotonic() + 60 * CLOCK_SECOND};
	for (int i = 0; i < READERS_N; i++) {
		if (hold)
			assert_int_equal(readers_take(&fixture->store->readers, fixture->ctx,
						      &query, &held[i]),
					 0);
		else
			readers_give_back(&fixture->store->readers, held[i]);
	}
}

void fixture_make_older(struct fixture *fixture)
{
	static const char *const steps[] = {
		"DROP VIEW samples_5min",
		"DROP TABLE samples_5min_rows",
		"DELETE FROM tally_rollups WHERE level = 2",
		"UPDATE tally_rollups SET level = 2 WHERE level = 3",
		"UPDATE tally_rollups SET level = 3 WHERE level = 4",
		"DROP TABLE tally_clock",
		"DROP TABLE tally_text",
		"ALTER TABLE tally_tables DROP COLUMN flags",
		"DELETE FROM tally_migrations WHERE version >= 3",
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		fixture_sql(fixture, steps[i]);
}
