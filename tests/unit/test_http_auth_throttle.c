/* Wrong tokens, counted by the address they come from. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/auth_throttle.h"
#include "http/client_address.h"
#include "fake_host.h"
#include "http_api.h"
#include "test.h"

static struct fake_host *host;
static struct auth_throttle *throttle;
static int64_t now;
static bool held; /* what was noted last */

static int set_up(void **state)
{
	(void)state;
	host = fake_host_create("output.http_api");
	throttle = auth_throttle_create(fake_host_ctx(host));
	now = CLOCK_DAY;
	assert_non_null(throttle);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_host_set_monotonic(host, now);
	auth_throttle_destroy(throttle);
	fake_host_destroy(host);
	return 0;
}

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage ret = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	void *to = ret.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&ret)->sin_addr
					    : (void *)&((struct sockaddr_in6 *)&ret)->sin6_addr;
	assert_int_equal(inet_pton(ret.ss_family, text, to), 1);
	return ret;
}

static unsigned note(const char *text)
{
	const struct sockaddr_storage address = address_of(text);
	return auth_throttle_note(throttle, (const struct sockaddr *)&address, now, &held);
}

static void exhaust(const char *text)
{
	for (int i = 0; i < AUTH_THROTTLE_BURST; i++)
		assert_int_equal(note(text), 0);
	assert_int_equal(note(text), AUTH_THROTTLE_SECONDS);
}

static void an_address_may_be_wrong_a_few_times_and_again_later(void **state)
{
	(void)state;
	exhaust("192.0.2.1");
	assert_int_equal(note("192.0.2.1"), AUTH_THROTTLE_SECONDS); /* that made it no longer */
	assert_int_equal(note("192.0.2.2"), 0);
	now += CLOCK_SECOND;
	assert_int_equal(note("192.0.2.1"), AUTH_THROTTLE_SECONDS - 1);
	now += (AUTH_THROTTLE_SECONDS - 1) * CLOCK_SECOND;
	assert_int_equal(note("192.0.2.1"), 0);
	assert_int_equal(note("192.0.2.1"), AUTH_THROTTLE_SECONDS);
	now += AUTH_THROTTLE_BURST * AUTH_THROTTLE_SECONDS * CLOCK_SECOND;
	exhaust("192.0.2.1");
}

static void few_answers_are_held_back_at_a_time(void **state)
{
	(void)state;
	exhaust("192.0.2.1");
	assert_true(held);
	for (int i = 1; i < AUTH_THROTTLE_HELD; i++) {
		assert_true(note("192.0.2.1") > 0);
		assert_true(held);
	}
	assert_true(note("192.0.2.1") > 0);
	assert_false(held);
	now += CLOCK_SECOND;
	assert_true(note("192.0.2.1") > 0);
	assert_true(held);
	unsigned all = 0;
	for (int i = 2; i < 100; i++) {
		char text[32];
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		exhaust(text);
		all += held;
	}
	assert_true(all > 10 && all < 32);
}

static void of_ipv6_a_network_is_one_address(void **state)
{
	(void)state;
	exhaust("2001:db8:1:2::1");
	assert_true(note("2001:db8:1:2:ffff::2") > 0);
	assert_int_equal(note("2001:db8:1:3::1"), 0);
	exhaust("::ffff:192.0.2.1");
	assert_true(note("192.0.2.1") > 0);
	const struct sockaddr_storage v4 = address_of("42.0.18.52"),
				      v6 = address_of("2a00:1234::1");
	assert_true(client_address_key((const struct sockaddr *)&v4) !=
		    client_address_key((const struct sockaddr *)&v6));
}

static unsigned lines(void)
{
	unsigned n = 0;
	for (const char *at = fake_host_log(host, TALLY_WARNING); *at; at++)
		n += *at == '\n';
	return n;
}

static bool says(const char *text)
{
	return strstr(fake_host_log(host, TALLY_WARNING), text);
}

static void the_log_names_addresses_but_does_not_fill(void **state)
{
	char text[32];
	(void)state;
	for (int i = 0; i < 1000; i++)
		note("2001:db8::1");
	assert_true(says("1 request with a wrong token from 2001:db8::1"));
	assert_true(lines() <= 1);
	for (int i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 250, i % 250);
		assert_int_equal(note(text), 0);
	}
	assert_true(lines() <= 11);
	auth_throttle_flush_log(throttle, now);
	assert_true(lines() <= 11);
	now += 60 * CLOCK_SECOND;
	auth_throttle_flush_log(throttle, now);
	assert_true(says("other addresses"));
	assert_true(lines() <= 22);
}

static void what_was_held_back_is_told_at_the_end(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		note("192.0.2.7");
	auth_throttle_destroy(throttle);
	throttle = NULL;
	assert_true(says("7 requests with a wrong token from 192.0.2.7"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_address_may_be_wrong_a_few_times_and_again_later),
		TEST(few_answers_are_held_back_at_a_time),
		TEST(of_ipv6_a_network_is_one_address),
		TEST(the_log_names_addresses_but_does_not_fill),
		TEST(what_was_held_back_is_told_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
