/* Retention, size, full disks, and what happens beside each other. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_fixture.h"
#include "base/clock.h"
#include "test.h"

/* n rows of one series and as many log lines, a step apart. */
static void write_rows(struct fixture *f, int64_t from, int64_t step, int n)
{
	struct tally_batch *samples = fixture_batch(f, &series_table);
	struct tally_batch *lines = fixture_batch(f, &log_table);
	time_passes(f, from + n * step);
	for (int i = 0; i < n; i++) {
		put_series(f, samples, from + i * step, "a", i, i);
		put_log(f, lines, from + i * step, "out", 1, "some text that takes some room");
	}
	fixture_write(f, samples);
	fixture_write(f, lines);
}

static void rows_and_rollups_are_deleted_after_their_own_retention(void **state)
{
	struct fixture *f = *state;
	write_rows(f, T0, 10 * MINUTE, 6 * 24 * 10); /* ten days */
	maintenance_at(f, T0 + 10 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 6 * 24 * 7);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 6 * 24 * 7);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 6 * 24 * 10);
	assert_int_equal(fake_host_metric(f->host, METRIC_DELETED_OLD), 2 * 6 * 24 * 3);
	maintenance_at(f, T0 + 35 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 6 * 24 * 5);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1h"), 24 * 5);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1d"), 10);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines_series"), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_series"), 1);
	maintenance_at(f, T0 + 405 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1d"), 5);
	maintenance_at(f, T0 + 411 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_series"), 0);
	/* A tag set that was forgotten in the file is known anew. */
	write_rows(f, T0 + 411 * DAY, MINUTE, 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE container_id = 'a'"),
			 1);
}

static void write_note(struct fixture *f, const struct tally_table *table, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, table);
	time_passes(f, time);
	put_log(f, batch, time, "out", 1, "deployed");
	fixture_write(f, batch);
}

/* Also where the table was there before the flag, and a buffer's older rows come without. */
static void what_is_kept_long_stays_as_long_as_days(void **state)
{
	struct fixture *f = *state;
	struct tally_table plain = log_table, kept = log_table;
	plain.name = kept.name = "notes";
	kept.flags = TALLY_KEPT_LONG;
	write_note(f, &plain, T0);
	write_note(f, &kept, T0 + DAY);
	write_note(f, &log_table, T0 + DAY);
	fixture_restart(f);
	write_note(f, &plain, T0 + 2 * DAY);
	maintenance_at(f, T0 + 20 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM notes"), 3);
	maintenance_at(f, T0 + 401 * DAY + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM notes"), 1);
}

static void many_old_rows_are_deleted_in_small_transactions(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 4; i++)
		write_rows(f, T0 + i * 3000 * SECOND, SECOND, 3000);
	maintenance_at(f, T0 + 20 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 0);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 12000);
	assert_int_equal(fake_host_metric(f->host, METRIC_DELETED_OLD), 24000);
}

static void a_rollup_is_not_recomputed_from_the_rows_that_retention_left(void **state)
{
	struct fixture *f = *state;
	write_rows(f, T0, MINUTE, 60 * 24 * 8);
	maintenance_at(f, T0 + 8 * DAY); /* the first day's rows are gone */
	int64_t before = fixture_sql(f, "SELECT sum(rows) FROM samples_1min");
	int64_t hours_before = fixture_sql(f, "SELECT sum(rows) FROM samples_1h");
	write_rows(f, T0 + 12 * HOUR + SECOND, SECOND, 5); /* there is nothing to add to */
	write_rows(f, T0 + 3 * DAY + 12 * HOUR + SECOND, SECOND, 5); /* there is */
	maintenance_at(f, T0 + 8 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), before + 5);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), hours_before + 5);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally_late"), 0);
	assert_int_equal(fixture_sql(f, "SELECT min(time) / 1000000000 FROM samples"),
			 (T0 + DAY) / SECOND);
}

