/* Rollups as continuous aggregates: that they are, and that tables of an older tallyd become some
 * with all that is in them. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maintenance/continuous.h"
#include "timescale_fixture.h"
#include "test.h"

/* A row a minute, and a counter that begins anew every fifty. */
static void write_hours(struct fixture *f, int64_t from, int hours)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	fake_host_set_now(f->host, from + hours * HOUR);
	for (int i = 0; i < 60 * hours; i++)
		put_series(f, batch, from + i * MINUTE, "a", i, 3 * (i % 50));
	fixture_write(f, batch);
}

static int64_t count_aggregates(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM timescaledb_information.continuous_aggregates "
			      "WHERE view_schema = 'tally' AND materialized_only");
}

/* All that a level says, as one number. */
static int64_t digest(struct fixture *f, const char *view)
{
	char sql[300];
	snprintf(sql, sizeof(sql),
		 "SELECT ('x' || left(md5(coalesce(string_agg(v::text, ',' ORDER BY v.time), '')), "
		 "15))::bit(60)::bigint FROM (SELECT time, newest, rows, container_id, value_sum, "
		 "value_last, total_sum, total_increase, total_span FROM %s) v",
		 view);
	return fixture_sql(f, sql);
}

static void rollups_are_continuous_aggregates(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 5);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(count_aggregates(f), 3);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_5min"), 60);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 300);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 300);
	/* Six falls to zero, and no growth is lost at any border of buckets. */
	assert_int_equal(fixture_sql(f, "SELECT sum(total_increase) FROM samples_1d"),
			 3 * (299 - 5));
}

/* How many of the levels above the minutes have compressed chunks. */
static int64_t count_compressed(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(DISTINCT hypertable_name) FROM "
			      "timescaledb_information.chunks WHERE is_compressed AND "
			      "hypertable_name LIKE '\\_materialized%'");
}

/* Each when its chunk is full: of a day, of ten, of a hundred. */
static void they_are_compressed(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 24);
	maintenance_at(f, T0 + 4 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM timescaledb_information.chunks WHERE "
					"is_compressed AND hypertable_name = 'samples_1min_rows'"),
			 1);
	assert_int_equal(count_compressed(f), 1);
	maintenance_at(f, T0 + 12 * DAY);
	assert_int_equal(count_compressed(f), 2);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_5min"), 24 * 60);
	for (int days = 25; days <= 103; days += 13)
		maintenance_at(f, T0 + days * DAY);
	/* By now only days are left. */
	assert_int_equal(count_compressed(f), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1h"), 0);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 24 * 60);
}

/* Also of what the minutes it was made of are gone. */
static void make_old(struct fixture *f)
{
	write_hours(f, T0, 30);
	maintenance_at(f, T0 + 2 * DAY);
	maintenance_at(f, T0 + 9 * DAY);
	fixture_own_rollups(f);
	assert_int_equal(count_aggregates(f), 0);
	fixture_sql(f,
		    "CREATE VIEW mine AS SELECT r.* FROM tally.samples_1h_rows r WHERE rows > 0");
	fixture_sql(f, "GRANT SELECT ON tally.samples_1h_rows TO PUBLIC");
	fixture_sql(f, "DELETE FROM tally.samples_1min_rows WHERE time < now() - interval '1 year' "
		       "AND time < (SELECT min(time) + interval '3 hours' FROM samples_1min)");
	fixture_sql(f, "UPDATE tally.marks SET kept_from = (SELECT min(time) FROM samples_1min) "
		       "WHERE level = 1");
}

static void tables_become_aggregates_with_all_that_is_in_them(void **state)
{
	struct fixture *f = *state;
	static const char *const views[] = {"samples_5min", "samples_1h", "samples_1d"};
	int64_t before[3];
	make_old(f);
	for (int i = 0; i < 3; i++)
		before[i] = digest(f, views[i]);
	maintenance_at(f, T0 + 10 * DAY);
	assert_int_equal(count_aggregates(f), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(digest(f, views[i]), before[i]);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM mine"), 30);
	assert_int_equal(fixture_sql(f, "SELECT has_table_privilege('public', "
					"'tally.samples_1h_rows', 'SELECT')"),
			 1);
	/* And goes on from there, without what is made of deleted minutes. */
	write_hours(f, T0 + 10 * DAY, 30);
	struct tally_batch *late = fixture_batch(f, &series_table);
	put_series(f, late, T0 + 5 * HOUR + 30 * SECOND, "a", 1, 1);
	fixture_write(f, late);
	maintenance_at(f, T0 + 12 * DAY + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 60 * 60);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 60 * 60);
}

/* Steps by hand: after any of them the daemon may end, and nobody who asks notices. */
static void a_move_that_is_interrupted_is_taken_up_again(void **state)
{
	struct fixture *f = *state;
	make_old(f);
	int64_t before = digest(f, "samples_5min"), hours = digest(f, "samples_1h");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(continuous_move(&f->store->maintenance.pg, &f->store->server,
						 catalog_find(&f->store->catalog, "samples"), 1000),
				 1);
		assert_int_equal(digest(f, "samples_5min"), before);
		assert_int_equal(digest(f, "samples_1h"), hours);
	}
	fixture_restart(f);
	maintenance_at(f, T0 + 10 * DAY);
	assert_int_equal(count_aggregates(f), 3);
	assert_int_equal(digest(f, "samples_5min"), before);
	assert_int_equal(digest(f, "samples_1h"), hours);
}

