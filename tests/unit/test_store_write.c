/* What is written, once, and in which shape it lies in the store. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"
#include "test.h"

static void a_view_shows_the_declared_columns(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1.5, 10);
	put_series(f, batch, T0, "b", 2.5, 20);
	fixture_write(f, batch);
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) FROM samples WHERE host = 'h1' AND container_id IN "
			       "('a', 'b') AND value IN (1.5, 2.5) AND total IN (10, 20) AND note "
			       "IS NULL"),
		2);
	assert_int_equal(fixture_newest(f, "samples"), T0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM @@samples_series"), 2);
}

static void an_entry_offered_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *first = fixture_batch(f, &series_table);
	struct tally_batch *other = fixture_batch(f, &series_table);
	uint8_t verdict;
	put_series(f, first, T0, "a", 1, 1);
	put_series(f, other, T0 + SECOND, "a", 2, 2);
	assert_int_equal(fixture_try(f, first, 7, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	fixture_restart(f);
	assert_int_equal(fixture_try(f, other, 7, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	assert_int_equal(fixture_try(f, other, 8, &verdict), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
	tally_batch_drop(f->ctx, first);
	tally_batch_drop(f->ctx, other);
}

static void a_row_whose_key_is_stored_is_kept_once(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		put_series(f, batch, T0, "a", 1 + i, 1);
		fixture_write(f, batch);
		batch = fixture_batch(f, &log_table);
		put_log(f, batch, T0, "stdout", 1, "same");
		put_log(f, batch, T0, "stdout", 2, "next");
		fixture_write(f, batch);
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) = 1 AND max(value) = 1 FROM samples"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 2);
}

static void put_state(struct fixture *f, int64_t time, const char *id, const char *value)
{
	struct tally_batch *batch = fixture_batch(f, &state_table);
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, I_TIME, time);
	put_text(f, batch, I_HOST, "h1");
	if (id)
		put_text(f, batch, I_ID, id);
	put_text(f, batch, I_STATE, value);
	fixture_write(f, batch);
}

static void the_newest_state_row_wins_whatever_is_written_last(void **state)
{
	struct fixture *f = *state;
	put_state(f, T0 + 10 * SECOND, "a", "running");
	put_state(f, T0 + 5 * SECOND, "a", "late");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things WHERE state = 'running'"), 1);
	put_state(f, T0 + 10 * SECOND, "a", "paused");
	put_state(f, T0 + 11 * SECOND, "a", "exited");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things WHERE state = 'exited'"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 1);
}

static void a_tag_that_is_null_is_a_key_like_any_other(void **state)
{
	struct fixture *f = *state;
	put_state(f, T0, NULL, "one");
	put_state(f, T0 + SECOND, NULL, "two");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 1);
	for (int i = 0; i < 2; i++) {
		struct tally_batch *batch = fixture_batch(f, &log_table);
		put_log(f, batch, T0 + i * SECOND, "x", 1, "m");
		((struct tally_cell *)(uintptr_t)batch->cells)[L_STREAM].set = 0;
		fixture_write(f, batch);
		fixture_restart(f);
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM @@lines_series"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 2);
}

static void rows_without_time_or_order_are_rejected_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "x", 1, "good");
	put_log(f, batch, T0, "x", 2, "no time");
	((struct tally_cell *)(uintptr_t)batch->cells)[L_N + L_TIME].set = 0;
	put_log(f, batch, T0, "x", 3, "no order");
	((struct tally_cell *)(uintptr_t)batch->cells)[2 * L_N + L_SEQUENCE].set = 0;
	put_log(f, batch, T0, "x", 4, "good");
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines WHERE message = 'good'"), 2);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 2);
	assert_int_equal(fake_host_rejected(f->host), 2);
}

static void an_appended_column_is_added_and_old_batches_still_fit(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N + 2];
	memcpy(columns, series_table.columns, S_N * sizeof(columns[0]));
	columns[S_N] = (struct tally_column){.name = "extra", .type = TALLY_INT};
	columns[S_N + 1] =
		(struct tally_column){.name = "zone", .type = TALLY_TEXT, .role = TALLY_TAG};
	struct tally_table grown = series_table;
	grown.columns = columns;
	grown.n_columns = S_N + 2;
	grown.revision = 2;

	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1, 1);
	fixture_write(f, batch);
	batch = fixture_batch(f, &grown);
	put_series(f, batch, T0 + SECOND, "a", 2, 2);
	tally_put_int((struct tally_cell *)(uintptr_t)batch->cells, S_N, 42);
	put_text(f, batch, S_N + 1, "z");
	fixture_write(f, batch);
	batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + 2 * SECOND, "a", 3, 3);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE extra = 42 AND zone = "
					"'z'"),
			 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE extra IS NULL AND zone "
					"IS NULL"),
			 2);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM @@samples_series"), 2);
	assert_int_equal(fixture_sql(f, "SELECT revision FROM @tables"), 2);
	fixture_restart(f);
	assert_int_equal(f->plugin->output->prepare(f->store, &series_table), 0);
	assert_int_equal(fixture_sql(f, "SELECT revision FROM @tables"), 2);
}

static void put_container(struct fixture *f, const struct tally_table *table,
			  const char *const *texts)
{
	struct tally_batch *batch = fixture_batch(f, table);
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, 0, T0);
	for (uint32_t i = 0; i < 5; i++)
		if (texts[i])
			put_text(f, batch, 1 + i, texts[i]);
	fixture_write(f, batch);
}

static void what_older_rows_say_already_fills_the_column_that_is_added(void **state)
{
	static const struct tally_column columns[] = {
		{.name = "time", .type = TALLY_TIME},
		{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
		{.name = "name", .type = TALLY_TEXT},
		{.name = "labels", .type = TALLY_JSON},
		{.name = "compose_project", .type = TALLY_TEXT},
		{.name = "compose_service", .type = TALLY_TEXT},
		{.name = "service", .type = TALLY_TEXT},
	};
	static const char *const rows[][5] = {
		{"a", "shop-web-1", "{}", "shop", "web"},
		{"b", "shop-web-run", "{\"com.docker.compose.oneoff\": \"True\"}", "shop", "web"},
		{"c", "x.1.y", "{\"com.docker.swarm.service.name\": \"x\"}", NULL, NULL},
		{"d", "plain", NULL, NULL, NULL},
	};
	struct fixture *f = *state;
	struct tally_table table = {.name = "container_info",
				    .help = "h",
				    .columns = columns,
				    .n_columns = 6,
				    .kind = TALLY_STATE,
				    .revision = 1};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_container(f, &table, rows[i]);
	struct tally_table grown = table;
	grown.n_columns = 7;
	grown.revision = 2;
	assert_int_equal(f->plugin->output->prepare(f->store, &grown), 0);
	put_container(f, &grown, (const char *const[]){"e", "new", NULL, NULL, NULL});
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM container_info WHERE "
					"(container_id = 'a' AND service = 'shop/web') OR "
					"(container_id = 'b' AND service = 'shop-web-run') OR "
					"(container_id = 'c' AND service = 'x') OR "
					"(container_id = 'd' AND service = 'plain') OR "
					"(container_id = 'e' AND service IS NULL)"),
			 5);
}

static void a_table_that_changed_otherwise_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N];
	struct tally_table changed = series_table;
	memcpy(columns, series_table.columns, sizeof(columns));
	columns[S_VALUE].type = TALLY_TEXT;
	changed.columns = columns;
	assert_int_equal(f->plugin->output->prepare(f->store, &series_table), 0);
	assert_int_equal(f->plugin->output->prepare(f->store, &changed), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "column value"));

	struct tally_batch *batch = fixture_batch(f, &changed);
	uint8_t verdict;
	put_series(f, batch, T0, "a", 1, 1);
	assert_int_equal(fixture_try(f, batch, 1, &verdict), 0);
	assert_int_equal(verdict, TALLY_REJECT);
	tally_batch_drop(f->ctx, batch);
}

/* Of another plugin, perhaps on another machine: nothing of it is mixed in. */
static void a_table_of_the_same_name_with_other_columns_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N + 1];
	struct tally_table other = series_table;
	const struct tally_output *output = f->plugin->output;
	other.columns = columns;
	assert_int_equal(output->prepare(f->store, &series_table), 0);

	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_NOTE].name = "remark"; /* another column in the place of one */
	other.revision = 2;
	assert_int_equal(output->prepare(f->store, &other), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "note where this one has remark"));

	columns[S_NOTE] = series_table.columns[S_TOTAL]; /* the same ones in another order */
	columns[S_TOTAL] = series_table.columns[S_NOTE];
	assert_int_equal(output->prepare(f->store, &other), -EINVAL);

	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_N] = (struct tally_column){.name = "more", .type = TALLY_INT};
	other.n_columns = S_N + 1; /* one more, and yet the same revision */
	other.revision = 1;
	assert_int_equal(output->prepare(f->store, &other), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "revision"));

	other.n_columns = S_N - 1; /* one fewer, and not older */
	assert_int_equal(output->prepare(f->store, &other), -EINVAL);
	struct tally_batch *batch = fixture_batch(f, &other);
	uint8_t verdict;
	put_series(f, batch, T0, "a", 1, 1);
	assert_int_equal(fixture_try(f, batch, 1, &verdict), 0);
	assert_int_equal(verdict, TALLY_REJECT);
	tally_batch_drop(f->ctx, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 0);

	fixture_restart(f);
	other.n_columns = S_N + 1;
	other.revision = 2; /* as a newer version of the plugin */
	assert_int_equal(output->prepare(f->store, &other), 0);
}

