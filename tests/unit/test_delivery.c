#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/delivery.h"
#include "pipeline_fixture.h"
#include "plugin/reason.h"
#include "base/clock.h"
#include "test.h"
#include "waiting.h"

enum { CAPACITY = 4 * 1024 * 1024, STORED_MAX = 4096 };

static struct pipeline p;

/* ---- An output that does as the test says ------------------------------------- */

struct output {
	struct delivery *delivery;
	pthread_t thread;
	atomic_bool stopping;
	int64_t drain_deadline;
	uint64_t left;

	/* What the next write does; returns as write() does. */
	int (*script)(struct output *output, const struct tally_entry *entries, uint32_t n,
		      uint8_t *verdicts);
	atomic_uint writes;
	atomic_int mode;
	unsigned seed;

	/* The first numbers of the batches that were given TALLY_DONE, in order. */
	int64_t stored[STORED_MAX];
	atomic_uint n_stored;

	int prepare_fails;                 /* so many times */
	const struct tally_table *refuses; /* NULL: none */
	unsigned n_prepared;
	bool wrote_unprepared;
	const struct tally_table *prepared[8];
};

static struct output o;

static int output_fail(int error, const char *text)
{
	struct error said;
	int r = error_set(&said, error, "%s", text);
	reason_restore(&said);
	return r;
}

static int output_prepare(void *self, const struct tally_table *table)
{
	struct output *output = self;
	if (output->prepare_fails-- > 0)
		return output_fail(EACCES, "may not create tables");
	if (table == output->refuses)
		return output_fail(EINVAL, "it is stored with another type");
	output->prepared[output->n_prepared++] = table;
	return 0;
}

static bool output_is_prepared(const struct output *output, const struct tally_table *table)
{
	for (unsigned i = 0; i < output->n_prepared; i++)
		if (output->prepared[i] == table)
			return true;
	return false;
}

static int output_write(void *self, const struct tally_entry *entries, uint32_t n,
			uint8_t *verdicts)
{
	struct output *output = self;
	for (uint32_t i = 0; i < n; i++)
		if (!output_is_prepared(output, entries[i].batch->table))
			output->wrote_unprepared = true;
	int r = output->script(output, entries, n, verdicts);
	for (uint32_t i = 0; i < n; i++)
		if (verdicts[i] == TALLY_DONE)
			output->stored[atomic_fetch_add(&output->n_stored, 1)] =
				pipeline_first(entries[i].batch);
	atomic_fetch_add(&output->writes, 1);
	return r;
}

static const struct tally_output output_calls = {
	.size = sizeof(struct tally_output), .prepare = output_prepare, .write = output_write};

static bool output_stopping(void *arg)
{
	struct output *output = arg;
	return atomic_load(&output->stopping);
}

static void *output_run(void *arg)
{
	struct output *output = arg;
	output->left =
		delivery_run(output->delivery, output_stopping, output, &output->drain_deadline);
	return NULL;
}

static int all_done(struct output *output, const struct tally_entry *entries, uint32_t n,
		    uint8_t *verdicts)
{
	(void)output;
	(void)entries;
	memset(verdicts, TALLY_DONE, n);
	return 0;
}

static int start_as(const char *name)
{
	struct error error;
	pipeline_start(&p, CAPACITY, JOURNAL_BLOCK);
	memset(&o, 0, sizeof(o));
	o.script = all_done;
	o.seed = 7;
	struct delivery_setup setup = {.name = name,
				       .output = &output_calls,
				       .self = &o,
				       .journal = p.journal,
				       .metrics = p.metrics};
	o.delivery = delivery_create(&setup, &error);
	assert_non_null(o.delivery);
	return 0;
}

static int start(void **state)
{
	(void)state;
	return start_as("o");
}

/* Whose messages have not been cut short yet. */
static int start_unheard(void **state)
{
	(void)state;
	static unsigned n;
	static char name[32];
	snprintf(name, sizeof(name), "unheard%u", n++);
	return start_as(name);
}

static void run(void)
{
	pthread_create(&o.thread, NULL, output_run, &o);
}

static uint64_t drain(int64_t deadline)
{
	__atomic_store_n(&o.drain_deadline, deadline, __ATOMIC_RELAXED);
	atomic_store(&o.stopping, true);
	journal_wake(p.journal);
	pthread_join(o.thread, NULL);
	return o.left;
}

