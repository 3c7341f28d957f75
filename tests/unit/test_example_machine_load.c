#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tallyd/testing/fake_host.h>

#include "test.h"

struct machine_load_config {
	const char *path;
};

const struct tally_plugin *tally_plugin(void);

struct fixture {
	struct fake_host *host;
	struct machine_load_config config;
	char path[32];
	void *self;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	snprintf(f->path, sizeof(f->path), "/tmp/loadavg.XXXXXX");
	close(mkstemp(f->path));
	f->config.path = f->path;
	f->host = fake_host_create("input.machine_load");
	fake_host_set_now(f->host, 1700000000000000000);
	assert_int_equal(tally_plugin()->create(fake_host_ctx(f->host), &f->config, &f->self), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	tally_plugin()->destroy(f->self);
	fake_host_destroy(f->host);
	unlink(f->path);
	free(f);
	return 0;
}

static void write_load(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_gather_emits_one_row_of_what_the_file_says(void **state)
{
	struct fixture *f = *state;
	const struct tally_table *table = tally_plugin()->tables[0];
	write_load(f, "0.25 1.50 12.75 3/456 7890\n");
	assert_int_equal(tally_plugin()->input->gather(f->self), 0);
	assert_int_equal(fake_host_rows(f->host, "machine_load"), 1);
	const struct tally_cell *row = fake_host_row(f->host, "machine_load", 0);
	assert_true(fake_cell(table, row, "time")->i == 1700000000000000000);
	assert_memory_equal(fake_cell(table, row, "host")->text, "testhost", 8);
	assert_true(fake_cell(table, row, "load1")->f == 0.25);
	assert_true(fake_cell(table, row, "load5")->f == 1.5);
	assert_true(fake_cell(table, row, "load15")->f == 12.75);
}

static void what_is_not_a_load_average_is_refused_by_the_name_of_its_file(void **state)
{
	struct fixture *f = *state;
	write_load(f, "up since yesterday\n");
	assert_true(tally_plugin()->input->gather(f->self) < 0);
	assert_int_equal(fake_host_batches(f->host), 0);
	assert_non_null(strstr(fake_host_reason(f->host), f->path));
}

static void an_unreadable_file_fails_one_gather_and_not_the_next(void **state)
{
	struct fixture *f = *state;
	unlink(f->path);
	assert_true(tally_plugin()->input->gather(f->self) < 0);
	assert_non_null(strstr(fake_host_reason(f->host), "No such file"));
	write_load(f, "0.01 0.02 0.03 1/2 3\n");
	assert_int_equal(tally_plugin()->input->gather(f->self), 0);
	assert_int_equal(fake_host_rows(f->host, "machine_load"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_gather_emits_one_row_of_what_the_file_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_a_load_average_is_refused_by_the_name_of_its_file, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			an_unreadable_file_fails_one_gather_and_not_the_next, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
