/* The views: what others build on them stays, and nobody waits for one that cannot be made. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

/* As samples, later: with a counter and a tag more. */
enum { G_TIME, G_HOST, G_ID, G_VALUE, G_TOTAL, G_NOTE, G_MORE, G_ZONE, G_N };
static const struct tally_column grown_columns[G_N] = {
	[G_TIME] = {.name = "time", .type = TALLY_TIME},
	[G_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[G_ID] = {.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	[G_VALUE] = {.name = "value", .type = TALLY_REAL},
	[G_TOTAL] = {.name = "total", .type = TALLY_INT, .role = TALLY_COUNTER},
	[G_NOTE] = {.name = "note", .type = TALLY_TEXT},
	[G_MORE] = {.name = "more", .type = TALLY_INT, .role = TALLY_COUNTER},
	[G_ZONE] = {.name = "zone", .type = TALLY_TEXT, .role = TALLY_TAG}};
static const struct tally_table grown_table = {.name = "samples",
					       .kind = TALLY_SERIES,
					       .revision = 2,
					       .columns = grown_columns,
					       .n_columns = G_N};

static void write_sample(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, "a", 1, 1);
	fixture_write(f, batch);
}

static void write_grown(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &grown_table);
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, G_TIME, time);
	tally_put_int(row, G_MORE, 7);
	put_text(f, batch, G_ID, "a");
	put_text(f, batch, G_ZONE, "z");
	fixture_write(f, batch);
}

static int64_t views(struct fixture *f, const char *schema)
{
	char sql[160];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM pg_views WHERE schemaname = '%s' AND viewname ~ '^samples'",
		 schema);
	return fixture_sql(f, sql);
}

static void objects_built_on_a_view_survive_a_growing_table(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0);
	fixture_sql(f, "DO $$ BEGIN CREATE ROLE views_guest; EXCEPTION WHEN OTHERS THEN END $$");
	fixture_sql(f, "GRANT SELECT ON samples_1d TO views_guest");
	fixture_sql(f, "CREATE VIEW public.my_daily AS SELECT time, container_id, value_sum FROM "
		       "samples_1d");
	write_grown(f, T0 + SECOND);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE zone = 'z'"), 1);
	assert_int_equal(fixture_sql(f, "SELECT sum(more_last) FROM samples_1d WHERE zone = 'z'"),
			 7);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM my_daily"), 2);
	assert_int_equal(
		fixture_sql(f, "SELECT has_table_privilege('views_guest', 'samples_1d', 'select')"),
		1);
	assert_string_equal(fake_host_log(f->host, TALLY_WARNING), "");
	fixture_sql(f, "DROP VIEW my_daily; DROP OWNED BY views_guest; DROP ROLE views_guest");
}

static void a_view_that_cannot_be_created_blocks_no_row_and_is_reported_once(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "CREATE TABLE public.samples_1h (mine INT)");
	write_sample(f, T0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "public.samples_1h cannot"));
	fixture_sql(f, "DROP VIEW samples_1d");
	fake_host_forget(f->host);
	for (int i = 0; i < 3; i++)
		maintenance_at(f, T0 + (1 + i) * HOUR);
	assert_int_equal(views(f, "public"), 4);
	fixture_sql(f, "DROP VIEW samples_5min");
	maintenance_at(f, T0 + 5 * HOUR);
	const char *said = strstr(fake_host_log(f->host, TALLY_WARNING), "public.samples_1h");
	assert_true(!said || !strstr(said + 1, "public.samples_1h"));
	fixture_sql(f, "DROP TABLE public.samples_1h");
	fixture_sql(f, "DROP VIEW samples_1min");
	maintenance_at(f, T0 + 6 * HOUR);
	assert_int_equal(views(f, "public"), 5);
}

static void dropped_views_are_recreated_by_maintenance_and_at_the_start(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0);
	fixture_sql(f, "DROP VIEW samples, samples_1h");
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(views(f, "public"), 5);
	fixture_sql(f, "DROP VIEW samples, samples_1h");
	fixture_sql(f,
		    "CREATE VIEW public.samples AS SELECT time, host FROM tally.samples_rows JOIN "
		    "tally.samples_series USING (_series)"); /* of a former version */
	fixture_restart(f);
	assert_int_equal(views(f, "public"), 5);
	assert_int_equal(fixture_sql(f, "SELECT total FROM samples"), 1);
}

static void another_schema_gets_views_of_its_own_and_is_made_for_them(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "DROP SCHEMA IF EXISTS other CASCADE");
	write_sample(f, T0);
	backend_config.schema = "other";
	fixture_restart(f);
	assert_int_equal(views(f, "other"), 5);
	write_grown(f, T0 + SECOND);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM other.samples WHERE zone = 'z'"), 1);
	fixture_sql(f, "DROP SCHEMA tally CASCADE; DROP SCHEMA other CASCADE");
	fixture_restart(f);
	write_sample(f, T0);
	assert_int_equal(views(f, "other"), 5);
	fixture_sql(f, "DROP SCHEMA other CASCADE");
}

static void with_migrate_check_missing_views_are_only_reported(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0);
	fixture_sql(f, "DROP VIEW samples_1h");
	backend_config.migrate = MIGRATE_CHECK;
	fixture_restart(f);
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(views(f, "public"), 4);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "table samples: views"));
}

int main(void)
{
#define VIEWS_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		VIEWS_TEST(objects_built_on_a_view_survive_a_growing_table),
		VIEWS_TEST(a_view_that_cannot_be_created_blocks_no_row_and_is_reported_once),
		VIEWS_TEST(dropped_views_are_recreated_by_maintenance_and_at_the_start),
		VIEWS_TEST(another_schema_gets_views_of_its_own_and_is_made_for_them),
		VIEWS_TEST(with_migrate_check_missing_views_are_only_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