static int stop(void **state)
{
	(void)state;
	delivery_destroy(o.delivery);
	pipeline_stop(&p);
	return 0;
}

static double counted(const char *name)
{
	return pipeline_sum(p.metrics, name, "output=\"o\"", NULL);
}

static void push(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(pipeline_push(&p, &pipeline_a, 10, 10 * i, 0), 0);
}

static void assert_stored_in_order(unsigned n)
{
	assert_int_equal(atomic_load(&o.n_stored), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(o.stored[i], 10 * i);
}

/* ---- Happy -------------------------------------------------------------------- */

static void rows_are_written_in_order_and_acked(void **state)
{
	(void)state;
	run();
	push(50);
	WAIT_UNTIL(atomic_load(&o.n_stored) == 50);
	assert_int_equal(drain(0), 0);
	assert_stored_in_order(50);
	assert_int_equal(pipeline_usage(&p).entries, 0);
	assert_int_equal(counted("tallyd_rows_stored_total"), 500);
	assert_int_equal(counted("tallyd_writes_total"), atomic_load(&o.writes));
	assert_int_equal(counted("tallyd_write_errors_total"), 0);
	assert_true(counted("tallyd_write_seconds_total") > 0);
	pipeline_check_balance(p.metrics, "o");
}

static void a_table_is_prepared_once_before_its_first_rows(void **state)
{
	(void)state;
	run();
	push(5);
	pipeline_push(&p, &pipeline_b, 10, 0, 0);
	push(5);
	WAIT_UNTIL(atomic_load(&o.n_stored) == 11);
	assert_int_equal(drain(0), 0);
	assert_int_equal(o.n_prepared, 2);
	assert_false(o.wrote_unprepared);
}

static void rows_wait_while_a_table_cannot_be_prepared(void **state)
{
	(void)state;
	o.prepare_fails = 2;
	push(3);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 3);
	assert_int_equal(drain(0), 0);
	assert_int_equal(counted("tallyd_write_errors_total"), 2);
	assert_false(o.wrote_unprepared);
	assert_stored_in_order(3);
}

static void a_table_that_cannot_be_stored_holds_up_no_other(void **state)
{
	(void)state;
	o.refuses = &pipeline_b;
	push(2);
	pipeline_push(&p, &pipeline_b, 10, 0, 0);
	push(3);
	pipeline_push(&p, &pipeline_b, 10, 0, 0);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 5);
	assert_int_equal(drain(0), 0);
	assert_false(o.wrote_unprepared);
	assert_int_equal(counted("tallyd_write_errors_total"), 0);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "reason=\"rejected\"",
				      "table=\"b\""),
			 20);
	pipeline_check_balance(p.metrics, "o");
}

/* Its first rows are lost, but told and counted; those after it was mended are not. */
static void a_table_that_was_refused_is_asked_for_again(void **state)
{
	(void)state;
	o.refuses = &pipeline_b;
	pipeline_push(&p, &pipeline_b, 10, 0, 0);
	run();
	WAIT_UNTIL(delivery_waiting(o.delivery) == 0);
	o.refuses = NULL;
	pipeline_push(&p, &pipeline_b, 10, 0, 0);
	WAIT_UNTIL(atomic_load(&o.n_stored) == 1);
	assert_int_equal(drain(0), 0);
	assert_false(o.wrote_unprepared);
}

/* ---- Failing ------------------------------------------------------------------ */

/* Until it is healed: fails, now and then having stored some of it. */
static int flaky(struct output *output, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	if (atomic_load(&output->writes) % 2 == 0)
		return output_fail(ECONNRESET, "connection lost");
	for (uint32_t i = 0; i < n; i++)
		if (rand_r(&output->seed) % 4 != 0)
			verdicts[i] = TALLY_DONE;
	(void)entries;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void failing_now_and_then_loses_nothing_and_repeats_nothing(void **state)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	(void)state;
	settings.batch_size = 200;
	journal_configure(p.journal, &settings);
	o.script = flaky;
	push(60);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 60);
	assert_int_equal(drain(0), 0);
	pipeline_check_balance(p.metrics, "o");
	assert_int_equal(counted("tallyd_rows_stored_total"), 600);
	qsort(o.stored, 60, sizeof(o.stored[0]), by_number);
	assert_stored_in_order(60);
}

