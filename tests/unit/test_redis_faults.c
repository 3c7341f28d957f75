/* Replies that no Redis gives: halves, endless ones, arrays, nonsense. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "redis_fixture.h"
#include "redis_villain.h"
#include "test.h"

static struct redis_fixture *meet(struct villain *villain)
{
	struct redis_fixture *fixture = redis_prepare();
	villain_begin(villain);
	snprintf(fixture->url, sizeof(fixture->url), "redis://127.0.0.1:%d", villain->port);
	return fixture;
}

static void part(struct villain *villain, struct redis_fixture *fixture)
{
	redis_finish(fixture);
	villain_end(villain);
}

static void expect_failure(struct villain *villain, int error, const char *why)
{
	struct redis_fixture *fixture = meet(villain);
	fixture->config.timeout = error == ETIMEDOUT ? CLOCK_SECOND : 30 * CLOCK_SECOND;
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(redis_write_row(fixture), -error);
	if (!strstr(tally_reason(fixture->ctx), why))
		fail_msg("\"%s\" does not say \"%s\"", tally_reason(fixture->ctx), why);
	part(villain, fixture);
}

static void half_a_reply_ends_with_the_deadline(void **state)
{
	(void)state;
	expect_failure(&(struct villain){.reply = "$100\r\nabc"}, ETIMEDOUT, "in time");
}

static void an_endless_reply_is_cut_off(void **state)
{
	char text[4097];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "$500000000\r\n", 12);
	expect_failure(&(struct villain){.reply = text, .endless = true}, EBADMSG, "longer than");
}

static void arrays_are_refused_before_memory_is_allocated(void **state)
{
	(void)state;
	expect_failure(&(struct villain){.reply = "*2147483647\r\n:1\r\n"}, EBADMSG, "");
	expect_failure(&(struct villain){.reply = "*-2\r\n:1\r\n"}, EBADMSG, "");
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	expect_failure(&(struct villain){.reply = "HTTP/1.1 400 Bad Request\r\n\r\n"}, EBADMSG,
		       "Protocol error");
}

static void bytes_that_nobody_asked_for_end_the_connection(void **state)
{
	struct villain villain = {.reply = "+OK\r\n+OK\r\n+OK\r\n+OK\r\n"};
	struct redis_fixture *fixture = meet(&villain);
	struct tally_batch *batch = tally_batch_new(fixture->ctx, &redis_table);
	uint8_t verdict = TALLY_RETRY;
	tally_put_int(tally_batch_row(fixture->ctx, batch), 0, 1);
	struct tally_entry entry = {batch, 1, "me", NULL};
	(void)state;
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(tally_plugin()->output->write(fixture->plugin, &entry, 1, &verdict), 0);
	uint64_t connects = fake_host_metric(fixture->host, REDIS_CONNECTS);
	assert_int_equal(tally_plugin()->output->write(fixture->plugin, &entry, 1, &verdict), 0);
	assert_true(fake_host_metric(fixture->host, REDIS_CONNECTS) > connects);
	tally_batch_drop(fixture->ctx, batch);
	part(&villain, fixture);
}

static int hear_nothing(void *arg, const char *channel, char *text, size_t len)
{
	(void)arg;
	(void)channel;
	(void)text;
	(void)len;
	return 0;
}

static void what_is_no_message_ends_the_subscription(void **state)
{
	static const char *const channels[] = {"rows:a", NULL};
	static const char *const replies[] = {
		"+OK\r\n",
		"$5\r\nhello\r\n",
		"*2147483647\r\n:1\r\n",
		"*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
		"*-1\r\n",
		"*0\r\n",
		"*3\r\n:1\r\n:2\r\n:3\r\n",
		"*3\r\n$7\r\nmessage\r\n:2\r\n:3\r\n",
		"*3\r\n$7\r\nmessage\r\n$-1\r\n$-1\r\n",
		"*3\r\n$7\r\nmessage\r\n$12\r\nother:rows:a\r\n$1\r\nx\r\n",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		struct villain villain = {.reply = replies[i]};
		struct redis_fixture *fixture = meet(&villain);
		assert_int_equal(redis_begin(fixture), 0);
		assert_int_equal(tally_plugin()->cache->subscribe(fixture->plugin, channels, -1,
								  hear_nothing, NULL),
				 -EBADMSG);
		part(&villain, fixture);
	}
}

static void a_refused_subscription_says_why(void **state)
{
	static const char *const channels[] = {"rows:a", NULL};
	struct villain villain = {.reply = "-NOPERM this user has no permissions\r\n"};
	struct redis_fixture *fixture = meet(&villain);
	(void)state;
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(
		tally_plugin()->cache->subscribe(fixture->plugin, channels, -1, hear_nothing, NULL),
		-EPROTO);
	assert_non_null(strstr(tally_reason(fixture->ctx), "NOPERM"));
	part(&villain, fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_message_ends_the_subscription),
		cmocka_unit_test(a_refused_subscription_says_why),
		cmocka_unit_test(half_a_reply_ends_with_the_deadline),
		cmocka_unit_test(an_endless_reply_is_cut_off),
		cmocka_unit_test(arrays_are_refused_before_memory_is_allocated),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(bytes_that_nobody_asked_for_end_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