static void put_thing(struct fixture *f, int64_t time, const char *id, int64_t gone)
{
	struct tally_batch *batch = fixture_batch(f, &state_table);
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	time_passes(f, time);
	tally_put_int(row, I_TIME, time);
	put_text(f, batch, I_HOST, "h1");
	put_text(f, batch, I_ID, id);
	if (gone)
		tally_put_int(row, I_GONE, gone);
	fixture_write(f, batch);
}

static void a_thing_that_is_gone_is_kept_for_a_while(void **state)
{
	struct fixture *f = *state;
	put_thing(f, T0, "here", 0);
	put_thing(f, T0, "gone", T0 + DAY);
	put_thing(f, T0, "back", T0 + DAY);
	put_thing(f, T0 + 2 * DAY, "back", 0);
	maintenance_at(f, T0 + 30 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 3);
	maintenance_at(f, T0 + 31 * DAY + 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things WHERE id IN ('here', "
					"'back')"),
			 2);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 2);
}

static void the_file_shrinks_when_much_was_deleted(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	for (int i = 0; i < 10; i++)
		write_rows(f, T0 + i * 5000 * SECOND, SECOND, 5000);
	fixture_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(backend_config.path, &before), 0);
	maintenance_at(f, T0 + 20 * DAY);
	fixture_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(backend_config.path, &after), 0);
	assert_true(after.st_size < before.st_size / 3);
	assert_true((int64_t)fake_host_metric(f->host, METRIC_DATABASE_BYTES) <= before.st_size);
}

static void set_max_size(struct fixture *f, int64_t size)
{
	backend_config.max_size = size;
	fixture_restart(f);
}

static void at_its_limit_the_file_loses_the_oldest_rows(void **state)
{
	struct fixture *f = *state;
	const int64_t limit = 2 << 20;
	set_max_size(f, limit);
	for (int i = 0; i < 40; i++)
		write_rows(f, T0 + i * 1000 * SECOND, SECOND, 1000);
	assert_true(fixture_sql(f, "PRAGMA page_count") * 4096 <= limit);
	assert_true(fake_host_metric(f->host, METRIC_DELETED_SIZE) > 1000);
	assert_int_equal(fixture_sql(f, "SELECT max(time) / 1000000000 FROM samples"),
			 T0 / SECOND + 39999);
	assert_true(fixture_sql(f, "SELECT count(*) FROM samples") > 5000);
	assert_true(fixture_sql(f, "SELECT count(*) FROM lines") > 5000);
	assert_int_equal(fixture_sql(f, "SELECT max(time) - min(time) = (count(*) - 1) * "
					"1000000000 FROM samples"),
			 1);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "max_size"));
	fixture_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	struct stat file;
	assert_int_equal(stat(backend_config.path, &file), 0);
	assert_true(file.st_size <= limit);
}

static void a_full_file_loses_what_is_kept_long_last(void **state)
{
	struct fixture *f = *state;
	struct tally_table kept = log_table;
	kept.name = "notes";
	kept.flags = TALLY_KEPT_LONG;
	write_note(f, &kept, T0 - DAY);
	for (int i = 0; i < 10; i++)
		write_rows(f, T0 + i * 1000 * SECOND, SECOND, 1000);
	set_max_size(f, fixture_sql(f, "PRAGMA page_count") * 4096 * 100 / 96);
	maintenance_at(f, T0);
	assert_true(fake_host_metric(f->host, METRIC_DELETED_SIZE) > 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM notes"), 1);
}

static void maintenance_makes_room_before_the_limit_is_hit(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 10; i++)
		write_rows(f, T0 + i * 1000 * SECOND, SECOND, 1000);
	int64_t bytes = fixture_sql(f, "PRAGMA page_count") * 4096;
	set_max_size(f, bytes * 100 / 96);
	maintenance_at(f, T0);
	assert_true(fake_host_metric(f->host, METRIC_DELETED_SIZE) > 0);
	assert_true(fixture_sql(f, "SELECT count(*) FROM samples") > 7000);
	int64_t free_pages = fixture_sql(f, "PRAGMA freelist_count");
	assert_true((fixture_sql(f, "PRAGMA page_count") - free_pages) * 4096 <= bytes * 93 / 96);
}

