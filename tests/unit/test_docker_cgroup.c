/* Rows out of cgroup files: the same as the engine's, and when the engine is asked all the same. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "cgroup/cgroup_files.h"
#include "docker_fixture.h"
#include "docker/docker_list.h"
#include "test.h"

#define V1 TEST_DATA_DIR "/cgroup/v1"
#define V2 TEST_DATA_DIR "/cgroup/v2"

/* ---- Rows ---- */

static struct docker_fixture begun(const char *recorded, const char *root, int64_t source)
{
	struct docker_fixture f;
	cgroup_root = root;
	fixture_init(&f, recorded);
	fixture_set_ns(&f, "source", source);
	return f;
}

static struct docker_fixture gathered(const char *recorded, const char *root, int64_t source)
{
	struct docker_fixture f = begun(recorded, root, source);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	return f;
}

/* But for the two that change with the moment. */
static void assert_same_row(struct docker_fixture *a, struct docker_fixture *b, const char *name)
{
	for (uint32_t i = 0; i < a->table->n_columns; i++) {
		const struct tally_column *column = &a->table->columns[i];
		if (strcmp(column->name, "time") == 0 || strcmp(column->name, "cpu_system_ns") == 0)
			continue;
		const struct tally_cell *left = fixture_cell(a, name, column->name);
		const struct tally_cell *right = fixture_cell(b, name, column->name);
		bool same = left->set == right->set;
		if (same && left->set && column->type == TALLY_TEXT)
			same = left->len == right->len &&
			       memcmp(left->text, right->text, left->len) == 0;
		else if (same && left->set)
			same = left->i == right->i;
		if (!same)
			fail_msg("%s of %s: %lld (set %u), not %lld (set %u)", column->name, name,
				 (long long)left->i, left->set, (long long)right->i, right->set);
	}
}

static void the_files_of_v1_give_the_engines_numbers(void **state)
{
	static const char *const names[] = {"web1", "hostnet", "sharednet", "nonet"};
	struct docker_fixture api = gathered(DOCKER_20, V1, FIXTURE_API);
	struct docker_fixture files = gathered(DOCKER_20, V1, FIXTURE_CGROUP);
	(void)state;
	assert_int_equal(fixture_rows(&files), 4);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_same_row(&files, &api, names[i]);
	assert_int_equal(fake_engine_asked(files.engine, "/stats"), 0);
	assert_int_equal(fixture_int(&files, "web1", "cpu_system_ns"),
			 fixture_int(&files, "nonet", "cpu_system_ns"));
	assert_int_equal(fixture_int(&files, "web1", "cpu_system_ns") % 10000000, 0);
	assert_true(fixture_int(&files, "web1", "cpu_system_ns") > INT64_C(9000000000000));
	fixture_done(&api);
	fixture_done(&files);
}

static void running(struct docker_fixture *f, const char *name, int pid, const char *network)
{
	char path[400], part[200], body[200];
	size_t len, offset;
	struct docker_list list;
	snprintf(path, sizeof(path), "%s/docker/%s/containers.json", TEST_DATA_DIR, DOCKER_26_V2);
	char *text = fake_engine_read_file(path, &len);
	assert_null(docker_list_parse(text, len, &list, &offset));
	for (uint32_t i = 0; i < list.n; i++) {
		if (strcmp(list.items[i].name, name) != 0)
			continue;
		snprintf(part, sizeof(part), "/containers/%s/json", list.items[i].id);
		snprintf(body, sizeof(body),
			 "{\"State\":{\"Pid\":%d},\"HostConfig\":{\"NetworkMode\":\"%s\"}}", pid,
			 network);
		fake_engine_set(f->engine, part, 200, body, FAKE_ANSWERS);
	}
	docker_list_done(&list);
}

