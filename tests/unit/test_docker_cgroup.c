#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_files.h"
#include "docker_fixture.h"
#include "docker_list.h"

#include <cmocka.h>

#define V1 TEST_DATA_DIR "/cgroup/v1"
#define V2 TEST_DATA_DIR "/cgroup/v2"

static const int64_t second_ns = 1000000000;
static const char web1[] = "6d2868d44301ff811f3929b2c1713af5f363538344266347258eef71e4369e66";

static struct cgroup_span span(const char *text)
{
	return (struct cgroup_span){text, text + strlen(text)};
}

/* ---- Texts ---- */

static void a_number_is_read_unless_it_is_none(void **state)
{
	const struct cgroup_file file = {.form = CGROUP_NUMBER, .slot = STATS_PIDS_LIMIT};
	const struct {
		const char *text;
		bool set;
		int64_t value;
	} cases[] = {{"50\n", true, 50},
		     {"0", true, 0},
		     {"9223372036854771712\n", true, INT64_C(9223372036854771712)},
		     {"9223372036854775808\n", false, 0},
		     {"max\n", false, 0},
		     {"12x\n", false, 0},
		     {"-1\n", false, 0},
		     {"\n", false, 0},
		     {"", false, 0}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stats stats = {0};
		cgroup_text_read(&file, span(cases[i].text), &stats);
		assert_int_equal(stats.slots[STATS_PIDS_LIMIT].set, cases[i].set);
		if (cases[i].set)
			assert_int_equal(stats.slots[STATS_PIDS_LIMIT].value, cases[i].value);
	}
}

static void keys_are_read_whole_and_in_the_slots_unit(void **state)
{
	static const struct cgroup_key keys[] = {{"user", 10000000, STATS_CPU_USER_NS},
						 {"system", 10000000, STATS_CPU_KERNEL_NS},
						 {0}};
	const struct cgroup_file file = {.form = CGROUP_KEYS, .keys = keys};
	struct stats stats = {0};
	(void)state;
	cgroup_text_read(&file, span("user_x 9\nuser 3\nsystem 999999999999999999"), &stats);
	assert_int_equal(stats.slots[STATS_CPU_USER_NS].value, 30000000);
	/* Too large for ns. */
	assert_false(stats.slots[STATS_CPU_KERNEL_NS].set);
}

static void devices_are_summed_and_none_of_them_is_null(void **state)
{
	const struct cgroup_file file = {.form = CGROUP_DEVICES, .slot = STATS_BLK_READ_BYTES};
	struct stats stats = {0};
	struct json_int *reads = &stats.slots[STATS_BLK_READ_BYTES];
	(void)state;
	cgroup_text_read(&file, span("Total 0\n"), &stats);
	assert_false(reads[0].set || reads[1].set);
	cgroup_text_read(&file,
			 span("254:0 Read 4096\n254:0 Write 0\n254:0 Sync 9\n254:0 Total 4105\n"
			      "8:16 Read 512\n8:16 Write 1024\nTotal 9999\n"),
			 &stats);
	assert_int_equal(reads[0].value, 4608);
	assert_int_equal(reads[1].value, 1024);
	/* The first file that says something counts, as for the engine. */
	cgroup_text_read(&file, span("254:0 Read 1\n"), &stats);
	assert_int_equal(reads[0].value, 4608);
}

static void io_stat_gives_bytes_of_every_device(void **state)
{
	const struct cgroup_file file = {.form = CGROUP_IO, .slot = STATS_BLK_READ_BYTES};
	struct stats stats = {0};
	struct json_int *reads = &stats.slots[STATS_BLK_READ_BYTES];
	(void)state;
	cgroup_text_read(&file, span("8:0 \n7:1\n\n"), &stats);
	assert_false(reads[0].set || reads[1].set);
	cgroup_text_read(&file,
			 span("254:0 rbytes=642289664 wbytes=5 rios=3 wios=1 dbytes=0 dios=0\n"
			      "8:0 rbytes=1 wbytes=x rios=3\n"),
			 &stats);
	assert_int_equal(reads[0].value, 642289665);
	assert_int_equal(reads[1].value, 5);
	assert_false(stats.slots[STATS_BLK_READ_OPS].set);
}

#define NET_HEAD                                                                                   \
	"Inter-|   Receive          |  Transmit\n face |bytes    packets errs |bytes    packets\n"
#define NET_LO "    lo: 99 9 0 0 0 0 0 0 99 9 0 0 0 0 0 0\n"

