/* Somebody drops what the store has made: nothing that waits is lost, it is said, and it comes
 * back. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>

#include "timescale_fixture.h"
#include "test.h"

static struct tally_batch *sample(struct fixture *f, int64_t time, const char *id, double value)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, id, value, 1);
	return batch;
}

static void write_sample(struct fixture *f, int64_t time, const char *id)
{
	fixture_write(f, sample(f, time, id, 1));
}

static void assert_mended(struct fixture *f, const char *what)
{
	assert_non_null(strstr(fake_host_log(f->host, TALLY_ERROR), what));
	assert_int_equal(fake_host_metric(f->host, METRIC_TABLES_REPAIRED), 1);
	assert_int_equal(fake_host_rejected(f->host), 0);
}

/* They stand on each other, so the last comes first, and on the minutes. */
static void drop_aggregates(struct fixture *f)
{
	fixture_sql(f, "DROP MATERIALIZED VIEW IF EXISTS tally.samples_1d_cagg CASCADE");
	fixture_sql(f, "DROP MATERIALIZED VIEW IF EXISTS tally.samples_1h_cagg CASCADE");
	fixture_sql(f, "DROP MATERIALIZED VIEW IF EXISTS tally.samples_5min_cagg CASCADE");
}

static void a_dropped_table_comes_back_with_all_that_waits(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0 - HOUR, "a");
	maintenance_at(f, T0);
	fixture_sql(f, "DROP TABLE tally.samples_rows CASCADE");
	fixture_write(f, sample(f, T0 - SECOND, "b", 2));
	assert_mended(f, "tally.samples_rows");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE container_id = 'b'"),
			 1);
	/* Rolled up before, and after. */
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 2);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 2);
}

/* As docs/timescale.md says how, while a daemon runs that knows it. */
static void a_table_that_is_removed_stays_away_until_it_is_written_again(void **state)
{
	struct fixture *f = *state;
	static const char *const rest[] = {"_series",    "_rows",    "_1min_rows",
					   "_5min_rows", "_1h_rows", "_1d_rows"};
	static const char *const catalog[] = {"columns WHERE \"table\"", "tables WHERE name",
					      "marks WHERE \"table\"", "late WHERE \"table\""};
	char sql[100];
	write_sample(f, T0 - HOUR, "a");
	maintenance_at(f, T0);
	drop_aggregates(f);
	for (int i = 0; i < 6; i++) {
		snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS tally.samples%s CASCADE", rest[i]);
		fixture_sql(f, sql);
	}
	for (int i = 0; i < 4; i++) {
		snprintf(sql, sizeof(sql), "DELETE FROM tally.%s = 'samples'", catalog[i]);
		fixture_sql(f, sql);
	}
	maintenance_at(f, T0 + HOUR);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(fake_host_metric(f->host, METRIC_TABLES_REPAIRED), 0);
	assert_int_equal(fixture_sql(f, "SELECT to_regclass('tally.samples_rows') IS NULL"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.marks"), 0);
	fake_host_set_now(f->host, T0);
	write_sample(f, T0, "b");
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 1);
}

static void a_dropped_column_comes_back(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0, "a");
	fixture_sql(f, "ALTER TABLE tally.samples_rows DROP COLUMN value CASCADE");
	fixture_write(f, sample(f, T0 + SECOND, "a", 7));
	assert_mended(f, "tally.samples_rows.value");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
	assert_int_equal(fixture_sql(f, "SELECT sum(value) FROM samples"), 7);
}

static void a_dropped_rollup_is_recomputed_from_the_level_below(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0, "a");
	write_sample(f, T0 + MINUTE, "a");
	maintenance_at(f, T0 + 2 * HOUR);
	drop_aggregates(f);
	fixture_sql(f, "DROP TABLE tally.samples_1min_rows CASCADE");
	if (f->store->server.mode == SERVER_TSL) {
		maintenance_at(f, T0 + 3 * HOUR);
		assert_mended(f, "tally.samples_1d_rows, tally.samples_1h_rows, "
				 "tally.samples_1min_rows, tally.samples_5min_rows");
	} else {
		fixture_sql(f, "ALTER TABLE tally.samples_1h_rows DROP COLUMN total_increase "
			       "CASCADE");
		maintenance_at(f, T0 + 3 * HOUR);
		assert_mended(f, "tally.samples_1h_rows.total_increase, tally.samples_1min_rows");
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 2);
	assert_int_equal(fixture_sql(f, "SELECT count(total_increase) FROM samples_1h"), 1);
}

