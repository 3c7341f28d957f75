/* Redis by way of sentinels: played ones, that name a real Redis or lie. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis_fixture.h"
#include "redis_villain.h"
#include "sentinel.h"
#include "test.h"
#include "waiting.h"

#define PRIMARY "*3\r\n$6\r\nmaster\r\n:0\r\n*1\r\n*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n0\r\n"
#define REPLICA "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"

enum { REPLY_SIZE = 100 };

/* ---- The url ------------------------------------------------------------- */

static void a_list_of_sentinels_is_understood(void **state)
{
	struct sentinels sentinels;
	(void)state;
	assert_true(sentinels_are_meant("redis+sentinel://x"));
	assert_false(sentinels_are_meant("redis://x"));
	assert_null(sentinels_parse(
		"redis+sentinel://a.b:1,[::1]:65535,c,[fe80::2]/my-master_1.x/7", &sentinels));
	assert_int_equal(sentinels.n, 4);
	assert_string_equal(sentinels.list[0].place, "a.b");
	assert_int_equal(sentinels.list[0].port, 1);
	assert_string_equal(sentinels.list[1].place, "::1");
	assert_int_equal(sentinels.list[1].port, 65535);
	assert_string_equal(sentinels.list[2].place, "c");
	assert_int_equal(sentinels.list[2].port, 26379);
	assert_string_equal(sentinels.list[3].place, "fe80::2");
	assert_string_equal(sentinels.name, "my-master_1.x");
	assert_int_equal(sentinels.db, 7);
	assert_null(sentinels_parse("redis+sentinel://1,2,3,4,5,6,7,8/m/", &sentinels));
	assert_int_equal(sentinels.n, 8);
	assert_int_equal(sentinels.db, -1);
}

static void expect_problem(const char *url, const char *why)
{
	struct redis_fixture *fixture = redis_prepare();
	fixture->config.url = url;
	assert_int_equal(redis_begin(fixture), -EINVAL);
	if (!strstr(tally_reason(fixture->ctx), why))
		fail_msg("%s: %s", url, tally_reason(fixture->ctx));
	redis_finish(fixture);
}

static void a_list_of_sentinels_says_what_is_wrong_with_it(void **state)
{
	static const char *const cases[][2] = {
		{"redis+sentinel://", "needs a host"},
		{"redis+sentinel:///m", "needs a host"},
		{"redis+sentinel://a,/m", "needs a host"},
		{"redis+sentinel://,a/m", "needs a host"},
		{"redis+sentinel://a b/m", "needs a host"},
		{"redis+sentinel://a:0/m", "port from 1"},
		{"redis+sentinel://a,b:65536/m", "port from 1"},
		{"redis+sentinel://:p@a/m", "user or a password"},
		{"redis+sentinel://:p/w@a/m", "user or a password"},
		{"redis+sentinel://1,2,3,4,5,6,7,8,9/m", "more than 8"},
		{"redis+sentinel://a", "needs the name"},
		{"redis+sentinel://a/", "needs the name"},
		{"redis+sentinel://a//0", "needs the name"},
		{"redis+sentinel://a/m?x=1", "needs the name"},
		{"redis+sentinel://a/m/65536", "from 0 to 65535"},
		{"redis+sentinel://a/m/999999999999999999999", "from 0 to 65535"},
		{"redis+sentinel://a/m/x", "from 0 to 65535"},
		{"redis+sentinel://a/m/-1", "from 0 to 65535"},
		{"redis+sentinel://a/m/1/", "from 0 to 65535"},
		{"rediss+sentinel://a/m", "TLS"},
	};
	char url[400] = "redis+sentinel://a/";
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_problem(cases[i][0], cases[i][1]);
	memset(url + strlen(url), 'm', SENTINEL_NAME_SIZE);
	expect_problem(url, "at most 64");
	memset(url + strlen("redis+sentinel://"), 'h', ADDRESS_SIZE);
	memcpy(url + strlen("redis+sentinel://") + ADDRESS_SIZE, "/m", 3);
	expect_problem(url, "needs a host");
}

