/* What happens when a buffer is full. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pipeline_fixture.h"
#include "base/clock.h"
#include "test.h"

enum { CAPACITY = 64 * 1024, LARGE = 8 * 1024 }; /* seven of them fit */

const struct tally_plugin *tally_plugin(void);

static struct pipeline p;
static struct tally_entry entries[JOURNAL_TAKE_MAX];

static double dropped(const char *output, const char *reason)
{
	char label[64], other[64];
	snprintf(label, sizeof(label), "output=\"%s\"", output);
	snprintf(other, sizeof(other), "reason=\"%s\"", reason);
	return pipeline_sum(p.metrics, "tallyd_rows_dropped_total", label, other);
}

static void fill(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(pipeline_push(&p, &pipeline_a, 10, 10 * i, LARGE), 0);
}

/* ---- Dropping ----------------------------------------------------------------- */

static void drop_newest_keeps_what_it_has(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_NEWEST);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(9);
	assert_int_equal(dropped("o", "buffer_full"), 20);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	assert_int_equal(pipeline_first(entries[0].batch), 0);
	pipeline_ack(reader, 1, 1);
	assert_int_equal(pipeline_consume(reader), 60);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void drop_oldest_keeps_the_newest(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_OLDEST);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(9);
	assert_int_equal(dropped("o", "buffer_full"), 20);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	assert_int_equal(pipeline_first(entries[0].batch), 20);
	pipeline_ack(reader, 1, 1);
	assert_int_equal(pipeline_consume(reader), 60);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void drop_oldest_leaves_alone_what_is_being_written(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_OLDEST);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	fill(20);
	assert_int_equal(pipeline_first(entries[0].batch), 0); /* still there */
	assert_int_equal(entries[0].batch->n_rows, 10);
	pipeline_ack(reader, 1, 1);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(dropped("o", "buffer_full"), 200);
	assert_int_equal(pipeline_consume(reader), 60);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void drop_oldest_drops_the_new_one_when_all_else_is_being_written(void **state)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_DROP_OLDEST);
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_OLDEST);
	settings.batch_size = 1000;
	journal_configure(p.journal, &settings);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 7);
	fill(3);
	assert_int_equal(dropped("o", "buffer_full"), 30);
	pipeline_ack(reader, 7, 7);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void drop_oldest_drops_what_an_output_failed_to_write(void **state)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_DROP_OLDEST);
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_OLDEST);
	settings.batch_size = 1000;
	journal_configure(p.journal, &settings);
	struct journal_reader *dead = pipeline_attach(&p, "dead", NULL);
	struct journal_reader *alive = pipeline_attach(&p, "alive", NULL);
	fill(7);
	assert_int_equal(journal_fetch(dead, JOURNAL_NOW, entries), 7);
	pipeline_ack(dead, 7, 0); /* until it tries again */
	for (int i = 0; i < 10; i++) {
		pipeline_consume(alive);
		fill(1);
	}
	pipeline_consume(alive);
	assert_int_equal(dropped("alive", "buffer_full"), 0);
	assert_int_equal(dropped("dead", "buffer_full"), 100);
	assert_int_equal(journal_fetch(dead, JOURNAL_NOW, entries), 7);
	pipeline_ack(dead, 7, 7);
	pipeline_check_balance(p.metrics, "alive");
	pipeline_check_balance(p.metrics, "dead");
	journal_detach(dead);
	journal_detach(alive);
	pipeline_stop(&p);
}

