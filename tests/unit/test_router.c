#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline_fixture.h"
#include "plugin/reason.h"
#include "pipeline/router.h"
#include "base/clock.h"
#include "test.h"
#include "waiting.h"

enum { CAPACITY = 64 * 1024, LARGE = 8 * 1024 };

const struct tally_plugin *tally_plugin(void);

static struct pipeline p;
static struct router *router;
static struct journal *second;
static void *second_buffer;
static atomic_bool cancelled;

static bool is_cancelled(void *arg)
{
	(void)arg;
	return atomic_load(&cancelled);
}

static const struct router_source from = {.input = "i", .cancelled = is_cancelled};

static int start(void **state)
{
	(void)state;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	second = pipeline_journal(&p, "buffer.second", CAPACITY, &second_buffer);
	router = router_create(p.metrics, p.positions);
	assert_non_null(router);
	atomic_store(&cancelled, false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	router_destroy(router);
	journal_destroy(second);
	tally_plugin()->destroy(second_buffer);
	pipeline_stop(&p);
	return 0;
}

static struct journal_reader *attach(struct journal *journal, const char *output,
				     const char *const *tables)
{
	struct journal_reader *reader;
	struct error error;
	assert_int_equal(journal_attach(journal, output, tables, &reader, &error), 0);
	return reader;
}

static int emit(const struct tally_table *table, const char *position, size_t padding)
{
	struct tally_batch *batch = pipeline_batch(table, 10, 0, padding);
	return router_emit(router, &from, batch, position ? "s" : NULL, position);
}

static double input_sum(const char *name, const char *label)
{
	return pipeline_sum(p.metrics, name, "input=\"i\"", label);
}

static void rows_that_nobody_wants_are_dropped_and_counted(void **state)
{
	(void)state;
	assert_int_equal(emit(&pipeline_a, NULL, 0), 0);
	assert_int_equal(input_sum("tallyd_rows_collected_total", "table=\"a\""), 10);
	assert_int_equal(input_sum("tallyd_rows_dropped_total", "reason=\"no_output\""), 10);
}

static void each_journal_that_wants_the_table_gets_it_once(void **state)
{
	static const char *const only_b[] = {"b", NULL};
	struct journal *journals[] = {p.journal, second};
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", only_b);
	struct journal_reader *z = attach(second, "z", only_b);
	assert_int_equal(router_set(router, journals, 2), 0);
	assert_int_equal(emit(&pipeline_a, NULL, 0), 0);
	assert_int_equal(emit(&pipeline_b, NULL, 0), 0);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 20);
	assert_int_equal(input_sum("tallyd_rows_dropped_total", NULL), 0);
	assert_int_equal(pipeline_consume(x), 20);
	assert_int_equal(pipeline_consume(y), 10);
	assert_int_equal(pipeline_consume(z), 10);
	journal_detach(x);
	journal_detach(y);
	journal_detach(z);
}

static void an_empty_batch_goes_nowhere(void **state)
{
	struct journal *journals[] = {p.journal};
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	assert_int_equal(router_emit(router, &from, batch_create(&pipeline_a), NULL, NULL), 0);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	journal_detach(x);
}

static void count_rows(void *self, const struct tally_batch *batch)
{
	*(uint32_t *)self += batch->n_rows;
}

static void a_watcher_sees_what_passes_until_it_is_detached(void **state)
{
	static const struct tally_watcher watcher = {.size = sizeof(watcher), .watch = count_rows};
	struct watchers *watchers = router_watchers(router);
	uint32_t rows = 0, others = 0;
	(void)state;
	assert_int_equal(watchers_attach(watchers, &watcher, &rows, "a"), 0);
	assert_int_equal(watchers_attach(watchers, &watcher, &others, "b"), 0);
	assert_int_equal(emit(&pipeline_a, NULL, 0), 0);
	watchers_detach(watchers, &rows);
	watchers_detach(watchers, &rows);
	assert_int_equal(emit(&pipeline_a, NULL, 0), 0);
	assert_int_equal(rows, 10);
	assert_int_equal(others, 20);
	/* It is no output: what nobody else wants is dropped all the same. */
	assert_int_equal(input_sum("tallyd_rows_dropped_total", "reason=\"no_output\""), 20);
}

static void too_many_journals_are_refused(void **state)
{
	struct journal *journals[ROUTER_MAX_JOURNALS + 1] = {0};
	(void)state;
	assert_int_equal(router_set(router, journals, ROUTER_MAX_JOURNALS + 1), -E2BIG);
}