static void what_belongs_together_is_given_together(void **state)
{
	struct redis_fixture *fixture = redis_prepare();
	(void)state;
	fixture->config.sentinel_password = "s3cret";
	assert_int_equal(redis_begin(fixture), -EINVAL);
	assert_non_null(strstr(tally_reason(fixture->ctx), "url has no sentinels"));
	fixture->config.url = "redis+sentinel://a/m/3";
	fixture->config.db = 2;
	assert_int_equal(redis_begin(fixture), -EINVAL);
	assert_non_null(strstr(tally_reason(fixture->ctx), "differs from the database in url"));
	redis_finish(fixture);
}

/* ---- Answers ------------------------------------------------------------- */

/* What a sentinel says of a primary at that port of this machine. */
static const char *name_port(int port, char text[REPLY_SIZE])
{
	char number[16];
	int len = snprintf(number, sizeof(number), "%d", port);
	snprintf(text, REPLY_SIZE, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len, number);
	return text;
}

static struct redis_fixture *ask(const struct villain *villains, size_t n)
{
	struct redis_fixture *fixture = redis_prepare();
	char *url = fixture->url;
	size_t len = (size_t)snprintf(url, sizeof(fixture->url), "redis+sentinel://");
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(url + len, sizeof(fixture->url) - len, "%s127.0.0.1:%d",
					i ? "," : "", villains[i].port);
	snprintf(url + len, sizeof(fixture->url) - len, "/mymaster");
	return fixture;
}

static void expect_failure(struct villain *sentinel, int error, const char *why)
{
	villain_begin(sentinel);
	struct redis_fixture *fixture = ask(sentinel, 1);
	if (error == ETIMEDOUT)
		fixture->config.timeout = CLOCK_SECOND / 2;
	int r = redis_begin(fixture);
	if (r != -error || !strstr(tally_reason(fixture->ctx), why) ||
	    !strstr(tally_reason(fixture->ctx), "sentinel"))
		fail_msg("%s: %d, %s", sentinel->reply, r, tally_reason(fixture->ctx));
	assert_int_equal(fake_host_metric(fixture->host, REDIS_CONNECT_ERRORS), 1);
	tally_plugin()->destroy(fixture->plugin);
	fixture->plugin = NULL;
	redis_finish(fixture);
	villain_end(sentinel);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const replies[] = {
		"+OK\r\n",
		":1\r\n",
		"$9\r\n127.0.0.1\r\n",
		"*0\r\n",
		"*1\r\n$9\r\n127.0.0.1\r\n",
		"*2\r\n:1\r\n:2\r\n",
		"*2\r\n$-1\r\n$-1\r\n",
		"*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$11\r\n99999999999\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$2\r\n-1\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$0\r\n\r\n",
		"*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
		"*2\r\n$9\r\n127.0.0 1\r\n$4\r\n6379\r\n",
		"*2\r\n$9\r\n/run/sock\r\n$4\r\n6379\r\n",
		"*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n",
		"*2147483647\r\n:1\r\n",
		"*-2\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		expect_failure(&(struct villain){.reply = replies[i]}, EBADMSG, "");
}

static void hosts_of_any_bytes_and_length_are_refused(void **state)
{
	char host[ADDRESS_SIZE];
	struct address address;
	(void)state;
	memset(host, 'h', sizeof(host));
	assert_false(address_make(host, sizeof(host), "1", 1, &address));
	assert_true(address_make(host, sizeof(host) - 1, "1", 1, &address));
	assert_false(address_make("127.0.0.1\0x", 11, "1", 1, &address));
	assert_false(address_make("127.0.0.1", 9, "1\0", 2, &address));
	assert_false(address_make("\xff\x01", 2, "1", 1, &address));
	assert_true(address_make("fe80::1", 7, "26379", 5, &address));
	assert_string_equal(address.place, "fe80::1");
}

static void long_slow_and_refusing_answers_are_explained(void **state)
{
	char text[4097];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "$500000000\r\n", 12);
	expect_failure(&(struct villain){.reply = text, .endless = true}, EBADMSG, "longer than");
	expect_failure(&(struct villain){.reply = "*2\r\n$9\r\n127."}, ETIMEDOUT, "in time");
	expect_failure(&(struct villain){.reply = "*-1\r\n"}, ENOENT, "does not know \"mymaster\"");
	expect_failure(&(struct villain){.reply = "-NOAUTH Authentication required.\r\n"}, EPROTO,
		       "NOAUTH");
}

