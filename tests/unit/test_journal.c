#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "pipeline_fixture.h"
#include "base/clock.h"
#include "test.h"

enum { CAPACITY = 1024 * 1024 };

static struct pipeline p;
static struct tally_entry entries[JOURNAL_TAKE_MAX];

static int start(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	pipeline_stop(&p);
	return 0;
}

static void set_timeout(int64_t ns)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	settings.batch_timeout = ns;
	journal_configure(p.journal, &settings);
}

/* Past the wake that configuring is. */
static int take(struct journal_reader *reader, int64_t wait)
{
	int n = journal_fetch(reader, clock_monotonic() + wait, entries);
	return n ? n : journal_fetch(reader, clock_monotonic() + wait, entries);
}

static void a_table_that_no_reader_wants_is_not_taken(void **state)
{
	static const char *const only_b[] = {"b", NULL};
	(void)state;
	assert_int_equal(pipeline_push(&p, &pipeline_a, 1, 0, 0), -ENOENT);
	struct journal_reader *reader = pipeline_attach(&p, "o", only_b);
	assert_int_equal(pipeline_push(&p, &pipeline_a, 1, 0, 0), -ENOENT);
	assert_int_equal(pipeline_push(&p, &pipeline_b, 1, 0, 0), 0);
	assert_int_equal(pipeline_consume(reader), 1);
	journal_detach(reader);
}

static void rows_are_due_once_there_are_enough(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	pipeline_push(&p, &pipeline_a, 9, 0, 0);
	assert_int_equal(take(reader, 0), 0);
	pipeline_push(&p, &pipeline_a, 1, 9, 0);
	assert_int_equal(take(reader, CLOCK_SECOND), 2);
	assert_int_equal(pipeline_first(entries[0].batch), 0);
	assert_int_equal(pipeline_first(entries[1].batch), 9);
	assert_int_equal(entries[1].sequence, entries[0].sequence + 1);
	assert_non_null(entries[0].producer);
	pipeline_ack(reader, 2, 2);
	assert_int_equal(pipeline_usage(&p).bytes, 0);
	journal_detach(reader);
}

static void a_batch_takes_no_more_than_it_needs(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	for (int i = 0; i < 10; i++)
		pipeline_push(&p, &pipeline_a, 4, 4 * i, 0);
	assert_int_equal(take(reader, CLOCK_SECOND), 3);
	pipeline_ack(reader, 3, 3);
	assert_int_equal(take(reader, CLOCK_SECOND), 3);
	assert_int_equal(pipeline_first(entries[0].batch), 12);
	pipeline_ack(reader, 3, 3);
	pipeline_consume(reader);
	journal_detach(reader);
}

static void rows_are_due_after_a_while_even_if_few(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	int64_t timeout = CLOCK_SECOND / 20;
	(void)state;
	set_timeout(timeout);
	assert_int_equal(take(reader, 0), 0);
	int64_t before = clock_monotonic();
	pipeline_push(&p, &pipeline_a, 1, 0, 0);
	assert_int_equal(take(reader, 10 * CLOCK_SECOND), 1);
	assert_true(clock_monotonic() - before >= timeout);
	pipeline_ack(reader, 1, 1);
	journal_detach(reader);
}

static void everything_is_due_now_when_asked_so(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 0);
	pipeline_push(&p, &pipeline_a, 1, 0, 0);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	pipeline_ack(reader, 1, 1);
	journal_detach(reader);
}

static void a_wake_is_not_lost_on_one_who_does_not_wait_yet(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	int64_t before = clock_monotonic();
	(void)state;
	journal_wake(p.journal);
	assert_int_equal(journal_fetch(reader, before + 60 * CLOCK_SECOND, entries), 0);
	journal_wake(p.journal);
	journal_pause(reader, before + 60 * CLOCK_SECOND);
	assert_true(clock_monotonic() - before < 30 * CLOCK_SECOND);
	journal_detach(reader);
}

static void what_is_not_acked_is_offered_again_alone(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	pipeline_push(&p, &pipeline_a, 5, 0, 0);
	pipeline_push(&p, &pipeline_a, 5, 5, 0);
	assert_int_equal(take(reader, CLOCK_SECOND), 2);
	pipeline_ack(reader, 2, 1);
	pipeline_check_balance(p.metrics, "o");
	pipeline_push(&p, &pipeline_a, 20, 10, 0);
	assert_int_equal(take(reader, CLOCK_SECOND), 1);
	assert_int_equal(pipeline_first(entries[0].batch), 5);
	pipeline_ack(reader, 1, 1);
	assert_int_equal(pipeline_consume(reader), 20);
	journal_detach(reader);
}