static void rows_never_get_the_tags_of_others(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	write_sample(f, T0, "a");
	struct tally_batch *batch = sample(f, T0 + SECOND, "b", 1);
	fixture_sql(f, "DROP TABLE tally.samples_series CASCADE");
	f->sequence++;
	for (int tries = 0; tries < 3; tries++)
		assert_true(fixture_try(f, batch, f->sequence, &verdict) < 0);
	assert_non_null(strstr(fake_host_reason(f->host), "somebody dropped tally.samples_series"));
	assert_int_equal(fake_host_rejected(f->host), 0);
	static const char *const rest[] = {"", "_1min", "_5min", "_1h", "_1d"};
	for (int i = 0; i < 5; i++) {
		char sql[80];
		snprintf(sql, sizeof(sql), "DROP TABLE tally.samples%s_rows CASCADE", rest[i]);
		fixture_sql(f, sql);
	}
	assert_int_equal(fixture_try(f, batch, f->sequence, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	tally_batch_drop(f->ctx, batch);
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) = 1 AND min(container_id) = 'b' FROM samples"), 1);
}

static void a_dropped_key_column_is_not_recreated(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	struct tally_batch *batch = fixture_batch(f, &state_table);
	tally_put_int(tally_batch_row(f->ctx, batch), I_TIME, T0);
	fixture_write(f, batch);
	fixture_sql(f, "ALTER TABLE tally.things_rows DROP COLUMN _key CASCADE");
	batch = fixture_batch(f, &state_table);
	tally_put_int(tally_batch_row(f->ctx, batch), I_TIME, T0);
	f->sequence++;
	for (int tries = 0; tries < 3; tries++)
		assert_true(fixture_try(f, batch, f->sequence, &verdict) < 0);
	assert_non_null(strstr(fake_host_reason(f->host), "tally.things_rows._key"));
	tally_batch_drop(f->ctx, batch);
}

static void a_dropped_schema_comes_back(void **state)
{
	struct fixture *f = *state;
	write_sample(f, T0, "a");
	write_sample(f, T0, "b");
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	fixture_write(f, sample(f, T0 + SECOND, "b", 1));
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) = 1 AND min(container_id) = 'b' FROM samples"), 1);
	write_sample(f, T0 + SECOND, "a");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
}

static int write_as(struct fixture *f, void *store, struct tally_batch *batch)
{
	struct tally_entry entry = {batch, ++f->sequence, "other", NULL};
	uint8_t verdict = TALLY_RETRY;
	int r = f->plugin->output->write(store, &entry, 1, &verdict);
	tally_batch_drop(f->ctx, batch);
	return r;
}

static void a_daemon_that_remembers_another_database_notices_it(void **state)
{
	struct fixture *f = *state;
	void *other = NULL;
	assert_int_equal(f->plugin->create(f->ctx, &backend_config, &other), 0);
	assert_int_equal(f->plugin->start(other), 0);
	assert_int_equal(write_as(f, other, sample(f, T0, "a", 1)), 0);
	assert_int_equal(write_as(f, other, sample(f, T0, "b", 1)), 0);
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	fixture_restart(f);
	write_sample(f, T0, "b");
	write_sample(f, T0, "a");
	assert_int_equal(write_as(f, other, sample(f, T0 + SECOND, "b", 1)), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE container_id = 'b'"),
			 2);
	f->plugin->stop(other);
	f->plugin->destroy(other);
}

static void with_migrate_check_missing_parts_are_only_reported(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	write_sample(f, T0, "a");
	backend_config.migrate = MIGRATE_CHECK;
	fixture_restart(f);
	fixture_sql(f, "DROP TABLE tally.samples_rows CASCADE");
	struct tally_batch *batch = sample(f, T0, "a", 1);
	f->sequence++;
	assert_true(fixture_try(f, batch, f->sequence, &verdict) < 0);
	assert_non_null(strstr(fake_host_reason(f->host), "run tallyd db migrate"));
	backend_config.migrate = MIGRATE_AUTO;
	fixture_restart(f);
	assert_int_equal(fixture_try(f, batch, f->sequence, &verdict), 0);
	tally_batch_drop(f->ctx, batch);
}

/* No answer is better than the answer that there are no rows. */
static void a_query_of_a_dropped_table_fails(void **state)
{
	struct fixture *f = *state;
	struct rows rows;
	write_sample(f, T0, "a");
	static const struct tally_select select[] = {{"value", TALLY_AVG, 0}};
	struct tally_query query = query_of("samples", select, 1);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	rows_free(&rows);
	fixture_sql(f, "DROP TABLE tally.samples_rows CASCADE");
	assert_int_equal(ask(f, &query, &rows), -EIO);
	rows_free(&rows);
}

static void a_broken_table_does_not_block_maintenance_of_others(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "x", 1, "m");
	fixture_write(f, batch);
	write_sample(f, T0, "a");
	fixture_sql(f, "DROP TABLE tally.lines_series CASCADE"); /* comes before samples */
	time_passes(f, T0 + 9 * DAY);
	assert_true(maintenance_run(f->store) < 0);
	assert_non_null(strstr(fake_host_reason(f->host), "table lines: "));
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 0);
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) FROM tally.upkeep WHERE error LIKE 'table lines%'"),
		1);
}

int main(void)
{
#define REPAIR_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		REPAIR_TEST(a_dropped_table_comes_back_with_all_that_waits),
		REPAIR_TEST(a_table_that_is_removed_stays_away_until_it_is_written_again),
		REPAIR_TEST(a_dropped_column_comes_back),
		REPAIR_TEST(a_dropped_rollup_is_recomputed_from_the_level_below),
		REPAIR_TEST(rows_never_get_the_tags_of_others),
		REPAIR_TEST(a_dropped_key_column_is_not_recreated),
		REPAIR_TEST(a_dropped_schema_comes_back),
		REPAIR_TEST(a_daemon_that_remembers_another_database_notices_it),
		REPAIR_TEST(with_migrate_check_missing_parts_are_only_reported),
		REPAIR_TEST(a_query_of_a_dropped_table_fails),
		REPAIR_TEST(a_broken_table_does_not_block_maintenance_of_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