static void who_says_not_to_be_primary_is_not_taken_for_one(void **state)
{
	static const struct {
		const char *reply, *why;
		int error;
	} cases[] = {
		{REPLICA, "is not the primary", EROFS},
		{"*0\r\n", "is not the primary", EROFS},
		{"*1\r\n:1\r\n", "is not the primary", EROFS},
		{"+master\r\n", "is not the primary", EROFS},
		{"*2147483647\r\n:1\r\n", "", EBADMSG},
		{"-NOPERM this user has no permissions\r\n", "NOPERM", EPROTO},
		{"*3\r\n$6\r\nmaster\r\n", "in time", ETIMEDOUT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct villain primary = {.reply = cases[i].reply};
		char reply[REPLY_SIZE];
		villain_begin(&primary);
		struct villain sentinel = {.reply = name_port(primary.port, reply)};
		expect_failure(&sentinel, cases[i].error, cases[i].why);
		villain_end(&primary);
	}
}

/* ---- In turn ------------------------------------------------------------- */

static void sentinels_are_asked_in_turn_and_who_knew_first(void **state)
{
	struct villain primary = {.reply = PRIMARY}, sentinels[3] = {{.reply = ""}, {.reply = ""}};
	char reply[REPLY_SIZE];
	(void)state;
	villain_begin(&primary);
	sentinels[2].reply = name_port(primary.port, reply);
	for (size_t i = 0; i < 3; i++)
		villain_begin(&sentinels[i]);
	villain_end(&sentinels[0]); /* nobody listens there; the next one is silent */
	struct redis_fixture *fixture = ask(sentinels, 3);
	fixture->config.timeout = 2 * CLOCK_SECOND;
	assert_int_equal(redis_begin(fixture), 0);
	WAIT_UNTIL(redis_is_available(fixture));
	assert_int_equal(sentinels[1].n_connections, 1);
	assert_int_equal(sentinels[2].n_connections, 2);
	redis_finish(fixture);
	villain_end(&sentinels[1]);
	villain_end(&sentinels[2]);
	villain_end(&primary);
}

static void after_a_wrong_answer_another_sentinel_is_asked(void **state)
{
	struct villain wrong = {.reply = REPLICA}, primary = {.reply = PRIMARY};
	struct villain sentinels[2] = {{.fd = 0}};
	char replies[2][REPLY_SIZE];
	(void)state;
	villain_begin(&wrong);
	villain_begin(&primary);
	sentinels[0].reply = name_port(wrong.port, replies[0]);
	sentinels[1].reply = name_port(primary.port, replies[1]);
	villain_begin(&sentinels[0]);
	villain_begin(&sentinels[1]);
	struct redis_fixture *fixture = ask(sentinels, 2);
	assert_int_equal(redis_begin(fixture), -EROFS);
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
	assert_int_equal(sentinels[0].n_connections, 1);
	redis_finish(fixture);
	villain_end(&sentinels[0]);
	villain_end(&sentinels[1]);
	villain_end(&wrong);
	villain_end(&primary);
}

struct start {
	struct redis_fixture *fixture;
	pthread_t thread;
	atomic_int result; /* 1: not yet */
};

static void *start_it(void *arg)
{
	struct start *start = arg;
	atomic_store(&start->result, tally_plugin()->start(start->fixture->plugin));
	return NULL;
}

/* start() forgets what came before it, so over and over. */
static bool has_ended(void *arg)
{
	struct start *start = arg;
	tally_plugin()->interrupt(start->fixture->plugin);
	return atomic_load(&start->result) != 1;
}

static void interrupting_ends_the_asking_of_all(void **state)
{
	struct villain sentinels[2] = {{.reply = ""}, {.reply = ""}};
	struct start start = {.result = 1};
	(void)state;
	villain_begin(&sentinels[0]);
	villain_begin(&sentinels[1]);
	start.fixture = ask(sentinels, 2);
	start.fixture->config.timeout = 60 * CLOCK_SECOND;
	assert_int_equal(tally_plugin()->create(start.fixture->ctx, &start.fixture->config,
						&start.fixture->plugin),
			 0);
	pthread_create(&start.thread, NULL, start_it, &start);
	WAIT_UNTIL(has_ended(&start));
	pthread_join(start.thread, NULL);
	assert_int_equal(start.result, -ECANCELED);
	assert_int_equal(sentinels[1].n_connections, 0);
	tally_plugin()->destroy(start.fixture->plugin);
	start.fixture->plugin = NULL;
	redis_finish(start.fixture);
	villain_end(&sentinels[0]);
	villain_end(&sentinels[1]);
}

/* ---- A real Redis -------------------------------------------------------- */

static int keep(struct redis_fixture *fixture)
{
	return tally_plugin()->cache->set(fixture->plugin, "k", "x", 1, 60 * CLOCK_SECOND);
}

static bool is_set(void *arg)
{
	return keep(arg) == 0;
}

static struct redis_fixture *ask_for_redis(struct villain *sentinel, char reply[REPLY_SIZE])
{
	const char *port = getenv("TALLYD_TEST_REDIS_PORT");
	assert_non_null(port);
	sentinel->reply = name_port((int)strtol(port, NULL, 10), reply);
	villain_begin(sentinel);
	return ask(sentinel, 1);
}

static void a_redis_that_was_demoted_is_let_go(void **state)
{
	struct villain sentinel = {.fd = 0};
	char reply[REPLY_SIZE];
	struct redis_fixture *fixture = ask_for_redis(&sentinel, reply);
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(redis_write_row(fixture), 0);
	WAIT_UNTIL(is_set(fixture));
	redis_expect(*state, "OK", "REPLICAOF 127.0.0.1 1");
	assert_int_equal(redis_write_row(fixture), -EPROTO);
	assert_non_null(strstr(tally_reason(fixture->ctx), "READONLY"));
	assert_int_equal(redis_write_row(fixture), -EROFS);
	assert_int_equal(keep(fixture), -EPROTO);
	assert_int_equal(fake_host_metric(fixture->host, REDIS_CACHE_AVAILABLE), 0);
	redis_expect(*state, "OK", "REPLICAOF NO ONE");
	assert_int_equal(redis_write_row(fixture), 0);
	WAIT_UNTIL(is_set(fixture));
	redis_finish(fixture);
	villain_end(&sentinel);
}

static void the_database_of_the_url_is_used(void **state)
{
	struct villain sentinel = {.fd = 0};
	char reply[REPLY_SIZE];
	struct redis_fixture *fixture = ask_for_redis(&sentinel, reply);
	size_t len = strlen(fixture->url);
	snprintf(fixture->url + len, sizeof(fixture->url) - len, "/3");
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(redis_write_row(fixture), 0);
	redis_expect(*state, NULL, "HGET tally:v1:container:c1 ticks.container_id");
	redis_expect(*state, "OK", "SELECT 3");
	redis_expect(*state, "c1", "HGET tally:v1:container:c1 ticks.container_id");
	redis_finish(fixture);
	villain_end(&sentinel);
}

static int stop_when_subscribed(void *arg, const char *channel, char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
	return channel ? 0 : 7;
}

static void channels_are_subscribed_there_too(void **state)
{
	static const char *const channels[] = {"rows:a", NULL};
	struct villain sentinel = {.fd = 0};
	char reply[REPLY_SIZE];
	struct redis_fixture *fixture = ask_for_redis(&sentinel, reply);
	(void)state;
	assert_int_equal(redis_begin(fixture), 0);
	assert_int_equal(tally_plugin()->cache->subscribe(fixture->plugin, channels, -1,
							  stop_when_subscribed, NULL),
			 7);
	redis_finish(fixture);
	villain_end(&sentinel);
}

#define REDIS(test) cmocka_unit_test_setup_teardown(test, redis_set_up, redis_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_sentinels_is_understood),
		cmocka_unit_test(a_list_of_sentinels_says_what_is_wrong_with_it),
		cmocka_unit_test(what_belongs_together_is_given_together),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(hosts_of_any_bytes_and_length_are_refused),
		cmocka_unit_test(long_slow_and_refusing_answers_are_explained),
		cmocka_unit_test(who_says_not_to_be_primary_is_not_taken_for_one),
		cmocka_unit_test(sentinels_are_asked_in_turn_and_who_knew_first),
		cmocka_unit_test(after_a_wrong_answer_another_sentinel_is_asked),
		cmocka_unit_test(interrupting_ends_the_asking_of_all),
		REDIS(a_redis_that_was_demoted_is_let_go),
		REDIS(the_database_of_the_url_is_used),
		REDIS(channels_are_subscribed_there_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
