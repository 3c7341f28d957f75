/* What the server can do may change under the tables that are there: TimescaleDB comes, or its
 * licence changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "timescale_fixture.h"

#include <cmocka.h>

static void write_sample(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, "a", 1, 1);
	fixture_write(f, batch);
}

static void write_line(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, time, "x", 1, "m");
	fixture_write(f, batch);
}

/* Samples are made as by a server of that kind, and then it is what it is. */
static void made_when(struct fixture *f, enum server_mode mode)
{
	if (f->store->server.mode <= mode)
		skip();
	f->store->server.mode = mode;
	fake_host_set_now(f->host, T0);
	write_sample(f, T0);
	fixture_restart(f);
	assert_true(f->store->server.mode > mode);
}

static int64_t partitions(struct fixture *f, const char *of)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM pg_inherits WHERE inhparent = 'tally.%s'::regclass", of);
	return fixture_sql(f, sql);
}

static void partitions_of_before_the_extension_go_on(void **state)
{
	struct fixture *f = *state;
	made_when(f, SERVER_PLAIN);
	write_sample(f, T0 - 5 * DAY);
	upkeep_at(f, T0 + 2 * DAY);
	assert_int_equal(partitions(f, "samples_rows"), 5 + 2);
	assert_int_equal(partitions(f, "samples_1min_rows"), 5 + 5);
	write_sample(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 3);
	upkeep_at(f, T0 + 2 * DAY + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 3);
	upkeep_at(f, T0 + 8 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	upkeep_at(f, T0 + 40 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM pg_class WHERE relname = "
					"'samples_1min_rows_p20231115'"),
			 0);
}

static void a_table_that_is_made_later_is_a_hypertable_beside_them(void **state)
{
	struct fixture *f = *state;
	made_when(f, SERVER_PLAIN);
	write_line(f, T0);
	write_line(f, T0 - 5 * DAY);
	upkeep_at(f, T0 + 4 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM timescaledb_information.hypertables "
					"WHERE hypertable_schema = 'tally'"),
			 1);
}

int main(void)
{
#define MODE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		MODE_TEST(partitions_of_before_the_extension_go_on),
		MODE_TEST(a_table_that_is_made_later_is_a_hypertable_beside_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