static void the_files_of_v2_give_the_engines_numbers(void **state)
{
	struct docker_fixture api = begun(DOCKER_26_V2, V2, FIXTURE_API);
	struct docker_fixture files = begun(DOCKER_26_V2, V2, FIXTURE_CGROUP);
	(void)state;
	for (struct docker_fixture *f = &api; f; f = f == &api ? &files : NULL) {
		running(f, "web1", 3012, "bridge");
		running(f, "wdisk", 3011, "bridge");
		running(f, "pidslimit", 3007, "bridge");
		running(f, "hostnet", 3002, "host");
		assert_int_equal(fixture_start(f), 0);
		assert_int_equal(fixture_gather(f), 0);
	}
	assert_int_equal(fixture_rows(&files), 4);
	assert_same_row(&files, &api, "web1");
	assert_same_row(&files, &api, "wdisk");
	assert_same_row(&files, &api, "pidslimit");
	assert_same_row(&files, &api, "hostnet");
	assert_int_equal(fixture_int(&files, "wdisk", "blk_read_bytes"), 642289664);
	fixture_done(&api);
	fixture_done(&files);
}

static void auto_reads_what_it_can_and_asks_for_the_rest_and_says_so_once(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20, V1, FIXTURE_AUTO);
	(void)state;
	/* All that the engine alone would give; web1 and three more from files, and flapping is
	 * known not to run. */
	assert_int_equal(fixture_rows(&f), 9);
	assert_int_equal(fake_engine_asked(f.engine, "/stats"), 6);
	assert_int_equal(fixture_metric(&f, "containers", "source=\"cgroup\""), 4);
	assert_int_equal(fixture_gather(&f), 0);
	const char *log = fake_host_log(f.host, TALLY_NOTICE);
	assert_non_null(strstr(log, "reading the cgroup files of 4 containers, asking the engine"));
	assert_non_null(strstr(log, "/proc/"));
	assert_int_equal(fixture_rows(&f), 9);
	assert_int_equal(fixture_gather(&f), 0);
	assert_string_equal(fake_host_log(f.host, TALLY_NOTICE), "");
	fixture_done(&f);
}

static void auto_asks_the_engine_where_no_cgroup_is_mounted(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20, TEST_DATA_DIR "/docker", FIXTURE_AUTO);
	(void)state;
	assert_int_equal(fixture_rows(&f), 9);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json"), 1);
	fixture_done(&f);
	f = begun(DOCKER_20, TEST_DATA_DIR "/docker", FIXTURE_AUTO);
	assert_int_equal(fixture_start(&f), 0);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_NOTICE), "no cgroup is mounted here"));
	fixture_done(&f);
}

static void cgroup_without_cgroups_does_not_start(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, TEST_DATA_DIR "/docker", FIXTURE_CGROUP);
	(void)state;
	assert_int_equal(fixture_start(&f), -ENOENT);
	assert_non_null(strstr(fake_host_reason(f.host), "no cgroup is mounted here"));
	fixture_done(&f);
}

static void cgroup_needs_an_engine_on_this_machine(void **state)
{
	struct docker_fixture f = begun(NULL, V1, FIXTURE_CGROUP);
	(void)state;
	fixture_set_text(&f, "endpoint", "tcp://127.0.0.1:2375");
	assert_int_equal(fixture_start(&f), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f.host), "unix://"));
	fixture_done(&f);
}

static void unreadable_files_are_reported_at_the_second_failure(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20, V1, FIXTURE_CGROUP);
	(void)state;
	assert_int_equal(fixture_rows(&f), 4);
	fake_host_set_monotonic(f.host, INT64_C(1000000) * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 4);
	assert_non_null(
		strstr(fake_host_log(f.host, TALLY_WARNING), "no stats of 6 out of 11 containers"));
	assert_int_equal(fake_engine_asked(f.engine, "/stats"), 0);
	fixture_done(&f);
}

