/* What `tallyd db status` says is so, and its result tells a script. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "timescale_fixture.h"
#include "test.h"
#include "waiting.h"

static char said[8000];

/* What it returns; what it prints is in said. */
static int command(struct fixture *f, const char *verb, const struct tally_table *const *tables)
{
	char *words[] = {(char *)(uintptr_t)verb};
	const struct tally_command command = {
		.size = sizeof(command), .argc = 1, .argv = words, .tables = tables};
	FILE *file = tmpfile();
	assert_non_null(file);
	fflush(stdout);
	int before = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	int r = f->plugin->command(f->ctx, &backend_config, &command);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return r;
}

static int status(struct fixture *f)
{
	static const struct tally_table *const tables[] = {&series_table, NULL};
	return command(f, "status", tables);
}

static void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("no \"%s\" in:\n%s", text, said);
}

static void write_sample(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, "a", 1, 1);
	fixture_write(f, batch);
}

static void more_partitions_than_plans_are_kept_for_are_named(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_PLAIN)
		skip();
	write_sample(f, T0);
	fixture_sql(f,
		    "SELECT @@make_partitions('samples_rows', now() - interval '30 days', now())");
	status(f);
	assert_null(strstr(said, "planned anew"));
	fixture_sql(f,
		    "SELECT @@make_partitions('samples_rows', now() - interval '50 days', now())");
	status(f);
	assert_said("samples_rows (55): more than 40 partitions or chunks");
}

/* All is well. */
static void begin(struct fixture *f)
{
	write_sample(f, T0);
	maintenance_at(f, T0 + 2 * DAY);
	if (status(f) != 0)
		fail_msg("%s", said);
}

static void status_shows_each_levels_watermark_and_the_leader(void **state)
{
	struct fixture *f = *state;
	begin(f);
	assert_said("\n  table samples (series), rolled up to 2023-11-1");
	assert_said("; seconds behind: 1min ");
	assert_said(", 5min ");
	assert_said(", 1h ");
	assert_said(", 1d ");
	assert_said(" s ago");
	if (!backend_several())
		return;
	assert_said("maintenance is done by the daemon of process ");
	f->plugin->stop(f->store);
	for (int tries = 0; status(f) == 0 && !strstr(said, "by nobody at the moment"); tries++)
		assert_true(tries < 1000); /* until the server noticed */
	assert_int_equal(f->plugin->start(f->store), 0);
}

static void failed_or_overdue_maintenance_is_an_error(void **state)
{
	struct fixture *f = *state;
	begin(f);
	fixture_sql(f, "UPDATE tally.upkeep SET failed = now(), error = 'no luck'");
	assert_int_equal(status(f), 1);
	assert_said("\n! maintenance by ");
	assert_said("Z: no luck\n");
	fixture_sql(f, "UPDATE tally.upkeep SET error = NULL, succeeded = now() - interval '1 h'");
	assert_int_equal(status(f), 1);
	assert_said(", 36"); /* seconds, and those that have gone by since */
}

static void a_declared_table_that_is_missing_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N + 1];
	struct tally_table grown = series_table;
	const struct tally_table *const more[] = {&grown, &log_table, NULL};
	begin(f);
	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_N] = (struct tally_column){.name = "more", .type = TALLY_INT};
	grown.columns = columns;
	grown.n_columns = S_N + 1;
	grown.revision++;
	assert_int_equal(command(f, "status", more), 1);
	assert_said("\n! table samples lacks declared columns: more: run tallyd db migrate");
	assert_said("\n! table lines is declared but missing: run tallyd db migrate");
	assert_int_equal(command(f, "migrate", more), 0);
	assert_int_equal(command(f, "status", more), 0);
}

