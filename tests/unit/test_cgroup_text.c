/* The texts in cgroup files, and where a container's files are. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cgroup/cgroup_paths.h"
#include "cgroup/cgroup_text.h"
#include "test.h"

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

static void a_list_of_cpus_is_counted(void **state)
{
	static const struct {
		const char *text;
		int64_t cpus; /* -1: unset */
	} cases[] = {{"0\n", 1},
		     {"0-3\n", 4},
		     {"0-2,5\n", 4},
		     {"1,3,5", 3},
		     {"7-7", 1},
		     {"", -1},
		     {"\n", -1},
		     {"x", -1},
		     {"0-", 1},
		     {"3-1", -1},
		     {"-1", -1},
		     {"0,,1", -1},
		     {"0-9999999999999999999", -1},
		     {"0-99999999", -1},
		     {"0-1-2", -1}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_int cpus = cgroup_text_cpus(span(cases[i].text));
		if ((cpus.set ? cpus.value : -1) != cases[i].cpus)
			fail_msg("\"%s\" has %lld", cases[i].text, (long long)cpus.value);
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

static void the_most_of_a_processor_is_a_quota_and_a_period(void **state)
{
	const struct cgroup_file file = {.form = CGROUP_NUMBERS, .slot = STATS_CPU_QUOTA};
	struct stats stats = {0};
	(void)state;
	cgroup_text_read(&file, span("75000 100000\n"), &stats);
	assert_int_equal(stats.slots[STATS_CPU_QUOTA].value, 75000);
	assert_int_equal(stats.slots[STATS_CPU_PERIOD].value, 100000);
	cgroup_text_read(&file, span("max 100000\n"), &stats);
	assert_false(stats.slots[STATS_CPU_QUOTA].set);
	cgroup_text_read(&file, span("75000"), &stats);
	assert_false(stats.slots[STATS_CPU_PERIOD].set);
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
	struct cgroup_paths paths;
	char folder[CGROUP_PATH_SIZE];
	(void)state;
	mount(&mounts, "33 31 0:30 / /a\\040b/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
	mount(&mounts, "34 31 0:31 / /proc rw - proc proc rw,memory\n");
	mount(&mounts, "35 31 0:32 /elsewhere /x rw - cgroup cgroup rw,pids\n");
	mount(&mounts, "36 31 0:32 /docker /y rw - cgroup cgroup rw,pids\n");
	mount(&mounts, "garbage");
	assert_int_equal(mounts.n, 3);
	assert_true(cgroup_paths_parse(span("4:pids:/docker/abc\n3:cpu,cpuacct:/docker/abc\n"
					    "2:memory:/docker/abc\n0::/\n"),
				       "abc", &paths));
	assert_false(paths.unified);
	assert_true(cgroup_paths_resolve(&mounts, &paths, CGROUP_CPU, folder));
	assert_string_equal(folder, "/a b/cpu/docker/abc");
	assert_true(cgroup_paths_resolve(&mounts, &paths, CGROUP_CPUACCT, folder));
	assert_true(cgroup_paths_resolve(&mounts, &paths, CGROUP_PIDS, folder));
	assert_string_equal(folder, "/y/abc");
	assert_false(cgroup_paths_resolve(&mounts, &paths, CGROUP_MEMORY, folder));
}

static void a_cgroup_below_the_containers_own_is_cut_off(void **state)
{
	struct cgroup_paths paths;
	(void)state;
	assert_true(cgroup_paths_parse(span("0::/system.slice/docker-abc.scope/init.scope\n"),
				       "abc", &paths));
	assert_true(paths.unified);
	assert_string_equal(paths.paths[CGROUP_UNIFIED], "/system.slice/docker-abc.scope");
}

static void a_process_that_is_not_the_containers_is_refused(void **state)
{
	struct cgroup_paths paths;
	(void)state;
	assert_false(cgroup_paths_parse(span("0::/user.slice\n"), "abc", &paths));
	assert_false(cgroup_paths_parse(span("0::/../abc\n"), "abc", &paths));
	assert_false(cgroup_paths_parse(span("3:memory:/docker/abc\n"), "abc", &paths));
	assert_false(cgroup_paths_parse(span(""), "abc", &paths));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_read_unless_it_is_none),
		cmocka_unit_test(a_list_of_cpus_is_counted),
		cmocka_unit_test(keys_are_read_whole_and_in_the_slots_unit),
		cmocka_unit_test(devices_are_summed_and_none_of_them_is_null),
		cmocka_unit_test(the_most_of_a_processor_is_a_quota_and_a_period),
		cmocka_unit_test(io_stat_gives_bytes_of_every_device),
		cmocka_unit_test(interfaces_of_the_engine_are_summed_and_lo_is_not),
		cmocka_unit_test(controllers_mounted_together_or_under_odd_names_are_found),
		cmocka_unit_test(a_cgroup_below_the_containers_own_is_cut_off),
		cmocka_unit_test(a_process_that_is_not_the_containers_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
