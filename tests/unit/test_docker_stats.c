/* Answers of engines become rows of container_stats. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "docker_fixture.h"
#include "test.h"

/* ---- Recorded answers → rows ---- */

static void a_poll_of_20_10_gives_a_row_of_each_that_runs(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_20);
	(void)state;
	/* web2's answer was not recorded: a 404, gone; flapping is between two runs. */
	assert_int_equal(fixture_rows(&f), 9);
	assert_false(fixture_has(&f, "flapping"));
	assert_int_equal(fixture_int(&f, "web1", "time"), INT64_C(1795450682743741018));
	assert_true(fixture_is_text(&f, "web1", "host", "testhost"));
	assert_true(fixture_is_text(
		&f, "web1", "container_id",
		"6d2868d44301ff811f3929b2c1713af5f363538344266347258eef71e4369e66"));
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 89672239);
	assert_int_equal(fixture_int(&f, "web1", "cpu_user_ns"), 20000000);
	assert_int_equal(fixture_int(&f, "web1", "cpu_kernel_ns"), 60000000);
	assert_int_equal(fixture_int(&f, "web1", "cpu_system_ns"), INT64_C(9137040000000));
	assert_int_equal(fixture_int(&f, "web1", "cpu_online"), 2);
	assert_int_equal(fixture_int(&f, "web1", "mem_usage_bytes"), 749568);
	assert_int_equal(fixture_int(&f, "web1", "mem_used_bytes"), 749568);
	assert_int_equal(fixture_int(&f, "web1", "mem_limit_bytes"), 67108864);
	assert_float_equal(fixture_real(&f, "web1", "mem_percent"), 1.11694, 0.00001);
	assert_int_equal(fixture_int(&f, "web1", "mem_anon_bytes"), 114688);
	assert_int_equal(fixture_int(&f, "web1", "mem_file_bytes"), 0);
	assert_int_equal(fixture_int(&f, "web1", "pgfault"), 5108);
	assert_int_equal(fixture_int(&f, "web1", "pids"), 2);
	assert_int_equal(fixture_int(&f, "web1", "net_rx_bytes"), 1156);
	assert_int_equal(fixture_int(&f, "web1", "net_rx_packets"), 14);
	assert_int_equal(fixture_int(&f, "web1", "net_tx_bytes"), 0);
	fixture_done(&f);
}

static void what_the_engine_does_not_say_is_null_and_not_0(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_20);
	(void)state;
	assert_true(fixture_is_null(&f, "web1", "cpu_percent"));
	assert_true(fixture_is_null(&f, "web1", "pids_limit"));
	assert_true(fixture_is_null(&f, "web1", "blk_read_bytes"));
	assert_true(fixture_is_null(&f, "web1", "blk_write_ops"));
	assert_true(fixture_is_null(&f, "hostnet", "net_rx_bytes"));
	assert_true(fixture_is_null(&f, "nonet", "net_tx_dropped"));
	fixture_done(&f);
}

static void answers_of_26_without_a_name_get_it_from_the_request(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_26);
	(void)state;
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 337640900);
	assert_int_equal(fixture_int(&f, "web1", "mem_file_bytes"), 4096);
	assert_int_equal(fixture_int(&f, "web1", "pgmajfault"), 1);
	assert_int_equal(fixture_int(&f, "web1", "blk_read_bytes"), 4096);
	assert_int_equal(fixture_int(&f, "web1", "blk_write_bytes"), 0);
	assert_int_equal(fixture_int(&f, "web1", "blk_read_ops"), 1);
	assert_int_equal(fixture_int(&f, "web1", "blk_write_ops"), 0);
	fixture_done(&f);
}

static void cgroup_v2_is_read_with_its_unlimited_pids(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_26_V2);
	(void)state;
	assert_true(fixture_is_null(&f, "web1", "pids_limit"));
	assert_int_equal(fixture_int(&f, "pidslimit", "pids_limit"), 50);
	assert_int_equal(fixture_int(&f, "web1", "throttled_periods"), 14);
	assert_int_equal(fixture_int(&f, "web1", "throttled_ns"), 604573000);
	assert_int_equal(fixture_int(&f, "web1", "mem_anon_bytes"), 110592);
	assert_int_equal(fixture_int(&f, "web1", "pgfault"), 19315);
	assert_int_equal(fixture_int(&f, "wdisk", "blk_read_bytes"), 642289664);
	assert_int_equal(fixture_int(&f, "wdisk", "blk_write_bytes"), 641728512);
	assert_true(fixture_is_null(&f, "wdisk", "blk_read_ops"));
	/* 962560 less 565248 of inactive_file. */
	assert_int_equal(fixture_int(&f, "wdisk", "mem_used_bytes"), 397312);
	assert_float_equal(fixture_real(&f, "wdisk", "mem_percent"), 0.0133351, 0.0000001);
	fixture_done(&f);
}

static void a_poll_of_29_goes_over_8_connections(void **state)
{
	struct docker_fixture f = fixture_gathered(DOCKER_29);
	(void)state;
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 364493073);
	assert_int_equal(fixture_int(&f, "web1", "net_tx_bytes"), 126);
	assert_int_equal(fixture_int(&f, "healthy", "blk_read_bytes"), 16384);
	assert_int_equal(fake_engine_asked(f.engine, "/v1.55/containers/json"), 1);
	assert_true(fake_engine_connections(f.engine) <= 8);
	fixture_done(&f);
}

