#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exec_rows.h"
#include <tallyd/testing/fake_host.h>
#include "test.h"

static struct fake_host *host;
static struct exec_rows rows;
static uint64_t number;

static int start(void **state)
{
	(void)state;
	host = fake_host_create("input.exec:x");
	fake_host_set_monotonic(host, CLOCK_SECOND);
	rows = (struct exec_rows){.ctx = fake_host_ctx(host), .positions = true};
	assert_int_equal(exec_tables_from_text(rows.ctx,
					       "series a (sensor text tag, n int) "
					       "series b (sensor text tag, n int, note text)",
					       &rows.tables),
			 0);
	number = 0;
	(void)exec_rows_resume(&rows);
	exec_rows_begin(&rows);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	exec_rows_done(&rows);
	fake_host_destroy(host);
	return 0;
}

static void say(const char *said)
{
	char line[4096];
	snprintf(line, sizeof(line), "%s", said);
	assert_int_equal(exec_rows_line(&rows, line, strlen(line), ++number), 0);
}

static void say_row(const char *table, int n)
{
	char line[128];
	snprintf(line, sizeof(line), "{\"table\": \"%s\", \"sensor\": \"s\", \"n\": %d}", table, n);
	say(line);
}

static void say_position(const char *position)
{
	char line[128];
	snprintf(line, sizeof(line), "{\"tallyd\": \"position\", \"position\": \"%s\"}", position);
	say(line);
}

static void pause_after(int64_t ns)
{
	fake_host_set_monotonic(host, tally_monotonic(rows.ctx) + ns);
	assert_int_equal(exec_rows_pause(&rows), 0);
}

static void assert_batch(uint32_t i, uint32_t n_rows, const char *position)
{
	assert_true(i < fake_host_batches(host));
	assert_int_equal(fake_host_batch(host, i)->n_rows, n_rows);
	assert_string_equal(fake_host_position(host, i), position);
}

/* The program runs again, after what was emitted by then. */
static void run_again(void)
{
	fake_host_forget(host);
	(void)exec_rows_resume(&rows);
	exec_rows_begin(&rows);
}

/* ---- With their position ------------------------------------------------------ */

static void rows_wait_for_the_position_that_covers_them(void **state)
{
	(void)state;
	say_row("a", 1);
	pause_after(CLOCK_SECOND);
	say_row("a", 2);
	pause_after(CLOCK_SECOND);
	assert_int_equal(fake_host_batches(host), 0);
	say_position("two");
	assert_int_equal(fake_host_batches(host), 1);
	assert_batch(0, 2, "=two");
}

static void of_several_tables_the_last_batch_brings_the_position(void **state)
{
	(void)state;
	say_position("zero");
	fake_host_forget(host);
	say_row("b", 1);
	say_row("a", 2);
	say_row("b", 3);
	say_position("three");
	assert_int_equal(fake_host_batches(host), 2);
	assert_batch(0, 2, "=zero");
	assert_batch(1, 1, "=three");
}

static void a_table_declared_again_does_not_send_rows_ahead(void **state)
{
	(void)state;
	say_row("a", 1);
	say("{\"tallyd\": \"tables\", \"tables\": [{\"name\": \"a\", \"columns\": ["
	    "{\"name\": \"sensor\", \"type\": \"text\", \"role\": \"tag\"}, "
	    "{\"name\": \"n\", \"type\": \"int\"}, {\"name\": \"m\", \"type\": \"int\"}]}]}");
	say("{\"table\": \"a\", \"sensor\": \"s\", \"n\": 2, \"m\": 3}");
	assert_int_equal(fake_host_batches(host), 0);
	say_position("two");
	assert_int_equal(fake_host_batches(host), 2);
	assert_batch(0, 1, "-");
	assert_batch(1, 1, "=two");
	assert_int_equal(fake_host_batch(host, 1)->table->n_columns, 4);
}

/* ---- Without it ---------------------------------------------------------------- */

