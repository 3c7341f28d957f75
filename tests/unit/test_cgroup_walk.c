/* Finding containers in a cgroup hierarchy, also in one that somebody has made on purpose. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/cgroup_walk.h"
#include "test.h"

#define ID "6d2868d44301ff811f3929b2c1713af5f363538344266347258eef71e4369e66"
#define UID "1b2c3d4e-0000-1111-2222-0123456789ab"
#define SLICE_UID "1b2c3d4e_0000_1111_2222_0123456789ab"

static const char *const usual[] = {"/kube*/**/{id}",
				    "/kube*/**/crio-{id}",
				    "/kube*/**/crio-{id}.scope",
				    "/kube*/**/cri-containerd-{id}.scope",
				    "/kube*/**/docker-{id}.scope",
				    NULL};

/* ---- Trees ---- */

/* The folder and those above it, below a new one in which the test works. */
static void make(const char *path)
{
	char part[4096];
	snprintf(part, sizeof(part), "%s/", path);
	for (char *at = part; (at = strchr(at, '/')); at++) {
		*at = '\0';
		assert_true(mkdir(part, 0700) == 0 || errno == EEXIST);
		*at = '/';
	}
}

static int enter_folder(void **state)
{
	static char root[] = "/dev/shm/tallyd-walk-XXXXXX";
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	assert_int_equal(chdir(root), 0);
	*state = root;
	return 0;
}

static void remove_all(const char *path)
{
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/rm", "rm", "-rf", path, (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static int leave_folder(void **state)
{
	remove_all(*state);
	return chdir("/");
}

static struct cgroup_patterns patterns_of(const char *const *list)
{
	struct cgroup_patterns patterns;
	const char *wrong;
	assert_null(cgroup_patterns_init(&patterns, list, &wrong));
	return patterns;
}

/* How many, and the last one. */
static uint32_t walk_all(const char *const *list, struct cgroup_found *ret)
{
	struct cgroup_patterns patterns = patterns_of(list);
	struct cgroup_walk walk = {0};
	uint32_t n = 0;
	assert_int_equal(cgroup_walk_begin(&walk, &patterns, "."), 0);
	while (cgroup_walk_next(&walk, INT64_MAX, ret) == 1)
		n++;
	assert_int_equal(cgroup_walk_next(&walk, INT64_MAX, ret), 0);
	cgroup_walk_end(&walk);
	cgroup_patterns_done(&patterns);
	return n;
}

/* ---- Where containers are ---- */

static void containers_of_every_runtime_and_driver_are_found(void **state)
{
	static const char *const paths[] = {
		"kubepods/besteffort/pod" UID "/" ID,
		"kubepods/pod" UID "/" ID,
		"kubepods/burstable/pod" UID "/crio-" ID,
		"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" SLICE_UID
		".slice/cri-containerd-" ID ".scope",
		"kubepods.slice/kubepods-pod" SLICE_UID ".slice/crio-" ID ".scope",
		"kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" SLICE_UID
		".slice/docker-" ID ".scope",
		"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" SLICE_UID
		".slice/cri-containerd-" ID ".scope",
		"kubelet/kubepods/burstable/pod" UID "/" ID,
	};
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char uid[CRI_LABEL_SIZE];
		struct cgroup_found found;
		char top[64];
		snprintf(top, sizeof(top), "%zu", i);
		make(top);
		assert_int_equal(chdir(top), 0);
		make(paths[i]);
		assert_int_equal(walk_all(usual, &found), 1);
		assert_string_equal(found.path + 1, paths[i]);
		assert_string_equal(found.id, ID);
		assert_true(cri_uid_of_cgroup(found.path, uid));
		assert_string_equal(uid, UID);
		assert_int_equal(chdir(".."), 0);
	}
}

static void what_is_no_container_is_not(void **state)
{
	struct cgroup_found found;
	char uid[CRI_LABEL_SIZE];
	(void)state;
	make("kubepods.slice/kubepods-pod" SLICE_UID ".slice/crio-conmon-" ID ".scope");
	make("kubepods.slice/kubepods-pod" SLICE_UID ".slice/cri-containerd-" ID ".mount");
	make("kubepods.slice/" ID "0");
	make("kubepods.slice/0123456789a");
	make("kubepods.slice/0123456789AB");
	make("system.slice/docker-" ID ".scope");
	make("user.slice/kubepods/" ID);
	assert_int_equal(walk_all(usual, &found), 0);
	assert_false(cri_uid_of_cgroup("/kubepods/burstable/" ID, uid));
}

static void what_a_container_has_made_below_is_its_own(void **state)
{
	struct cgroup_found found;
	(void)state;
	make("kubepods/pod" UID "/" ID "/kubepods/pod" UID "/0123456789ab");
	assert_int_equal(walk_all(usual, &found), 1);
	assert_string_equal(found.id, ID);
}

