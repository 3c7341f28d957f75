#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <tallyd/testing/fake_host.h>

#include "test.h"

struct csv_file_config {
	const char *directory;
};

const struct tally_plugin *tally_plugin(void);

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "ratio", .type = TALLY_REAL},
};
static const struct tally_table table = {
	.name = "things", .columns = columns, .n_columns = 3, .kind = TALLY_SERIES, .revision = 1};

struct fixture {
	struct fake_host *host;
	struct csv_file_config config;
	char directory[32], file[64];
	void *self;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	snprintf(f->directory, sizeof(f->directory), "/tmp/csv.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->file, sizeof(f->file), "%s/things.csv", f->directory);
	f->config.directory = f->directory;
	f->host = fake_host_create("output.csv_file");
	assert_int_equal(tally_plugin()->create(fake_host_ctx(f->host), &f->config, &f->self), 0);
	assert_int_equal(tally_plugin()->start(f->self), 0);
	assert_int_equal(tally_plugin()->output->prepare(f->self, &table), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	tally_plugin()->stop(f->self);
	tally_plugin()->destroy(f->self);
	fake_host_destroy(f->host);
	unlink(f->file);
	rmdir(f->directory);
	free(f);
	return 0;
}

static struct tally_batch *batch_of(const struct fixture *f, const char *name, double ratio)
{
	struct tally_ctx *ctx = fake_host_ctx(f->host);
	struct tally_batch *batch = tally_batch_new(ctx, &table);
	assert_non_null(batch);
	struct tally_cell *row = tally_batch_row(ctx, batch);
	assert_non_null(row);
	tally_put_int(row, 0, 7);
	if (name)
		tally_put_text(ctx, batch, row, 1, name, strlen(name));
	tally_put_real(row, 2, ratio);
	return batch;
}

static int write_batch(struct fixture *f, struct tally_batch *batch, uint8_t *ret_verdict)
{
	struct tally_entry entry = {.batch = batch, .sequence = 1, .producer = "w"};
	*ret_verdict = TALLY_RETRY;
	int r = tally_plugin()->output->write(f->self, &entry, 1, ret_verdict);
	tally_batch_drop(fake_host_ctx(f->host), batch);
	return r;
}

static void assert_file_is(const struct fixture *f, const char *expected)
{
	char text[512];
	FILE *file = fopen(f->file, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

static void the_names_of_the_columns_come_once_and_rows_are_appended(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	assert_int_equal(write_batch(f, batch_of(f, "a", 0.5), &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	assert_int_equal(write_batch(f, batch_of(f, "b", 2), &verdict), 0);
	assert_file_is(f, "time,name,ratio\n7,\"a\",0.5\n7,\"b\",2\n");
}

static void preparing_a_table_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	assert_file_is(f, "time,name,ratio\n");
	assert_int_equal(write_batch(f, batch_of(f, "a", 0.5), &verdict), 0);
	assert_int_equal(tally_plugin()->output->prepare(f->self, &table), 0);
	assert_file_is(f, "time,name,ratio\n7,\"a\",0.5\n");
}

static void quotes_are_doubled_and_null_is_not_an_empty_text(void **state)
{
	struct fixture *f = *state;
	uint8_t verdict;
	write_batch(f, batch_of(f, "say \"hi\", ok", 1), &verdict);
	write_batch(f, batch_of(f, "", 1), &verdict);
	write_batch(f, batch_of(f, NULL, 1), &verdict);
	assert_file_is(f, "time,name,ratio\n7,\"say \"\"hi\"\", ok\",1\n7,\"\",1\n7,,1\n");
}

static void a_full_disk_leaves_no_torn_line_and_asks_for_a_retry(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small = {.rlim_cur = 30, .rlim_max = RLIM_INFINITY};
	uint8_t verdict;
	assert_int_equal(write_batch(f, batch_of(f, "a", 0.5), &verdict), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = write_batch(f, batch_of(f, "does not fit", 1), &verdict);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(r < 0);
	assert_int_equal(verdict, TALLY_RETRY);
	assert_file_is(f, "time,name,ratio\n7,\"a\",0.5\n");
	assert_int_equal(write_batch(f, batch_of(f, "b", 1), &verdict), 0);
	assert_file_is(f, "time,name,ratio\n7,\"a\",0.5\n7,\"b\",1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_names_of_the_columns_come_once_and_rows_are_appended, setup, teardown),
		cmocka_unit_test_setup_teardown(preparing_a_table_again_changes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(quotes_are_doubled_and_null_is_not_an_empty_text,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_full_disk_leaves_no_torn_line_and_asks_for_a_retry, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