static void podman_without_a_memory_map_still_gives_a_row(void **state)
{
	struct docker_fixture f = fixture_gathered(PODMAN);
	(void)state;
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 38506919);
	assert_int_equal(fixture_int(&f, "web1", "mem_used_bytes"), 262144);
	assert_true(fixture_is_null(&f, "web1", "mem_anon_bytes"));
	assert_true(fixture_is_null(&f, "web1", "mem_file_bytes"));
	assert_true(fixture_is_null(&f, "web1", "pgfault"));
	assert_int_equal(fixture_int(&f, "web1", "net_rx_bytes"), 0);
	fixture_done(&f);
}

/* ---- CPU percent ---- */

/* An engine with one container. */
static void one_container(struct docker_fixture *f)
{
	fixture_init(f, NULL);
	fake_engine_set(f->engine, "/containers/json", 200,
			"[{\"Id\":\"abc\",\"Names\":[\"/one\"],\"State\":\"running\","
			"\"Status\":\"Up 5 minutes\"}]",
			FAKE_ANSWERS);
	assert_int_equal(fixture_start(f), 0);
}

static void set_usage(struct docker_fixture *f, const char *read, int64_t usage)
{
	char body[300];
	snprintf(body, sizeof(body),
		 "{\"read\":\"%s\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":%lld}}}", read,
		 (long long)usage);
	fake_engine_set(f->engine, "/abc/stats", 200, body, FAKE_ANSWERS);
	assert_int_equal(fixture_gather(f), 0);
}

static void cpu_percent_is_of_one_core_since_the_sample_before(void **state)
{
	struct docker_fixture f;
	(void)state;
	one_container(&f);
	set_usage(&f, "2026-11-23T16:00:00Z", 1000000000);
	assert_true(fixture_is_null(&f, "one", "cpu_percent"));
	set_usage(&f, "2026-11-23T16:00:05Z", 8500000000);
	assert_float_equal(fixture_real(&f, "one", "cpu_percent"), 150, 1e-9);
	fixture_done(&f);
}

static void a_counter_that_falls_or_a_clock_that_steps_back_gives_no_percent(void **state)
{
	struct docker_fixture f;
	(void)state;
	one_container(&f);
	set_usage(&f, "2026-11-23T16:00:00Z", 1000000000);
	set_usage(&f, "2026-11-23T16:00:05Z", 5000000);
	assert_true(fixture_is_null(&f, "one", "cpu_percent"));
	set_usage(&f, "2026-11-23T16:00:10Z", 505000000);
	assert_float_equal(fixture_real(&f, "one", "cpu_percent"), 10, 1e-9);
	set_usage(&f, "2026-11-23T15:00:00Z", 506000000);
	assert_true(fixture_is_null(&f, "one", "cpu_percent"));
	fixture_done(&f);
}

static void a_container_that_started_since_the_sample_before_gives_no_percent(void **state)
{
	struct docker_fixture f;
	(void)state;
	one_container(&f);
	set_usage(&f, "2026-11-23T16:00:00Z", 10);
	fake_engine_set(f.engine, "/containers/json", 200,
			"[{\"Id\":\"abc\",\"Names\":[\"/one\"],\"State\":\"running\","
			"\"Status\":\"Up 1 second\"}]",
			FAKE_ANSWERS);
	set_usage(&f, "2026-11-23T16:00:30Z", 20);
	assert_true(fixture_is_null(&f, "one", "cpu_percent"));
	fixture_done(&f);
}

static void numbers_at_the_edge_of_what_fits_do_no_harm(void **state)
{
	struct docker_fixture f;
	(void)state;
	one_container(&f);
	set_usage(&f, "1678-01-01T00:00:00Z", INT64_MIN);
	set_usage(&f, "2261-12-31T23:59:59Z", INT64_MAX);
	assert_true(fixture_is_null(&f, "one", "cpu_percent"));
	fixture_done(&f);
}

/* ---- Filters ---- */

static void include_and_exclude_choose_what_is_asked_for(void **state)
{
	static const char *const include[] = {"label=com.docker.compose.project=demo", "name=web*",
					      NULL};
	static const char *const exclude[] = {"name=web2", NULL};
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, DOCKER_20);
	fixture_set_list(&f, "include", include);
	fixture_set_list(&f, "exclude", exclude);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 1);
	assert_true(fixture_has(&f, "web1"));
	assert_int_equal(fake_engine_asked(f.engine, "/stats"), 1);
	fixture_done(&f);
}

static void a_pattern_of_an_unknown_kind_is_refused(void **state)
{
	static const char *const include[] = {"names=web*", NULL};
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, NULL);
	fixture_set_list(&f, "include", include);
	assert_int_equal(fixture_start(&f), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f.host), "names=web*"));
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_poll_of_20_10_gives_a_row_of_each_that_runs),
		cmocka_unit_test(what_the_engine_does_not_say_is_null_and_not_0),
		cmocka_unit_test(answers_of_26_without_a_name_get_it_from_the_request),
		cmocka_unit_test(cgroup_v2_is_read_with_its_unlimited_pids),
		cmocka_unit_test(a_poll_of_29_goes_over_8_connections),
		cmocka_unit_test(podman_without_a_memory_map_still_gives_a_row),
		cmocka_unit_test(cpu_percent_is_of_one_core_since_the_sample_before),
		cmocka_unit_test(a_counter_that_falls_or_a_clock_that_steps_back_gives_no_percent),
		cmocka_unit_test(a_container_that_started_since_the_sample_before_gives_no_percent),
		cmocka_unit_test(numbers_at_the_edge_of_what_fits_do_no_harm),
		cmocka_unit_test(include_and_exclude_choose_what_is_asked_for),
		cmocka_unit_test(a_pattern_of_an_unknown_kind_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