static int first_fails_twice(struct output *output, const struct tally_entry *entries, uint32_t n,
			     uint8_t *verdicts)
{
	if (atomic_load(&output->writes) < 2)
		return output_fail(EIO, "disk");
	return all_done(output, entries, n, verdicts);
}

static void what_is_retried_keeps_its_order(void **state)
{
	(void)state;
	o.script = first_fails_twice;
	push(20);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 20);
	assert_int_equal(drain(0), 0);
	assert_stored_in_order(20);
	assert_int_equal(counted("tallyd_write_errors_total"), 2);
}

static int done_but_fails(struct output *output, const struct tally_entry *entries, uint32_t n,
			  uint8_t *verdicts)
{
	all_done(output, entries, n, verdicts);
	return atomic_load(&output->writes) == 0 ? output_fail(EIO, "late") : 0;
}

static void verdicts_stand_even_if_the_write_fails(void **state)
{
	(void)state;
	o.script = done_but_fails;
	push(3);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 3);
	assert_int_equal(drain(0), 0);
	assert_stored_in_order(3);
	assert_int_equal(counted("tallyd_rows_stored_total"), 30);
	assert_int_equal(counted("tallyd_write_errors_total"), 1);
}

static int says_nothing_once(struct output *output, const struct tally_entry *entries, uint32_t n,
			     uint8_t *verdicts)
{
	return atomic_load(&output->writes) == 0 ? 0 : all_done(output, entries, n, verdicts);
}

static void success_with_nothing_written_is_a_failure(void **state)
{
	(void)state;
	o.script = says_nothing_once;
	push(1);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 1);
	assert_int_equal(drain(0), 0);
	assert_int_equal(counted("tallyd_write_errors_total"), 1);
}

static int garbage_twice(struct output *output, const struct tally_entry *entries, uint32_t n,
			 uint8_t *verdicts)
{
	if (atomic_load(&output->writes) >= 2)
		return all_done(output, entries, n, verdicts);
	memset(verdicts, 200, n);
	return 0;
}

static void a_verdict_that_is_none_means_again(void **state)
{
	(void)state;
	o.script = garbage_twice;
	push(2);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 2);
	assert_int_equal(drain(0), 0);
	assert_stored_in_order(2);
	pipeline_check_balance(p.metrics, "o");
}

/* ---- Rejecting ---------------------------------------------------------------- */

static int reject_every_second(struct output *output, const struct tally_entry *entries, uint32_t n,
			       uint8_t *verdicts)
{
	for (uint32_t i = 0; i < n; i++) {
		bool odd = pipeline_first(entries[i].batch) / 10 % 2;
		verdicts[i] = odd ? TALLY_REJECT : TALLY_DONE;
		if (odd)
			delivery_reject_entry(output->delivery, &entries[i], "no such column");
	}
	return 0;
}

static void a_rejected_batch_is_dropped_and_counted(void **state)
{
	(void)state;
	o.script = reject_every_second;
	push(10);
	run();
	WAIT_UNTIL(delivery_waiting(o.delivery) == 0);
	assert_int_equal(drain(0), 0);
	assert_int_equal(counted("tallyd_rows_stored_total"), 50);
	assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total", "reason=\"rejected\"",
				      "table=\"a\""),
			 50);
	assert_int_equal(counted("tallyd_write_errors_total"), 0);
	pipeline_check_balance(p.metrics, "o");
}

/* Three rows of each batch are refused; the first attempt fails after saying so. */
static int reject_rows(struct output *output, const struct tally_entry *entries, uint32_t n,
		       uint8_t *verdicts)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t row = 0; row < 3; row++)
			delivery_reject_row(output->delivery, entries[i].batch, row, "odd");
	delivery_reject_row(output->delivery, entries[0].batch, 10, "there is no such row");
	if (atomic_load(&output->writes) == 0)
		return output_fail(EIO, "disk");
	return all_done(output, entries, n, verdicts);
}

static void rejected_rows_count_once_their_batch_is_done(void **state)
{
	(void)state;
	o.script = reject_rows;
	push(4);
	run();
	WAIT_UNTIL(delivery_waiting(o.delivery) == 0);
	assert_int_equal(drain(0), 0);
	assert_int_equal(counted("tallyd_rows_stored_total"), 28);
	assert_int_equal(counted("tallyd_rows_dropped_total"), 12);
	pipeline_check_balance(p.metrics, "o");
}

/* ---- Stopping ----------------------------------------------------------------- */