static void interfaces_of_the_engine_are_summed_and_lo_is_not(void **state)
{
	struct stats stats = {0};
	(void)state;
	cgroup_text_network(span(NET_HEAD NET_LO), &stats);
	assert_false(stats.slots[STATS_NET_RX_BYTES].set);
	cgroup_text_network(span(NET_HEAD NET_LO "  eth0: 100 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n"
						 "  eth1:1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"
						 "  tun0: 500 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"),
			    &stats);
	assert_int_equal(stats.slots[STATS_NET_RX_BYTES].value, 101);
	assert_int_equal(stats.slots[STATS_NET_RX_PACKETS].value, 3);
	assert_int_equal(stats.slots[STATS_NET_RX_ERRORS].value, 4);
	assert_int_equal(stats.slots[STATS_NET_RX_DROPPED].value, 5);
	assert_int_equal(stats.slots[STATS_NET_TX_BYTES].value, 51);
	assert_int_equal(stats.slots[STATS_NET_TX_PACKETS].value, 7);
	assert_int_equal(stats.slots[STATS_NET_TX_ERRORS].value, 8);
	assert_int_equal(stats.slots[STATS_NET_TX_DROPPED].value, 9);
	stats = (struct stats){0};
	cgroup_text_network(span(NET_HEAD NET_LO "ethernet: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n"),
			    &stats);
	assert_int_equal(stats.slots[STATS_NET_RX_BYTES].value, 7);
}

/* ---- Places ---- */

static void mount(struct cgroup_mounts *mounts, const char *line)
{
	cgroup_mounts_add(mounts, span(line));
}