/* ---- Full journals ------------------------------------------------------------ */

struct emitter {
	pthread_t thread;
	int result;
	atomic_bool ended;
};

static void *emitter_run(void *arg)
{
	struct emitter *emitter = arg;
	struct tally_batch *batch = pipeline_batch(&pipeline_a, 10, 500, LARGE);
	emitter->result = router_emit(router, &from, batch, "s", "last");
	atomic_store(&emitter->ended, true);
	return NULL;
}

static void emitter_start(struct emitter *emitter)
{
	*emitter = (struct emitter){.result = 1};
	pthread_create(&emitter->thread, NULL, emitter_run, emitter);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&emitter->ended));
}

/* They are not given up: the input reads them again. */
static void rows_with_a_position_that_nobody_took_are_not_counted(void **state)
{
	struct journal *journals[] = {p.journal};
	struct emitter emitter;
	char position[16];
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(emit(&pipeline_a, "early", LARGE), 0);
	emitter_start(&emitter);
	atomic_store(&cancelled, true);
	journal_wake(p.journal);
	pthread_join(emitter.thread, NULL);
	assert_int_equal(emitter.result, -ECANCELED);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 70);
	assert_int_equal(input_sum("tallyd_rows_dropped_total", NULL), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_routed_total", NULL, NULL), 70);
	pipeline_consume(x);
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "early"); /* so that it comes again */
	journal_detach(x);
}

static void rows_given_up_while_stopping_are_counted(void **state)
{
	struct journal *journals[] = {p.journal};
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(emit(&pipeline_a, NULL, LARGE), 0);
	atomic_store(&cancelled, true);
	assert_int_equal(emit(&pipeline_a, NULL, LARGE), -ECANCELED);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 80);
	assert_int_equal(input_sum("tallyd_rows_dropped_total", "reason=\"shutdown\""), 10);
	journal_detach(x);
}

static void rows_that_only_some_journals_take_are_counted_at_the_others(void **state)
{
	struct journal *journals[] = {p.journal, second};
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(emit(&pipeline_a, NULL, LARGE), 0);
	struct journal_reader *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 2), 0);
	atomic_store(&cancelled, true);
	assert_int_equal(emit(&pipeline_a, NULL, LARGE), -ECANCELED);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 80);
	assert_int_equal(input_sum("tallyd_rows_dropped_total", NULL), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "output=\"x\"",
				      "reason=\"shutdown\""),
			 10);
	pipeline_check_balance(p.metrics, "x");
	pipeline_check_balance(p.metrics, "y");
	assert_int_equal(pipeline_consume(y), 10);
	journal_detach(x);
	journal_detach(y);
}

/* ---- Blocked journals --------------------------------------------------------- */

/* The second journal's plugin, whose push fails as it is told. */
static atomic_int push_error;
static atomic_uint pushes;
static const char *push_reason;

static int flaky_push(void *self, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	int error = atomic_load(&push_error);
	atomic_fetch_add(&pushes, 1);
	if (error && push_reason) {
		struct error said;
		error_set(&said, error, "%s", push_reason);
		reason_restore(&said);
	}
	if (error)
		return -error;
	return tally_plugin()->buffer->push(self, batch, source, position, ret_sequence);
}

static struct tally_buffer flaky;

static int start_flaky(void **state)
{
	start(state);
	journal_destroy(second);
	flaky = *tally_plugin()->buffer;
	flaky.push = flaky_push;
	const struct journal_setup setup = {.name = "buffer.second",
					    .buffer = &flaky,
					    .self = second_buffer,
					    .metrics = p.metrics,
					    .positions = p.positions};
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	struct error error;
	assert_int_equal(journal_create(&setup, &settings, &second, &error), 0);
	atomic_store(&push_error, 0);
	atomic_store(&pushes, 0);
	push_reason = "the disk is on fire";
	return 0;
}

static int stop_flaky(void **state)
{
	journal_brief_wait = 5 * CLOCK_SECOND;
	return stop(state);
}

static void the_others_have_the_rows_before_anybody_waits(void **state)
{
	struct journal *journals[] = {p.journal, second};
	struct emitter emitter;
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(emit(&pipeline_a, NULL, LARGE), 0);
	assert_int_equal(router_set(router, journals, 2), 0);
	emitter_start(&emitter);
	WAIT_UNTIL(journal_waiting(y) == 10); /* although the first is full */
	assert_false(atomic_load(&emitter.ended));
	uint64_t rows = pipeline_consume(x); /* maybe also those that it makes room for */
	pthread_join(emitter.thread, NULL);
	assert_int_equal(emitter.result, 0);
	assert_int_equal(rows + pipeline_consume(x), 7 * 10 + 10);
	assert_int_equal(pipeline_consume(y), 10);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", NULL, NULL), 0);
	journal_detach(x);
	journal_detach(y);
}

