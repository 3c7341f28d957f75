/* How the engine is asked for stats, and what happens when it fails. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "docker_fixture.h"
#include "test.h"

/* ---- Faults ---- */

static void a_container_that_hangs_harms_no_other_and_is_left_out_for_a_while(void **state)
{
	struct docker_fixture f;
	char id[65], stats[80];
	(void)state;
	fixture_init(&f, DOCKER_20);
	fake_engine_set(f.engine, fixture_id(&f, "web1", id), 200, "{}", FAKE_HANGS);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 8);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING), "web1"));
	snprintf(stats, sizeof(stats), "%s/stats", id);
	uint32_t asked = fake_engine_asked(f.engine, stats);
	int64_t later = clock_monotonic() + 10 * CLOCK_SECOND;
	fake_host_set_monotonic(f.host, later);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, stats), asked);
	fake_host_set_monotonic(f.host, later + 60 * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, stats), asked + 1);
	fixture_done(&f);
}

static void a_few_that_hang_are_given_up_before_their_timeout(void **state)
{
	struct docker_fixture f;
	char id[65];
	(void)state;
	fixture_init(&f, DOCKER_20);
	fixture_set_ns(&f, "timeout", 60 * CLOCK_SECOND);
	fake_engine_set(f.engine, fixture_id(&f, "tty1", id), 200, "{}", FAKE_HANGS);
	assert_int_equal(fixture_start(&f), 0);
	int64_t begun = clock_monotonic();
	assert_int_equal(fixture_gather(&f), 0);
	assert_true(clock_monotonic() - begun < 20 * CLOCK_SECOND);
	assert_int_equal(fixture_rows(&f), 8);
	fixture_done(&f);
}

static void an_engine_that_hangs_altogether_is_an_error_after_the_timeout(void **state)
{
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	assert_int_equal(fixture_start(&f), 0);
	fake_engine_set(f.engine, "/stats", 200, "{}", FAKE_HANGS);
	assert_int_equal(fixture_gather(&f), -ETIMEDOUT);
	assert_non_null(strstr(fake_host_reason(f.host), "is dockerd hanging?"));
	/* None of them is blamed. */
	assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
	fixture_done(&f);
}

static void a_damaged_answer_costs_its_own_row_only(void **state)
{
	static const struct {
		const char *body;
		enum fake_fault fault;
		const char *said;
	} damages[] = {
		{"{\"read\":\"2026-11-23T16:00:00Z\",\"cpu_stats\":{\"cpu_us", FAKE_ANSWERS,
		 "ends in the middle"},
		{"{\"read\":\"2026-11-23T16:00:00Z\"}", FAKE_CUTS, "cut after"},
		{"[]", FAKE_ANSWERS, "an object was expected"},
		{"<html>", FAKE_ANSWERS, "an object was expected"},
		{"{\"read\":\"yesterday\"}", FAKE_ANSWERS, "a time was expected"},
		{"{\"read\":\"2026-11-23T16:00:00Z\",\"memory_stats\":{\"usage\":\"much\"}}",
		 FAKE_ANSWERS, "a number was expected"},
	};
	char id[65];
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct docker_fixture f;
		fixture_init(&f, DOCKER_20);
		fake_engine_set(f.engine, fixture_id(&f, "web1", id), 200, damages[i].body,
				damages[i].fault);
		assert_int_equal(fixture_start(&f), 0);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_rows(&f), 8);
		const char *log = fake_host_log(f.host, TALLY_WARNING);
		if (!strstr(log, damages[i].said) || !strstr(log, "web1"))
			fail_msg("damage %zu: \"%s\"", i, log);
		fixture_done(&f);
	}
}

static void an_answer_beyond_all_bounds_is_not_swallowed(void **state)
{
	struct docker_fixture f;
	char id[65];
	size_t size = 3 << 20;
	char *huge = malloc(size + 1);
	(void)state;
	assert_non_null(huge);
	memset(huge, ' ', size);
	huge[size] = '\0';
	fixture_init(&f, DOCKER_20);
	fake_engine_set(f.engine, fixture_id(&f, "web1", id), 200, huge, FAKE_ANSWERS);
	free(huge);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 8);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING), "longer than 1048576 bytes"));
	fixture_done(&f);
}

static void an_error_of_the_engine_is_quoted(void **state)
{
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fake_engine_set(f.engine, "/stats", 500, "{\"message\":\"disk\\u0020on fire\\n\"}",
			FAKE_ANSWERS);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f.host), "HTTP 500: disk on fire"));
	assert_int_equal(fixture_metric(&f, "engine_errors_total", "call=\"stats\""), 11);
	assert_int_equal(fixture_metric(&f, "engine_calls_total", "call=\"stats\""), 11);
	fixture_done(&f);
}

