/* Series of which no row is left: they go, and nobody who remembers them writes rows of nothing. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "timescale_fixture.h"
#include "test.h"

/* Rows for 7 days, days for 10. */
static void open_short(struct fixture *f)
{
	backend_config.retention_rollup = 8 * DAY;
	backend_config.retention_daily = 10 * DAY;
	fixture_restart(f);
}

static void write_sample(struct fixture *f, int64_t time, const char *id)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	fake_host_set_now(f->host, time);
	put_series(f, batch, time, id, 1, 1);
	fixture_write(f, batch);
}

static int64_t series(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM tally.samples_series");
}

static void a_series_is_deleted_with_the_last_of_its_rollups(void **state)
{
	struct fixture *f = *state;
	open_short(f);
	write_sample(f, T0, "old");
	write_sample(f, T0 + 8 * DAY, "new");
	maintenance_at(f, T0 + 9 * DAY); /* the old row is gone, its rollup is not */
	assert_int_equal(series(f), 2);
	maintenance_at(f, T0 + 12 * DAY);
	assert_int_equal(series(f), 1);
	assert_int_equal(fixture_sql(f, "SELECT container_id = 'new' FROM tally.samples_series"),
			 1);
}

static void a_series_without_rollups_is_deleted_with_its_rows(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "x", 1, "m");
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.lines_series"), 1);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.lines_series"), 0);
}

static void a_writer_that_cached_a_deleted_series_creates_it_again(void **state)
{
	struct fixture *f = *state;
	open_short(f);
	write_sample(f, T0, "a");
	write_sample(f, T0 + SECOND, "b");
	maintenance_at(f, T0 + 12 * DAY);
	assert_int_equal(series(f), 0);
	write_sample(f, T0 + 12 * DAY, "a");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.samples_rows"), 1);
	write_sample(f, T0 + 12 * DAY, "b");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
}

/* It has looked its series up, and its rows are not there to be seen yet. */
static void no_series_is_deleted_during_a_write(void **state)
{
	struct fixture *f = *state;
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	open_short(f);
	write_sample(f, T0, "a");
	char hold[60];
	snprintf(hold, sizeof(hold), "select tally.hold_series(%" PRId64 ")",
		 fixture_sql(f, "SELECT series FROM tally.generation"));
	assert_int_equal(pg_open(&other, backend_config.conninfo, "begin"), 0);
	assert_int_equal(pg_exec(&other, hold), 0);
	time_passes(f, T0 + 12 * DAY);
	assert_true(maintenance_run(f->store) < 0);
	assert_int_equal(series(f), 1);
	assert_int_equal(pg_exec(&other, "commit"), 0);
	maintenance_at(f, T0 + 13 * DAY);
	assert_int_equal(series(f), 0);
	assert_true(pg_exec(&other, hold) < 0);
	assert_string_equal(other.sqlstate, "TL002");
	pg_close(&other);
}

int main(void)
{
#define SERIES_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		SERIES_TEST(a_series_is_deleted_with_the_last_of_its_rollups),
		SERIES_TEST(a_series_without_rollups_is_deleted_with_its_rows),
		SERIES_TEST(a_writer_that_cached_a_deleted_series_creates_it_again),
		SERIES_TEST(no_series_is_deleted_during_a_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