static void a_slow_reader_loses_rows_and_a_fast_one_none(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_DROP_OLDEST);
	struct journal_reader *fast = pipeline_attach(&p, "fast", NULL);
	struct journal_reader *slow = pipeline_attach(&p, "slow", NULL);
	assert_int_equal(pipeline_push(&p, &pipeline_a, 10, 0, LARGE), 0);
	assert_int_equal(journal_fetch(slow, JOURNAL_NOW, entries), 1); /* and stays there */
	for (int i = 1; i < 50; i++) {
		assert_int_equal(pipeline_push(&p, &pipeline_a, 10, 10 * i, LARGE), 0);
		if (i % 3 == 0) {
			struct tally_entry held[JOURNAL_TAKE_MAX];
			assert_int_equal(journal_fetch(fast, JOURNAL_NOW, held), 1);
			fill(1); /* may need room, must not take what fast holds */
			pipeline_ack(fast, 1, 1);
			pipeline_consume(fast);
		}
	}
	pipeline_consume(fast);
	assert_int_equal(dropped("fast", "buffer_full"), 0);
	assert_true(dropped("slow", "buffer_full") > 400);
	pipeline_check_balance(p.metrics, "fast");
	pipeline_check_balance(p.metrics, "slow");
	pipeline_ack(slow, 1, 1);
	pipeline_consume(slow);
	pipeline_check_balance(p.metrics, "slow");
	journal_detach(fast);
	journal_detach(slow);
	pipeline_stop(&p);
}

static void what_can_never_fit_is_dropped_and_never_waited_for(void **state)
{
	static const enum journal_on_full policies[] = {JOURNAL_BLOCK, JOURNAL_DROP_OLDEST,
							JOURNAL_DROP_NEWEST};
	(void)state;
	for (int i = 0; i < 3; i++) {
		pipeline_start(&p, CAPACITY, policies[i]);
		struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
		fill(2);
		assert_int_equal(pipeline_push(&p, &pipeline_a, 10, 0, CAPACITY), 0);
		assert_int_equal(dropped("o", "too_large"), 10);
		assert_int_equal(dropped("o", "buffer_full"), 0);
		assert_int_equal(pipeline_consume(reader), 20);
		pipeline_check_balance(p.metrics, "o");
		journal_detach(reader);
		pipeline_stop(&p);
	}
}

static int always_full(void *self, const struct tally_batch *batch, const char *source,
		       const char *position, uint64_t *ret_sequence)
{
	(void)self;
	(void)batch;
	(void)source;
	(void)position;
	(void)ret_sequence;
	return -ENOSPC;
}

static void what_does_not_fit_into_an_empty_buffer_never_fits(void **state)
{
	const struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	const struct journal_origin origin = {0};
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	struct tally_buffer calls = *tally_plugin()->buffer;
	struct journal_setup setup = {
		.name = "odd", .buffer = &calls, .self = p.buffer, .metrics = p.metrics};
	struct journal *journal;
	struct journal_reader *reader;
	struct error error;
	calls.push = always_full;
	assert_int_equal(journal_create(&setup, &settings, &journal, &error), 0);
	assert_int_equal(journal_attach(journal, "o", NULL, &reader, &error), 0);
	struct tally_batch *batch = pipeline_batch(&pipeline_a, 10, 0, 0);
	assert_int_equal(journal_push(journal, batch, &origin), 0);
	batch_drop(batch);
	assert_int_equal(dropped("o", "too_large"), 10);
	journal_detach(reader);
	journal_destroy(journal);
	pipeline_stop(&p);
}

/* ---- Waiting ------------------------------------------------------------------ */

struct pusher {
	pthread_t thread;
	atomic_bool cancelled, ended;
	int result;
};

static bool pusher_cancelled(void *arg)
{
	struct pusher *pusher = arg;
	return atomic_load(&pusher->cancelled);
}

static void *pusher_run(void *arg)
{
	struct pusher *pusher = arg;
	const struct journal_origin origin = {.cancelled = pusher_cancelled, .arg = pusher};
	struct tally_batch *batch = pipeline_batch(&pipeline_a, 10, 1000, LARGE);
	pusher->result = journal_push(p.journal, batch, &origin);
	batch_drop(batch);
	atomic_store(&pusher->ended, true);
	return NULL;
}

static void pusher_start(struct pusher *pusher)
{
	*pusher = (struct pusher){.result = 1};
	pthread_create(&pusher->thread, NULL, pusher_run, pusher);
}