static int always_fails(struct output *output, const struct tally_entry *entries, uint32_t n,
			uint8_t *verdicts)
{
	(void)entries;
	(void)n;
	(void)verdicts;
	return atomic_load(&output->mode) ? all_done(output, entries, n, verdicts)
					  : output_fail(ECONNREFUSED, "connection refused");
}

static void while_stopping_everything_is_due(void **state)
{
	(void)state;
	run();
	pipeline_push(&p, &pipeline_a, 3, 0, 0); /* not due for an hour */
	assert_int_equal(drain(0), 0);
	assert_int_equal(counted("tallyd_rows_stored_total"), 3);
}

static void the_drain_ends_at_its_deadline_and_says_what_is_left(void **state)
{
	(void)state;
	o.script = always_fails;
	push(4);
	run();
	WAIT_UNTIL(atomic_load(&o.writes) > 0);
	int64_t before = clock_monotonic();
	assert_int_equal(drain(before + CLOCK_SECOND / 5), 40);
	assert_true(clock_monotonic() - before >= CLOCK_SECOND / 5);
	assert_true(clock_monotonic() - before < 10 * CLOCK_SECOND);
	assert_int_equal(counted("tallyd_rows_waiting"), 40);
	pipeline_check_balance(p.metrics, "o");
}

static void stopping_cuts_a_back_off_short(void **state)
{
	(void)state;
	o.script = always_fails;
	push(1);
	run();
	WAIT_UNTIL(atomic_load(&o.writes) >= 3); /* it now backs off for seconds */
	atomic_store(&o.mode, 1);
	int64_t before = clock_monotonic();
	assert_int_equal(drain(before + 60 * CLOCK_SECOND), 0);
	assert_true(clock_monotonic() - before < CLOCK_SECOND / 2);
}

static void one_that_runs_again_goes_on_where_it_was(void **state)
{
	(void)state;
	o.script = always_fails;
	push(4);
	run();
	WAIT_UNTIL(atomic_load(&o.writes) > 0);
	assert_int_equal(drain(1), 40); /* at once */
	atomic_store(&o.stopping, false);
	atomic_store(&o.mode, 1);
	run();
	WAIT_UNTIL(atomic_load(&o.n_stored) == 4);
	assert_int_equal(drain(0), 0);
	assert_stored_in_order(4);
}

/* ---- Telling ------------------------------------------------------------------ */

