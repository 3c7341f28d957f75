/* The plugin against an engine that misbehaves, in a thread as the core's. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_fixture.h"
#include "logs.h"
#include "logs/logs_table.h"
#include "test.h"
#include "waiting.h"

#define ID "abc"
#define LOGS "/containers/" ID "/logs"
#define AT(s) "2026-11-23T16:17:" s ".000000001Z "

/* One container with a terminal, whose log is plain text. */
static void begin(struct docker_fixture *f)
{
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

static uint64_t metric(struct docker_fixture *f, enum logs_metric metric)
{
	return fake_host_metric(f->host, metric);
}

/* What was asked of the engine. */
static uint64_t calls(struct docker_fixture *f, const char *what, const char *call)
{
	char name[40], labels[40];
	snprintf(name, sizeof(name), "engine_%s", what);
	snprintf(labels, sizeof(labels), "call=\"%s\"", call);
	return fixture_metric(f, name, labels);
}

/* Until one is dropped, which shows that all before it are read: the first may still go to a stream
 * that is about to be closed. */
static void push_repeats(struct docker_fixture *f)
{
	WAIT_UNTIL(fake_engine_push(f->engine, LOGS, AT("00") "x\r\n") == 1 &&
		   metric(f, METRIC_LOGS + LOG_METRIC_REPEATS) > 0);
}

static void assert_messages(struct docker_fixture *f, const char *const *wanted, uint32_t n)
{
	assert_int_equal(fixture_rows(f), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_cell *cell =
			&fake_host_row(f->host, "container_logs", i)[LOGS_MESSAGE];
		assert_int_equal(cell->len, strlen(wanted[i]));
		assert_memory_equal(cell->text, wanted[i], cell->len);
	}
}

/* ---- What it asks, and what it makes of it ---- */

static void lines_become_rows(void **state)
{
	static const char *const wanted[] = {"one", "two ERROR"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_push(f.engine, LOGS, AT("02") "two ERROR\r\n") == 1);
	/* A line that comes again shows that all before it are read; stopping hands them over. */
	fake_engine_push(f.engine, LOGS, AT("01") "one\r\n");
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_REPEATS) > 0);
	fixture_end(&f);
	assert_messages(&f, wanted, 2);
	const struct tally_cell *row = fake_host_row(f.host, "container_logs", 1);
	assert_true(row[LOGS_LEVEL].set);
	assert_memory_equal(row[LOGS_LEVEL].text, "error", 5);
	assert_int_equal(row[LOGS_SEQUENCE].i, 0);
	assert_true(fake_engine_only_get(f.engine));
	assert_int_equal(calls(&f, "calls_total", "logs"), 1);
	assert_true(calls(&f, "seconds_total", "logs") > 0);
	assert_int_equal(calls(&f, "errors_total", "logs"), 0);
	fixture_done(&f);
}

/* What the engine sends first lies behind the mark, so more and more is asked for. */
static void reading_is_resumed_by_ever_wider_tails_and_only_then_by_time(void **state)
{
	static const char *const asked[] = {"&tail=256 ", "&tail=4096 ", "&tail=65536 ",
					    "&tail=1048576 ", "&since="};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_push(f.engine, LOGS, AT("02") "two\r\n") == 1);
	fake_engine_set(f.engine, LOGS, 200, AT("09") "nine\r\n", FAKE_STREAMS);
	fake_engine_end_streams(f.engine, LOGS, true);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		WAIT_UNTIL(fake_engine_asked(f.engine, asked[i]) == 1);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_GAPS) == 1);
	fixture_end(&f);
	assert_int_equal(fixture_rows(&f), 3);
	fixture_done(&f);
}

static void what_was_taken_before_is_dropped_and_counted(void **state)
{
	static const char *const wanted[] = {"one", "two", "three"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n" AT("02") "two\r\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_push(f.engine, LOGS, "") == 1);
	fake_engine_set(f.engine, LOGS, 200,
			AT("01") "one\r\n" AT("02") "two\r\n" AT("03") "three\r\n", FAKE_STREAMS);
	fake_engine_end_streams(f.engine, LOGS, false);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_REPEATS) == 2);
	fixture_end(&f);
	assert_messages(&f, wanted, 3);
	fixture_done(&f);
}

static void rate_limited_lines_are_dropped_and_counted(void **state)
{
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fixture_set_ns(&f, "rate_limit", 2);
	fake_engine_set(f.engine, LOGS, 200, "", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_READS) == 1);
	fake_host_set_monotonic(f.host, clock_monotonic());
	WAIT_UNTIL(fake_engine_push(f.engine, LOGS,
				    AT("01") "1\r\n" AT("02") "2\r\n" AT("03") "3\r\n" AT(
					    "04") "4\r\n") == 1);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_LIMITED) == 2);
	fixture_end(&f);
	assert_int_equal(fixture_rows(&f), 2);
	fixture_done(&f);
}