static void a_full_buffer_lets_the_input_wait_until_there_is_room(void **state)
{
	struct pusher pusher;
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	pusher_start(&pusher);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&pusher.ended));
	assert_int_equal(journal_fetch(reader, JOURNAL_NOW, entries), 1);
	pipeline_ack(reader, 1, 1);
	pthread_join(pusher.thread, NULL);
	assert_int_equal(pusher.result, 0);
	assert_int_equal(pipeline_consume(reader), 70);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void a_full_buffer_makes_everything_due(void **state)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	struct pusher pusher;
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	settings.batch_size = 1000000; /* more than ever fits */
	journal_configure(p.journal, &settings);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	pusher_start(&pusher);
	int n = journal_fetch(reader, clock_monotonic() + 20 * CLOCK_SECOND, entries);
	assert_int_equal(n, 7);
	pipeline_ack(reader, 7, 7);
	pthread_join(pusher.thread, NULL);
	assert_int_equal(pusher.result, 0);
	pipeline_consume(reader);
	journal_detach(reader);
	pipeline_stop(&p);
}

static void one_who_waits_can_be_cancelled_and_nothing_is_counted(void **state)
{
	struct pusher pusher;
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	pusher_start(&pusher);
	atomic_store(&pusher.cancelled, true);
	journal_wake(p.journal);
	pthread_join(pusher.thread, NULL);
	assert_int_equal(pusher.result, -ECANCELED);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_routed_total", NULL, NULL), 70);
	pipeline_check_balance(p.metrics, "o");
	journal_detach(reader);
	pipeline_stop(&p);
}

static void room_may_come_from_a_greater_capacity(void **state)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	struct pusher pusher;
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	fill(7);
	pusher_start(&pusher);
	assert_int_equal(pipeline_set_capacity(&p, 2 * CAPACITY), 0);
	journal_configure(p.journal, &settings);
	pthread_join(pusher.thread, NULL);
	assert_int_equal(pusher.result, 0);
	assert_int_equal(pipeline_usage(&p).entries, 8);
	journal_detach(reader);
	pipeline_stop(&p);
}

static void room_may_come_from_forgetting_who_was_slow(void **state)
{
	struct pusher pusher;
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	struct journal_reader *reader = pipeline_attach(&p, "o", NULL);
	struct journal_reader *slow = pipeline_attach(&p, "slow", NULL);
	fill(7);
	pipeline_consume(reader);
	pusher_start(&pusher);
	journal_detach(slow);
	journal_forget(p.journal, "slow");
	pthread_join(pusher.thread, NULL);
	assert_int_equal(pusher.result, 0);
	pipeline_check_balance(p.metrics, "slow");
	assert_int_equal(pipeline_consume(reader), 10);
	journal_detach(reader);
	pipeline_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_newest_keeps_what_it_has),
		cmocka_unit_test(drop_oldest_keeps_the_newest),
		cmocka_unit_test(drop_oldest_leaves_alone_what_is_being_written),
		cmocka_unit_test(drop_oldest_drops_the_new_one_when_all_else_is_being_written),
		cmocka_unit_test(drop_oldest_drops_what_an_output_failed_to_write),
		cmocka_unit_test(a_slow_reader_loses_rows_and_a_fast_one_none),
		cmocka_unit_test(what_can_never_fit_is_dropped_and_never_waited_for),
		cmocka_unit_test(what_does_not_fit_into_an_empty_buffer_never_fits),
		cmocka_unit_test(a_full_buffer_lets_the_input_wait_until_there_is_room),
		cmocka_unit_test(a_full_buffer_makes_everything_due),
		cmocka_unit_test(one_who_waits_can_be_cancelled_and_nothing_is_counted),
		cmocka_unit_test(room_may_come_from_a_greater_capacity),
		cmocka_unit_test(room_may_come_from_forgetting_who_was_slow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