static void a_new_column_replaces_them(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N + 1];
	struct tally_table grown = series_table;
	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_N] = (struct tally_column){.name = "extra", .type = TALLY_INT};
	grown.columns = columns;
	grown.n_columns++;
	grown.revision++;
	write_hours(f, T0, 5);
	maintenance_at(f, T0 + DAY);
	int64_t before = digest(f, "samples_1h");
	struct tally_batch *batch = fixture_batch(f, &grown);
	fake_host_set_now(f->host, T0 + DAY + HOUR);
	for (int i = 0; i < 60; i++) {
		put_series(f, batch, T0 + DAY + i * MINUTE, "a", 1, i);
		tally_put_int(
			(struct tally_cell *)(uintptr_t)&batch->cells[(size_t)i * grown.n_columns],
			S_N, i);
	}
	fixture_write(f, batch);
	/* Until they are replaced it is there, and empty. */
	assert_int_equal(fixture_sql(f, "SELECT count(extra_sum) FROM samples_1h"), 0);
	assert_int_equal(digest(f, "samples_1h"), before);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(count_aggregates(f), 3);
	assert_int_equal(fixture_sql(f, "SELECT sum(extra_sum) FROM samples_1h"), 59 * 30);
	assert_int_equal(fixture_sql(f, "SELECT sum(extra_sum) FROM samples_1d"), 59 * 30);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 6 * 60);
}

static void what_somebody_built_on_one_stays(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 5);
	maintenance_at(f, T0 + DAY);
	fixture_sql(f, "CREATE VIEW mine AS SELECT time, rows FROM tally.samples_1h_cagg");
	/* As if a later version had another column. */
	fixture_sql(f, "ALTER TABLE tally.samples_1min_rows ADD COLUMN extra_sum bigint");
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM mine"), 300);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 300);
	assert_true(count_aggregates(f) > 3);
}

/* A refresh makes anew what has changed: of deleted minutes that would be nothing. */
static void no_refresh_reaches_what_is_deleted(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 30);
	maintenance_at(f, T0 + 2 * DAY);
	fixture_sql(f, "SELECT drop_chunks('tally.samples_1min_rows', older_than => "
		       "to_timestamp(1700092800))"); /* T0 + DAY */
	/* A late row in what is left makes them refresh. */
	struct tally_batch *late = fixture_batch(f, &series_table);
	put_series(f, late, T0 + 26 * HOUR + 30 * SECOND, "a", 1, 1);
	put_series(f, late, T0 + 2 * HOUR + 30 * SECOND, "a", 1, 1);
	fixture_write(f, late);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1h WHERE rows >= 60"), 30);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1h WHERE rows = 61"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1d"), 2);
}

/* Of all that is stored of samples, what is compressed, and chunks. */
static int64_t chunks(struct fixture *f, const char *which)
{
	char sql[300];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM timescaledb_information.chunks WHERE (hypertable_name LIKE "
		 "'samples%%' OR hypertable_name LIKE '\\_materialized%%') AND %s",
		 which);
	return fixture_sql(f, sql);
}

/* A day as in write_hours(), twelve hours of it. */
static void live_a_day(struct fixture *f, int day)
{
	write_hours(f, T0 + day * DAY, 12);
	maintenance_at(f, T0 + (day + 1) * DAY + 10 * MINUTE);
}

static void assert_after(struct fixture *f, int days)
{
	const int rows = 12 * 60, raw = days < 8 ? days : 8, rolled = days < 31 ? days : 31;
	char sql[200];
	/* Rows for 7 days and rollups for 30, by whole days, and days for good. */
	assert_in_range(fixture_sql(f, "SELECT count(*) FROM samples"), (raw - 1) * rows,
			raw * rows);
	assert_in_range(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), (rolled - 1) * rows,
			rolled * rows);
	assert_in_range(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), (rolled - 1) * rows,
			rolled * rows);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), days * rows);
	assert_int_equal(fixture_sql(f, "SELECT sum(value_sum)::bigint FROM samples_1d"),
			 (int64_t)days * rows * (rows - 1) / 2);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM samples_1d WHERE total_count = %d", rows);
	assert_int_equal(fixture_sql(f, sql), days);
	/* What is older than two days, and a rollup's third, is compressed. */
	assert_int_equal(chunks(f, "NOT is_compressed AND range_end < (SELECT max(time) FROM "
				   "samples) - interval '3 days'"),
			 0);
	/* Of rows 8 days, of minutes and five minutes 31, of hours 4, of days 1, and what is now.
	 */
	assert_in_range(chunks(f, "true"), 1, 8 + 2 * 31 + 5 + 2 + 3);
}

/* Forty days with the defaults, at a TimescaleDB that is not of the tests' own making: the other
 * would take too long. */
static void forty_days_keep_what_they_should(void **state)
{
	struct fixture *f = *state;
	int64_t bytes = 0;
	if (!getenv("TALLYD_TEST_TIMESCALE"))
		skip();
	for (int day = 0; day < 40; day++) {
		live_a_day(f, day);
		assert_after(f, day + 1);
		if (day == 33)
			bytes = fixture_sql(f, "SELECT pg_database_size(current_database())");
	}
	/* All that is kept for a time is full: it grows no more. */
	assert_in_range(fixture_sql(f, "SELECT pg_database_size(current_database())"), 0,
			bytes * 115 / 100);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(rollups_are_continuous_aggregates),
		STORE_TEST(they_are_compressed),
		STORE_TEST(tables_become_aggregates_with_all_that_is_in_them),
		STORE_TEST(a_move_that_is_interrupted_is_taken_up_again),
		STORE_TEST(a_new_column_replaces_them),
		STORE_TEST(what_somebody_built_on_one_stays),
		STORE_TEST(no_refresh_reaches_what_is_deleted),
		STORE_TEST(forty_days_keep_what_they_should),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
