/* What follows from the event stream, and its faults, by way of docker_status. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docker_fixture.h"
#include "docker_status.h"
#include "events_table.h"
#include "test.h"
#include "waiting.h"

/* ---- The engine ---- */

static const char *const one[] = {"/containers/json", "/containers/abc/json"};

static void set_list(struct docker_fixture *f, const char *state, const char *name)
{
	char body[400];
	snprintf(body, sizeof(body),
		 "[{\"Id\":\"abc\",\"Names\":[\"/%s\"],\"Image\":\"box\",\"ImageID\":\"sha256:1\","
		 "\"State\":\"%s\",\"Status\":\"Up 5 hours\",\"Labels\":{\"tier\":\"web\"}}]",
		 name, state);
	fake_engine_set(f->engine, one[0], 200, body, FAKE_ANSWERS);
	snprintf(
		body, sizeof(body),
		"{\"Created\":\"2026-11-23T16:00:00Z\",\"State\":{\"Status\":\"%s\",\"ExitCode\":4,"
		"\"Health\":{\"Status\":\"unhealthy\",\"Log\":[{\"Output\":\"old\"},{\"Output\":"
		"\"no route\\nand more\"}]}},\"Config\":{\"Image\":\"box\"}}",
		state);
	fake_engine_set(f->engine, one[1], 200, body, FAKE_ANSWERS);
}

static const char *event_line(const char *action, const char *id, int64_t time, const char *more)
{
	static char line[1000];
	snprintf(
		line, sizeof(line),
		"{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":"
		"{\"name\":\"one\",\"image\":\"box\"%s}},\"timeNano\":%lld}\n",
		action, id, more, (long long)time);
	return line;
}

static struct docker_fixture following(void)
{
	struct docker_fixture f;
	fixture_init(&f, NULL);
	set_list(&f, "running", "one");
	fake_engine_set(f.engine, "/events", 200, "", FAKE_STREAMS);
	return f;
}

static uint64_t metric(struct docker_fixture *f, const char *name)
{
	return fixture_metric(f, name, "");
}

static bool settled(struct docker_fixture *f)
{
	return metric(f, "event_stream_open") == 1 && metric(f, "containers") == 1;
}

static void push(struct docker_fixture *f, const char *text)
{
	assert_int_equal(fake_engine_push(f->engine, "/events", text), 1);
}

static uint32_t events(struct docker_fixture *f)
{
	return fake_host_rows(f->host, "container_events");
}

/* ---- What events cause ---- */

static void an_event_shows_in_a_row_at_once_and_only_its_container_is_asked_for(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	set_list(&f, "exited", "one");
	int64_t begun = clock_monotonic();
	push(&f, event_line("die", "abc", 5 * CLOCK_SECOND, ",\"exitCode\":\"4\""));
	WAIT_UNTIL(fake_engine_asked(f.engine, "GET /v1.41/containers/abc/json") == 2);
	assert_true(clock_monotonic() - begun < CLOCK_SECOND);
	WAIT_UNTIL(fake_engine_asked(f.engine, "filters=%7B%22id%22:%5B%22abc%22%5D%7D") == 1);
	fixture_end(&f);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json?all=1 "), 1);
	assert_int_equal(events(&f), 1);
	assert_int_equal(fake_host_row(f.host, "container_events", 0)[EVENTS_EXIT_CODE].i, 4);
	assert_true(fake_engine_only_get(f.engine));
	assert_int_equal(fake_engine_asked(f.engine, "exec"), 0);
	fixture_done(&f);
}

static void what_is_destroyed_is_gone_since_its_event(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	push(&f, event_line("destroy", "abc", 7 * CLOCK_SECOND, ""));
	WAIT_UNTIL(metric(&f, "containers") == 0);
	fixture_end(&f);
	assert_int_equal(fixture_rows(&f), 2);
	const struct tally_cell *row = fake_host_row(f.host, "container_info", 1);
	assert_int_equal(fake_cell(f.table, row, "gone_at")->i, 7 * CLOCK_SECOND);
	fixture_done(&f);
}