static void a_container_removed_during_a_poll_is_no_error(void **state)
{
	struct docker_fixture f;
	char id[65];
	(void)state;
	fixture_init(&f, DOCKER_20);
	fake_engine_set(f.engine, fixture_id(&f, "tty1", id), 200, "", FAKE_ANSWERS);
	fake_engine_set(f.engine, fixture_id(&f, "nonet", id), 404, "{\"message\":\"no\"}",
			FAKE_ANSWERS);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 7);
	assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
	assert_int_equal(fixture_metric(&f, "engine_errors_total", "call=\"stats\""), 0);
	fixture_done(&f);
}

static void an_engine_that_dies_is_named_and_found_again(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_20);
	(void)state;
	fake_engine_die(f.engine);
	assert_int_equal(fixture_gather(&f), -ECONNREFUSED);
	assert_non_null(strstr(fake_host_reason(f.host), fake_engine_endpoint(f.engine)));
	assert_non_null(strstr(fake_host_reason(f.host), "is dockerd running?"));
	fake_engine_revive(f.engine);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 9);
	assert_int_equal(fake_engine_asked(f.engine, "GET /version"), 2);
	fixture_done(&f);
}

static void an_engine_that_is_another_after_a_restart_is_asked_in_its_version(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_20);
	(void)state;
	fake_engine_die(f.engine);
	assert_true(fixture_gather(&f) < 0);
	fake_engine_set(f.engine, "/version", 200,
			"{\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.24\"}", FAKE_ANSWERS);
	fake_engine_revive(f.engine);
	assert_int_equal(fixture_gather(&f), 0);
	assert_true(fake_engine_asked(f.engine, "/v1.47/containers/") > 1);
	fixture_done(&f);
}

/* ---- Manners ---- */

static void every_request_is_a_get_for_one_shot_stats(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_20);
	(void)state;
	assert_true(fake_engine_only_get(f.engine));
	assert_int_equal(fake_engine_asked(f.engine, "/stats?stream=false&one-shot=true"), 11);
	/* The list, and once of each which cores it may run on. */
	assert_int_equal(fake_engine_asked(f.engine, "/v1.41/"), 11 + 1 + 11);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/v1.41/"), 2 * (11 + 1) + 11);
	fixture_done(&f);
}

static void set_cpuset(struct docker_fixture *f, const char *cpus, int status)
{
	char id[65], part[100], body[100];
	snprintf(part, sizeof(part), "/%s/json", fixture_id(f, "web1", id));
	snprintf(body, sizeof(body), "{\"HostConfig\":{\"CpusetCpus\":\"%s\"}}", cpus);
	fake_engine_set(f->engine, part, status, body, FAKE_ANSWERS);
}

static void cores_are_those_the_container_may_run_on(void **state)
{
	static const struct {
		const char *cpus;
		int status;
		int64_t online; /* -1: NULL */
	} cases[] = {{"", 200, 2},        {"0", 200, 1},    {"1", 200, 1},
		     {"0-1", 200, 2},     {"0,1", 200, 2},  {"0-7", 200, 2},
		     {"all of", 200, -1}, {"1-0", 200, -1}, {"", 500, -1}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct docker_fixture f;
		fixture_init(&f, DOCKER_20);
		set_cpuset(&f, cases[i].cpus, cases[i].status);
		assert_int_equal(fixture_start(&f), 0);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_is_null(&f, "web1", "cpu_online")
					 ? -1
					 : fixture_int(&f, "web1", "cpu_online"),
				 cases[i].online);
		assert_int_equal(fixture_int(&f, "nonet", "cpu_online"), 2);
		fixture_done(&f);
	}
}

static void a_change_of_its_cores_is_seen_within_a_minute(void **state)
{
	struct docker_fixture f;
	int64_t now = clock_monotonic();
	(void)state;
	fixture_init(&f, DOCKER_20);
	set_cpuset(&f, "0", 200);
	assert_int_equal(fixture_start(&f), 0);
	fake_host_set_monotonic(f.host, now);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_online"), 1);
	set_cpuset(&f, "", 200);
	fake_host_set_monotonic(f.host, now + 59 * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_online"), 1);
	fake_host_set_monotonic(f.host, now + 60 * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_online"), 2);
	fixture_done(&f);
}

static void an_engine_before_25_is_asked_for_all_at_once_and_the_connections_are_kept(void **state)
{
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fake_engine_set(f.engine, "/stats", 404, "", FAKE_LATE);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_most_at_once(f.engine), 11);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_connections(f.engine), 11);
	fixture_done(&f);
}

static void max_connections_bounds_what_is_asked_at_once(void **state)
{
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fixture_set_ns(&f, "max_connections", 3);
	fake_engine_set(f.engine, "/stats", 404, "", FAKE_LATE);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_most_at_once(f.engine), 3);
	fixture_done(&f);
}

static struct docker_fixture slow_polls(int64_t interval)
{
	struct docker_fixture f;
	fixture_init(&f, DOCKER_20);
	fake_host_ctx(f.host)->interval = interval;
	fake_engine_set(f.engine, "/stats", 404, "", FAKE_LATE); /* 200 ms */
	assert_int_equal(fixture_start(&f), 0);
	return f;
}