static unsigned count_text(const char *text, const char *what)
{
	unsigned n = 0;
	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* What has been logged while work ran. */
static const char *log_of(void (*work)(void))
{
	char path[] = "/tmp/tallyd-delivery-XXXXXX";
	static char text[64 * 1024];
	int fd = mkstemp(path), kept = dup(STDERR_FILENO);
	assert_true(fd >= 0 && kept >= 0);
	dup2(fd, STDERR_FILENO);
	work();
	dup2(kept, STDERR_FILENO);
	close(kept);
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	unlink(path);
	assert_true(len > 0);
	text[len] = '\0';
	return text;
}

static void fail_until_it_works(void)
{
	o.script = always_fails;
	push(4);
	run();
	WAIT_UNTIL(atomic_load(&o.writes) >= 3);
	atomic_store(&o.mode, 1);
	WAIT_UNTIL(atomic_load(&o.n_stored) == 4);
	drain(0);
}

static void a_failing_output_is_told_once_and_again_when_it_works(void **state)
{
	(void)state;
	const char *text = log_of(fail_until_it_works);
	assert_int_equal(count_text(text, "cannot write"), 1);
	assert_int_equal(count_text(text, "connection refused"), 1);
	assert_int_equal(count_text(text, "writes again after"), 1);
	assert_int_equal(count_text(text, "40 rows were waiting"), 1);
}

/* First fails and says why, then rejects without a word. */
static int fails_then_rejects(struct output *output, const struct tally_entry *entries, uint32_t n,
			      uint8_t *verdicts)
{
	(void)entries;
	if (atomic_load(&output->writes) == 0)
		return output_fail(EIO, "the disk is on fire");
	memset(verdicts, TALLY_REJECT, n);
	return 0;
}

static void fail_then_reject(void)
{
	o.script = fails_then_rejects;
	push(1);
	run();
	WAIT_UNTIL(delivery_waiting(o.delivery) == 0);
	drain(0);
}

static void a_rejection_never_shows_the_reason_of_an_earlier_call(void **state)
{
	(void)state;
	const char *text = log_of(fail_then_reject);
	assert_int_equal(count_text(text, "cannot write: the disk is on fire"), 1);
	assert_int_equal(count_text(text, "rejected: no reason given"), 1);
	assert_int_equal(count_text(text, "rejected: the disk is on fire"), 0);
}

/* Rejects the first and then fails at the others, in one call. */
static int rejects_and_fails(struct output *output, const struct tally_entry *entries, uint32_t n,
			     uint8_t *verdicts)
{
	memset(verdicts, TALLY_DONE, n);
	verdicts[0] = TALLY_REJECT;
	if (n > 1)
		delivery_reject_entry(output->delivery, &entries[0], "no such column");
	return n > 1 ? output_fail(EIO, "the disk is on fire") : 0;
}

static void reject_and_fail(void)
{
	struct journal_settings settings = pipeline_settings(JOURNAL_BLOCK);
	settings.batch_size = 20;
	journal_configure(p.journal, &settings);
	o.script = rejects_and_fails;
	push(2);
	run();
	WAIT_UNTIL(delivery_waiting(o.delivery) == 0);
	drain(0);
}

static void why_a_write_failed_is_not_why_rows_were_rejected(void **state)
{
	(void)state;
	const char *text = log_of(reject_and_fail);
	assert_int_equal(count_text(text, "rejected: the disk is on fire"), 0);
	assert_int_equal(count_text(text, "rejected: no such column"), 1);
	assert_int_equal(count_text(text, "cannot write: the disk is on fire"), 1);
}

/* Another reason each time, until it works. */
static int fails_with_another_reason(struct output *output, const struct tally_entry *entries,
				     uint32_t n, uint8_t *verdicts)
{
	switch (atomic_load(&output->writes)) {
	case 0:
		return output_fail(ECONNRESET, "the connection was lost");
	case 1:
		return output_fail(EACCES, "password authentication failed");
	default:
		return all_done(output, entries, n, verdicts);
	}
}

static void fail_with_another_reason(void)
{
	struct trouble_state trouble;
	o.script = fails_with_another_reason;
	assert_false(delivery_trouble(o.delivery, &trouble));
	push(1);
	run();
	WAIT_UNTIL(delivery_trouble(o.delivery, &trouble) && trouble.failures == 2);
	assert_string_equal(trouble.text, "password authentication failed");
	WAIT_UNTIL(atomic_load(&o.n_stored) == 1);
	drain(0);
	assert_false(delivery_trouble(o.delivery, &trouble));
}

static void a_reason_that_changes_is_told_at_once(void **state)
{
	(void)state;
	const char *text = log_of(fail_with_another_reason);
	assert_int_equal(count_text(text, "cannot write: the connection was lost"), 1);
	assert_int_equal(count_text(text, "10 rows waiting: password authentication failed"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_are_written_in_order_and_acked),
		TEST(a_table_is_prepared_once_before_its_first_rows),
		TEST(rows_wait_while_a_table_cannot_be_prepared),
		TEST(a_table_that_cannot_be_stored_holds_up_no_other),
		TEST(a_table_that_was_refused_is_asked_for_again),
		TEST(failing_now_and_then_loses_nothing_and_repeats_nothing),
		TEST(what_is_retried_keeps_its_order),
		TEST(verdicts_stand_even_if_the_write_fails),
		TEST(success_with_nothing_written_is_a_failure),
		TEST(a_verdict_that_is_none_means_again),
		TEST(a_rejected_batch_is_dropped_and_counted),
		TEST(rejected_rows_count_once_their_batch_is_done),
		TEST(while_stopping_everything_is_due),
		TEST(the_drain_ends_at_its_deadline_and_says_what_is_left),
		TEST(stopping_cuts_a_back_off_short),
		TEST(one_that_runs_again_goes_on_where_it_was),
		cmocka_unit_test_setup_teardown(
			a_failing_output_is_told_once_and_again_when_it_works, start_unheard, stop),
		cmocka_unit_test_setup_teardown(
			a_rejection_never_shows_the_reason_of_an_earlier_call, start_unheard, stop),
		cmocka_unit_test_setup_teardown(why_a_write_failed_is_not_why_rows_were_rejected,
						start_unheard, stop),
		cmocka_unit_test_setup_teardown(a_reason_that_changes_is_told_at_once,
						start_unheard, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