static void when_nothing_can_be_deleted_a_write_waits_and_says_why(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	char big[3000];
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	put_thing(f, T0, "first", 0);
	set_max_size(f, 1 << 20);
	struct tally_batch *batch = fixture_batch(f, &state_table);
	for (int i = 0; i < 1000; i++) {
		char id[20];
		snprintf(id, sizeof(id), "%d", i);
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, I_TIME, T0);
		put_text(f, batch, I_HOST, "h1");
		put_text(f, batch, I_ID, id);
		put_text(f, batch, I_STATE, big);
	}
	assert_int_equal(fixture_try(f, batch, 100, &verdict), -ENOSPC);
	assert_int_equal(verdict, TALLY_RETRY);
	assert_non_null(strstr(fake_host_reason(f->host), "disk full"));
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 1);
	set_max_size(f, 64 << 20);
	assert_int_equal(fixture_try(f, batch, 100, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 1001);
	tally_batch_drop(f->ctx, batch);
}

/* Fills what is left of the file system. */
static void fill_up(const char *path)
{
	static char zeros[65536];
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	setbuf(file, NULL);
	while (fwrite(zeros, 1, sizeof(zeros), file) == sizeof(zeros))
		;
	fclose(file);
}

/* A store on a file system of 4 MiB, instead of the fixture's. */
struct small {
	struct store *own;
	struct sqlite_config config;
	char mount_point[100], path[120], ballast[120];
};

static void small_open(struct fixture *f, struct small *small)
{
	void *self = NULL;
	small->config = backend_config;
	snprintf(small->mount_point, sizeof(small->mount_point), "%s/small", f->folder);
	snprintf(small->path, sizeof(small->path), "%s/tallyd.db", small->mount_point);
	snprintf(small->ballast, sizeof(small->ballast), "%s/ballast", small->mount_point);
	assert_int_equal(mkdir(small->mount_point, 0700), 0);
	if (mount("tmpfs", small->mount_point, "tmpfs", 0, "size=4m") < 0) {
		rmdir(small->mount_point);
		skip(); /* needs the right to mount */
	}
	small->config.path = small->path;
	assert_int_equal(f->plugin->create(f->ctx, &small->config, &self), 0);
	assert_int_equal(f->plugin->start(self), 0);
	small->own = f->store;
	f->store = self;
}

static void small_close(struct fixture *f, struct small *small)
{
	f->plugin->stop(f->store);
	f->plugin->destroy(f->store);
	f->store = small->own;
	assert_int_equal(umount(small->mount_point), 0);
	rmdir(small->mount_point);
}

static struct tally_batch *samples(struct fixture *f, int64_t from, int n)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	time_passes(f, from + n * SECOND);
	for (int i = 0; i < n; i++)
		put_series(f, batch, from + i * SECOND, "a", i, i);
	return batch;
}

static int64_t sample_count(struct fixture *f)
{
	static const struct tally_select select = {.column = "value", .aggregate = TALLY_COUNT};
	struct tally_query query = query_of("samples", &select, 1);
	struct rows rows;
	assert_int_equal(ask(f, &query, &rows), 0);
	int64_t n = rows.n ? rows_at(&rows, 0, 1)->i : 0;
	rows_free(&rows);
	return n;
}