/* ---- Faults ---- */

static void a_log_driver_that_cannot_be_read_is_logged_once(void **state)
{
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 501,
			"{\"message\":\"configured logging driver does not support reading\"}",
			FAKE_ANSWERS);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, METRIC_UNREADABLE) == 1);
	fake_engine_push(f.engine, "/events",
			 "{\"Type\":\"container\",\"Action\":\"start\",\"time\":1,\"Actor\":{"
			 "\"ID\":\"" ID "\"}}\n");
	fixture_end(&f);
	const char *log = fake_host_log(f.host, TALLY_NOTICE);
	assert_string_equal(log,
			    "web: cannot read its log: HTTP 501: configured logging driver does "
			    "not support reading");
	assert_int_equal(fake_engine_asked(f.engine, LOGS), 1);
	assert_int_equal(calls(&f, "calls_total", "logs"), 1);
	assert_int_equal(calls(&f, "errors_total", "logs"), 1);
	fixture_done(&f);
}

static void garbage_is_counted_and_read_again(void **state)
{
	static const char *const wanted[] = {"one"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, "this is no log\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_GARBAGE) > 0);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	push_repeats(&f);
	fixture_end(&f);
	assert_messages(&f, wanted, 1);
	fixture_done(&f);
}

static void a_container_that_is_gone_is_forgotten(void **state)
{
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 404, "{\"message\":\"No such container\"}", FAKE_ANSWERS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_asked(f.engine, LOGS) == 1);
	WAIT_UNTIL(metric(&f, METRIC_CONTAINERS) == 0);
	fixture_end(&f);
	assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
	fixture_done(&f);
}

static void an_engine_that_dies_is_logged_once_and_followed_when_it_is_back(void **state)
{
	static const char *const wanted[] = {"one", "two"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_push(f.engine, LOGS, AT("00") "x\r\n") == 1);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_REPEATS) == 1);
	fake_engine_die(f.engine);
	WAIT_UNTIL(fixture_metric(&f, "failed_looks_total", "") >= 1);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n" AT("02") "two\r\n", FAKE_STREAMS);
	fake_engine_revive(f.engine);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_REPEATS) == 2);
	WAIT_UNTIL(fixture_metric(&f, "event_stream_open", "") == 1);
	fixture_end(&f);
	const char *log = fake_host_log(f.host, TALLY_WARNING);
	assert_non_null(strstr(log, "retrying"));
	assert_null(strchr(log, '\n'));
	assert_messages(&f, wanted, 2);
	fixture_done(&f);
}

static void an_engine_that_hangs_beside_idle_streams_is_noticed(void **state)
{
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_READS) == 1);
	fake_engine_set(f.engine, "/containers/json", 200, "", FAKE_HANGS);
	/* After an end of the events everything is listed, as after 60 s in the long run. */
	fake_engine_end_streams(f.engine, "/events", true);
	WAIT_UNTIL(fixture_metric(&f, "failed_looks_total", "") > 0);
	fixture_end(&f);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_DEBUG), "is dockerd hanging?"));
	fixture_done(&f);
}

/* A full disk, say: what is not safe is read again. */
static void rows_that_were_not_taken_are_read_again(void **state)
{
	static const char *const wanted[] = {"one"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	fake_engine_set(f.engine, LOGS, 200, AT("01") "one\r\n", FAKE_STREAMS);
	fake_host_set_emit_result(f.host, -ENOSPC);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, METRIC_LOGS + LOG_METRIC_READS) >= 2);
	fake_host_set_emit_result(f.host, 0);
	push_repeats(&f);
	fixture_end(&f);
	assert_messages(&f, wanted, 1);
	fixture_done(&f);
}

static void first_sight_must_be_understood(void **state)
{
	static const char *const wrong[] = {"", "some", "-1", "0", "10x", "99999999999"};
	struct docker_fixture f;
	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fixture_set_text(&f, "first_sight", wrong[i]);
		assert_int_equal(fixture_start(&f), -EINVAL);
		assert_non_null(strstr(fake_host_reason(f.host), "first_sight"));
	}
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_rows),
		cmocka_unit_test(reading_is_resumed_by_ever_wider_tails_and_only_then_by_time),
		cmocka_unit_test(what_was_taken_before_is_dropped_and_counted),
		cmocka_unit_test(rate_limited_lines_are_dropped_and_counted),
		cmocka_unit_test(a_log_driver_that_cannot_be_read_is_logged_once),
		cmocka_unit_test(garbage_is_counted_and_read_again),
		cmocka_unit_test(a_container_that_is_gone_is_forgotten),
		cmocka_unit_test(an_engine_that_dies_is_logged_once_and_followed_when_it_is_back),
		cmocka_unit_test(an_engine_that_hangs_beside_idle_streams_is_noticed),
		cmocka_unit_test(rows_that_were_not_taken_are_read_again),
		cmocka_unit_test(first_sight_must_be_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
