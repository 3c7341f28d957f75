#include "base/worker.h"

#include <string.h>

#include "base/clock.h"
#include "test.h"
#include "waiting.h"

struct rounds {
	struct worker worker;
	int64_t pause;
	atomic_int timeouts, wakes;
	char name[16];
};

static void count_rounds(void *arg)
{
	struct rounds *rounds = arg;
	enum worker_event event = WORKER_TIMEOUT;
	pthread_getname_np(pthread_self(), rounds->name, sizeof(rounds->name));
	while (event != WORKER_STOPPED) {
		int64_t until = rounds->pause ? clock_monotonic() + rounds->pause : INT64_MAX;
		event = worker_wait(&rounds->worker, until);
		if (event != WORKER_STOPPED)
			atomic_fetch_add(event == WORKER_WOKEN ? &rounds->wakes : &rounds->timeouts,
					 1);
	}
}

static void rounds_start(struct rounds *rounds, int64_t pause)
{
	*rounds = (struct rounds){.pause = pause};
	worker_init(&rounds->worker);
	assert_int_equal(worker_start(&rounds->worker, "rounds", count_rounds, rounds), 0);
}

static void rounds_stop(struct rounds *rounds)
{
	worker_stop(&rounds->worker);
	assert_true(worker_is_stopping(&rounds->worker));
	worker_done(&rounds->worker);
}

static void rounds_come_by_time_and_the_thread_has_its_name(void **state)
{
	struct rounds rounds;
	(void)state;
	rounds_start(&rounds, CLOCK_MS);
	WAIT_UNTIL(atomic_load(&rounds.timeouts) >= 3);
	rounds_stop(&rounds);
	assert_int_equal(atomic_load(&rounds.wakes), 0);
	assert_string_equal(rounds.name, "rounds");
}

static void one_that_sleeps_for_ever_is_woken_and_stopped(void **state)
{
	struct rounds rounds;
	(void)state;
	rounds_start(&rounds, 0);
	worker_wake(&rounds.worker);
	WAIT_UNTIL(atomic_load(&rounds.wakes) == 1);
	worker_wake(&rounds.worker);
	WAIT_UNTIL(atomic_load(&rounds.wakes) == 2);
	rounds_stop(&rounds);
	assert_int_equal(atomic_load(&rounds.timeouts), 0);
}

static void a_wake_before_the_wait_is_not_lost(void **state)
{
	struct worker worker;
	(void)state;
	worker_init(&worker);
	worker_wake(&worker);
	worker_wake(&worker);
	assert_int_equal(worker_wait(&worker, INT64_MAX), WORKER_WOKEN);
	assert_int_equal(worker_wait(&worker, 0), WORKER_TIMEOUT);
	worker_done(&worker);
}

static void one_that_never_started_stops_at_once(void **state)
{
	struct worker worker;
	(void)state;
	worker_init(&worker);
	worker_stop(&worker);
	worker_stop(&worker);
	worker_wake(&worker);
	assert_int_equal(worker_wait(&worker, INT64_MAX), WORKER_STOPPED);
	worker_done(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds_come_by_time_and_the_thread_has_its_name),
		cmocka_unit_test(one_that_sleeps_for_ever_is_woken_and_stopped),
		cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
		cmocka_unit_test(one_that_never_started_stops_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
