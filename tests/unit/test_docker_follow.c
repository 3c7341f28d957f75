/* The event stream and what follows from it, by way of docker_status, in a thread as the core's. */
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
#include "docker_status.h"
#include "events_table.h"

#include <cmocka.h>

static const int64_t second_ns = 1000000000;

/* ---- Running ---- */

struct running {
	struct docker_fixture f;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct running *running = arg;
	assert_int_equal(running->f.plugin->input->run(running->f.self), 0);
	return NULL;
}

static void start(struct running *running)
{
	assert_int_equal(fixture_start(&running->f), 0);
	assert_int_equal(pthread_create(&running->thread, NULL, run, running), 0);
}

/* Then what it emitted and logged may be read. */
static void stop(struct running *running)
{
	fake_host_stop(running->f.host);
	pthread_join(running->thread, NULL);
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

static struct running following(void)
{
	struct running running = {0};
	fixture_init(&running.f, NULL);
	set_list(&running.f, "running", "one");
	fake_engine_set(running.f.engine, "/events", 200, "", FAKE_STREAMS);
	return running;
}

static uint64_t metric(struct running *r, const char *name)
{
	return fixture_metric(&r->f, name, "");
}

static bool settled(struct running *r)
{
	return metric(r, "event_stream_open") == 1 && metric(r, "containers") == 1;
}

static void push(struct running *r, const char *text)
{
	assert_int_equal(fake_engine_push(r->f.engine, "/events", text), 1);
}

/* ---- Rows of events ---- */

static uint32_t events(struct running *r)
{
	return fake_host_rows(r->f.host, "container_events");
}

static const struct tally_cell *event_cell(struct running *r, uint32_t i, enum events_column column)
{
	const struct tally_cell *row = fake_host_row(r->f.host, "container_events", i);
	assert_non_null(row);
	return &row[column];
}

static bool event_is(struct running *r, uint32_t i, enum events_column column, const char *text)
{
	const struct tally_cell *cell = event_cell(r, i, column);
	bool same = cell->set && cell->len == strlen(text) && !memcmp(cell->text, text, cell->len);
	if (!same)
		print_error("event %u, column %d is \"%.*s\", not \"%s\"\n", i, column,
			    cell->set ? (int)cell->len : 4, cell->set ? cell->text : "NULL", text);
	return same;
}

static struct running replay(const char *recorded)
{
	struct running r = {0};
	char path[400];
	fixture_init(&r.f, recorded);
	snprintf(path, sizeof(path), "%s/docker/%s/events.ndjson", TEST_DATA_DIR, recorded);
	size_t len;
	char *lines = fake_engine_read_file(path, &len);
	fake_engine_set(r.f.engine, "/events", 200, lines, FAKE_STREAMS);
	free(lines);
	start(&r);
	WAIT_FOR(metric(&r, "event_stream_open") == 1 && metric(&r, "containers") > 0);
	stop(&r);
	return r;
}

static void check_story(struct running *r, const char *const *actions)
{
	uint32_t i = 0;
	for (; actions[i]; i++)
		assert_true(event_is(r, i, EVENTS_ACTION, actions[i]));
	assert_int_equal(events(r), i);
}

static void events_of_20_10_become_rows(void **state)
{
	static const char *const actions[] = {
		"create",  "start", "pause",   "unpause", "rename",  "update",
		"kill",    "kill",  "kill",    "die",     "stop",    "start",
		"restart", "kill",  "kill",    "die",     "stop",    "start",
		"kill",    "die",   "destroy", "create",  "start",   "oom",
		"kill",    "die",   "destroy", "create",  "start",   "health_status",
		"kill",    "die",   "destroy", "pause",   "unpause", NULL};
	struct running r = replay(DOCKER_20);
	(void)state;
	check_story(&r, actions);
	assert_int_equal(event_cell(&r, 0, EVENTS_TIME)->i, INT64_C(1795452639653547078));
	assert_true(event_is(&r, 0, EVENTS_HOST, "testhost"));
	assert_true(event_is(&r, 0, EVENTS_NAME, "ev1"));
	assert_true(event_is(&r, 0, EVENTS_IMAGE, "testbox:1"));
	assert_false(event_cell(&r, 0, EVENTS_ATTRIBUTES)->set);
	assert_true(event_is(&r, 4, EVENTS_NAME, "ev1b"));
	assert_true(event_is(&r, 4, EVENTS_ATTRIBUTES, "{\"oldName\":\"/ev1\"}"));
	assert_int_equal(event_cell(&r, 8, EVENTS_SIGNAL)->i, 9);
	assert_int_equal(event_cell(&r, 9, EVENTS_EXIT_CODE)->i, 137);
	assert_int_equal(event_cell(&r, 9, EVENTS_OOM)->i, 0);
	assert_int_equal(event_cell(&r, 23, EVENTS_OOM)->i, 1);
	assert_int_equal(event_cell(&r, 25, EVENTS_OOM)->i, 1);
	assert_true(event_is(&r, 29, EVENTS_HEALTH, "unhealthy"));
	assert_true(event_is(&r, 33, EVENTS_NAME, "web1"));
	assert_false(
		event_cell(&r, 33, EVENTS_ATTRIBUTES)->set); /* its labels are not among them */
	assert_string_equal(fake_host_position(r.f.host, 0), "1795452647672819559");
	fixture_done(&r.f);
}

static void events_of_29_become_rows(void **state)
{
	static const char *const actions[] = {
		"create",  "start", "pause",   "unpause", "rename",  "update",
		"kill",    "kill",  "kill",    "stop",    "die",     "start",
		"restart", "kill",  "kill",    "stop",    "die",     "start",
		"kill",    "die",   "destroy", "create",  "start",   "oom",
		"kill",    "die",   "destroy", "create",  "start",   "health_status",
		"kill",    "die",   "destroy", "pause",   "unpause", NULL};
	struct running r = replay(DOCKER_29);
	(void)state;
	check_story(&r, actions);
	assert_true(event_is(&r, 31, EVENTS_ATTRIBUTES, "{\"execDuration\":\"3\"}"));
	fixture_done(&r.f);
}

static void podmans_words_become_dockers(void **state)
{
	static const char *const actions[] = {"create", "start", "kill",    "die",
					      "start",  "die",   "destroy", NULL};
	struct running r = replay(PODMAN);
	(void)state;
	check_story(&r, actions);
	assert_int_equal(event_cell(&r, 3, EVENTS_EXIT_CODE)->i, 137);
	fixture_done(&r.f);
}

static void only_what_passes_the_filters_becomes_a_row(void **state)
{
	static const char *const exclude[] = {"name=ev*", "label=maintainer=test", NULL};
	struct running r = {0};
	char path[400];
	size_t len;
	(void)state;
	fixture_init(&r.f, NULL);
	fake_engine_set(r.f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	fixture_set_list(&r.f, "exclude", exclude);
	snprintf(path, sizeof(path), "%s/docker/%s/events.ndjson", TEST_DATA_DIR, DOCKER_20);
	char *lines = fake_engine_read_file(path, &len);
	fake_engine_set(r.f.engine, "/events", 200, lines, FAKE_STREAMS);
	free(lines);
	start(&r);
	WAIT_FOR(fake_engine_asked(r.f.engine, "/containers/json?all=1 ") > 0);
	stop(&r);
	assert_int_equal(events(&r), 12); /* of oomc and hc */
	fixture_done(&r.f);
}

/* ---- What events cause ---- */

static void an_event_shows_in_a_row_at_once_and_only_its_container_is_asked_for(void **state)
{
	struct running r = following();
	(void)state;
	start(&r);
	WAIT_FOR(settled(&r));
	set_list(&r.f, "exited", "one");
	int64_t begun = now_ns();
	push(&r, event_line("die", "abc", 5 * second_ns, ",\"exitCode\":\"4\""));
	WAIT_FOR(fake_engine_asked(r.f.engine, "GET /v1.41/containers/abc/json") == 2);
	assert_true(now_ns() - begun < second_ns);
	WAIT_FOR(fake_engine_asked(r.f.engine, "filters=%7B%22id%22:%5B%22abc%22%5D%7D") == 1);
	stop(&r);
	assert_int_equal(fake_engine_asked(r.f.engine, "/containers/json?all=1 "), 1);
	assert_int_equal(events(&r), 1);
	assert_int_equal(event_cell(&r, 0, EVENTS_EXIT_CODE)->i, 4);
	assert_true(fake_engine_only_get(r.f.engine));
	assert_int_equal(fake_engine_asked(r.f.engine, "exec"), 0);
	fixture_done(&r.f);
}

static void what_is_destroyed_is_gone_since_its_event(void **state)
{
	struct running r = following();
	(void)state;
	start(&r);
	WAIT_FOR(settled(&r));
	fake_engine_set(r.f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	push(&r, event_line("destroy", "abc", 7 * second_ns, ""));
	WAIT_FOR(metric(&r, "containers") == 0);
	stop(&r);
	assert_int_equal(fixture_rows(&r.f), 2);
	const struct tally_cell *row = fake_host_row(r.f.host, "container_info", 1);
	assert_int_equal(fake_cell(r.f.table, row, "gone_at")->i, 7 * second_ns);
	fixture_done(&r.f);
}

static void the_last_health_checks_first_line_is_kept(void **state)
{
	struct running r = following();
	(void)state;
	start(&r);
	WAIT_FOR(settled(&r));
	stop(&r);
	assert_true(fixture_is_text(&r.f, "one", "health", "unhealthy"));
	assert_true(fixture_is_text(&r.f, "one", "health_output", "no route"));
	fixture_done(&r.f);
}

static void more_names_than_fit_are_one_look_at_everything(void **state)
{
	struct running r = following();
	char id[20];
	(void)state;
	start(&r);
	WAIT_FOR(settled(&r));
	for (int i = 0; i < STATUS_NAMED + 1; i++) {
		snprintf(id, sizeof(id), "%04d", i);
		push(&r, event_line("start", id, (i + 1) * second_ns, ""));
	}
	WAIT_FOR(fake_engine_asked(r.f.engine, "/containers/json?all=1 ") == 2);
	stop(&r);
	fixture_done(&r.f);
}

/* ---- Streams that fail ---- */

static void a_stream_that_ends_is_opened_again_and_repeats_are_dropped(void **state)
{
	struct running r = following();
	char line[1000];
	(void)state;
	start(&r);
	WAIT_FOR(settled(&r));
	snprintf(line, sizeof(line), "%s", event_line("pause", "abc", 50 * second_ns, ""));
	push(&r, line);
	WAIT_FOR(metric(&r, "events_total") == 1);
	fake_engine_set(r.f.engine, "/events", 200, line, FAKE_STREAMS);
	fake_engine_end_streams(r.f.engine, "/events", false);
	WAIT_FOR(fake_engine_asked(r.f.engine, "/events?since=49.000000000&") == 1);
	WAIT_FOR(settled(&r));
	push(&r, event_line("unpause", "abc", 50 * second_ns, ""));
	WAIT_FOR(metric(&r, "events_total") == 2);
	/* All is looked at anew, since nobody knows what was missed. */
	WAIT_FOR(fake_engine_asked(r.f.engine, "/containers/json?all=1 ") >= 2);
	WAIT_FOR(metric(&r, "containers") == 1);
	stop(&r);
	assert_int_equal(events(&r), 2);
	assert_non_null(strstr(fake_host_log(r.f.host, TALLY_ERROR), "the connection was cut"));
	assert_int_equal(metric(&r, "event_streams_lost_total"), 1);
	fixture_done(&r.f);
}

static void trouble_is_told_once_and_its_end_once(void **state)
{
	struct running r = following();
	(void)state;
	fixture_set_ns(&r.f, "interval", second_ns / 5);
	start(&r);
	WAIT_FOR(settled(&r));
	fake_engine_die(r.f.engine);
	WAIT_FOR(metric(&r, "failed_looks_total") >= 2);
	fake_engine_revive(r.f.engine);
	WAIT_FOR(settled(&r));
	uint32_t looks = fake_engine_asked(r.f.engine, "/containers/json");
	/* The second is asked when the first is over. */
	WAIT_FOR(fake_engine_asked(r.f.engine, "/containers/json") > looks + 1);
	stop(&r);
	const char *errors = fake_host_log(r.f.host, TALLY_ERROR);
	assert_non_null(strstr(errors, fake_engine_endpoint(r.f.engine)));
	assert_null(strchr(errors, '\n'));
	const char *notices = fake_host_log(r.f.host, TALLY_NOTICE);
	assert_non_null(strstr(notices, "followed again"));
	fixture_done(&r.f);
}

static void garbage_and_endless_lines_are_left_out_and_what_follows_is_read(void **state)
{
	struct running r = following();
	char *huge = malloc(DOCKER_EVENTS_LINE + 100);
	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', DOCKER_EVENTS_LINE + 98);
	memcpy(huge + DOCKER_EVENTS_LINE + 98, "\n", 2);
	start(&r);
	WAIT_FOR(settled(&r));
	push(&r, "<html>no engine</html>\n\n\r\n{\"Type\":\"container\",\"Act");
	push(&r, "\n");
	push(&r, event_line("start", "../../x", second_ns, ""));
	push(&r, huge);
	push(&r, event_line("exec_start: /bin/sh -c secret", "abc", second_ns, ""));
	push(&r, event_line("pause", "abc", second_ns, ""));
	WAIT_FOR(metric(&r, "events_total") == 1);
	stop(&r);
	free(huge);
	assert_int_equal(events(&r), 1);
	const char *log = fake_host_log(r.f.host, TALLY_WARNING);
	assert_non_null(strstr(log, "an object was expected"));
	assert_non_null(strstr(log, "a container's ID is not one"));
	assert_non_null(strstr(log, "longer than 262144 bytes"));
	assert_null(strstr(log, "secret"));
	assert_int_equal(metric(&r, "event_streams_lost_total"), 0);
	fixture_done(&r.f);
}

static void where_events_are_refused_the_slow_look_is_left(void **state)
{
	struct running r = following();
	(void)state;
	fixture_set_ns(&r.f, "interval", second_ns / 5);
	fake_engine_set(r.f.engine, "/events", 403, "{\"message\":\"not for you\"}", FAKE_ANSWERS);
	start(&r);
	WAIT_FOR(fake_engine_asked(r.f.engine, "/containers/json?all=1 ") >=
		 4); /* 3 have been told */
	stop(&r);
	assert_non_null(strstr(fake_host_log(r.f.host, TALLY_ERROR), "HTTP 403: not for you"));
	assert_true(fixture_rows(&r.f) >= 3);
	fixture_done(&r.f);
}

static void a_stream_that_is_never_answered_is_given_up(void **state)
{
	struct running r = following();
	(void)state;
	fixture_set_ns(&r.f, "timeout", second_ns / 5);
	fake_engine_set(r.f.engine, "/events", 200, "", FAKE_HANGS);
	start(&r);
	WAIT_FOR(metric(&r, "event_streams_lost_total") >= 2);
	WAIT_FOR(metric(&r, "containers") == 1);
	stop(&r);
	assert_non_null(strstr(fake_host_log(r.f.host, TALLY_ERROR), "is dockerd hanging?"));
	fixture_done(&r.f);
}

/* ---- Restarts ---- */

static int look_whole(void *self)
{
	int r = docker_connect(((struct docker_status *)self)->docker);
	return r < 0 ? r : status_look(self, DOCKER_LOOK_WHOLE);
}

static void what_went_while_the_daemon_was_down_is_found_gone(void **state)
{
	struct running r = following();
	(void)state;
	r.f.look = look_whole;
	assert_int_equal(fixture_start(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	fake_engine_set(r.f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	assert_int_equal(fixture_restart(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	assert_false(fixture_is_null(&r.f, "one", "gone_at"));
	assert_true(fixture_is_text(&r.f, "one", "labels", "{\"tier\":\"web\"}"));
	assert_int_equal(fixture_gather(&r.f), 0);
	assert_int_equal(fixture_restart(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	assert_int_equal(fixture_rows(&r.f), 0);
	fixture_done(&r.f);
}

static void who_was_told_to_be_gone_is_told_so_again_after_a_crash(void **state)
{
	struct running r = following();
	(void)state;
	r.f.look = look_whole;
	fake_host_set_now(r.f.host, 1000 * second_ns);
	assert_int_equal(fixture_start(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	fake_engine_set(r.f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	/* Its row with gone_at is emitted here, and may be lost with the daemon. */
	assert_int_equal(fixture_gather(&r.f), 0);
	void *crashed = r.f.self;
	r.f.self = NULL;
	fake_host_set_now(r.f.host, 2000 * second_ns);
	assert_int_equal(fixture_start(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	assert_int_equal(fixture_int(&r.f, "one", "gone_at"), 1000 * second_ns);
	r.f.plugin->stop(crashed);
	r.f.plugin->destroy(crashed);
	fixture_done(&r.f);
}

static void tallyd_once_neither_remembers_nor_forgets(void **state)
{
	struct running r = following();
	char path[100];
	(void)state;
	r.f.look = look_whole;
	fake_host_ctx(r.f.host)->writer = "once";
	assert_int_equal(fixture_start(&r.f), 0);
	assert_int_equal(fixture_gather(&r.f), 0);
	assert_int_equal(fixture_restart(&r.f), 0);
	snprintf(path, sizeof(path), "%s/input.docker.rows", r.f.state_dir);
	assert_int_not_equal(access(path, R_OK), 0);
	fixture_done(&r.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_20_10_become_rows),
		cmocka_unit_test(events_of_29_become_rows),
		cmocka_unit_test(podmans_words_become_dockers),
		cmocka_unit_test(only_what_passes_the_filters_becomes_a_row),
		cmocka_unit_test(
			an_event_shows_in_a_row_at_once_and_only_its_container_is_asked_for),
		cmocka_unit_test(what_is_destroyed_is_gone_since_its_event),
		cmocka_unit_test(the_last_health_checks_first_line_is_kept),
		cmocka_unit_test(more_names_than_fit_are_one_look_at_everything),
		cmocka_unit_test(a_stream_that_ends_is_opened_again_and_repeats_are_dropped),
		cmocka_unit_test(trouble_is_told_once_and_its_end_once),
		cmocka_unit_test(garbage_and_endless_lines_are_left_out_and_what_follows_is_read),
		cmocka_unit_test(where_events_are_refused_the_slow_look_is_left),
		cmocka_unit_test(a_stream_that_is_never_answered_is_given_up),
		cmocka_unit_test(what_went_while_the_daemon_was_down_is_found_gone),
		cmocka_unit_test(who_was_told_to_be_gone_is_told_so_again_after_a_crash),
		cmocka_unit_test(tallyd_once_neither_remembers_nor_forgets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
