/* What the store makes of files that somebody takes away while they are in use. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_fixture.h"
#include "test.h"

static void write_one(struct fixture *f, int64_t second)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + second * SECOND, "a", 1, 1);
	fixture_write(f, batch);
}

/* ---- What was taken away ------------------------------------------------------ */

static void beside(const char *suffix, char ret[200])
{
	snprintf(ret, 200, "%s%s", backend_config.path, suffix);
}

static uint64_t taken_away(const struct fixture *f)
{
	return fake_host_metric(f->host, METRIC_FILE_TAKEN_AWAY);
}

static void assert_logged(struct fixture *f, const char *what)
{
	if (!strstr(fake_host_log(f->host, TALLY_ERROR), what))
		fail_msg("not told: %s\n%s", what, fake_host_log(f->host, TALLY_ERROR));
}

static int64_t count_rows(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM samples");
}

static void rows_are_stored_only_where_they_can_be_found(struct fixture *f, int64_t before)
{
	for (int second = 10; second < 15; second++)
		write_one(f, second);
	assert_int_equal(count_rows(f), before + 5);
	assert_int_equal(taken_away(f), 1);
	write_one(f, 20);
	assert_int_equal(taken_away(f), 1);
}

static void a_removed_database_is_reported_and_created_again(void **state)
{
	struct fixture *f = *state;
	write_one(f, 0);
	assert_int_equal(unlink(backend_config.path), 0);
	rows_are_stored_only_where_they_can_be_found(f, 0);
	assert_logged(f, "tallyd.db was removed while it was in use");
}

static void tables_that_get_no_rows_are_in_the_new_database_too(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "stdout", 1, "text");
	fixture_write(f, batch);
	assert_int_equal(unlink(backend_config.path), 0);
	write_one(f, 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 0);
}

static void a_database_that_was_moved_is_whole_where_it_is(void **state)
{
	struct fixture *f = *state;
	char elsewhere[200];
	sqlite3 *db;
	beside(".moved", elsewhere);
	for (int second = 0; second < 5; second++)
		write_one(f, second);
	assert_int_equal(rename(backend_config.path, elsewhere), 0);
	rows_are_stored_only_where_they_can_be_found(f, 0);
	assert_int_equal(sqlite3_open(elsewhere, &db), SQLITE_OK);
	sqlite3_stmt *count = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM samples", -1, &count, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(count), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(count, 0), 5);
	sqlite3_finalize(count);
	sqlite3_close(db);
	unlink(elsewhere);
}

static void another_database_in_its_place_is_opened_and_keeps_what_it_has(void **state)
{
	struct fixture *f = *state;
	char copy[200], sql[300];
	beside(".copy", copy);
	write_one(f, 0);
	write_one(f, 1);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", copy);
	fixture_sql(f, sql);
	write_one(f, 2);
	assert_int_equal(rename(copy, backend_config.path), 0);
	rows_are_stored_only_where_they_can_be_found(f, 2);
	assert_logged(f, "tallyd.db was replaced while it was in use");
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check "
			       "<> 'ok'"),
		0);
}

static void an_emptied_database_is_reported_and_created_again(void **state)
{
	struct fixture *f = *state;
	write_one(f, 0);
	assert_int_equal(truncate(backend_config.path, 0), 0);
	rows_are_stored_only_where_they_can_be_found(f, 0);
	assert_logged(f, "tallyd.db was emptied while it was in use");
}

static void without_its_log_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	char wal[200];
	beside("-wal", wal);
	write_one(f, 0);
	assert_int_equal(unlink(wal), 0);
	rows_are_stored_only_where_they_can_be_found(f, 1);
	assert_logged(f, "tallyd.db-wal was removed while it was in use");
}

static void without_its_lock_it_takes_another_and_goes_on(void **state)
{
	struct fixture *f = *state;
	char lock[200];
	beside(".lock", lock);
	write_one(f, 0);
	assert_int_equal(unlink(lock), 0);
	rows_are_stored_only_where_they_can_be_found(f, 1);
	assert_int_equal(access(lock, F_OK), 0);
}

static int ignore_table(void *arg, const struct tally_table *table)
{
	(void)table;
	(*(int *)arg)++;
	return 0;
}

static void maintenance_and_queries_notice_it_too(void **state)
{
	struct fixture *f = *state;
	int tables = 0;
	write_one(f, 0);
	assert_int_equal(unlink(backend_config.path), 0);
	assert_int_equal(f->plugin->store->tables(f->store, ignore_table, &tables), 0);
	assert_int_equal(tables, 1);
	assert_int_equal(taken_away(f), 1);
	assert_int_equal(unlink(backend_config.path), 0);
	assert_int_equal(f->store->maintenance.run(f->store->maintenance.arg), 0);
	assert_int_equal(taken_away(f), 2);
	static const struct tally_select value = {"value", TALLY_RAW, 0};
	struct tally_query query = query_of("samples", &value, 1);
	struct rows rows;
	write_one(f, 1);
	assert_int_equal(unlink(backend_config.path), 0);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 0);
	rows_free(&rows);
	assert_int_equal(taken_away(f), 3);
	assert_int_equal(count_rows(f), 0);
}

static void while_it_cannot_be_created_nothing_is_stored_or_answered(void **state)
{
	struct fixture *f = *state;
	char moved[100];
	int tables = 0;
	uint8_t verdict;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1, 1);
	snprintf(moved, sizeof(moved), "%s.moved", f->folder);
	assert_int_equal(rename(f->folder, moved), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(fixture_try(f, batch, 1, &verdict) < 0);
		assert_int_equal(verdict, TALLY_RETRY);
		assert_true(f->plugin->store->tables(f->store, ignore_table, &tables) < 0);
	}
	assert_int_equal(taken_away(f), 1);
	assert_int_equal(rename(moved, f->folder), 0);
	assert_int_equal(fixture_try(f, batch, 1, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	assert_int_equal(count_rows(f), 1);
	tally_batch_drop(f->ctx, batch);
}

static void an_emptied_database_is_reported_at_the_start(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(taken_away(f), 0);
	write_one(f, 0);
	f->plugin->stop(f->store);
	assert_int_equal(truncate(backend_config.path, 0), 0);
	assert_int_equal(f->plugin->start(f->store), 0);
	assert_int_equal(taken_away(f), 1);
	assert_logged(f, "is empty although it was in use");
	f->plugin->stop(f->store);
	assert_int_equal(unlink(backend_config.path), 0);
	assert_int_equal(f->plugin->start(f->store), 0);
	assert_logged(f, "does not exist although it was in use");
	assert_int_equal(taken_away(f), 2);
	fixture_restart(f);
	assert_int_equal(taken_away(f), 2);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_removed_database_is_reported_and_created_again),
		STORE_TEST(tables_that_get_no_rows_are_in_the_new_database_too),
		STORE_TEST(a_database_that_was_moved_is_whole_where_it_is),
		STORE_TEST(another_database_in_its_place_is_opened_and_keeps_what_it_has),
		STORE_TEST(an_emptied_database_is_reported_and_created_again),
		STORE_TEST(without_its_log_nothing_is_lost),
		STORE_TEST(without_its_lock_it_takes_another_and_goes_on),
		STORE_TEST(maintenance_and_queries_notice_it_too),
		STORE_TEST(while_it_cannot_be_created_nothing_is_stored_or_answered),
		STORE_TEST(an_emptied_database_is_reported_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
