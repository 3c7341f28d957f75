/* A thread that does its rounds until it is told to stop. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fake_host.h"
#include "store/periodic_task.h"
#include "waiting.h"
#include "test.h"

enum { ERRORS };

struct counted {
	struct fake_host *host;
	atomic_int task;
};

/* Every other one fails. */
static int round_of(void *arg)
{
	struct counted *counted = arg;
	if (atomic_fetch_add(&counted->task, 1) % 2 == 0)
		return tally_fail(fake_host_ctx(counted->host), EIO, "told to fail");
	return 0;
}

static struct task task_of(struct counted *counted, int seconds)
{
	return (struct task){.ctx = fake_host_ctx(counted->host),
			     .name = "rounds",
			     .seconds = seconds,
			     .errors = ERRORS,
			     .run = round_of,
			     .arg = counted};
}

static void a_failed_round_is_counted_and_logged_and_the_next_one_runs(void **state)
{
	struct counted counted = {.host = fake_host_create("output.store")};
	struct task task = task_of(&counted, 0);
	(void)state;
	assert_int_equal(task_start(&task), 0);
	WAIT_UNTIL(atomic_load(&counted.task) >= 4);
	task_stop(&task);
	int task_were = atomic_load(&counted.task);
	assert_int_equal(fake_host_metric(counted.host, ERRORS), (task_were + 1) / 2);
	assert_non_null(strstr(fake_host_log(counted.host, TALLY_WARNING),
			       "maintenance failed: told to fail; trying again in 0 s"));
	assert_true(task_stopping(&task));
	fake_host_destroy(counted.host);
}

static void after_a_failed_round_the_next_may_come_later(void **state)
{
	struct counted counted = {.host = fake_host_create("output.store")};
	struct task task = task_of(&counted, 0);
	(void)state;
	task.failed_seconds = 100000;
	assert_int_equal(task_start(&task), 0);
	WAIT_UNTIL(fake_host_metric(counted.host, ERRORS) == 1);
	task_stop(&task);
	assert_int_equal(atomic_load(&counted.task), 1);
	assert_non_null(strstr(fake_host_log(counted.host, TALLY_WARNING),
			       "maintenance failed: told to fail; trying again in 100000 s"));
	fake_host_destroy(counted.host);
}

/* A round whose call somebody ends. */
static int round_until_stopped(void *arg)
{
	struct task *task = arg;
	WAIT_UNTIL(task_stopping(task));
	return tally_fail(task->ctx, ECANCELED, "interrupted");
}

static void a_round_that_is_ended_by_stopping_is_no_failure(void **state)
{
	struct counted counted = {.host = fake_host_create("output.store")};
	struct task task = task_of(&counted, 0);
	(void)state;
	task.run = round_until_stopped;
	task.arg = &task;
	task_tell_to_stop(&task); /* not started yet: nothing to do */
	assert_int_equal(task_start(&task), 0);
	task_tell_to_stop(&task);
	task_stop(&task);
	assert_int_equal(fake_host_metric(counted.host, ERRORS), 0);
	assert_string_equal(fake_host_log(counted.host, TALLY_WARNING), "");
	fake_host_destroy(counted.host);
}

static void a_sleeping_task_is_woken_to_stop(void **state)
{
	struct counted counted = {.host = fake_host_create("output.store")};
	struct task task = task_of(&counted, 100000);
	(void)state;
	assert_int_equal(task_start(&task), 0);
	task_stop(&task);
	task_stop(&task); /* and again is fine */
	assert_int_equal(atomic_load(&counted.task), 0);
	fake_host_destroy(counted.host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_round_is_counted_and_logged_and_the_next_one_runs),
		cmocka_unit_test(after_a_failed_round_the_next_may_come_later),
		cmocka_unit_test(a_round_that_is_ended_by_stopping_is_no_failure),
		cmocka_unit_test(a_sleeping_task_is_woken_to_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
