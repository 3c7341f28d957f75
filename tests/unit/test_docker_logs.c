/* The plugin against an engine that misbehaves, in a thread as the core's. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "docker_fixture.h"
#include "logs.h"
#include "logs_table.h"

#include <cmocka.h>

static const int64_t second_ns = 1000000000;

#define ID "abc"
#define LOGS "/containers/" ID "/logs"
#define AT(s) "2026-11-23T16:17:" s ".000000001Z "

struct running {
	struct docker_fixture f;
	pthread_t thread;
	int result;
};

static void *run(void *arg)
{
	struct running *running = arg;
	running->result = running->f.plugin->input->run(running->f.self);
	return NULL;
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * second_ns + now.tv_nsec;
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		int64_t deadline_ = now_ns() + 20 * second_ns;                                     \
		while (!(condition)) {                                                             \
			if (now_ns() > deadline_)                                                  \
				fail_msg("in vain: %s", #condition);                               \
			usleep(2000);                                                              \
		}                                                                                  \
	} while (0)

/* One container with a terminal, whose log is plain text. */
static void begin(struct running *running)
{
	struct docker_fixture *f = &running->f;
	fixture_init(f, NULL);
	fixture_set_text(f, "first_sight", "all");
	fixture_set_ns(f, "source", SOURCE_API);
	fixture_set_ns(f, "max_line", 256 << 10);
	fixture_set_ns(f, "max_containers", 1000);
	fake_engine_set(f->engine, "/events", 200, "", FAKE_STREAMS);
	fake_engine_set(f->engine, "/containers/json", 200,
			"[{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"State\":\"running\"}]",
			FAKE_ANSWERS);
	fake_engine_set(f->engine, "/containers/" ID "/json", 200,
			"{\"Id\":\"" ID "\",\"Name\":\"/web\",\"Created\":\"2026-11-23T16:00:00Z\","
			"\"State\":{\"Status\":\"running\",\"Running\":true,\"StartedAt\":"
			"\"2026-11-23T16:00:00Z\"},\"Config\":{\"Tty\":true}}",
			FAKE_ANSWERS);
}

static void start(struct running *running)
{
	assert_int_equal(fixture_start(&running->f), 0);
	assert_int_equal(pthread_create(&running->thread, NULL, run, running), 0);
}

static void stop(struct running *running)
{
	fake_host_stop(running->f.host);
	pthread_join(running->thread, NULL);
}

static uint64_t metric(struct running *running, enum logs_metric metric)
{
	return fake_host_metric(running->f.host, metric);
}

/* What was asked of the engine. */
static uint64_t calls(struct running *running, const char *what, const char *call)
{
	char name[40], labels[40];
	snprintf(name, sizeof(name), "engine_%s", what);
	snprintf(labels, sizeof(labels), "call=\"%s\"", call);
	return fixture_metric(&running->f, name, labels);
}

static void assert_messages(struct running *running, const char *const *wanted, uint32_t n)
{
	assert_int_equal(fixture_rows(&running->f), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_cell *cell =
			&fake_host_row(running->f.host, "container_logs", i)[LOGS_MESSAGE];
		assert_int_equal(cell->len, strlen(wanted[i]));
		assert_memory_equal(cell->text, wanted[i], cell->len);
	}
}

/* ---- What it asks, and what it makes of it ---- */

static void lines_become_rows(void **state)
{
	static const char *const wanted[] = {"one", "two ERROR"};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, AT("02") "two ERROR\r\n") == 1);
	/* A line that comes again shows that all before it are read; stopping hands them over. */
	fake_engine_push(running.f.engine, LOGS, AT("01") "one\r\n");
	WAIT_FOR(metric(&running, METRIC_REPEATS) > 0);
	stop(&running);
	assert_int_equal(running.result, 0);
	assert_messages(&running, wanted, 2);
	const struct tally_cell *row = fake_host_row(running.f.host, "container_logs", 1);
	assert_true(row[LOGS_LEVEL].set);
	assert_memory_equal(row[LOGS_LEVEL].text, "error", 5);
	assert_int_equal(row[LOGS_SEQUENCE].i, 0);
	assert_true(fake_engine_only_get(running.f.engine));
	assert_int_equal(calls(&running, "calls_total", "logs"), 1);
	assert_true(calls(&running, "seconds_total", "logs") > 0);
	assert_int_equal(calls(&running, "errors_total", "logs"), 0);
	fixture_done(&running.f);
}