static void the_last_health_checks_first_line_is_kept(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	fixture_end(&f);
	assert_true(fixture_is_text(&f, "one", "health", "unhealthy"));
	assert_true(fixture_is_text(&f, "one", "health_output", "no route"));
	fixture_done(&f);
}

static void more_names_than_fit_are_one_look_at_everything(void **state)
{
	struct docker_fixture f = following();
	char id[20];
	(void)state;
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	for (int i = 0; i < STATUS_NAMED + 1; i++) {
		snprintf(id, sizeof(id), "%04d", i);
		push(&f, event_line("start", id, (i + 1) * CLOCK_SECOND, ""));
	}
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json?all=1 ") == 2);
	fixture_end(&f);
	fixture_done(&f);
}

/* ---- Streams that fail ---- */

static void a_stream_that_ends_is_opened_again_and_repeats_are_dropped(void **state)
{
	struct docker_fixture f = following();
	char line[1000];
	(void)state;
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	snprintf(line, sizeof(line), "%s", event_line("pause", "abc", 50 * CLOCK_SECOND, ""));
	push(&f, line);
	WAIT_UNTIL(metric(&f, "events_total") == 1);
	fake_engine_set(f.engine, "/events", 200, line, FAKE_STREAMS);
	fake_engine_end_streams(f.engine, "/events", false);
	WAIT_UNTIL(fake_engine_asked(f.engine, "/events?since=49.000000000&") == 1);
	WAIT_UNTIL(settled(&f));
	push(&f, event_line("unpause", "abc", 50 * CLOCK_SECOND, ""));
	WAIT_UNTIL(metric(&f, "events_total") == 2);
	/* All is looked at anew, since nobody knows what was missed. */
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json?all=1 ") >= 2);
	WAIT_UNTIL(metric(&f, "containers") == 1);
	fixture_end(&f);
	assert_int_equal(events(&f), 2);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_ERROR), "the connection was cut"));
	assert_int_equal(metric(&f, "event_streams_lost_total"), 1);
	fixture_done(&f);
}

static void a_failure_is_logged_once_and_so_is_its_end(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_set_ns(&f, "interval", CLOCK_SECOND / 5);
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	fake_engine_die(f.engine);
	WAIT_UNTIL(metric(&f, "failed_looks_total") >= 2);
	fake_engine_revive(f.engine);
	WAIT_UNTIL(settled(&f));
	uint32_t scans = fake_engine_asked(f.engine, "/containers/json");
	/* The second is asked when the first is over. */
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json") > scans + 1);
	fixture_end(&f);
	const char *errors = fake_host_log(f.host, TALLY_ERROR);
	assert_non_null(strstr(errors, fake_engine_endpoint(f.engine)));
	assert_null(strchr(errors, '\n'));
	const char *notices = fake_host_log(f.host, TALLY_NOTICE);
	assert_non_null(strstr(notices, "followed again"));
	fixture_done(&f);
}

static void garbage_and_endless_lines_are_left_out_and_what_follows_is_read(void **state)
{
	struct docker_fixture f = following();
	char *huge = malloc(DOCKER_EVENTS_LINE + 100);
	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', DOCKER_EVENTS_LINE + 98);
	memcpy(huge + DOCKER_EVENTS_LINE + 98, "\n", 2);
	fixture_run(&f);
	WAIT_UNTIL(settled(&f));
	push(&f, "<html>no engine</html>\n\n\r\n{\"Type\":\"container\",\"Act");
	push(&f, "\n");
	push(&f, event_line("start", "../../x", CLOCK_SECOND, ""));
	push(&f, huge);
	push(&f, event_line("exec_start: /bin/sh -c secret", "abc", CLOCK_SECOND, ""));
	push(&f, event_line("pause", "abc", CLOCK_SECOND, ""));
	WAIT_UNTIL(metric(&f, "events_total") == 1);
	fixture_end(&f);
	free(huge);
	assert_int_equal(events(&f), 1);
	const char *log = fake_host_log(f.host, TALLY_WARNING);
	assert_non_null(strstr(log, "an object was expected"));
	assert_non_null(strstr(log, "the ID of a container is invalid"));
	assert_non_null(strstr(log, "longer than 262144 bytes"));
	assert_null(strstr(log, "secret"));
	assert_int_equal(metric(&f, "event_streams_lost_total"), 0);
	fixture_done(&f);
}

