#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "docker_fixture.h"
#include "docker_status.h"
#include "test.h"

/* 2026-11-23T16:20:00Z, and as many seconds later. */
static int64_t at(int64_t seconds)
{
	return INT64_C(1795450800000000000) + seconds * CLOCK_SECOND;
}

static int scan_all(void *self)
{
	int r = docker_connect(((struct docker_status *)self)->docker);
	return r < 0 ? r : status_scan(self, DOCKER_SCAN_ALL);
}

static struct docker_fixture started(const char *recorded)
{
	struct docker_fixture fixture;
	fixture_init(&fixture, recorded);
	fixture.scan = scan_all;
	fake_host_set_now(fixture.host, at(0));
	fake_host_set_monotonic(fixture.host, 1000 * CLOCK_SECOND);
	assert_int_equal(fixture_start(&fixture), 0);
	return fixture;
}

static struct docker_fixture gathered(const char *recorded)
{
	struct docker_fixture fixture = started(recorded);
	assert_int_equal(fixture_gather(&fixture), 0);
	return fixture;
}

/* ---- Recorded answers → rows ---- */

static void a_running_container_is_described_in_full(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20);
	(void)state;
	assert_int_equal(fixture_int(&f, "web1", "time"), at(0));
	assert_true(fixture_is_text(&f, "web1", "host", "testhost"));
	assert_true(fixture_is_text(&f, "web1", "image", "127.0.0.1:5055/demo/web:2.0"));
	assert_true(fixture_is_text(
		&f, "web1", "image_id",
		"sha256:4e1f234438dc47c01a55c7a0b21b29e4185adacdeb4142d30c6ba3ef645e144a"));
	assert_true(fixture_is_text(&f, "web1", "state", "running"));
	assert_true(fixture_is_text(&f, "web1", "status", "Up 38 seconds"));
	assert_true(fixture_is_null(&f, "web1", "health"));
	assert_true(fixture_is_null(&f, "web1", "exit_code"));
	assert_int_equal(fixture_int(&f, "web1", "oom_killed"), 0);
	assert_int_equal(fixture_int(&f, "web1", "restart_count"), 0);
	assert_int_equal(fixture_int(&f, "web1", "created"), INT64_C(1795450643403825599));
	assert_int_equal(fixture_int(&f, "web1", "started_at"), INT64_C(1795450643637734448));
	assert_true(fixture_is_null(&f, "web1", "finished_at"));
	assert_true(fixture_is_text(&f, "web1", "compose_project", "demo"));
	assert_true(fixture_is_text(&f, "web1", "compose_service", "web"));
	assert_true(fixture_is_text(&f, "web1", "service", "demo/web"));
	assert_true(fixture_is_text(&f, "exited3", "service", "exited3"));
	assert_float_equal(fixture_real(&f, "web1", "cpu_limit_cores"), 0.5, 1e-9);
	assert_int_equal(fixture_int(&f, "web1", "mem_limit_bytes"), 67108864);
	assert_true(fixture_is_null(&f, "web1", "pids_limit"));
	assert_true(fixture_is_null(&f, "web1", "gone_at"));
	assert_true(fixture_is_text(&f, "web1", "ports", "[]"));
	const struct tally_cell *labels = fixture_cell(&f, "web1", "labels");
	assert_int_equal(labels->text[0], '{');
	assert_int_equal(labels->text[labels->len - 1], '}');
	fixture_done(&f);
}

static void states_exit_codes_and_health_are_what_the_engine_says(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20);
	(void)state;
	assert_true(fixture_is_text(&f, "exited3", "state", "exited"));
	assert_int_equal(fixture_int(&f, "exited3", "exit_code"), 3);
	assert_int_equal(fixture_int(&f, "killed", "exit_code"), 137);
	assert_int_equal(fixture_int(&f, "killed", "finished_at"), INT64_C(1795450648463350013));
	assert_true(fixture_is_text(&f, "flapping", "state", "restarting"));
	assert_int_equal(fixture_int(&f, "flapping", "restart_count"), 9);
	assert_int_equal(fixture_int(&f, "flapping", "exit_code"), 7);
	assert_int_equal(fixture_int(&f, "badcmd", "exit_code"), 127);
	assert_true(fixture_is_null(&f, "created", "exit_code"));
	assert_true(fixture_is_null(&f, "created", "started_at"));
	assert_true(fixture_is_text(&f, "paused", "state", "paused"));
	assert_true(fixture_is_text(&f, "healthy", "health", "healthy"));
	assert_true(fixture_is_text(&f, "sick", "health", "unhealthy"));
	assert_int_equal(fixture_int(&f, "oom", "mem_limit_bytes"), 8388608);
	fixture_done(&f);
}