/* What the engine sends first lies behind the mark, so more and more is asked for. */
static void reading_is_resumed_by_ever_wider_tails_and_only_then_by_time(void **state)
{
	static const char *const asked[] = {"&tail=256 ", "&tail=4096 ", "&tail=65536 ",
					    "&tail=1048576 ", "&since="};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, AT("02") "two\r\n") == 1);
	fake_engine_set(running.f.engine, LOGS, 200, AT("09") "nine\r\n", FAKE_STREAMS);
	fake_engine_end_streams(running.f.engine, LOGS, true);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		WAIT_FOR(fake_engine_asked(running.f.engine, asked[i]) == 1);
	WAIT_FOR(metric(&running, METRIC_GAPS) == 1);
	stop(&running);
	assert_int_equal(fixture_rows(&running.f), 3);
	fixture_done(&running.f);
}

static void what_was_taken_before_is_dropped_and_counted(void **state)
{
	static const char *const wanted[] = {"one", "two", "three"};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n" AT("02") "two\r\n",
			FAKE_STREAMS);
	start(&running);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, "") == 1);
	fake_engine_set(running.f.engine, LOGS, 200,
			AT("01") "one\r\n" AT("02") "two\r\n" AT("03") "three\r\n", FAKE_STREAMS);
	fake_engine_end_streams(running.f.engine, LOGS, false);
	WAIT_FOR(metric(&running, METRIC_REPEATS) == 2);
	stop(&running);
	assert_messages(&running, wanted, 3);
	fixture_done(&running.f);
}

static void rate_limited_lines_are_dropped_and_counted(void **state)
{
	struct running running;
	(void)state;
	begin(&running);
	fixture_set_ns(&running.f, "rate_limit", 2);
	fake_engine_set(running.f.engine, LOGS, 200, "", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(metric(&running, METRIC_READS) == 1);
	fake_host_set_monotonic(running.f.host, now_ns());
	WAIT_FOR(fake_engine_push(
			 running.f.engine, LOGS,
			 AT("01") "1\r\n" AT("02") "2\r\n" AT("03") "3\r\n" AT("04") "4\r\n") == 1);
	WAIT_FOR(metric(&running, METRIC_LIMITED) == 2);
	stop(&running);
	assert_int_equal(fixture_rows(&running.f), 2);
	fixture_done(&running.f);
}

/* ---- Faults ---- */

static void a_driver_that_cannot_be_read_is_told_once(void **state)
{
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 501,
			"{\"message\":\"configured logging driver does not support reading\"}",
			FAKE_ANSWERS);
	start(&running);
	WAIT_FOR(metric(&running, METRIC_UNREADABLE) == 1);
	fake_engine_push(running.f.engine, "/events",
			 "{\"Type\":\"container\",\"Action\":\"start\",\"time\":1,\"Actor\":{"
			 "\"ID\":\"" ID "\"}}\n");
	stop(&running);
	const char *log = fake_host_log(running.f.host, TALLY_NOTICE);
	assert_string_equal(log,
			    "web: its log is not read: HTTP 501: configured logging driver does "
			    "not support reading");
	assert_int_equal(fake_engine_asked(running.f.engine, LOGS), 1);
	assert_int_equal(calls(&running, "calls_total", "logs"), 1);
	assert_int_equal(calls(&running, "errors_total", "logs"), 1);
	fixture_done(&running.f);
}

static void garbage_is_counted_and_read_again(void **state)
{
	static const char *const wanted[] = {"one"};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, "this is no log\n", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(metric(&running, METRIC_GARBAGE) > 0);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, AT("00") "x\r\n") == 1);
	WAIT_FOR(metric(&running, METRIC_REPEATS) > 0);
	stop(&running);
	assert_messages(&running, wanted, 1);
	fixture_done(&running.f);
}