static void a_name_reserved_by_the_store_is_refused(void **state)
{
	static const char *const names[] = {"tally_tables", "samples_rows", "samples_5min",
					    "samples_series"};
	struct fixture *f = *state;
	struct tally_table table = log_table;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		table.name = names[i];
		assert_int_equal(f->plugin->output->prepare(f->store, &table), -EINVAL);
		assert_non_null(strstr(fake_host_reason(f->host), "the store's own"));
	}
	assert_int_equal(f->plugin->output->prepare(f->store, &series_table), 0);
}

static void a_name_that_another_table_needs_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tally_table table = log_table;
	uint8_t verdict;
	table.name = "samples_1h";
	assert_int_equal(f->plugin->output->prepare(f->store, &series_table), 0);
	struct tally_batch *batch = fixture_batch(f, &table);
	put_log(f, batch, T0, "x", 1, "m");
	assert_int_equal(fixture_try(f, batch, 1, &verdict), 0);
	assert_int_equal(verdict, TALLY_REJECT);
	assert_non_null(strstr(fake_host_reason(f->host), "samples_1h"));
	tally_batch_drop(f->ctx, batch);
}

static int count_table(void *arg, const struct tally_table *table)
{
	char *names = arg;
	strncat(names, table->name, 100);
	strncat(names, " ", 2);
	if (strcmp(table->name, "samples") == 0) {
		assert_int_equal(table->kind, TALLY_SERIES);
		assert_int_equal(table->n_columns, S_N);
		assert_string_equal(table->columns[S_TOTAL].unit, "bytes");
		assert_string_equal(table->columns[S_ID].help, "whose");
		assert_int_equal(table->columns[S_TOTAL].role, TALLY_COUNTER);
		assert_int_equal(table->columns[S_VALUE].type, TALLY_REAL);
		assert_null(table->columns[S_HOST].unit);
	}
	return 0;
}