static void health_of_29_comes_with_the_list(void **state)
{
	struct docker_fixture f = gathered(DOCKER_29);
	(void)state;
	assert_true(fixture_is_text(&f, "healthy", "health", "healthy"));
	assert_true(fixture_is_text(&f, "sick", "health", "unhealthy"));
	assert_true(fixture_is_null(&f, "web1", "health"));
	assert_int_equal(fake_engine_asked(f.engine, "/v1.55/containers/json?all=1"), 1);
	fixture_done(&f);
}

static void podman_is_described_too(void **state)
{
	struct docker_fixture f = gathered(PODMAN);
	(void)state;
	assert_true(fixture_is_text(&f, "web1", "state", "running"));
	assert_true(fixture_is_null(&f, "web1", "health"));
	assert_int_equal(fixture_int(&f, "exited3", "exit_code"), 3);
	fixture_done(&f);
}

static void no_environment_variable_gets_into_a_row(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20);
	(void)state;
	for (uint32_t i = 0; i < fixture_rows(&f); i++) {
		const struct tally_cell *row = fake_host_row(f.host, f.table->name, i);
		for (uint32_t c = 0; c < f.table->n_columns; c++)
			if (row[c].set && (f.table->columns[c].type == TALLY_TEXT ||
					   f.table->columns[c].type == TALLY_JSON))
				assert_null(memmem(row[c].text, row[c].len, "APP=web", 7));
	}
	fixture_done(&f);
}

/* ---- What is inspected, and when ---- */

static void set_list(struct docker_fixture *f, const char *state, const char *status)
{
	char body[400];
	snprintf(body, sizeof(body),
		 "[{\"Id\":\"abc\",\"Names\":[\"/one\"],\"Image\":\"box\",\"ImageID\":\"sha256:1\","
		 "\"State\":\"%s\",\"Status\":\"%s\",\"Labels\":{\"tier\":\"web\"}}]",
		 state, status);
	fake_engine_set(f->engine, "/containers/json", 200, body, FAKE_ANSWERS);
}

static void set_inspect(struct docker_fixture *f, const char *state, int restarts)
{
	char body[400];
	snprintf(body, sizeof(body),
		 "{\"Created\":\"2026-11-23T16:00:00Z\",\"RestartCount\":%d,\"State\":{"
		 "\"Status\":\"%s\",\"ExitCode\":4,\"OOMKilled\":true},\"Config\":{\"Image\":"
		 "\"box\",\"Env\":[\"A=b\"]}}",
		 restarts, state);
	fake_engine_set(f->engine, "/containers/abc/json", 200, body, FAKE_ANSWERS);
}

static struct docker_fixture one_container(void)
{
	struct docker_fixture f = started(NULL);
	set_list(&f, "running", "Up 5 hours");
	set_inspect(&f, "running", 2);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "one", "restart_count"), 2);
	return f;
}

static uint32_t inspects(struct docker_fixture *f)
{
	return fake_engine_asked(f->engine, "/containers/abc/json");
}

static void what_did_not_change_is_not_inspected_again_and_keeps_its_facts(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_host_set_now(f.host, at(30));
	set_list(&f, "running", "Up 5 hours");
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(inspects(&f), 1);
	assert_int_equal(fixture_int(&f, "one", "time"), at(30));
	assert_int_equal(fixture_int(&f, "one", "restart_count"), 2);
	assert_int_equal(fixture_int(&f, "one", "oom_killed"), 1);
	assert_true(fixture_is_text(&f, "one", "image", "box"));
	fixture_done(&f);
}

static void a_change_of_state_is_inspected_at_once(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	set_list(&f, "exited", "Exited (4) 2 hours ago");
	set_inspect(&f, "exited", 2);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(inspects(&f), 2);
	assert_int_equal(fixture_int(&f, "one", "exit_code"), 4);
	fixture_done(&f);
}

static void a_restart_between_two_lists_shows_by_its_age(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	set_list(&f, "running", "Up 4 hours");
	set_inspect(&f, "running", 3);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "one", "restart_count"), 3);
	fixture_done(&f);
}