static void a_full_disk_is_reported_and_survived(void **state)
{
	struct fixture *f = *state;
	struct small small;
	uint8_t verdict;
	small_open(f, &small);
	write_rows(f, T0, SECOND, 100);
	fill_up(small.ballast);
	struct tally_batch *batch = samples(f, T0 + DAY, 5000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fixture_try(f, batch, 100, &verdict), -ENOSPC);
		assert_int_equal(verdict, TALLY_RETRY);
		assert_non_null(strstr(fake_host_reason(f->host), "disk full"));
	}
	unlink(small.ballast);
	assert_int_equal(fixture_try(f, batch, 100, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	tally_batch_drop(f->ctx, batch);
	assert_int_equal(sample_count(f), 5100);
	small_close(f, &small);
}

static void on_a_disk_that_it_filled_by_itself_it_still_deletes_what_is_old(void **state)
{
	struct fixture *f = *state;
	struct small small;
	uint8_t verdict;
	int64_t time = T0;
	char text[400];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	small_open(f, &small);
	for (int round = 0; round < 3; round++, time += 410 * DAY) {
		int r = 0;
		for (int n = 0; r == 0 && n < 1000; n++, time += 100 * SECOND) {
			struct tally_batch *lines = fixture_batch(f, &log_table);
			struct tally_batch *numbers = samples(f, time, 100);
			for (int i = 0; i < 100; i++)
				put_log(f, lines, time + i * SECOND, "out", i, text);
			r = fixture_try(f, lines, ++f->sequence, &verdict);
			if (r == 0)
				r = fixture_try(f, numbers, ++f->sequence, &verdict);
			if (n % 10 == 0)
				maintenance_run(f->store); /* its rollups need room as well */
			tally_batch_drop(f->ctx, lines);
			tally_batch_drop(f->ctx, numbers);
		}
		assert_int_equal(r, -ENOSPC);
		assert_true(sample_count(f) > 1000);
		time_passes(f, time + 405 * DAY);
		maintenance_when_set_to(f,
					time + 405 * DAY); /* may lack room for the last rollups */
		maintenance_at(f, time + 405 * DAY);
		assert_int_equal(sample_count(f), 0);
	}
	small_close(f, &small);
}

struct beside {
	struct fixture *fixture;
	atomic_bool done;
	atomic_int task, errors;
};

static void *query_beside(void *arg)
{
	struct beside *beside = arg;
	static const struct tally_select select[] = {{"value", TALLY_AVG, 0},
						     {"total", TALLY_RATE, 0}};
	while (!atomic_load(&beside->done)) {
		struct tally_query query = query_of("samples", select, 2);
		struct rows rows;
		query.bucket = MINUTE;
		if (ask(beside->fixture, &query, &rows) != 0)
			atomic_fetch_add(&beside->errors, 1);
		rows_free(&rows);
		atomic_fetch_add(&beside->task, 1);
	}
	return NULL;
}

static void *maintenance_beside(void *arg)
{
	struct beside *beside = arg;
	while (!atomic_load(&beside->done)) {
		if (maintenance_run(beside->fixture->store) != 0)
			atomic_fetch_add(&beside->errors, 1);
		sched_yield();
	}
	return NULL;
}

static void writes_queries_and_maintenance_run_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct beside beside = {.fixture = f};
	pthread_t threads[3];
	fake_host_set_now(f->host, T0 + 3 * HOUR);
	write_rows(f, T0 - 8 * DAY, MINUTE, 10);
	pthread_create(&threads[0], NULL, query_beside, &beside);
	pthread_create(&threads[1], NULL, query_beside, &beside);
	pthread_create(&threads[2], NULL, maintenance_beside, &beside);
	for (int i = 0; i < 60 || atomic_load(&beside.task) < 20; i++)
		write_rows(f, T0 + i * MINUTE, SECOND, 60);
	atomic_store(&beside.done, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&beside.errors), 0);
	maintenance_at(f, T0 + 30 * HOUR);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) = (SELECT count(*) FROM samples) FROM "
					"samples_1h WHERE time >= 1700006400 * 1000000000"),
			 1);
}