static void acked_behind_one_that_is_not_is_counted_and_not_given_again(void **state)
{
	struct journal_outcome outcomes[3] = {{false, 0}, {true, 0}, {true, 2}};
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	for (int i = 0; i < 3; i++)
		pipeline_push(&p, &pipeline_a, 5, 5 * i, 0);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 2);
	pipeline_ack(reader, 2, 0);
	journal_detach(reader);
	reader = pipeline_attach(&p, "o", NULL);
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	settings.batch_size = 15;
	journal_configure(p.journal, &settings);
	assert_int_equal(take(reader, CLOCK_SECOND), 3);
	assert_int_equal(journal_ack(reader, outcomes, 3), 0);
	assert_int_equal(journal_waiting(reader), 5);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_stored_total", NULL, NULL), 8);
	assert_int_equal(pipeline_usage(&p).entries, 3);

	journal_detach(reader); /* as a reload does */
	reader = pipeline_attach(&p, "o", NULL);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	assert_int_equal(pipeline_first(entries[0].batch), 0);
	pipeline_ack(reader, 1, 1);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_stored_total", NULL, NULL), 13);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
}

static void rejected_rows_are_counted_as_dropped(void **state)
{
	struct journal_outcome outcome = {true, 3};
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	pipeline_push(&p, &pipeline_a, 5, 0, 0);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	assert_int_equal(journal_ack(reader, &outcome, 1), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_stored_total", NULL, NULL), 2);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "reason=\"rejected\"",
				      "table=\"a\""),
			 3);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
}

static void each_reader_has_a_cursor_of_its_own(void **state)
{
	struct journal_reader *fast = pipeline_attach(&p, "fast", NULL);
	struct journal_reader *slow = pipeline_attach(&p, "slow", NULL);
	(void)state;
	for (int i = 0; i < 30; i++)
		pipeline_push(&p, &pipeline_a, 5, 5 * i, 0);
	assert_int_equal(pipeline_consume(fast), 150);
	assert_int_equal(pipeline_usage(&p).entries, 30);
	assert_int_equal(journal_waiting(slow), 150);
	pipeline_check_balance(p.metrics, "fast");
	pipeline_check_balance(p.metrics, "slow");
	assert_int_equal(take(slow, CLOCK_SECOND), 2);
	pipeline_ack(slow, 2, 2);
	assert_int_equal(pipeline_usage(&p).entries, 28);
	assert_int_equal(pipeline_consume(slow), 140);
	assert_int_equal(pipeline_usage(&p).bytes, 0);
	journal_detach(fast);
	journal_detach(slow);
}

static void unwanted_tables_are_passed_over_at_once(void **state)
{
	static const char *const only_a[] = {"a", NULL}, *const only_b[] = {"b", NULL};
	struct journal_reader *a = pipeline_attach(&p, "a", only_a);
	struct journal_reader *b = pipeline_attach(&p, "b", only_b);
	(void)state;
	for (int i = 0; i < 4; i++)
		pipeline_push(&p, &pipeline_a, 5, 5 * i, 0);
	assert_int_equal(journal_waiting(b), 0);
	assert_int_equal(pipeline_consume(a), 20);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	pipeline_push(&p, &pipeline_b, 5, 0, 0);
	pipeline_push(&p, &pipeline_a, 5, 0, 0);
	pipeline_push(&p, &pipeline_b, 5, 5, 0);
	assert_int_equal(journal_fetch(b, JOURNAL_NOW, entries), 2);
	pipeline_ack(b, 2, 2);
	assert_int_equal(pipeline_consume(a), 5);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_routed_total", "output=\"b\"", NULL),
			 10);
	journal_detach(a);
	journal_detach(b);
}

static void a_detached_reader_goes_on_where_it_was(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL), *again;
	struct error error;
	(void)state;
	assert_int_equal(journal_attach(p.journal, "o", NULL, &again, &error), -EBUSY);
	for (int i = 0; i < 4; i++)
		pipeline_push(&p, &pipeline_a, 5, 5 * i, 0);
	assert_int_equal(take(reader, CLOCK_SECOND), 2);
	pipeline_ack(reader, 2, 1);
	journal_detach(reader);
	pipeline_push(&p, &pipeline_a, 5, 20, 0);
	pipeline_check_balance(p.metrics, "o");
	reader = pipeline_attach(&p, "o", NULL);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 2);
	assert_int_equal(pipeline_first(entries[0].batch), 5);
	pipeline_ack(reader, 2, 2);
	assert_int_equal(pipeline_consume(reader), 10);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
}