static void after_refresh_even_what_seems_unchanged_is_inspected(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_host_set_monotonic(f.host, (1000 + 299) * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(inspects(&f), 1);
	fake_host_set_monotonic(f.host, (1000 + 300) * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(inspects(&f), 2);
	fixture_done(&f);
}

static void an_inspect_that_fails_is_told_and_tried_again(void **state)
{
	struct docker_fixture f = started(NULL);
	(void)state;
	set_list(&f, "running", "Up 5 hours");
	fake_engine_set(f.engine, "/abc/json", 200, "{\"State\":{\"Sta", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), 0);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING), "one"));
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING), "ends in the middle"));
	assert_true(fixture_is_text(&f, "one", "state", "running"));
	assert_true(fixture_is_text(&f, "one", "image", "box"));
	assert_true(fixture_is_null(&f, "one", "restart_count"));
	set_inspect(&f, "running", 1);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "one", "restart_count"), 1);
	fixture_done(&f);
}

static void inspects_go_8_at_a_time(void **state)
{
	struct docker_fixture f = started(DOCKER_20);
	(void)state;
	char id[65], part[100];
	static const char *const names[] = {"web1",    "sick",   "oom",     "paused",  "killed",
					    "created", "badcmd", "healthy", "hostnet", "nonet"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(part, sizeof(part), "/%s/json", fixture_id(&f, names[i], id));
		fake_engine_set(f.engine, part, 200, "{}", FAKE_LATE);
	}
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_most_at_once(f.engine), 8);
	assert_true(fake_engine_connections(f.engine) <= 8);
	assert_true(fake_engine_only_get(f.engine));
	fixture_done(&f);
}

/* ---- What is gone ---- */

static void a_container_that_vanished_gets_a_row_with_gone_at(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_host_set_now(f.host, at(30));
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 1);
	assert_int_equal(fixture_int(&f, "one", "gone_at"), at(30));
	assert_int_equal(fixture_int(&f, "one", "time"), at(30));
	assert_true(fixture_is_text(&f, "one", "container_id", "abc"));
	assert_true(fixture_is_text(&f, "one", "state", "removed"));
	assert_true(fixture_is_text(&f, "one", "labels", "{\"tier\":\"web\"}"));
	assert_int_equal(fixture_int(&f, "one", "restart_count"), 2);
	/* Once more, in case that one is lost; then no more. */
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 1);
	assert_int_equal(fixture_int(&f, "one", "gone_at"), at(30));
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 0);
	fixture_done(&f);
}

static void a_container_that_goes_between_list_and_inspect_is_gone(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	set_list(&f, "exited", "Exited (0) 1 second ago");
	fake_engine_set(f.engine, "/containers/abc/json", 404, "{}", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 1);
	assert_int_equal(fixture_int(&f, "one", "gone_at"), at(0));
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 0);
	fixture_done(&f);
}

static void an_engine_that_does_not_answer_makes_nothing_gone(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_engine_die(f.engine);
	assert_int_equal(fixture_gather(&f), -ECONNREFUSED);
	assert_int_equal(fixture_rows(&f), 0);
	fake_engine_revive(f.engine);
	assert_int_equal(fixture_gather(&f), 0);
	assert_true(fixture_is_null(&f, "one", "gone_at"));
	assert_int_equal(inspects(&f), 1);
	fixture_done(&f);
}

static void rows_that_were_not_taken_are_not_forgotten(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	fake_host_set_emit_result(f.host, -ECANCELED);
	assert_int_equal(fixture_gather(&f), -ECANCELED);
	fake_host_set_emit_result(f.host, 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_false(fixture_is_null(&f, "one", "gone_at"));
	fixture_done(&f);
}

static void what_was_followed_once_is_followed_although_its_state_fits_no_more(void **state)
{
	static const char *const include[] = {"state=running", NULL};
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, NULL);
	f.scan = scan_all;
	fixture_set_list(&f, "include", include);
	assert_int_equal(fixture_start(&f), 0);
	set_list(&f, "created", "Created");
	set_inspect(&f, "exited", 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 0);
	set_list(&f, "running", "Up 5 hours");
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 1);
	set_list(&f, "exited", "Exited (4) 1 second ago");
	assert_int_equal(fixture_gather(&f), 0);
	assert_true(fixture_is_text(&f, "one", "state", "exited"));
	fixture_done(&f);
}

