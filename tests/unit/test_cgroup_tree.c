/* Cgroup files that end, are not there or make no sense: a tree of our own. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cgroup/cgroup_files.h"
#include "docker_fixture.h"
#include "test.h"

static const char web1[] = "6d2868d44301ff811f3929b2c1713af5f363538344266347258eef71e4369e66";

static struct docker_fixture begun(const char *root)
{
	static const char *const only[] = {"web1", NULL};
	struct docker_fixture f;
	cgroup_root = root;
	fixture_init(&f, DOCKER_20);
	fixture_set_ns(&f, "source", FIXTURE_CGROUP);
	fixture_set_list(&f, "include", only);
	assert_int_equal(fixture_start(&f), 0);
	return f;
}

static void write_file(const char *root, const char *name, const char *text)
{
	char path[600];
	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_tree(char root[32], const char *usage)
{
	char name[300];
	snprintf(root, 32, "/tmp/tallyd-cgroup-XXXXXX");
	assert_non_null(mkdtemp(root));
	write_file(root, "/proc/meminfo", "MemTotal: 1024 kB\n");
	write_file(root, "/proc/stat", "cpu 1 2 3 4 5 6 7 8\ncpu0 1\ncpu1 1\n");
	write_file(root, "/proc/self/mountinfo",
		   "33 31 0:30 / /cg rw - cgroup cgroup rw,cpuacct\n");
	snprintf(name, sizeof(name), "3:cpuacct:/docker/%s\n", web1);
	write_file(root, "/proc/2509/cgroup", name);
	write_file(root, "/proc/2509/net/dev", "Inter-| Receive\n face |bytes\n");
	snprintf(name, sizeof(name), "/cg/docker/%s/cpuacct.usage", web1);
	write_file(root, name, usage ? usage : "");
}

static void remove_tree(const char *root)
{
	char command[100];
	pid_t child = fork();
	snprintf(command, sizeof(command), "%s", root);
	if (child == 0) {
		execl("/bin/rm", "rm", "-rf", command, (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static void a_container_that_ends_between_polls_is_no_error_and_loses_its_baseline(void **state)
{
	char root[32], path[300], target[64];
	pid_t child = fork();
	(void)state;
	if (child == 0)
		for (;;)
			pause();
	/* A number to read, until this process is no more. */
	make_tree(root, NULL);
	snprintf(path, sizeof(path), "%s/cg/docker/%s/cpuacct.usage", root, web1);
	snprintf(target, sizeof(target), "/proc/%d/oom_score_adj", child);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
	struct docker_fixture f = begun(root);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_false(fixture_is_null(&f, "web1", "cpu_percent"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_rows(&f), 0);
	assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
	/* It runs again, and the engine is asked for its new files soon, not in 5 s. */
	unlink(path);
	write_file(root, path + strlen(root), "77\n");
	fake_host_set_monotonic(f.host, tally_monotonic(fake_host_ctx(f.host)) + 2 * CLOCK_SECOND);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 77);
	assert_true(fixture_is_null(&f, "web1", "cpu_percent"));
	fixture_done(&f);
	remove_tree(root);
}

static void what_this_kernel_does_not_have_is_null(void **state)
{
	char root[32];
	(void)state;
	make_tree(root, "77\n");
	struct docker_fixture f = begun(root);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 77);
	assert_int_equal(fixture_int(&f, "web1", "cpu_system_ns"), 280000000);
	assert_int_equal(fixture_int(&f, "web1", "cpu_online"), 2);
	assert_true(fixture_is_null(&f, "web1", "mem_usage_bytes"));
	assert_true(fixture_is_null(&f, "web1", "mem_limit_bytes"));
	assert_true(fixture_is_null(&f, "web1", "pids"));
	assert_true(fixture_is_null(&f, "web1", "net_rx_bytes"));
	fixture_done(&f);
	remove_tree(root);
}

static void cores_are_those_of_its_cpuset(void **state)
{
	static const struct {
		const char *cpus;
		int64_t online;
	} cases[] = {{"0\n", 1}, {"0-1\n", 2}, {"\n", 2}, {"x\n", 2}};
	char root[32], name[300];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_tree(root, "77\n");
		write_file(root, "/proc/self/mountinfo",
			   "33 31 0:30 / /cg rw - cgroup cgroup rw,cpuacct\n"
			   "34 31 0:31 / /cs rw - cgroup cgroup rw,cpuset\n");
		snprintf(name, sizeof(name), "3:cpuacct:/docker/%s\n4:cpuset:/docker/%s\n", web1,
			 web1);
		write_file(root, "/proc/2509/cgroup", name);
		snprintf(name, sizeof(name), "/cs/docker/%s/cpuset.effective_cpus", web1);
		write_file(root, name, cases[i].cpus);
		struct docker_fixture f = begun(root);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_int(&f, "web1", "cpu_online"), cases[i].online);
		fixture_done(&f);
		remove_tree(root);
	}
}

static void a_file_that_makes_no_sense_costs_its_own_row_only(void **state)
{
	char root[32];
	(void)state;
	make_tree(root, "what\n");
	struct docker_fixture f = begun(root);
	assert_int_equal(fixture_gather(&f), -EBADMSG);
	assert_non_null(strstr(fake_host_reason(f.host), "web1"));
	fixture_done(&f);
	remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_container_that_ends_between_polls_is_no_error_and_loses_its_baseline),
		cmocka_unit_test(what_this_kernel_does_not_have_is_null),
		cmocka_unit_test(cores_are_those_of_its_cpuset),
		cmocka_unit_test(a_file_that_makes_no_sense_costs_its_own_row_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