static void a_buffer_that_fails_loses_nothing_and_counts_nothing(void **state)
{
	struct journal *journals[] = {second};
	struct trouble_state trouble;
	struct emitter emitter;
	(void)state;
	struct journal_reader *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	atomic_store(&push_error, EIO);
	emitter_start(&emitter);
	WAIT_UNTIL(atomic_load(&pushes) >= 3);
	assert_true(journal_blocked(second, &trouble));
	assert_string_equal(trouble.text, "the disk is on fire");
	assert_true(journal_input_waits(second, "i", NULL));
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_buffer_blocked", NULL, NULL), 1);
	atomic_store(&push_error, 0);
	pthread_join(emitter.thread, NULL);
	assert_int_equal(emitter.result, 0);
	assert_false(journal_blocked(second, &trouble));
	assert_false(journal_input_waits(second, "i", NULL));
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_buffer_blocked", NULL, NULL), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", NULL, NULL), 0);
	assert_int_equal(pipeline_consume(y), 10);
	journal_detach(y);
}

static void what_a_buffer_can_never_keep_is_dropped_and_counted(void **state)
{
	struct journal *journals[] = {second};
	(void)state;
	struct journal_reader *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 1), 0);
	atomic_store(&push_error, EINVAL);
	assert_int_equal(emit(&pipeline_a, "one", 0), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "output=\"y\"",
				      "reason=\"buffer_error\""),
			 10);
	pipeline_check_balance(p.metrics, "y");
	journal_detach(y);
}

/* A gathered reading has no second chance: it is counted where it is missing. */
static void rows_go_on_without_a_buffer_that_stays_blocked(void **state)
{
	struct journal *journals[] = {second, p.journal};
	struct trouble_state trouble;
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 2), 0);
	journal_brief_wait = CLOCK_SECOND / 20;
	atomic_store(&push_error, ENOSPC);
	for (int i = 0; i < 5; i++)
		assert_int_equal(emit(&pipeline_a, NULL, 0), 0);
	assert_int_equal(pipeline_consume(x), 50);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 50);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "output=\"y\"",
				      "reason=\"blocked\""),
			 50);
	pipeline_check_balance(p.metrics, "y");
	assert_true(journal_blocked(second, &trouble));
	assert_string_equal(trouble.text, "the disk is on fire");
	atomic_store(&push_error, 0);
	WAIT_UNTIL(emit(&pipeline_a, NULL, 0) == 0 && journal_waiting(y) > 0);
	assert_false(journal_blocked(second, &trouble));
	pipeline_consume(x);
	pipeline_consume(y);
	journal_detach(x);
	journal_detach(y);
}

static unsigned passed_over, to_come_again;

static void note_passed_over(void *arg, bool again)
{
	(void)arg;
	passed_over++;
	to_come_again += again;
}

/* What is followed can be read again: its position stays before what one of the buffers lacks. */
static void a_position_stays_before_what_a_blocked_buffer_did_not_get(void **state)
{
	static const struct router_source follower = {
		.input = "i", .cancelled = is_cancelled, .passed_over = note_passed_over};
	struct journal *journals[] = {p.journal, second};
	char position[16];
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", NULL);
	passed_over = to_come_again = 0;
	assert_int_equal(router_set(router, journals, 2), 0);
	journal_brief_wait = CLOCK_SECOND / 20;
	assert_int_equal(emit(&pipeline_a, "one", 0), 0);
	atomic_store(&push_error, EIO);
	struct tally_batch *batch = pipeline_batch(&pipeline_a, 10, 0, 0);
	assert_int_equal(router_emit(router, &follower, batch, "s", "two"), 0);
	assert_int_equal(passed_over, 1);
	assert_int_equal(to_come_again, 1);
	assert_int_equal(pipeline_consume(x), 20);
	assert_int_equal(pipeline_consume(y), 10);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", NULL, NULL), 0);
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "one");
	pipeline_check_balance(p.metrics, "x");
	pipeline_check_balance(p.metrics, "y");
	journal_detach(x);
	journal_detach(y);
}