static void where_events_are_refused_the_slow_look_is_left(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_set_ns(&f, "interval", CLOCK_SECOND / 5);
	fake_engine_set(f.engine, "/events", 403, "{\"message\":\"not for you\"}", FAKE_ANSWERS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json?all=1 ") >=
		   4); /* 3 were reported */
	fixture_end(&f);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_ERROR), "HTTP 403: not for you"));
	assert_true(fixture_rows(&f) >= 3);
	fixture_done(&f);
}

static void a_stream_that_is_never_answered_is_given_up(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	fixture_set_ns(&f, "timeout", CLOCK_SECOND / 5);
	fake_engine_set(f.engine, "/events", 200, "", FAKE_HANGS);
	fixture_run(&f);
	WAIT_UNTIL(metric(&f, "event_streams_lost_total") >= 2);
	WAIT_UNTIL(metric(&f, "containers") == 1);
	fixture_end(&f);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_ERROR), "is dockerd hanging?"));
	fixture_done(&f);
}

/* ---- Restarts ---- */

static int scan_all(void *self)
{
	int r = docker_connect(((struct docker_status *)self)->docker);
	return r < 0 ? r : status_scan(self, DOCKER_SCAN_ALL);
}

static void what_went_while_the_daemon_was_down_is_found_gone(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	f.scan = scan_all;
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	assert_int_equal(fixture_restart(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_false(fixture_is_null(&f, "one", "gone_at"));
	assert_true(fixture_is_text(&f, "one", "labels", "{\"tier\":\"web\"}"));
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_restart(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 0);
	fixture_done(&f);
}

static void a_row_with_gone_at_is_emitted_again_after_a_crash(void **state)
{
	struct docker_fixture f = following();
	(void)state;
	f.scan = scan_all;
	fake_host_set_now(f.host, 1000 * CLOCK_SECOND);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	/* Its row with gone_at is emitted here, and may be lost with the daemon. */
	assert_int_equal(fixture_gather(&f), 0);
	void *crashed = f.self;
	f.self = NULL;
	fake_host_set_now(f.host, 2000 * CLOCK_SECOND);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "one", "gone_at"), 1000 * CLOCK_SECOND);
	f.plugin->stop(crashed);
	f.plugin->destroy(crashed);
	fixture_done(&f);
}

static void tallyd_once_neither_remembers_nor_forgets(void **state)
{
	struct docker_fixture f = following();
	char path[100];
	(void)state;
	f.scan = scan_all;
	fake_host_ctx(f.host)->producer = "once";
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_restart(&f), 0);
	snprintf(path, sizeof(path), "%s/input.docker.rows", f.state_dir);
	assert_int_not_equal(access(path, R_OK), 0);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_event_shows_in_a_row_at_once_and_only_its_container_is_asked_for),
		cmocka_unit_test(what_is_destroyed_is_gone_since_its_event),
		cmocka_unit_test(the_last_health_checks_first_line_is_kept),
		cmocka_unit_test(more_names_than_fit_are_one_look_at_everything),
		cmocka_unit_test(a_stream_that_ends_is_opened_again_and_repeats_are_dropped),
		cmocka_unit_test(a_failure_is_logged_once_and_so_is_its_end),
		cmocka_unit_test(garbage_and_endless_lines_are_left_out_and_what_follows_is_read),
		cmocka_unit_test(where_events_are_refused_the_slow_look_is_left),
		cmocka_unit_test(a_stream_that_is_never_answered_is_given_up),
		cmocka_unit_test(what_went_while_the_daemon_was_down_is_found_gone),
		cmocka_unit_test(a_row_with_gone_at_is_emitted_again_after_a_crash),
		cmocka_unit_test(tallyd_once_neither_remembers_nor_forgets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