static void controllers_mounted_together_or_under_odd_names_are_found(void **state)
{
	struct cgroup_mounts mounts = {0};
	struct cgroup_place place;
	char folder[CGROUP_PATH_SIZE];
	(void)state;
	mount(&mounts, "33 31 0:30 / /a\\040b/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
	mount(&mounts, "34 31 0:31 / /proc rw - proc proc rw,memory\n");
	mount(&mounts, "35 31 0:32 /elsewhere /x rw - cgroup cgroup rw,pids\n");
	mount(&mounts, "36 31 0:32 /docker /y rw - cgroup cgroup rw,pids\n");
	mount(&mounts, "garbage");
	assert_int_equal(mounts.n, 3);
	assert_true(cgroup_place_find(span("4:pids:/docker/abc\n3:cpu,cpuacct:/docker/abc\n"
					   "2:memory:/docker/abc\n0::/\n"),
				      "abc", &place));
	assert_false(place.unified);
	assert_true(cgroup_place_folder(&mounts, &place, CGROUP_CPU, folder));
	assert_string_equal(folder, "/a b/cpu/docker/abc");
	assert_true(cgroup_place_folder(&mounts, &place, CGROUP_CPUACCT, folder));
	assert_true(cgroup_place_folder(&mounts, &place, CGROUP_PIDS, folder));
	assert_string_equal(folder, "/y/abc");
	assert_false(cgroup_place_folder(&mounts, &place, CGROUP_MEMORY, folder));
}

static void a_cgroup_below_the_containers_own_is_cut_off(void **state)
{
	struct cgroup_place place;
	(void)state;
	assert_true(cgroup_place_find(span("0::/system.slice/docker-abc.scope/init.scope\n"), "abc",
				      &place));
	assert_true(place.unified);
	assert_string_equal(place.paths[CGROUP_UNIFIED], "/system.slice/docker-abc.scope");
}

static void a_process_that_is_not_the_containers_is_refused(void **state)
{
	struct cgroup_place place;
	(void)state;
	assert_false(cgroup_place_find(span("0::/user.slice\n"), "abc", &place));
	assert_false(cgroup_place_find(span("0::/../abc\n"), "abc", &place));
	assert_false(cgroup_place_find(span("3:memory:/docker/abc\n"), "abc", &place));
	assert_false(cgroup_place_find(span(""), "abc", &place));
}

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
	struct docker_fixture api = gathered(DOCKER_26_V2, V2, FIXTURE_API);
	struct docker_fixture files = begun(DOCKER_26_V2, V2, FIXTURE_CGROUP);
	(void)state;
	running(&files, "web1", 3012, "bridge");
	running(&files, "wdisk", 3011, "bridge");
	running(&files, "pidslimit", 3007, "bridge");
	running(&files, "hostnet", 3002, "host");
	assert_int_equal(fixture_start(&files), 0);
	assert_int_equal(fixture_gather(&files), 0);
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
	assert_int_equal(fake_engine_asked(f.engine, "/json"), 1);
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

static void what_cannot_be_read_is_told_when_it_was_not_by_chance(void **state)
{
	struct docker_fixture f = gathered(DOCKER_20, V1, FIXTURE_CGROUP);
	(void)state;
	assert_int_equal(fixture_rows(&f), 4);
	fake_host_set_monotonic(f.host, INT64_C(1000000) * second_ns);
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
	fake_host_set_monotonic(f->host, INT64_C(1000000) * second_ns);
	assert_int_equal(fixture_start(f), 0);
}

static void without_events_the_engine_is_asked_every_5_s_what_runs(void **state)
{
	struct docker_fixture f = begun(DOCKER_20, V1, FIXTURE_AUTO);
	(void)state;
	only_in_files(&f);
	for (int i = 0; i < 11; i++) {
		fake_host_set_monotonic(f.host, (1000000 + i) * second_ns);
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
	uint32_t told = 0;
	for (int i = 1; i < 20; i++) {
		fake_host_set_monotonic(f.host, (1000000 + i) * second_ns);
		assert_int_equal(fixture_gather(&f), 0);
		assert_int_equal(fixture_rows(&f), 4);
		told += strstr(fake_host_log(f.host, TALLY_WARNING),
			       "reading on what is known already: unix://") != NULL;
	}
	/* At 5, 10 and 15 s. */
	assert_int_equal(told, 3);
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

/* ---- One that ends, by a tree of our own ---- */

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
	write_file(root, "/proc/2509/net/dev", NET_HEAD);
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

static void a_container_that_ends_between_sweeps_is_no_error_and_loses_its_baseline(void **state)
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
	static const char *const only[] = {"web1", NULL};
	struct docker_fixture f = begun(DOCKER_20, root, FIXTURE_CGROUP);
	fixture_set_list(&f, "include", only);
	assert_int_equal(fixture_start(&f), 0);
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
	fake_host_set_monotonic(f.host, tally_monotonic(fake_host_ctx(f.host)) + 2 * second_ns);
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(fixture_int(&f, "web1", "cpu_usage_ns"), 77);
	assert_true(fixture_is_null(&f, "web1", "cpu_percent"));
	fixture_done(&f);
	remove_tree(root);
}

static void what_this_kernel_does_not_have_is_null(void **state)
{
	static const char *const only[] = {"web1", NULL};
	char root[32];
	(void)state;
	make_tree(root, "77\n");
	struct docker_fixture f = begun(DOCKER_20, root, FIXTURE_CGROUP);
	fixture_set_list(&f, "include", only);
	assert_int_equal(fixture_start(&f), 0);
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

static void a_file_that_makes_no_sense_costs_its_own_row_only(void **state)
{
	static const char *const only[] = {"web1", NULL};
	char root[32];
	(void)state;
	make_tree(root, "what\n");
	struct docker_fixture f = begun(DOCKER_20, root, FIXTURE_CGROUP);
	fixture_set_list(&f, "include", only);
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(fixture_gather(&f), -EBADMSG);
	assert_non_null(strstr(fake_host_reason(f.host), "web1"));
	fixture_done(&f);
	remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_read_unless_it_is_none),
		cmocka_unit_test(keys_are_read_whole_and_in_the_slots_unit),
		cmocka_unit_test(devices_are_summed_and_none_of_them_is_null),
		cmocka_unit_test(io_stat_gives_bytes_of_every_device),
		cmocka_unit_test(interfaces_of_the_engine_are_summed_and_lo_is_not),
		cmocka_unit_test(controllers_mounted_together_or_under_odd_names_are_found),
		cmocka_unit_test(a_cgroup_below_the_containers_own_is_cut_off),
		cmocka_unit_test(a_process_that_is_not_the_containers_is_refused),
		cmocka_unit_test(the_files_of_v1_give_the_engines_numbers),
		cmocka_unit_test(the_files_of_v2_give_the_engines_numbers),
		cmocka_unit_test(auto_reads_what_it_can_and_asks_for_the_rest_and_says_so_once),
		cmocka_unit_test(auto_asks_the_engine_where_no_cgroup_is_mounted),
		cmocka_unit_test(cgroup_without_cgroups_does_not_start),
		cmocka_unit_test(cgroup_needs_an_engine_on_this_machine),
		cmocka_unit_test(what_cannot_be_read_is_told_when_it_was_not_by_chance),
		cmocka_unit_test(a_pid_of_another_container_is_not_believed),
		cmocka_unit_test(without_events_the_engine_is_asked_every_5_s_what_runs),
		cmocka_unit_test(files_are_read_on_while_the_engine_is_dead),
		cmocka_unit_test(descriptors_are_kept_and_given_back),
		cmocka_unit_test(where_descriptors_are_short_the_engine_is_asked),
		cmocka_unit_test(
			a_container_that_ends_between_sweeps_is_no_error_and_loses_its_baseline),
		cmocka_unit_test(what_this_kernel_does_not_have_is_null),
		cmocka_unit_test(a_file_that_makes_no_sense_costs_its_own_row_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
