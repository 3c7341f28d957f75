/* Where a container's log is read from, and what is said and done if that is no log. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docker_fixture.h"
#include "logs.h"
#include "logs/logs_table.h"
#include "test.h"
#include "waiting.h"

#define ID "abc"
#define LOGS "/containers/" ID "/logs"
#define JSON(s, text)                                                                              \
	"{\"log\":\"" text "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T16:17:" s ".5Z\"}\n"

struct story {
	struct docker_fixture f;
	char path[60];
};

static void append(const struct story *story, const char *bytes, size_t len)
{
	FILE *file = fopen(story->path, "a");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void set_inspect(struct story *story, const char *driver, const char *path)
{
	char inspect[600];
	snprintf(inspect, sizeof(inspect),
		 "{\"Id\":\"" ID "\",\"Name\":\"/web\",\"Created\":\"2026-11-23T16:00:00Z\","
		 "\"LogPath\":\"%s\",\"HostConfig\":{\"LogConfig\":{\"Type\":\"%s\"}},"
		 "\"State\":{\"Status\":\"running\",\"Running\":true,\"StartedAt\":"
		 "\"2026-11-23T16:00:00Z\"},\"Config\":{\"Tty\":true}}",
		 path, driver);
	fake_engine_set(story->f.engine, "/containers/" ID "/json", 200, inspect, FAKE_ANSWERS);
}

/* One container with a terminal and a log file, and the same by the API. */
static void begin(struct story *story, enum logs_source source, const char *text)
{
	struct docker_fixture *f = &story->f;
	snprintf(story->path, sizeof(story->path), "/tmp/test_logs_source_XXXXXX");
	close(mkstemp(story->path));
	append(story, text, strlen(text));
	fixture_init(f, NULL);
	fixture_set_text(f, "first_sight", "all");
	fixture_set_ns(f, "source", source);
	fixture_set_ns(f, "max_line", 256 << 10);
	fixture_set_ns(f, "max_containers", 1000);
	fake_engine_set(f->engine, "/events", 200, "", FAKE_STREAMS);
	fake_engine_set(f->engine, "/containers/json", 200,
			"[{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"State\":\"running\"}]",
			FAKE_ANSWERS);
	set_inspect(story, "json-file", story->path);
	fake_engine_set(f->engine, LOGS, 200, "", FAKE_STREAMS);
}

static void end(struct story *story)
{
	fixture_done(&story->f);
	unlink(story->path);
}

static uint64_t metric(struct story *story, enum logs_metric metric)
{
	return fake_host_metric(story->f.host, metric);
}

static void assert_messages(struct story *story, const char *const *wanted, uint32_t n)
{
	assert_int_equal(fixture_rows(&story->f), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_cell *row = fake_host_row(story->f.host, "container_logs", i);
		assert_int_equal(row[LOGS_MESSAGE].len, strlen(wanted[i]));
		assert_memory_equal(row[LOGS_MESSAGE].text, wanted[i], row[LOGS_MESSAGE].len);
	}
}

