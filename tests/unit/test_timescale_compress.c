/* Compression by the maintenance, and what comes late into what is compressed. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maintenance/compression.h"
#include "timescale_fixture.h"
#include "test.h"

enum { SERIES = 4, ROWS = 60 };

/* Of some series a row a minute for an hour, some seconds after each. */
static void write_hour(struct fixture *f, int64_t from, int64_t total)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < ROWS; i++)
		for (int s = 0; s < SERIES; s++)
			put_series(f, batch, from + i * MINUTE, (const char[]){(char)('a' + s), 0},
				   1, total + i);
	fixture_write(f, batch);
}

static bool compresses(struct fixture *f)
{
	return f->store->server.mode == SERVER_TSL;
}

/* Chunks that are compressed, all of them or but for what lies beside. */
static int64_t chunks(struct fixture *f, const char *of, bool whole)
{
	char sql[300];
	snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND "
		"hypertable_name = '%s' AND (_timescaledb_functions.chunk_status(format('%%I.%%I', "
		"chunk_schema, chunk_name)::regclass) & 8 <> 0) = %s",
		of, whole ? "false" : "true");
	return fixture_sql(f, sql);
}

static void a_chunk_that_got_late_rows_is_compressed_again_an_hour_later(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	fake_host_set_now(f->host, T0 + HOUR);
	write_hour(f, T0, 0);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(chunks(f, "samples_rows", true), 1);
	write_hour(f, T0 + SECOND, 0);
	maintenance_at(f, T0 + 3 * DAY + 59 * MINUTE);
	assert_int_equal(chunks(f, "samples_rows", false), 1);
	maintenance_at(f, T0 + 3 * DAY + HOUR);
	assert_int_equal(chunks(f, "samples_rows", true), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2 * SERIES * ROWS);
}

static void minutes_are_compressed_a_day_after_their_rows(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	fake_host_set_now(f->host, T0 + HOUR);
	write_hour(f, T0, 0);
	maintenance_at(f, T0 + 2 * DAY + HOUR);
	assert_int_equal(chunks(f, "samples_rows", true), 1);
	assert_int_equal(chunks(f, "samples_1min_rows", true), 0);
	maintenance_at(f, T0 + 3 * DAY + HOUR);
	assert_int_equal(chunks(f, "samples_1min_rows", true), 1);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), SERIES * ROWS);
}

static void a_long_read_delays_compression(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f) || getenv("TALLYD_TEST_ONE_BACKEND"))
		skip();
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	int64_t now = tally_monotonic(f->ctx);
	fake_host_set_now(f->host, T0 + HOUR);
	fake_host_set_monotonic(f->host, now);
	write_hour(f, T0, 0);
	assert_int_equal(pg_open(&other, backend_config.conninfo,
				 "begin; lock table tally.samples_rows in access share mode"),
			 0);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(chunks(f, "samples_rows", true), 0);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_NOTICE), "trying again in 30 s"));
	pg_close(&other);
	for (int tries = 0; chunks(f, "samples_rows", true) == 0; tries++) {
		assert_true(tries < 10); /* until the server noticed */
		now += HOUR;
		fake_host_set_monotonic(f->host, now);
		maintenance_at(f, T0 + 3 * DAY);
	}
}

/* The same where one backend cannot be in another's way, or there is no TimescaleDB: what is asked
 * of it is made up, the lock is not. */