static void a_swap_does_not_wait_for_room(void **state)
{
	struct journal *journals[] = {second, p.journal}, *without[] = {second};
	struct emitter emitter;
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, &journals[1], 1), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(emit(&pipeline_a, NULL, LARGE), 0);
	assert_int_equal(router_set(router, journals, 2), 0);
	emitter_start(&emitter);
	WAIT_UNTIL(journal_waiting(y) == 10); /* the first has it, the second is full */
	assert_int_equal(router_set(router, journals, 2), 0); /* still full: it goes on waiting */
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&emitter.ended));
	assert_int_equal(router_set(router, without, 1), 0); /* the full one is gone */
	pthread_join(emitter.thread, NULL);
	assert_int_equal(emitter.result, 0);
	assert_int_equal(pipeline_consume(y), 10); /* once, although it went through three sets */
	assert_int_equal(pipeline_consume(x), 70);
	assert_int_equal(input_sum("tallyd_rows_collected_total", NULL), 80);
	journal_detach(x);
	journal_detach(y);
}

/* ---- Positions ---------------------------------------------------------------- */

static void a_position_counts_once_every_journal_has_acked(void **state)
{
	struct journal *journals[] = {p.journal, second};
	char position[16];
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", NULL), *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, journals, 2), 0);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), -ENOENT);
	emit(&pipeline_a, "one", 0);
	emit(&pipeline_b, "two", 0);
	pipeline_consume(x);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), -ENOENT);
	pipeline_consume(y);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "two");
	assert_int_equal(router_position(router, NULL, "other", position, sizeof(position)),
			 -ENOENT);
	journal_detach(x);
	journal_detach(y);
}

static void a_position_of_rows_nobody_wants_waits_for_those_before_it(void **state)
{
	static const char *const only_a[] = {"a", NULL};
	struct journal *journals[] = {p.journal};
	char position[16];
	(void)state;
	struct journal_reader *x = attach(p.journal, "x", only_a);
	assert_int_equal(router_set(router, journals, 1), 0);
	emit(&pipeline_a, "one", 0);
	emit(&pipeline_b, "two", 0);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), -ENOENT);
	pipeline_consume(x);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "two");
	journal_detach(x);
}

/* The memory buffer, claiming to be durable: it knows the position pushed last. */
static char durable_position[16];

static int durable_push(void *self, const struct tally_batch *batch, const char *source,
			const char *position, uint64_t *ret_sequence)
{
	if (position)
		snprintf(durable_position, sizeof(durable_position), "%s", position);
	return tally_plugin()->buffer->push(self, batch, source, position, ret_sequence);
}

static int durable_get(void *self, const char *source, const char **ret)
{
	(void)self;
	(void)source;
	*ret = durable_position;
	return *durable_position ? 0 : -ENOENT;
}

static void a_durable_journal_alone_says_itself_where_to_resume(void **state)
{
	const struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	struct tally_buffer calls = *tally_plugin()->buffer;
	struct journal_setup setup = {.name = "buffer.durable",
				      .buffer = &calls,
				      .self = p.buffer,
				      .metrics = p.metrics,
				      .positions = p.positions};
	struct journal *durable, *both[2];
	struct error error;
	char position[16];
	(void)state;
	calls.durable = 1;
	calls.push = durable_push;
	calls.position = durable_get;
	durable_position[0] = '\0';
	assert_int_equal(journal_create(&setup, &settings, &durable, &error), 0);
	struct journal_reader *x = attach(durable, "x", NULL), *y = attach(second, "y", NULL);
	both[0] = durable;
	both[1] = second;

	assert_int_equal(router_set(router, both, 1), 0);
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), -ENOENT);
	emit(&pipeline_a, "one", 0);
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "one"); /* pushed is safe */

	assert_int_equal(router_set(router, both, 2), 0);
	emit(&pipeline_a, "two", 0);
	assert_int_equal(positions_get(p.positions, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "one"); /* the other has not acknowledged it */
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "two"); /* but it is on its way, while the daemon lives */
	pipeline_consume(y);
	assert_int_equal(router_position(router, NULL, "s", position, sizeof(position)), 0);
	assert_string_equal(position, "two");

	pipeline_consume(x);
	journal_detach(x);
	journal_detach(y);
	journal_destroy(durable);
}

