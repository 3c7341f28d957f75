/* Rows in Redis, as other readers find them: hashes and messages. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis_fixture.h"
#include "test.h"

enum { TIME, HOST, CONTAINER, CPU, BYTES, NOTE, LABELS, OOM, COLUMNS };

static const struct tally_column columns[COLUMNS] = {
	[TIME] = {.name = "time", .type = TALLY_TIME},
	[HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[CONTAINER] = {.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	[CPU] = {.name = "cpu_percent", .type = TALLY_REAL},
	[BYTES] = {.name = "bytes", .type = TALLY_INT, .role = TALLY_COUNTER},
	[NOTE] = {.name = "note", .type = TALLY_TEXT},
	[LABELS] = {.name = "labels", .type = TALLY_JSON},
	[OOM] = {.name = "oom", .type = TALLY_BOOL},
};
static const struct tally_table stats = {.name = "container_stats",
					 .columns = columns,
					 .n_columns = COLUMNS,
					 .kind = TALLY_SERIES,
					 .revision = 1};
static const struct tally_table lines = {.name = "container_logs",
					 .columns = columns,
					 .n_columns = COLUMNS,
					 .kind = TALLY_LOG,
					 .revision = 1};

#define NOW (INT64_C(1767268800) * CLOCK_SECOND)

static void put(struct tally_cell *row, uint32_t column, const char *text)
{
	tally_put_text_borrowed(row, column, text, strlen(text));
}

/* One row; note NULL: all that can be NULL is. */
static struct tally_batch *make(struct redis_fixture *fixture, const struct tally_table *table,
				const char *id, const char *note)
{
	struct tally_batch *batch = tally_batch_new(fixture->ctx, table);
	struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
	tally_put_int(row, TIME, NOW);
	put(row, HOST, "alpha");
	put(row, CONTAINER, id);
	if (note) {
		tally_put_real(row, CPU, 12.5);
		tally_put_int(row, BYTES, INT64_MAX);
		put(row, NOTE, note);
		put(row, LABELS, "{\"a\":\"b\"}");
		tally_put_int(row, OOM, 1);
	}
	return batch;
}

static int write_one(struct redis_fixture *fixture, struct tally_batch *batch, uint8_t *ret_verdict)
{
	static uint64_t sequence;
	struct tally_entry entry = {batch, ++sequence, "me", NULL};
	*ret_verdict = TALLY_RETRY;
	int r = tally_plugin()->output->write(fixture->plugin, &entry, 1, ret_verdict);
	tally_batch_drop(fixture->ctx, batch);
	return r;
}