static void a_container_that_is_gone_is_forgotten(void **state)
{
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 404, "{\"message\":\"No such container\"}",
			FAKE_ANSWERS);
	start(&running);
	WAIT_FOR(fake_engine_asked(running.f.engine, LOGS) == 1);
	WAIT_FOR(metric(&running, METRIC_CONTAINERS) == 0);
	stop(&running);
	assert_string_equal(fake_host_log(running.f.host, TALLY_WARNING), "");
	fixture_done(&running.f);
}

static void an_engine_that_dies_is_told_once_and_followed_when_it_is_back(void **state)
{
	static const char *const wanted[] = {"one", "two"};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, AT("00") "x\r\n") == 1);
	WAIT_FOR(metric(&running, METRIC_REPEATS) == 1);
	fake_engine_die(running.f.engine);
	WAIT_FOR(fixture_metric(&running.f, "failed_looks_total", "") >= 1);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n" AT("02") "two\r\n",
			FAKE_STREAMS);
	fake_engine_revive(running.f.engine);
	WAIT_FOR(metric(&running, METRIC_REPEATS) == 2);
	WAIT_FOR(fixture_metric(&running.f, "event_stream_open", "") == 1);
	stop(&running);
	const char *log = fake_host_log(running.f.host, TALLY_WARNING);
	assert_non_null(strstr(log, "trying again"));
	assert_null(strchr(log, '\n'));
	assert_messages(&running, wanted, 2);
	fixture_done(&running.f);
}

static void an_engine_that_hangs_beside_idle_streams_is_noticed(void **state)
{
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	start(&running);
	WAIT_FOR(metric(&running, METRIC_READS) == 1);
	fake_engine_set(running.f.engine, "/containers/json", 200, "", FAKE_HANGS);
	/* After an end of the events everything is listed, as after 60 s in the long run. */
	fake_engine_end_streams(running.f.engine, "/events", true);
	WAIT_FOR(fixture_metric(&running.f, "failed_looks_total", "") > 0);
	stop(&running);
	assert_non_null(strstr(fake_host_log(running.f.host, TALLY_DEBUG), "is dockerd hanging?"));
	assert_int_equal(running.result, 0);
	fixture_done(&running.f);
}

/* A full disk, say: what is not safe is read again. */
static void rows_that_were_not_taken_are_read_again(void **state)
{
	static const char *const wanted[] = {"one"};
	struct running running;
	(void)state;
	begin(&running);
	fake_engine_set(running.f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fake_host_set_emit_result(running.f.host, -ENOSPC);
	start(&running);
	WAIT_FOR(metric(&running, METRIC_READS) >= 2);
	fake_host_set_emit_result(running.f.host, 0);
	WAIT_FOR(fake_engine_push(running.f.engine, LOGS, AT("00") "x\r\n") == 1);
	WAIT_FOR(metric(&running, METRIC_REPEATS) > 0);
	stop(&running);
	assert_messages(&running, wanted, 1);
	fixture_done(&running.f);
}

static void first_sight_must_be_understood(void **state)
{
	static const char *const wrong[] = {"", "some", "-1", "0", "10x", "99999999999"};
	struct running running;
	(void)state;
	begin(&running);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fixture_set_text(&running.f, "first_sight", wrong[i]);
		assert_int_equal(fixture_start(&running.f), -EINVAL);
		assert_non_null(strstr(fake_host_reason(running.f.host), "first_sight"));
	}
	fixture_done(&running.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_rows),
		cmocka_unit_test(reading_is_resumed_by_ever_wider_tails_and_only_then_by_time),
		cmocka_unit_test(what_was_taken_before_is_dropped_and_counted),
		cmocka_unit_test(rate_limited_lines_are_dropped_and_counted),
		cmocka_unit_test(a_driver_that_cannot_be_read_is_told_once),
		cmocka_unit_test(garbage_is_counted_and_read_again),
		cmocka_unit_test(a_container_that_is_gone_is_forgotten),
		cmocka_unit_test(an_engine_that_dies_is_told_once_and_followed_when_it_is_back),
		cmocka_unit_test(an_engine_that_hangs_beside_idle_streams_is_noticed),
		cmocka_unit_test(rows_that_were_not_taken_are_read_again),
		cmocka_unit_test(first_sight_must_be_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
