#include "base/condition.h"
#include "test.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
};

static void *open_gate(void *arg)
{
	struct gate *gate = arg;
	pthread_mutex_lock(&gate->lock);
	gate->open = true;
	pthread_cond_signal(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
	return NULL;
}

static void a_wait_ends_when_its_time_has_come_and_not_before(void **state)
{
	(void)state;
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
	int64_t deadline = clock_monotonic() + 20 * CLOCK_MS;
	pthread_mutex_lock(&gate.lock);
	while (condition_wait(&gate.opened, &gate.lock, deadline))
		;
	pthread_mutex_unlock(&gate.lock);
	assert_true(clock_monotonic() >= deadline);
}

static void a_time_that_has_passed_does_not_wait(void **state)
{
	(void)state;
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
	pthread_mutex_lock(&gate.lock);
	assert_false(condition_wait(&gate.opened, &gate.lock, 0));
	assert_false(condition_wait(&gate.opened, &gate.lock, clock_monotonic()));
	pthread_mutex_unlock(&gate.lock);
}

static void a_wait_for_ever_is_ended_by_a_signal(void **state)
{
	(void)state;
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
	pthread_t other;
	pthread_mutex_lock(&gate.lock);
	assert_int_equal(pthread_create(&other, NULL, open_gate, &gate), 0);
	while (!gate.open)
		assert_true(condition_wait(&gate.opened, &gate.lock, INT64_MAX));
	pthread_mutex_unlock(&gate.lock);
	pthread_join(other, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_ends_when_its_time_has_come_and_not_before),
		cmocka_unit_test(a_time_that_has_passed_does_not_wait),
		cmocka_unit_test(a_wait_for_ever_is_ended_by_a_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