static int64_t interval_of(struct docker_fixture *f)
{
	return (int64_t)fixture_metric(f, "interval_seconds", "");
}

static void two_polls_over_half_the_interval_stretch_it_and_log_it_once(void **state)
{
	struct docker_fixture f = slow_polls(CLOCK_SECOND / 4);
	(void)state;
	assert_int_equal(fixture_gather(&f), 0);
	assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
	assert_int_equal(fixture_gather(&f), 0);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING), "over half the interval"));
	assert_int_equal(interval_of(&f), CLOCK_SECOND / 2);
	uint32_t polls = fake_engine_asked(f.engine, "/containers/json");
	/* The next tick comes too early and is left out without a word. */
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json"), polls);
	assert_string_equal(fake_host_log(f.host, TALLY_DEBUG), "");
	fake_host_set_monotonic(f.host, clock_monotonic() + 1000 * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json"), polls + 1);
	fixture_done(&f);
}

static void an_interval_is_at_most_doubled_at_a_time(void **state)
{
	struct docker_fixture f = slow_polls(CLOCK_SECOND / 50);
	(void)state;
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(interval_of(&f), CLOCK_SECOND / 25);
	fixture_done(&f);
}

static void one_slow_poll_among_fast_ones_stretches_nothing(void **state)
{
	struct docker_fixture f = slow_polls(CLOCK_SECOND / 4);
	(void)state;
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_set(f.engine, "/stats", 404, "", FAKE_ANSWERS);
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_set(f.engine, "/stats", 404, "", FAKE_LATE);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(interval_of(&f), CLOCK_SECOND / 4);
	fixture_done(&f);
}

static void a_failed_poll_stretches_nothing_however_long_it_took(void **state)
{
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fixture_set_ns(&f, "timeout", CLOCK_SECOND / 5);
	fake_host_ctx(f.host)->interval = CLOCK_SECOND / 10;
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_set(f.engine, "/containers/json", 200, "", FAKE_HANGS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fixture_gather(&f), -ETIMEDOUT);
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	uint32_t polls = fake_engine_asked(f.engine, "/containers/json");
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json"), polls + 1);
	assert_int_equal(interval_of(&f), CLOCK_SECOND / 10);
	fixture_done(&f);
}

static void *stop_when_asked(void *arg)
{
	struct docker_fixture *f = arg;
	int64_t deadline = clock_monotonic() + 10 * CLOCK_SECOND;
	while (!fake_engine_asked(f->engine, "/stats") && clock_monotonic() < deadline)
		sched_yield();
	fake_host_stop(f->host);
	return NULL;
}

static void a_waiting_poll_ends_at_once_on_stop(void **state)
{
	struct docker_fixture f;
	pthread_t thread;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fixture_set_ns(&f, "timeout", 60 * CLOCK_SECOND);
	fake_engine_set(f.engine, "/stats", 200, "", FAKE_HANGS);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_when_asked, &f), 0);
	int64_t begun = clock_monotonic();
	assert_int_equal(fixture_gather(&f), -ECANCELED);
	assert_true(clock_monotonic() - begun < 10 * CLOCK_SECOND);
	pthread_join(thread, NULL);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_that_hangs_harms_no_other_and_is_left_out_for_a_while),
		cmocka_unit_test(a_few_that_hang_are_given_up_before_their_timeout),
		cmocka_unit_test(an_engine_that_hangs_altogether_is_an_error_after_the_timeout),
		cmocka_unit_test(a_damaged_answer_costs_its_own_row_only),
		cmocka_unit_test(an_answer_beyond_all_bounds_is_not_swallowed),
		cmocka_unit_test(an_error_of_the_engine_is_quoted),
		cmocka_unit_test(a_container_removed_during_a_poll_is_no_error),
		cmocka_unit_test(an_engine_that_dies_is_named_and_found_again),
		cmocka_unit_test(an_engine_that_is_another_after_a_restart_is_asked_in_its_version),
		cmocka_unit_test(cores_are_those_the_container_may_run_on),
		cmocka_unit_test(a_change_of_its_cores_is_seen_within_a_minute),
		cmocka_unit_test(every_request_is_a_get_for_one_shot_stats),
		cmocka_unit_test(
			an_engine_before_25_is_asked_for_all_at_once_and_the_connections_are_kept),
		cmocka_unit_test(max_connections_bounds_what_is_asked_at_once),
		cmocka_unit_test(two_polls_over_half_the_interval_stretch_it_and_log_it_once),
		cmocka_unit_test(an_interval_is_at_most_doubled_at_a_time),
		cmocka_unit_test(one_slow_poll_among_fast_ones_stretches_nothing),
		cmocka_unit_test(a_failed_poll_stretches_nothing_however_long_it_took),
		cmocka_unit_test(a_waiting_poll_ends_at_once_on_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