static void a_lock_that_is_not_granted_delays_compression(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_PLAIN)
		skip();
	const struct server server = {.mode = SERVER_TSL, .timescale = "2.28.3"};
	struct step_size step_size = {.lock_timeout = 50, .table = "samples"};
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	write_hour(f, T0, 0);
	maintenance_at(f, T0 + HOUR);
	const struct compression compression = {.pg = &f->store->maintenance.pg,
						.server = &server,
						.step_size = &step_size,
						.before = T0};
	const struct stored_table *stored = catalog_find(&f->store->catalog, "samples");
	assert_int_equal(
		pg_open(&other, backend_config.conninfo,
			"create schema timescaledb_information; create view "
			"timescaledb_information.hypertables as select ''::text as "
			"hypertable_schema, ''::text as hypertable_name, true as "
			"compression_enabled; create view "
			"timescaledb_information.continuous_aggregates as select ''::text as "
			"view_schema, ''::text as view_name, ''::text as "
			"materialization_hypertable_schema, ''::text as "
			"materialization_hypertable_name; create view "
			"timescaledb_information.chunks as select "
			"'tally'::text as hypertable_schema, 'samples_rows'::text as "
			"hypertable_name, 'tally'::text as chunk_schema, 'samples_rows'::text as "
			"chunk_name, false as is_compressed, to_timestamp(0) as range_end; create "
			"function compress_chunk(text, bool) returns void language plpgsql as $$ "
			"begin lock table tally.samples_rows; end $$"),
		0);
	assert_int_equal(
		pg_exec(&other, "begin; lock table tally.samples_rows in access share mode"), 0);
	assert_int_equal(compression_run(&compression, stored), 0);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_NOTICE), "cannot be compressed"));
	assert_false(step_size_may_lock(&step_size, tally_monotonic(f->ctx)));
	assert_int_equal(pg_exec(&other, "commit"), 0);
	step_size.until = 0;
	assert_int_equal(compression_run(&compression, stored), 0);
	assert_int_equal(step_size.blocked, 0); /* not blocked again, but done */
	assert_int_equal(pg_exec(&other, "drop schema timescaledb_information cascade; drop "
					 "function compress_chunk"),
			 0);
	pg_close(&other);
}

static void rollups_recomputed_in_compressed_chunks_are_right_and_compressed_again(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	fake_host_set_now(f->host, T0 + HOUR);
	write_hour(f, T0, 0);
	maintenance_at(f, T0 + 4 * DAY);
	write_hour(f, T0 + SECOND, 1000);
	write_hour(f, T0 + 2 * HOUR, 2000);
	maintenance_at(f, T0 + 4 * DAY + MINUTE);
	static const char *const levels[] = {"1min", "5min", "1h", "1d"};
	for (int i = 0; i < 4; i++) {
		char sql[120];
		snprintf(sql, sizeof(sql), "SELECT sum(rows) FROM samples_%s", levels[i]);
		assert_int_equal(fixture_sql(f, sql), 3 * SERIES * ROWS);
		snprintf(sql, sizeof(sql), "SELECT max(total_last) FROM samples_%s", levels[i]);
		assert_int_equal(fixture_sql(f, sql), 2000 + ROWS - 1);
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 2 * SERIES * ROWS);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min WHERE rows = 2"),
			 SERIES * ROWS);
	assert_int_equal(chunks(f, "samples_1min_rows", false), 1);
	maintenance_at(f, T0 + 4 * DAY + 2 * HOUR);
	assert_int_equal(chunks(f, "samples_1min_rows", true), 1);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 3 * SERIES * ROWS);
}

/* More of them than TimescaleDB lets one transaction unpack by itself. */
static void recomputing_rollups_in_compressed_chunks_has_no_limit(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	fake_host_set_now(f->host, T0 + HOUR);
	write_hour(f, T0, 0);
	maintenance_at(f, T0 + 4 * DAY);
	fixture_sql(f, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
		       "timescaledb.max_tuples_decompressed_per_dml_transaction = 10', "
		       "current_database()); END $$");
	fixture_restart(f);
	write_hour(f, T0 + SECOND, 1000);
	maintenance_at(f, T0 + 4 * DAY + MINUTE);
	fixture_sql(f, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', "
		       "current_database()); END $$");
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 2 * SERIES * ROWS);
}

int main(void)
{
#define COMPRESS_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		COMPRESS_TEST(a_chunk_that_got_late_rows_is_compressed_again_an_hour_later),
		COMPRESS_TEST(minutes_are_compressed_a_day_after_their_rows),
		COMPRESS_TEST(a_lock_that_is_not_granted_delays_compression),
		COMPRESS_TEST(a_long_read_delays_compression),
		COMPRESS_TEST(
			rollups_recomputed_in_compressed_chunks_are_right_and_compressed_again),
		COMPRESS_TEST(recomputing_rollups_in_compressed_chunks_has_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