static void the_lag_of_the_rollups_is_a_metric(void **state)
{
	struct fixture *f = *state;
	write_rows(f, T0, SECOND, 60);
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(fake_host_metric(f->host, METRIC_ROLLUP_LAG), MINUTE);
	maintenance_at(f, T0 + HOUR + 30 * SECOND);
	assert_int_equal(fake_host_metric(f->host, METRIC_ROLLUP_LAG), 90 * SECOND);
}

static void the_lag_grows_while_a_table_fails(void **state)
{
	struct fixture *f = *state;
	write_rows(f, T0, SECOND, 60);
	maintenance_at(f, T0 + HOUR);
	write_rows(f, T0 + HOUR, SECOND, 60);
	fixture_sql(f, "CREATE TRIGGER spoilt BEFORE INSERT ON samples_1min_rows BEGIN SELECT "
		       "RAISE(ABORT, 'spoilt'); END");
	fake_host_set_now(f->host, T0 + 5 * HOUR);
	assert_true(maintenance_run(f->store) < 0);
	assert_true(fake_host_metric(f->host, METRIC_ROLLUP_LAG) >= (uint64_t)(4 * HOUR - MINUTE));
}

/* slow(): another 30 ms have gone by. */
static void slow(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct fixture *f = sqlite3_user_data(context);
	(void)n;
	fake_host_set_monotonic(f->host, tally_monotonic(f->ctx) + 30 * CLOCK_MS);
	sqlite3_result_value(context, values[0]);
}

/* As if the second half of an hour had a thousand times as many series: steps have grown by then.
 */
static void a_step_that_takes_too_long_is_stopped_and_done_in_halves(void **state)
{
	struct fixture *f = *state;
	write_rows(f, T0, MINUTE, 60);
	fake_host_set_monotonic(f->host, tally_monotonic(f->ctx));
	assert_int_equal(sqlite3_create_function(f->store->db, "slow", 1,
						 SQLITE_UTF8 | SQLITE_INNOCUOUS, f, slow, NULL,
						 NULL),
			 SQLITE_OK);
	fixture_sql(f, "CREATE TABLE steps (minute)");
	fixture_sql(f,
		    "CREATE TRIGGER slow BEFORE INSERT ON samples_1min_rows WHEN NEW.time > "
		    "1700008200000000000 BEGIN INSERT INTO steps SELECT slow(NEW.time) WHERE (WITH "
		    "RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) "
		    "SELECT count(*) FROM c) > 0; END");
	maintenance_at(f, T0 + DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 60);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 60);
	/* What was stopped left nothing behind. */
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM steps"), 29);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_DEBUG), "done in halves"));
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(rows_and_rollups_are_deleted_after_their_own_retention),
		STORE_TEST(what_is_kept_long_stays_as_long_as_days),
		STORE_TEST(a_full_file_loses_what_is_kept_long_last),
		STORE_TEST(many_old_rows_are_deleted_in_small_transactions),
		STORE_TEST(a_rollup_is_not_recomputed_from_the_rows_that_retention_left),
		STORE_TEST(a_thing_that_is_gone_is_kept_for_a_while),
		STORE_TEST(the_file_shrinks_when_much_was_deleted),
		STORE_TEST(at_its_limit_the_file_loses_the_oldest_rows),
		STORE_TEST(maintenance_makes_room_before_the_limit_is_hit),
		STORE_TEST(when_nothing_can_be_deleted_a_write_waits_and_says_why),
		STORE_TEST(a_full_disk_is_reported_and_survived),
		STORE_TEST(on_a_disk_that_it_filled_by_itself_it_still_deletes_what_is_old),
		STORE_TEST(writes_queries_and_maintenance_run_side_by_side),
		STORE_TEST(the_lag_of_the_rollups_is_a_metric),
		STORE_TEST(the_lag_grows_while_a_table_fails),
		STORE_TEST(a_step_that_takes_too_long_is_stopped_and_done_in_halves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