static void what_is_let_go_of_for_good_has_to_be_flushed_first(void **state)
{
	const struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	struct tally_buffer calls = *tally_plugin()->buffer;
	struct journal_setup setup = {.name = "buffer.durable",
				      .buffer = &calls,
				      .self = p.buffer,
				      .metrics = p.metrics,
				      .positions = p.positions};
	struct journal *durable;
	struct error error;
	(void)state;
	calls.durable = 1;
	assert_int_equal(journal_create(&setup, &settings, &durable, &error), 0);
	assert_true(journal_must_flush(durable));
	journal_destroy(durable);

	struct journal_reader *y = attach(second, "y", NULL);
	assert_int_equal(router_set(router, &second, 1), 0);
	emit(&pipeline_a, NULL, 0);
	assert_false(journal_must_flush(second)); /* nobody could bring them again anyway */
	emit(&pipeline_a, "one", 0);
	assert_true(journal_must_flush(second));
	pipeline_consume(y);
	journal_detach(y);
}

/* ---- All at once -------------------------------------------------------------- */

static atomic_uint_least64_t emitted;

static void *crowd_emit(void *arg)
{
	(void)arg;
	while (!atomic_load(&cancelled))
		if (emit(&pipeline_a, NULL, LARGE / 4) == 0)
			atomic_fetch_add(&emitted, 10);
	return NULL;
}

struct crowd_reader {
	struct journal_reader *reader;
	atomic_bool over;
	uint64_t rows;
};

static void *crowd_consume(void *arg)
{
	struct crowd_reader *crowd = arg;
	bool over;
	do {
		over = atomic_load(&crowd->over);
		crowd->rows += pipeline_consume(crowd->reader);
		sched_yield();
	} while (!over);
	return NULL;
}

static void sets_may_be_swapped_while_inputs_emit(void **state)
{
	struct journal *journals[] = {p.journal, second};
	struct crowd_reader x = {.reader = attach(p.journal, "x", NULL)};
	struct crowd_reader y = {.reader = attach(second, "y", NULL)};
	pthread_t emitters[2], readers[2];
	(void)state;
	atomic_store(&emitted, 0);
	assert_int_equal(router_set(router, journals, 2), 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&emitters[i], NULL, crowd_emit, NULL);
	pthread_create(&readers[0], NULL, crowd_consume, &x);
	pthread_create(&readers[1], NULL, crowd_consume, &y);
	for (size_t i = 0; i < 500 || atomic_load(&emitted) < 3000; i++)
		assert_int_equal(router_set(router, journals, 1 + i % 2), 0);
	atomic_store(&cancelled, true);
	journal_wake(p.journal);
	journal_wake(second);
	for (int i = 0; i < 2; i++)
		pthread_join(emitters[i], NULL);
	atomic_store(&x.over, true);
	atomic_store(&y.over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	assert_true(x.rows >= atomic_load(&emitted)); /* it was in every set */
	assert_true(y.rows <= x.rows + 20);           /* the last of each may have found x full */
	assert_int_equal(x.rows,
			 pipeline_sum(p.metrics, "tallyd_rows_stored_total", "output=\"x\"", NULL));
	pipeline_check_balance(p.metrics, "x");
	pipeline_check_balance(p.metrics, "y");
	journal_detach(x.reader);
	journal_detach(y.reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define FLAKY(name) cmocka_unit_test_setup_teardown(name, start_flaky, stop_flaky)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_that_nobody_wants_are_dropped_and_counted),
		TEST(each_journal_that_wants_the_table_gets_it_once),
		TEST(an_empty_batch_goes_nowhere),
		TEST(a_watcher_sees_what_passes_until_it_is_detached),
		TEST(too_many_journals_are_refused),
		TEST(rows_with_a_position_that_nobody_took_are_not_counted),
		TEST(rows_given_up_while_stopping_are_counted),
		TEST(rows_that_only_some_journals_take_are_counted_at_the_others),
		TEST(the_others_have_the_rows_before_anybody_waits),
		FLAKY(a_buffer_that_fails_loses_nothing_and_counts_nothing),
		FLAKY(what_a_buffer_can_never_keep_is_dropped_and_counted),
		FLAKY(rows_go_on_without_a_buffer_that_stays_blocked),
		FLAKY(a_position_stays_before_what_a_blocked_buffer_did_not_get),
		TEST(a_swap_does_not_wait_for_room),
		TEST(a_position_counts_once_every_journal_has_acked),
		TEST(a_position_of_rows_nobody_wants_waits_for_those_before_it),
		TEST(a_durable_journal_alone_says_itself_where_to_resume),
		TEST(what_is_let_go_of_for_good_has_to_be_flushed_first),
		TEST(sets_may_be_swapped_while_inputs_emit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