static void tables_are_known_after_a_restart_without_their_plugin(void **state)
{
	struct fixture *f = *state;
	char names[400] = "";
	assert_int_equal(f->plugin->output->prepare(f->store, &series_table), 0);
	assert_int_equal(f->plugin->output->prepare(f->store, &state_table), 0);
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), 0);
	fixture_restart(f);
	assert_int_equal(f->plugin->store->tables(f->store, count_table, names), 0);
	assert_string_equal(names, "lines samples things ");
}

/* Writes rows until it is killed; each write also says how many there should be. */
static void write_until_killed(struct fixture *f, int fd)
{
	for (int64_t i = 0;; i++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		for (int64_t j = 0; j < 20; j++)
			put_series(f, batch, T0 + (i * 20 + j) * SECOND, "a", 1, 1);
		fixture_write(f, batch);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void a_killed_writer_leaves_whole_batches_and_their_ledger(void **state)
{
	struct fixture *f = *state;
	int fds[2];
	int64_t told = -1, last = -1;
	f->plugin->stop(f->store);
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		if (f->plugin->start(f->store) == 0)
			write_until_killed(f, fds[1]);
		_exit(1);
	}
	close(fds[1]);
	while (told < 20 && read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told;
	close(fds[0]);
	assert_true(last >= 20);
	assert_int_equal(f->plugin->start(f->store), 0);
	int64_t rows = fixture_sql(f, "SELECT count(*) FROM samples");
	assert_int_equal(rows, 20 * fixture_sql(f, "SELECT sequence FROM @ledger"));
	assert_true(rows >= 20 * (last + 1) && rows <= 20 * (last + 2));
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_view_shows_the_declared_columns),
		STORE_TEST(an_entry_offered_again_changes_nothing),
		STORE_TEST(a_row_whose_key_is_stored_is_kept_once),
		STORE_TEST(the_newest_state_row_wins_whatever_is_written_last),
		STORE_TEST(a_tag_that_is_null_is_a_key_like_any_other),
		STORE_TEST(rows_without_time_or_order_are_rejected_one_by_one),
		STORE_TEST(an_appended_column_is_added_and_old_batches_still_fit),
		STORE_TEST(what_older_rows_say_already_fills_the_column_that_is_added),
		STORE_TEST(a_table_that_changed_otherwise_is_refused),
		STORE_TEST(a_table_of_the_same_name_with_other_columns_is_refused),
		STORE_TEST(a_name_reserved_by_the_store_is_refused),
		STORE_TEST(a_name_that_another_table_needs_is_refused),
		STORE_TEST(tables_are_known_after_a_restart_without_their_plugin),
		STORE_TEST(a_killed_writer_leaves_whole_batches_and_their_ledger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