static void a_position_that_does_not_come_delays_rows_once_and_loses_none(void **state)
{
	(void)state;
	say_row("a", 1);
	assert_true(exec_rows_due(&rows) == 11 * CLOCK_SECOND);
	pause_after(10 * CLOCK_SECOND);
	assert_batch(0, 1, "-");
	assert_non_null(strstr(fake_host_log(host, TALLY_NOTICE), "10 seconds have passed"));
	for (int i = 2; i < 5; i++) {
		say_row("a", i);
		pause_after(0);
	}
	assert_int_equal(fake_host_rows(host, "a"), 4);
	assert_true(exec_rows_due(&rows) == INT64_MAX);
}

static void after_a_late_position_rows_wait_again(void **state)
{
	(void)state;
	say_row("a", 1);
	pause_after(10 * CLOCK_SECOND);
	say_row("a", 2);
	say_position("two");
	say_row("a", 3);
	pause_after(CLOCK_SECOND);
	assert_int_equal(fake_host_batches(host), 2);
	say_position("three");
	assert_batch(1, 1, "=two");
	assert_batch(2, 1, "=three");
}

static void a_flood_without_a_position_is_not_kept_in_memory(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		say_row(i % 2 ? "a" : "b", i);
		assert_true(rows.n_rows <= 2000 && rows.bytes <= 2 << 20);
	}
	assert_int_equal(exec_rows_end(&rows, true), 0);
	assert_int_equal(fake_host_rows(host, "a") + fake_host_rows(host, "b"), 100000);
}

static void without_acknowledge_nothing_waits(void **state)
{
	(void)state;
	rows.positions = false;
	exec_rows_begin(&rows);
	say_row("a", 1);
	pause_after(0);
	assert_int_equal(fake_host_batches(host), 1);
	assert_null(fake_host_position(host, 0));
}

/* ---- The end of the program ----------------------------------------------------- */

static void what_a_program_leaves_that_dies_comes_again_from_its_position(void **state)
{
	(void)state;
	say_row("a", 1);
	say_position("one");
	say_row("a", 2);
	pause_after(0);
	assert_int_equal(exec_rows_end(&rows, false), 0);
	assert_int_equal(fake_host_batches(host), 1);
	assert_string_equal(exec_rows_resume(&rows), "one");
	run_again();
	say_row("a", 2);
	say_position("two");
	assert_int_equal(fake_host_batches(host), 1);
	assert_batch(0, 1, "=two");
}

static void a_program_that_ends_well_has_said_all_there_is(void **state)
{
	(void)state;
	say_row("a", 1);
	say_position("one");
	say_row("a", 2);
	assert_int_equal(exec_rows_end(&rows, true), 0);
	assert_batch(1, 1, "=one");
}

static void of_a_program_that_never_gave_a_position_everything_is_kept(void **state)
{
	(void)state;
	say_row("a", 1);
	assert_int_equal(exec_rows_end(&rows, false), 0);
	assert_batch(0, 1, "-");
	run_again();
	say_row("a", 2);
	pause_after(0);
	assert_int_equal(fake_host_batches(host), 0);
}

static void rows_that_are_not_taken_when_it_stops_are_forgotten(void **state)
{
	(void)state;
	say_row("a", 1);
	say_row("b", 2);
	fake_host_set_emit_result(host, -ECANCELED);
	char line[] = "{\"tallyd\": \"position\", \"position\": \"two\"}";
	assert_int_equal(exec_rows_line(&rows, line, strlen(line), ++number), -ECANCELED);
	fake_host_set_emit_result(host, 0);
	assert_int_equal(exec_rows_end(&rows, true), 0);
	assert_int_equal(fake_host_batches(host), 0);
	assert_null(exec_rows_resume(&rows));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_wait_for_the_position_that_covers_them),
		TEST(of_several_tables_the_last_batch_brings_the_position),
		TEST(a_table_declared_again_does_not_send_rows_ahead),
		TEST(a_position_that_does_not_come_delays_rows_once_and_loses_none),
		TEST(after_a_late_position_rows_wait_again),
		TEST(a_flood_without_a_position_is_not_kept_in_memory),
		TEST(without_acknowledge_nothing_waits),
		TEST(what_a_program_leaves_that_dies_comes_again_from_its_position),
		TEST(a_program_that_ends_well_has_said_all_there_is),
		TEST(of_a_program_that_never_gave_a_position_everything_is_kept),
		TEST(rows_that_are_not_taken_when_it_stops_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