static void dropped_objects_are_an_error_until_migrated(void **state)
{
	static const struct tally_table *const none[] = {NULL};
	struct fixture *f = *state;
	begin(f);
	fixture_sql(f, "DROP VIEW samples_1h");
	assert_int_equal(status(f), 1);
	assert_said("! table samples: views in the schema public are missing");
	fixture_sql(f, f->store->server.mode == SERVER_TSL
			       ? "DROP VIEW tally.samples_1d_rows CASCADE"
			       : "DROP TABLE tally.samples_1d_rows CASCADE");
	assert_int_equal(status(f), 1);
	assert_said("! somebody dropped tally.samples_1d_rows: run tallyd db migrate");
	assert_int_equal(command(f, "migrate", none), 0); /* nothing here declares it */
	assert_int_equal(status(f), 0);
}

static void a_view_that_cannot_be_made_fails_the_migration(void **state)
{
	static const struct tally_table *const none[] = {NULL};
	struct fixture *f = *state;
	begin(f);
	fixture_sql(f, "DROP VIEW samples_1h");
	fixture_sql(f, "CREATE TABLE public.samples_1h (mine INT)");
	assert_int_equal(command(f, "migrate", none), -EPROTO);
	fixture_sql(f, "DROP TABLE public.samples_1h");
	assert_int_equal(command(f, "migrate", none), 0);
}

static void missing_migrations_are_an_error(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(status(f), 1);
	assert_said(" migrations to apply: run tallyd db migrate\n");
	assert_non_null(strchr(said, '!'));
}

/* A policy that deletes, of a day that somebody's view is built on: run by the server's own worker.
 */
static void add_failing_policy(struct fixture *f)
{
	fixture_sql(f,
		    "DO $$ BEGIN EXECUTE (SELECT format('CREATE VIEW on_a_chunk AS SELECT * FROM "
		    "%s', c) FROM show_chunks('tally.samples_rows') c LIMIT 1); END $$");
	fixture_sql(f, "SELECT add_retention_policy('tally.samples_rows', INTERVAL '1 day', "
		       "schedule_interval => INTERVAL '1 s', initial_start => now())");
}

static void a_job_of_the_database_that_fails_is_said_once(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_TSL || getenv("TALLYD_TEST_ONE_BACKEND"))
		skip();
	begin(f);
	add_failing_policy(f);
	WAIT_UNTIL(fixture_sql(f, "SELECT sum(total_failures) FROM "
				  "timescaledb_information.job_stats WHERE hypertable_schema = "
				  "'tally'") > 0);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fake_host_metric(f->host, METRIC_POLICIES_FAILED), 1);
	assert_non_null(
		strstr(fake_host_log(f->host, TALLY_WARNING),
		       "policy_retention of samples_rows, last run Failed: cannot drop table"));
	assert_int_equal(status(f), 1);
	assert_said("last run Failed: cannot drop table");
	fake_host_forget(f->host);
	maintenance_at(f, T0 + 2 * DAY);
	assert_null(strstr(fake_host_log(f->host, TALLY_WARNING), "policy"));
	/* What there is to do is done all the same. */
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 1);
	fixture_sql(f, "SELECT remove_retention_policy('tally.samples_rows')");
	maintenance_at(f, T0 + 2 * DAY);
	assert_non_null(
		strstr(fake_host_log(f->host, TALLY_NOTICE), "no job of TimescaleDB fails"));
	assert_int_equal(status(f), 0);
	fixture_sql(f, "DROP VIEW on_a_chunk");
}

int main(void)
{
#define STATUS_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STATUS_TEST(status_shows_each_levels_watermark_and_the_leader),
		STATUS_TEST(failed_or_overdue_maintenance_is_an_error),
		STATUS_TEST(a_declared_table_that_is_missing_is_an_error),
		STATUS_TEST(dropped_objects_are_an_error_until_migrated),
		STATUS_TEST(a_view_that_cannot_be_made_fails_the_migration),
		STATUS_TEST(missing_migrations_are_an_error),
		STATUS_TEST(more_partitions_than_plans_are_kept_for_are_named),
		STATUS_TEST(a_job_of_the_database_that_fails_is_said_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