static void a_pid_of_another_container_is_not_believed(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	char id[65], part[100];
	(void)state;
	snprintf(part, sizeof(part), "/containers/%s/json", fixture_id(&f, "nonet", id));
	fake_engine_set(f.engine, part, 200, "{\"State\":{\"Pid\":2509}}", FAKE_ANSWERS);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	snprintf(part, sizeof(part), "/containers/%s/stats", id);
	assert_int_equal(fake_engine_asked(f.engine, part), 1);
	fixture_done(&f);
}

/* ---- What runs ---- */

static void only_in_files(struct docker_fixture *f)
{
	static const char *const only[] = {"web1", "hostnet", "sharednet", "nonet", NULL};
	fixture_set_list(f, "include", only);
	fake_host_set_monotonic(f->host, INT64_C(1000000) * CLOCK_SECOND);
	assert_int_equal(fixture_start(f), 0);
}

static void without_events_the_engine_is_asked_every_5_s_what_runs(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	(void)state;
	only_in_files(&f);
	for (int i = 0; i < 11; i++) {
		fake_host_set_monotonic(f.host, (1000000 + i) * CLOCK_SECOND);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_rows(&f), 4);
	}
	assert_int_equal(fake_engine_asked(f.engine, "/containers/json"), 3);
	assert_int_equal(fake_engine_asked(f.engine, "/json"), 3 + 4);
	fixture_done(&f);
}

static void files_are_read_on_while_the_engine_is_dead(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	(void)state;
	only_in_files(&f);
	assert_int_equal(fixture_gather(&f), 0);
	fake_engine_die(f.engine);
	uint32_t warnings = 0;
	for (int i = 1; i < 20; i++) {
		fake_host_set_monotonic(f.host, (1000000 + i) * CLOCK_SECOND);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_rows(&f), 4);
		warnings += strstr(fake_host_log(f.host, TALLY_WARNING),
				   "reading the files of those already known: unix://") != NULL;
	}
	/* At 5, 10 and 15 s. */
	assert_int_equal(warnings, 3);
	fixture_done(&f);
}

static uint32_t descriptors(void)
{
	uint32_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void descriptors_are_kept_and_given_back(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	(void)state;
	only_in_files(&f);
	uint32_t before = descriptors();
	assert_int_equal(fixture_gather(&f), 0);
	uint32_t kept = descriptors() - before;
	/* 10 files each; two of them have a network of their own, and nonet an empty one. */
	assert_true(kept >= 4 * 10 + 3);
	assert_true(kept <= 4 * CGROUP_FILES_USUAL + 20);
	f.plugin->stop(f.self);
	assert_true(descriptors() <= before);
	assert_int_equal(fixture_start(&f), 0);
	fixture_done(&f);
}

static void where_descriptors_are_short_the_engine_is_asked(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	struct rlimit was, few;
	(void)state;
	only_in_files(&f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = CGROUP_FILES_SPARED + 2 * CGROUP_FILES_MAX;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = fixture_gather(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(r, 0);
	assert_int_equal(fixture_rows(&f), 4);
	assert_int_equal(fake_engine_asked(f.engine, "/stats"), 2);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_of_v1_give_the_engines_numbers),
		cmocka_unit_test(the_files_of_v2_give_the_engines_numbers),
		cmocka_unit_test(auto_reads_what_it_can_and_asks_for_the_rest_and_says_so_once),
		cmocka_unit_test(auto_asks_the_engine_where_no_cgroup_is_mounted),
		cmocka_unit_test(cgroup_without_cgroups_does_not_start),
		cmocka_unit_test(cgroup_needs_an_engine_on_this_machine),
		cmocka_unit_test(unreadable_files_are_reported_at_the_second_failure),
		cmocka_unit_test(a_pid_of_another_container_is_not_believed),
		cmocka_unit_test(without_events_the_engine_is_asked_every_5_s_what_runs),
		cmocka_unit_test(files_are_read_on_while_the_engine_is_dead),
		cmocka_unit_test(descriptors_are_kept_and_given_back),
		cmocka_unit_test(where_descriptors_are_short_the_engine_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