static void a_list_that_is_damaged_is_an_error_that_says_where(void **state)
{
	struct docker_fixture f = one_container();
	(void)state;
	fake_engine_set(f.engine, "/containers/json", 200, "[{\"Id\":\"abc\",\"Na", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), -EBADMSG);
	assert_non_null(
		strstr(fake_host_reason(f.host), "GET /containers/json?all=1: at byte 16 of 16"));
	fake_engine_set(f.engine, "/containers/json", 200, "[{\"Id\":\"../../x\"}]", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), -EBADMSG);
	fixture_done(&f);
}

/* A list of two containers, the first with labels of so many bytes each. */
static void set_huge_list(struct docker_fixture *f, size_t bytes)
{
	char *body = malloc(bytes + 1000);
	assert_non_null(body);
	size_t len = (size_t)snprintf(body, 500,
				      "[{\"Id\":\"abc\",\"Names\":[\"/one\"],\"State\":\"running\","
				      "\"Labels\":{\"a\":\"1\",\"huge\":\"");
	memset(body + len, 'x', bytes);
	snprintf(body + len + bytes, 500,
		 "\",\"z\":\"2\"}},{\"Id\":\"def\",\"Names\":[\"/two\"],\"State\":\"running\","
		 "\"Labels\":{\"tier\":\"web\"}}]");
	fake_engine_set(f->engine, "/containers/json", 200, body, FAKE_ANSWERS);
	free(body);
}

static void one_container_with_huge_labels_costs_no_other_its_row(void **state)
{
	static const size_t sizes[] = {900 << 10, DOCKER_MAX_LIST + 1, 2 * DOCKER_MAX_LIST};
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct docker_fixture f = started(NULL);
		fixture_set_ns(&f, "timeout", 60 * CLOCK_SECOND); /* for 16 MiB, with sanitizers */
		set_inspect(&f, "running", 2);
		fake_engine_set(f.engine, "/containers/def/json", 200, "{}", FAKE_ANSWERS);
		set_huge_list(&f, sizes[i]);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_rows(&f), 2);
		assert_true(fixture_is_text(&f, "two", "labels", "{\"tier\":\"web\"}"));
		const struct tally_cell *labels = fixture_cell(&f, "one", "labels");
		assert_true(labels->len < 20000);
		assert_memory_equal(labels->text, "{\"a\":\"1\",\"huge\":\"xxx", 20);
		assert_memory_equal(labels->text + labels->len - 8, "\"z\":\"2\"}", 8);
		assert_int_equal(fixture_metric(&f, "engine_texts_cut_total", ""), 1);
		const char *log = fake_host_log(f.host, TALLY_WARNING);
		assert_non_null(strstr(log, sizes[i] > DOCKER_MAX_LIST ? "an answer is too long"
								       : "one: its labels take "));
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_container_is_described_in_full),
		cmocka_unit_test(states_exit_codes_and_health_are_what_the_engine_says),
		cmocka_unit_test(health_of_29_comes_with_the_list),
		cmocka_unit_test(podman_is_described_too),
		cmocka_unit_test(no_environment_variable_gets_into_a_row),
		cmocka_unit_test(what_did_not_change_is_not_inspected_again_and_keeps_its_facts),
		cmocka_unit_test(a_change_of_state_is_inspected_at_once),
		cmocka_unit_test(a_restart_between_two_lists_shows_by_its_age),
		cmocka_unit_test(after_refresh_even_what_seems_unchanged_is_inspected),
		cmocka_unit_test(an_inspect_that_fails_is_told_and_tried_again),
		cmocka_unit_test(inspects_go_8_at_a_time),
		cmocka_unit_test(a_container_that_vanished_gets_a_row_with_gone_at),
		cmocka_unit_test(a_container_that_goes_between_list_and_inspect_is_gone),
		cmocka_unit_test(an_engine_that_does_not_answer_makes_nothing_gone),
		cmocka_unit_test(rows_that_were_not_taken_are_not_forgotten),
		cmocka_unit_test(
			what_was_followed_once_is_followed_although_its_state_fits_no_more),
		cmocka_unit_test(one_container_with_huge_labels_costs_no_other_its_row),
		cmocka_unit_test(a_list_that_is_damaged_is_an_error_that_says_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