static uint32_t n_logged(struct story *story, const char *what)
{
	uint32_t n = 0;
	for (const char *at = fake_host_log(story->f.host, TALLY_WARNING);
	     (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

/* ---- Files ---- */

static void podman_s_file_is_read_as_docker_s_is(void **state)
{
	static const char *const drivers[] = {"json-file", "k8s-file"};
	static const char *const wanted[] = {"one", "two"};
	(void)state;
	for (int i = 0; i < 2; i++)
		for (enum logs_source source = SOURCE_AUTO; source <= SOURCE_FILE; source += 2) {
			struct story s;
			begin(&s, source,
			      "2026-11-23T16:17:01.1+00:00 stdout F one\n"
			      "2026-11-23T17:17:02.2+01:00 stderr P tw\n"
			      "2026-11-23T17:17:02.3+01:00 stderr F o\n");
			set_inspect(&s, drivers[i], s.path);
			fake_host_set_emit_result(s.f.host, 0);
			fixture_run(&s.f);
			WAIT_UNTIL(fixture_rows(&s.f) == 2);
			fixture_end(&s.f);
			assert_messages(&s, wanted, 2);
			assert_int_equal(fake_engine_asked(s.f.engine, LOGS), 0);
			assert_int_equal(metric(&s, METRIC_LOGS + LOG_METRIC_GARBAGE), 0);
			end(&s);
		}
}

static void a_file_that_is_not_a_log_is_reported_counted_and_left_to_the_api(void **state)
{
	static const char *const texts[] = {"one line\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
					    "[\"2026-11-23T16:17:01Z\",\"x\"]\n\n"};
	static const char *const wanted[] = {"by the API"};
	static const uint64_t bad[] = {1, 10, 2};
	(void)state;
	for (int i = 0; i < 3; i++)
		for (enum logs_source source = SOURCE_AUTO; source <= SOURCE_FILE; source += 2) {
			struct story s;
			begin(&s, source, texts[i]);
			fake_engine_set(s.f.engine, LOGS, 200,
					"2026-11-23T16:17:01.000000001Z by the API\r\n",
					FAKE_STREAMS);
			fixture_run(&s.f);
			WAIT_UNTIL(fixture_rows(&s.f) == 1);
			fixture_end(&s.f);
			assert_messages(&s, wanted, 1);
			assert_int_equal(metric(&s, METRIC_LOGS + LOG_METRIC_GARBAGE), bad[i]);
			assert_int_equal(n_logged(&s, "web: "), 2);
			assert_int_equal(n_logged(&s,
						  "neither Docker's JSON nor the CRI format; using "
						  "the API instead"),
					 1);
			assert_non_null(strstr(fake_host_log(s.f.host, TALLY_WARNING), s.path));
			end(&s);
		}
}

/* An engine that cannot read it either does not keep what comes later from being read. */
static void a_file_that_becomes_a_log_is_read_when_the_api_gives_nothing(void **state)
{
	static const char *const wanted[] = {"one"};
	struct story s;
	(void)state;
	begin(&s, SOURCE_AUTO, "no log\n");
	fake_engine_set(s.f.engine, LOGS, 500, "{\"message\":\"invalid character\"}", FAKE_ANSWERS);
	fixture_run(&s.f);
	WAIT_UNTIL(fake_engine_asked(s.f.engine, LOGS) > 0);
	append(&s, JSON("01", "one"), strlen(JSON("01", "one")));
	WAIT_UNTIL(fixture_rows(&s.f) == 1);
	fixture_end(&s.f);
	assert_messages(&s, wanted, 1);
	end(&s);
}

static void damage_within_a_file_is_reported_with_the_container_s_name(void **state)
{
	static const char *const wanted[] = {"one", "two", "three"};
	static const char damaged[] = "\0\0\0\0\0\0" JSON("02", "two") "rubbish\n";
	struct story s;
	(void)state;
	begin(&s, SOURCE_FILE, JSON("01", "one"));
	append(&s, damaged, sizeof(damaged) - 1);
	append(&s, JSON("03", "three"), strlen(JSON("03", "three")));
	fixture_run(&s.f);
	WAIT_UNTIL(fixture_rows(&s.f) == 3);
	fixture_end(&s.f);
	assert_messages(&s, wanted, 3);
	assert_int_equal(metric(&s, METRIC_LOGS + LOG_METRIC_GARBAGE), 2);
	assert_int_equal(n_logged(&s, "web: "), 1);
	assert_int_equal(n_logged(&s, "skipped 2 damaged or foreign records, the first at "
				      "byte "),
			 1);
	end(&s);
}

static void files_of_another_machine_are_refused_before_it_runs(void **state)
{
	static const char *const endpoints[] = {"tcp://127.0.0.1:2375", "https://10.0.0.1:2376"};
	struct story s;
	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&s, SOURCE_FILE, "");
		fixture_set_text(&s.f, "endpoint", endpoints[i]);
		assert_int_equal(fixture_start(&s.f), -EINVAL);
		assert_non_null(strstr(fake_host_reason(s.f.host), "source = file"));
		assert_non_null(strstr(fake_host_reason(s.f.host), endpoints[i]));
		end(&s);
	}
}

static void the_reason_for_a_container_without_a_file_is_reported(void **state)
{
	struct story s;
	(void)state;
	begin(&s, SOURCE_FILE, "");
	set_inspect(&s, "local", "");
	fixture_run(&s.f);
	WAIT_UNTIL(metric(&s, METRIC_UNREADABLE) == 1);
	fixture_end(&s.f);
	assert_string_equal(fake_host_log(s.f.host, TALLY_NOTICE),
			    "web: cannot read its log: its logging driver has no file");
	end(&s);
}

static void a_missing_file_is_reported_and_waited_for(void **state)
{
	static const char *const wanted[] = {"one"};
	char moved[80];
	struct story s;
	(void)state;
	begin(&s, SOURCE_FILE, JSON("01", "one"));
	snprintf(moved, sizeof(moved), "%s.moved", s.path);
	assert_int_equal(rename(s.path, moved), 0);
	fixture_run(&s.f);
	WAIT_UNTIL(fake_engine_asked(s.f.engine, "/containers/" ID "/json") > 1);
	assert_int_equal(rename(moved, s.path), 0);
	WAIT_UNTIL(fixture_rows(&s.f) == 1);
	fixture_end(&s.f);
	assert_messages(&s, wanted, 1);
	const char *log = fake_host_log(s.f.host, TALLY_INFO);
	assert_null(strstr(log, "using the API instead"));
	assert_int_equal(n_logged(&s, "web: cannot read its log: "), 1);
	assert_non_null(strstr(log, "No such file or directory; retrying"));
	end(&s);
}

/* ---- What engines send ---- */

static void a_line_sent_again_at_a_rotation_is_one_row(void **state)
{
	static const char *const wanted[] = {"a", "b", "c"};
#define T(s) "2026-11-23T16:17:" s ".000000001Z "
	struct story s;
	(void)state;
	begin(&s, SOURCE_API, "");
	fake_engine_set(s.f.engine, LOGS, 200,
			T("01") "a\r\n" T("01") "a\r\n" T("02") "b\r\n" T("02") "b\r\n" T(
				"02") "c\r\n" T("02") "c\r\n",
			FAKE_STREAMS);
	fixture_run(&s.f);
	WAIT_UNTIL(metric(&s, METRIC_LOGS + LOG_METRIC_REPEATS) == 3);
	fixture_end(&s.f);
	assert_messages(&s, wanted, 3);
	end(&s);
}

/* Podman's times are whole seconds, and equal lines within one are many. */
static void lines_of_a_whole_second_are_each_a_row_over_a_break(void **state)
{
	static const char *const wanted[] = {"x", "x", "y", "x", "y", "z"};
#define S(s) "2026-11-23T16:17:" s "Z "
	struct story s;
	(void)state;
	begin(&s, SOURCE_API, "");
	fake_engine_set(s.f.engine, LOGS, 200, S("01") "x\r\n" S("01") "x\r\n" S("01") "y\r\n",
			FAKE_STREAMS);
	fixture_run(&s.f);
	WAIT_UNTIL(fixture_rows(&s.f) == 3);
	fake_engine_set(s.f.engine, LOGS, 200,
			S("01") "x\r\n" S("01") "x\r\n" S("01") "y\r\n" S("01") "x\r\n" S(
				"01") "y\r\n" S("02") "z\r\n",
			FAKE_STREAMS);
	fake_engine_end_streams(s.f.engine, LOGS, false);
	WAIT_UNTIL(fixture_rows(&s.f) == 6);
	fixture_end(&s.f);
	assert_messages(&s, wanted, 6);
	assert_int_equal(metric(&s, METRIC_LOGS + LOG_METRIC_REPEATS), 3);
	/* Not the last so many: Podman loses lines between those and what follows. */
	assert_int_equal(fake_engine_asked(s.f.engine, "&tail="), 0);
	assert_int_equal(fake_engine_asked(s.f.engine, "&since=1795450620.000000000"), 1);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(podman_s_file_is_read_as_docker_s_is),
		cmocka_unit_test(a_file_that_is_not_a_log_is_reported_counted_and_left_to_the_api),
		cmocka_unit_test(a_file_that_becomes_a_log_is_read_when_the_api_gives_nothing),
		cmocka_unit_test(damage_within_a_file_is_reported_with_the_container_s_name),
		cmocka_unit_test(files_of_another_machine_are_refused_before_it_runs),
		cmocka_unit_test(the_reason_for_a_container_without_a_file_is_reported),
		cmocka_unit_test(a_missing_file_is_reported_and_waited_for),
		cmocka_unit_test(a_line_sent_again_at_a_rotation_is_one_row),
		cmocka_unit_test(lines_of_a_whole_second_are_each_a_row_over_a_break),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
