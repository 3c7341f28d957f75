/* Channels of a real Redis, subscribed for others. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "redis_fixture.h"
#include "test.h"
#include "waiting.h"

struct listener {
	struct redis_fixture *fixture;
	pthread_t thread;
	int stop_fd, result, returned; /* what message() returns, what subscribe() did */
	atomic_bool subscribed;
	atomic_uint n;
	char messages[4][200];
};

static int hear(void *arg, const char *channel, char *text, size_t len)
{
	struct listener *listener = arg;
	if (!channel) {
		atomic_store(&listener->subscribed, true);
		return 0;
	}
	unsigned n = atomic_load(&listener->n);
	if (n < 4)
		snprintf(listener->messages[n], sizeof(listener->messages[n]), "%s %.*s", channel,
			 (int)len, text);
	atomic_store(&listener->n, n + 1);
	return listener->result;
}

static void *listen_on(void *arg)
{
	static const char *const channels[] = {"rows:a", "rows:b", NULL};
	struct listener *listener = arg;
	listener->returned = tally_plugin()->cache->subscribe(listener->fixture->plugin, channels,
							      listener->stop_fd, hear, listener);
	return NULL;
}

static bool is_subscribed(void *arg)
{
	return atomic_load(&((struct listener *)arg)->subscribed);
}

static bool has_messages(void *arg)
{
	return atomic_load(&((struct listener *)arg)->n) > 0;
}

static struct listener *begin(struct redis_fixture *fixture, int result)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	listener->fixture = fixture;
	listener->result = result;
	listener->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_create(&listener->thread, NULL, listen_on, listener);
	WAIT_UNTIL(is_subscribed(listener));
	return listener;
}

static int end(struct listener *listener)
{
	pthread_join(listener->thread, NULL);
	int returned = listener->returned;
	close(listener->stop_fd);
	free(listener);
	return returned;
}

static void messages_come_in_their_order(void **state)
{
	struct redis_fixture *fixture = *state;
	struct listener *listener = begin(fixture, 0);
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:a one"));
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:c none"));
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:b %b", "t\0o", (size_t)3));
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:a three"));
	WAIT_UNTIL(atomic_load(&listener->n) == 3);
	assert_string_equal(listener->messages[0], "rows:a one");
	assert_string_equal(listener->messages[1], "rows:b t");
	assert_string_equal(listener->messages[2], "rows:a three");
	assert_int_equal(eventfd_write(listener->stop_fd, 1), 0);
	assert_int_equal(end(listener), -ECANCELED);
}

static void a_callback_can_end_it(void **state)
{
	struct redis_fixture *fixture = *state;
	struct listener *listener = begin(fixture, 7);
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:a one"));
	WAIT_UNTIL(has_messages(listener));
	assert_int_equal(end(listener), 7);
}

static void interrupting_the_plugin_ends_it(void **state)
{
	struct redis_fixture *fixture = *state;
	struct listener *listener = begin(fixture, 0);
	tally_plugin()->interrupt(fixture->plugin);
	assert_int_equal(end(listener), -ECANCELED);
}

static int set_up_hasty(void **state)
{
	redis_set_up(state);
	struct redis_fixture *fixture = *state;
	tally_plugin()->stop(fixture->plugin);
	fixture->config.timeout = CLOCK_SECOND;
	return tally_plugin()->start(fixture->plugin);
}

static void silence_is_fine_as_long_as_it_lives(void **state)
{
	struct redis_fixture *fixture = *state;
	struct listener *listener = begin(fixture, 0);
	for (unsigned i = 0; i < 3; i++) { /* each as long as it takes until it is asked */
		atomic_store(&listener->subscribed, false);
		WAIT_UNTIL(is_subscribed(listener));
	}
	freeReplyObject(redis_ask(fixture, "PUBLISH tally:v1:rows:a one"));
	WAIT_UNTIL(has_messages(listener));
	redis_signal(SIGSTOP);
	assert_int_equal(end(listener), -ETIMEDOUT);
	redis_signal(SIGCONT);
}

#define REDIS(test, set) cmocka_unit_test_setup_teardown(test, set, redis_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS(messages_come_in_their_order, redis_set_up),
		REDIS(a_callback_can_end_it, redis_set_up),
		REDIS(interrupting_the_plugin_ends_it, redis_set_up),
		REDIS(silence_is_fine_as_long_as_it_lives, set_up_hasty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