static void write_done(struct redis_fixture *fixture, struct tally_batch *batch)
{
	uint8_t verdict;
	assert_int_equal(write_one(fixture, batch, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
}

#define KEY "tally:v1:container:c1"

static void a_container_has_a_hash_with_its_newest_row(void **state)
{
	struct redis_fixture *fixture = *state;
	write_done(fixture, make(fixture, &stats, "c1", "two\r\nlines and a \"quote\""));
	redis_expect(fixture, "2026-01-01T12:00:00Z", "HGET " KEY " stats.time");
	redis_expect(fixture, "alpha", "HGET " KEY " stats.host");
	redis_expect(fixture, "12.5", "HGET " KEY " stats.cpu_percent");
	redis_expect(fixture, "9223372036854775807", "HGET " KEY " stats.bytes");
	redis_expect(fixture, "two\r\nlines and a \"quote\"", "HGET " KEY " stats.note");
	redis_expect(fixture, "{\"a\":\"b\"}", "HGET " KEY " stats.labels");
	redis_expect(fixture, "true", "HGET " KEY " stats.oom");
	redisReply *reply = redis_ask(fixture, "PTTL " KEY);
	assert_in_range(reply->integer, 500 * 1000, 600 * 1000);
	freeReplyObject(reply);
	assert_int_equal(fake_host_metric(fixture->host, REDIS_PUBLISHED), 1);
}

static void what_is_null_now_is_no_field_any_more(void **state)
{
	write_done(*state, make(*state, &stats, "c1", "x"));
	write_done(*state, make(*state, &stats, "c1", NULL));
	redis_expect(*state, NULL, "HGET " KEY " stats.cpu_percent");
	redis_expect(*state, "alpha", "HGET " KEY " stats.host");
}

static void each_row_is_a_message_on_its_tables_channel(void **state)
{
	struct redis_fixture *fixture = *state;
	redisReply *reply = redis_ask(fixture, "SUBSCRIBE tally:v1:rows:container_logs");
	freeReplyObject(reply);
	write_done(fixture, make(fixture, &lines, "c1", "a\xff\n"));
	write_done(fixture, make(fixture, &stats, "c1", NULL));
	write_done(fixture, make(fixture, &lines, "c2", NULL));
	static const char *const wanted[] = {
		"{\"time\":\"2026-01-01T12:00:00Z\",\"host\":\"alpha\",\"container_id\":\"c1\","
		"\"cpu_percent\":12.5,\"bytes\":9223372036854775807,\"note\":\"a\xef\xbf\xbd\\n\","
		"\"labels\":{\"a\":\"b\"},\"oom\":true}",
		"{\"time\":\"2026-01-01T12:00:00Z\",\"host\":\"alpha\",\"container_id\":\"c2\","
		"\"cpu_percent\":null,\"bytes\":null,\"note\":null,\"labels\":null,\"oom\":null}",
	};
	for (int i = 0; i < 2; i++) {
		void *got = NULL;
		assert_int_equal(redisGetReply(fixture->client, &got), REDIS_OK);
		reply = got;
		assert_string_equal(reply->element[2]->str, wanted[i]);
		freeReplyObject(reply);
	}
}

static void lines_of_a_log_are_no_hash(void **state)
{
	write_done(*state, make(*state, &lines, "c1", "x"));
	redis_expect(*state, "none", "TYPE " KEY);
}

static void a_batch_larger_than_one_go_arrives_whole(void **state)
{
	struct redis_fixture *fixture = *state;
	struct tally_batch *batch = tally_batch_new(fixture->ctx, &lines);
	char *text = malloc(60000);
	memset(text, 'x', 60000);
	text[59999] = '\0';
	const char *kept = tally_batch_copy(fixture->ctx, batch, text, 60000);
	for (int i = 0; i < 200; i++) {
		struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
		tally_put_int(row, TIME, NOW + i);
		put(row, HOST, "alpha");
		put(row, NOTE, kept);
	}
	free(text);
	write_done(fixture, batch);
	assert_int_equal(fake_host_metric(fixture->host, REDIS_PUBLISHED), 200);
}

static void a_row_too_large_for_a_message_is_refused_and_not_counted(void **state)
{
	struct redis_fixture *fixture = *state;
	struct tally_batch *batch = make(fixture, &stats, "c1", "small");
	struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
	char *text = malloc(REDIS_MAX_ROW + 1);
	memset(text, 'x', REDIS_MAX_ROW);
	text[REDIS_MAX_ROW] = '\0';
	tally_put_int(row, TIME, NOW + 1);
	put(row, CONTAINER, "c2");
	put(row, NOTE, tally_batch_copy(fixture->ctx, batch, text, REDIS_MAX_ROW + 1));
	free(text);
	write_done(fixture, batch);
	assert_int_equal(fake_host_rejected(fixture->host), 1);
	assert_int_equal(fake_host_metric(fixture->host, REDIS_PUBLISHED), 1);
	redis_expect(fixture, "small", "HGET " KEY " stats.note");
}

static void a_foreign_key_is_left_alone(void **state)
{
	struct redis_fixture *fixture = *state;
	redis_expect(fixture, "OK", "SET " KEY " theirs");
	write_done(fixture, make(fixture, &stats, "c1", "x"));
	redis_expect(fixture, "theirs", "GET " KEY);
	assert_true(fake_host_metric(fixture->host, REDIS_FOREIGN_KEYS) > 0);
}

static void what_redis_cannot_take_now_is_retried(void **state)
{
	struct redis_fixture *fixture = *state;
	uint8_t verdict;
	redis_expect(fixture, "OK", "CONFIG SET maxmemory 1");
	assert_true(write_one(fixture, make(fixture, &stats, "c1", "x"), &verdict) < 0);
	assert_int_equal(verdict, TALLY_RETRY);
	assert_non_null(strstr(tally_reason(fixture->ctx), "OOM"));
	redis_expect(fixture, "OK", "CONFIG SET maxmemory 0");
	write_done(fixture, make(fixture, &stats, "c1", "x"));
}

static void a_lost_connection_is_made_again(void **state)
{
	freeReplyObject(redis_ask(*state, "CLIENT KILL TYPE normal"));
	write_done(*state, make(*state, &stats, "c1", "x"));
	redis_expect(*state, "alpha", "HGET " KEY " stats.host");
}

static void a_frozen_redis_costs_the_timeout(void **state)
{
	struct redis_fixture *hasty = redis_prepare();
	uint8_t verdict;
	(void)state;
	hasty->config.timeout = 2 * CLOCK_SECOND;
	assert_int_equal(redis_begin(hasty), 0);
	redis_signal(SIGSTOP);
	int r = write_one(hasty, make(hasty, &stats, "c1", "x"), &verdict);
	redis_signal(SIGCONT);
	assert_int_equal(r, -ETIMEDOUT);
	assert_int_equal(verdict, TALLY_RETRY);
	write_done(hasty, make(hasty, &stats, "c1", "x"));
	redis_finish(hasty);
}

/* ---- Getting in ---------------------------------------------------------- */

static void a_password_and_a_database_are_used(void **state)
{
	struct redis_fixture *fixture = *state, *guarded = redis_prepare();
	redis_expect(fixture, "OK",
		     "ACL SETUSER tally on >s3cret ~tally:* &tally:* +hset +hdel +pexpire +publish "
		     "+get +set +ping +select");
	guarded->config.user = "tally";
	guarded->config.password = "s3cret";
	guarded->config.db = 3;
	assert_int_equal(redis_begin(guarded), 0);
	write_done(guarded, make(guarded, &stats, "c1", "x"));
	redis_expect(fixture, NULL, "HGET " KEY " stats.host");
	redis_expect(fixture, "OK", "SELECT 3");
	redis_expect(fixture, "alpha", "HGET " KEY " stats.host");
	redis_finish(guarded);
}

static void expect_no_entry(struct redis_fixture *fixture, const char *why)
{
	assert_true(redis_begin(fixture) < 0);
	if (!strstr(tally_reason(fixture->ctx), why))
		fail_msg("\"%s\" does not say \"%s\"", tally_reason(fixture->ctx), why);
	assert_null(strstr(tally_reason(fixture->ctx), "wr0ng"));
	assert_int_equal(fake_host_metric(fixture->host, REDIS_CONNECT_ERRORS), 1);
	tally_plugin()->destroy(fixture->plugin);
	fixture->plugin = NULL;
	redis_finish(fixture);
}

static void a_wrong_password_is_logged_and_not_shown(void **state)
{
	struct redis_fixture *guarded = redis_prepare();
	redis_expect(*state, "OK", "CONFIG SET requirepass s3cret");
	guarded->config.password = "wr0ng";
	expect_no_entry(guarded, "/redis.sock: Redis says: WRONGPASS");
	expect_no_entry(redis_prepare(), "NOAUTH");
	redis_expect(*state, "OK", "CONFIG SET requirepass %s", "");
}

static void a_redis_that_is_not_there_is_logged(void **state)
{
	struct redis_fixture *lost = redis_prepare();
	(void)state;
	lost->config.url = "unix:///nonexistent/redis.sock";
	expect_no_entry(lost, "unix:///nonexistent/redis.sock: No such file");
	lost = redis_prepare();
	lost->config.url = "redis://127.0.0.1:1";
	expect_no_entry(lost, "redis://127.0.0.1:1: Connection refused");
}

static void urls_say_what_is_wrong_with_them(void **state)
{
	static const struct {
		const char *url, *why;
	} cases[] = {
		{"127.0.0.1:6379", "begins with neither"},
		{"redis://", "needs a host"},
		{"redis://a b", "needs a host"},
		{"redis://host:0", "port from 1"},
		{"redis://host:65536", "port from 1"},
		{"redis://host:x", "port from 1"},
		{"redis://host:6379/2", "as db"},
		{"redis://u:p@host", "user or a password"},
		{"redis://u:p/w@host", "user or a password"},
		{"rediss://host", "TLS"},
		{"unix://redis.sock", "full path"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct redis_fixture *fixture = redis_prepare();
		fixture->config.url = cases[i].url;
		assert_int_equal(redis_begin(fixture), -EINVAL);
		if (!strstr(tally_reason(fixture->ctx), cases[i].why))
			fail_msg("%s: %s", cases[i].url, tally_reason(fixture->ctx));
		redis_finish(fixture);
	}
}

static void tcp_works_like_a_socket(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct redis_fixture *fixture = redis_prepare();
		snprintf(fixture->url, sizeof(fixture->url), "redis://%s:%s/", hosts[i],
			 getenv("TALLYD_TEST_REDIS_PORT"));
		assert_int_equal(redis_begin(fixture), 0);
		write_done(fixture, make(fixture, &stats, i ? "c2" : "c1", "x"));
		redis_finish(fixture);
	}
	redis_expect(*state, "alpha", "HGET " KEY " stats.host");
	redis_expect(*state, "alpha", "HGET tally:v1:container:c2 stats.host");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_set_up, redis_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_container_has_a_hash_with_its_newest_row),
		TEST(what_is_null_now_is_no_field_any_more),
		TEST(each_row_is_a_message_on_its_tables_channel),
		TEST(lines_of_a_log_are_no_hash),
		TEST(a_batch_larger_than_one_go_arrives_whole),
		TEST(a_row_too_large_for_a_message_is_refused_and_not_counted),
		TEST(a_foreign_key_is_left_alone),
		TEST(what_redis_cannot_take_now_is_retried),
		TEST(a_lost_connection_is_made_again),
		TEST(a_frozen_redis_costs_the_timeout),
		TEST(a_password_and_a_database_are_used),
		TEST(a_wrong_password_is_logged_and_not_shown),
		TEST(a_redis_that_is_not_there_is_logged),
		TEST(urls_say_what_is_wrong_with_them),
		TEST(tcp_works_like_a_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