static void coming_back_for_other_tables_keeps_the_balance(void **state)
{
	static const char *const only_a[] = {"a", NULL}, *const only_b[] = {"b", NULL};
	struct journal_reader *all = pipeline_attach(&p, "all", NULL);
	struct journal_reader *reader = pipeline_attach(&p, "o", only_a);
	(void)state;
	pipeline_push(&p, &pipeline_a, 3, 0, 0);
	pipeline_push(&p, &pipeline_b, 4, 0, 0);
	journal_detach(reader);
	reader = pipeline_attach(&p, "o", only_b);
	assert_int_equal(journal_waiting(reader), 4);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "output=\"o\"",
				      "reason=\"no_output\""),
			 3);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(pipeline_consume(reader), 4);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(pipeline_consume(all), 7);
	journal_detach(all);
	journal_detach(reader);
}

static void a_new_reader_begins_with_the_oldest_entry(void **state)
{
	struct journal_reader *first = pipeline_attach(&p, "first", NULL);
	(void)state;
	pipeline_push(&p, &pipeline_a, 3, 0, 0);
	pipeline_push(&p, &pipeline_b, 4, 0, 0);
	struct journal_reader *second = pipeline_attach(&p, "second", NULL);
	assert_int_equal(journal_waiting(second), 7);
	pipeline_check_balance(p.metrics, "second");
	assert_int_equal(pipeline_consume(second), 7);
	assert_int_equal(pipeline_consume(first), 7);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	journal_detach(first);
	journal_detach(second);
}

static void forgetting_frees_what_only_it_waited_for(void **state)
{
	struct journal_reader *stays = pipeline_attach(&p, "stays", NULL);
	struct journal_reader *goes = pipeline_attach(&p, "goes", NULL);
	(void)state;
	for (int i = 0; i < 4; i++)
		pipeline_push(&p, &pipeline_a, 5, 5 * i, 0);
	pipeline_consume(stays);
	journal_detach(goes);
	journal_forget(p.journal, "goes");
	assert_int_equal(pipeline_usage(&p).bytes, 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "output=\"goes\"",
				      "reason=\"no_output\""),
			 20);
	pipeline_check_balance(p.metrics, "goes");
	pipeline_push(&p, &pipeline_a, 5, 0, 0);
	journal_detach(stays);
	journal_forget(p.journal, "stays");
	assert_int_equal(pipeline_usage(&p).bytes, 0);
	assert_int_equal(pipeline_push(&p, &pipeline_a, 5, 0, 0), -ENOENT);
}

static void a_position_counts_once_every_reader_has_acked(void **state)
{
	struct journal_reader *one = pipeline_attach(&p, "one", NULL);
	struct journal_reader *two = pipeline_attach(&p, "two", NULL);
	char position[16];
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct journal_origin origin = {.source = "s", .position = "0"};
		char text[2] = {(char)('0' + i), '\0'};
		struct tally_batch *batch = pipeline_batch(&pipeline_a, 10, 0, 0);
		origin.mark = positions_open(p.positions, "s", text);
		assert_int_equal(journal_push(p.journal, batch, &origin), 0);
		positions_close(p.positions, origin.mark, true);
		batch_drop(batch);
	}
	pipeline_consume(one);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), -ENOENT);
	assert_int_equal(take(two, CLOCK_SECOND), 1);
	pipeline_ack(two, 1, 1);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "0");
	pipeline_consume(two);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "2");
	journal_detach(one);
	journal_detach(two);
}

static void the_buffers_fill_is_shown(void **state)
{
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	(void)state;
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_buffer_capacity_bytes",
				      "buffer=\"buffer.batch\"", NULL),
			 CAPACITY);
	pipeline_push(&p, &pipeline_a, 5, 0, 5000);
	double bytes = pipeline_sum(p.metrics, "tallyd_buffer_bytes", NULL, NULL);
	assert_true(bytes > 5000);
	assert_int_equal(bytes, pipeline_usage(&p).bytes);
	pipeline_consume(reader);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_buffer_bytes", NULL, NULL), 0);
	journal_detach(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_that_no_reader_wants_is_not_taken),
		TEST(rows_are_due_once_there_are_enough),
		TEST(a_batch_takes_no_more_than_it_needs),
		TEST(rows_are_due_after_a_while_even_if_few),
		TEST(everything_is_due_now_when_asked_so),
		TEST(a_wake_is_not_lost_on_one_who_does_not_wait_yet),
		TEST(what_is_not_acked_is_offered_again_alone),
		TEST(acked_behind_one_that_is_not_is_counted_and_not_given_again),
		TEST(rejected_rows_are_counted_as_dropped),
		TEST(each_reader_has_a_cursor_of_its_own),
		TEST(unwanted_tables_are_passed_over_at_once),
		TEST(a_detached_reader_goes_on_where_it_was),
		TEST(coming_back_for_other_tables_keeps_the_balance),
		TEST(a_new_reader_begins_with_the_oldest_entry),
		TEST(forgetting_frees_what_only_it_waited_for),
		TEST(a_position_counts_once_every_reader_has_acked),
		TEST(the_buffers_fill_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