static void a_configured_path_is_matched_name_by_name(void **state)
{
	static const char *const own[] = {"/system.slice/nerd?tl-{id}.scope", "/a/*/c/{id}",
					  "/system.slice/*.service/*:cri-containerd:{id}", NULL};
	struct cgroup_found found;
	(void)state;
	make("system.slice/nerdctl-" ID ".scope");
	make("system.slice/containerd.service/kubepods-pod" SLICE_UID ".slice:cri-containerd:" ID);
	make("a/b/c/0123456789ab");
	make("a/b/b/c/0123456789ab");
	make("a/c/0123456789ab");
	assert_int_equal(walk_all(own, &found), 3);
}

static void a_pattern_that_cannot_match_is_refused(void **state)
{
	static const struct {
		const char *pattern, *problem;
	} cases[] = {{"kubepods/{id}", "does not begin with a slash"},
		     {"/kubepods/*", "has no {id} in its last name"},
		     {"/{id}/x", "has no {id} in its last name"},
		     {"/", "has no {id} in its last name"},
		     {"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/{id}", "has more than 16 names"}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const list[] = {cases[i].pattern, NULL};
		struct cgroup_patterns patterns;
		const char *wrong = NULL;
		assert_string_equal(cgroup_patterns_init(&patterns, list, &wrong),
				    cases[i].problem);
		assert_string_equal(wrong, cases[i].pattern);
		cgroup_patterns_done(&patterns);
	}
}

/* ---- Hostile trees ---- */

static uint32_t descriptors(void)
{
	uint32_t n = 0;
	DIR *folder = opendir("/proc/self/fd");
	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static void names_loops_and_depth_lead_nowhere(void **state)
{
	char deep[2000], name[NAME_MAX + 1];
	struct cgroup_found found;
	uint32_t before = descriptors();
	(void)state;
	make("kubepods/new\nline; %s%n/\xff\xfe \t/" ID);
	make("kubepods/pod");
	assert_int_equal(symlink("..", "kubepods/pod/again"), 0);
	assert_int_equal(symlink("/", "kubepods/pod/root"), 0);
	assert_int_equal(symlink("..", "kubepods/pod/0123456789ab0"), 0);
	size_t len = (size_t)snprintf(deep, sizeof(deep), "kubepods");
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(deep + len, sizeof(deep) - len, "/d");
	make(deep);
	memset(name, 'a', sizeof(name));
	name[NAME_MAX] = '\0';
	snprintf(deep, sizeof(deep), "kubepods/%.255s/%.255s/%.255s", name, name, name);
	make(deep);
	assert_int_equal(walk_all(usual, &found), 1);
	assert_string_equal(found.id, ID);
	assert_int_equal(descriptors(), before);
}

static void a_walk_of_a_hundred_thousand_folders_stops_in_time_and_goes_on(void **state)
{
	struct cgroup_patterns patterns = patterns_of(usual);
	struct cgroup_walk walk = {0};
	struct cgroup_found found;
	uint32_t n = 0, stops = 0;
	char name[64];
	int r;
	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "kubepods/%d", i);
		make(name);
		int folder = open(name, O_RDONLY | O_DIRECTORY);
		for (int j = 0; j < 1000; j++) {
			snprintf(name, sizeof(name), j % 500 ? "%x" : "%064x", i * 1000 + j);
			assert_int_equal(mkdirat(folder, name, 0700), 0);
		}
		close(folder);
	}
	assert_int_equal(cgroup_walk_begin(&walk, &patterns, "."), 0);
	/* The time is up at once, so each call takes one step. */
	while ((r = cgroup_walk_next(&walk, 0, &found)) != 0) {
		n += r == 1;
		stops += r == -EAGAIN;
	}
	assert_int_equal(n, 200);
	assert_true(stops >= 100000);
	cgroup_patterns_done(&patterns);
}

static void folders_that_vanish_meanwhile_are_skipped(void **state)
{
	struct cgroup_patterns patterns = patterns_of(usual);
	struct cgroup_walk walk = {0};
	struct cgroup_found found;
	(void)state;
	make("kubepods/pod1/" ID);
	make("kubepods/pod2/" ID);
	assert_int_equal(cgroup_walk_begin(&walk, &patterns, "."), 0);
	assert_int_equal(cgroup_walk_next(&walk, INT64_MAX, &found), 1);
	remove_all("kubepods");
	/* The kernel may still show the name of what is gone. */
	assert_true(cgroup_walk_next(&walk, INT64_MAX, &found) <= 1);
	cgroup_walk_end(&walk);
	assert_int_equal(cgroup_walk_begin(&walk, &patterns, "./none"), ENOENT);
	cgroup_patterns_done(&patterns);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(containers_of_every_runtime_and_driver_are_found),
		IN_FOLDER(what_is_no_container_is_not),
		IN_FOLDER(what_a_container_has_made_below_is_its_own),
		IN_FOLDER(a_configured_path_is_matched_name_by_name),
		cmocka_unit_test(a_pattern_that_cannot_match_is_refused),
		IN_FOLDER(names_loops_and_depth_lead_nowhere),
		IN_FOLDER(a_walk_of_a_hundred_thousand_folders_stops_in_time_and_goes_on),
		IN_FOLDER(folders_that_vanish_meanwhile_are_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
