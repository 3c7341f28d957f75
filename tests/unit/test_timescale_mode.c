/* What the server can do may change under the tables that are there: TimescaleDB comes, or its
 * licence changes. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

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

static void partitions_from_before_the_extension_stay_in_use(void **state)
{
	struct fixture *f = *state;
	made_when(f, SERVER_PLAIN);
	write_sample(f, T0 - 5 * DAY);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(partitions(f, "samples_rows"), 5 + 2);
	/* None for the three days in between, of which there is no row to roll up. */
	assert_int_equal(partitions(f, "samples_1min_rows"), 5 + 2);
	write_sample(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 3);
	maintenance_at(f, T0 + 2 * DAY + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 3);
	maintenance_at(f, T0 + 8 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	maintenance_at(f, T0 + 40 * DAY);
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
	maintenance_at(f, T0 + 4 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM timescaledb_information.hypertables "
					"WHERE hypertable_schema = 'tally'"),
			 1);
}

static void tables_without_compression_are_reported(void **state)
{
	struct fixture *f = *state;
	struct server_remarks remarks;
	made_when(f, SERVER_PLAIN);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING),
			       "still native partitions, not compressed: samples ("));
	assert_int_equal(server_remark(&f->store->parallel.threads[0].writer.pg, &f->store->server,
				       &remarks),
			 0);
	assert_non_null(strstr(remarks.partitions, "samples"));
	assert_string_equal(remarks.compressed, "");
}

static void compressed_chunks_that_cannot_be_read_are_reported(void **state)
{
	struct fixture *f = *state;
	struct server_remarks remarks;
	struct server server = f->store->server;
	if (server.mode != SERVER_TSL)
		skip();
	write_line(f, T0);
	maintenance_at(f, T0 + 4 * DAY);
	server.mode = SERVER_APACHE;
	assert_int_equal(server_remark(&f->store->parallel.threads[0].writer.pg, &server, &remarks),
			 0);
	assert_non_null(strstr(remarks.compressed, "1 chunks are compressed"));
	assert_string_equal(remarks.partitions, "");
}

/* It would answer without what is compressed. */
static void an_extension_whose_library_is_not_loaded_is_refused(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_PLAIN)
		skip();
	f->plugin->stop(f->store);
	fixture_sql(f, "SET allow_system_table_mods = on; INSERT INTO pg_extension VALUES (99999, "
		       "'timescaledb', 10, 11, false, '2.28.3', NULL, NULL)");
	int r = f->plugin->start(f->store);
	fixture_sql(f, "SET allow_system_table_mods = on; DELETE FROM pg_extension WHERE oid = "
		       "99999");
	assert_int_equal(r, -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "shared_preload_libraries"));
	assert_int_equal(f->plugin->start(f->store), 0);
}

static int64_t compressed(struct fixture *f, const char *of)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND "
		 "hypertable_name = '%s'",
		 of);
	return fixture_sql(f, sql);
}

static void tables_of_the_other_edition_are_compressed_from_now_on(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_TSL)
		skip();
	made_when(f, SERVER_APACHE);
	maintenance_at(f, T0 + 4 * DAY);
	assert_int_equal(compressed(f, "samples_rows"), 1);
	assert_int_equal(compressed(f, "samples_1min_rows"), 1);
	write_sample(f, T0 + SECOND);
	write_sample(f, T0 + 3 * DAY);
	maintenance_at(f, T0 + 6 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 3);
}

/* That a daemon makes while another one does not know of the extension yet. */
static void a_daemon_that_runs_for_long_notices_what_the_server_is_now(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode == SERVER_PLAIN)
		skip();
	fake_host_set_now(f->host, T0);
	write_line(f, T0);
	f->store->server = (struct server){.mode = SERVER_PLAIN};
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 0);
}

int main(void)
{
#define MODE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		MODE_TEST(partitions_from_before_the_extension_stay_in_use),
		MODE_TEST(a_table_that_is_made_later_is_a_hypertable_beside_them),
		MODE_TEST(tables_without_compression_are_reported),
		MODE_TEST(compressed_chunks_that_cannot_be_read_are_reported),
		MODE_TEST(an_extension_whose_library_is_not_loaded_is_refused),
		MODE_TEST(a_daemon_that_runs_for_long_notices_what_the_server_is_now),
		MODE_TEST(tables_of_the_other_edition_are_compressed_from_now_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
