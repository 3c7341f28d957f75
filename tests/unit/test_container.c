/* What the daemon concludes from being in a container. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/host_name.h"
#include "process/container.h"
#include "test.h"

/* A root file system in which an engine has left its mark. */
static void make_root(char *root, const char *folder, const char *mark)
{
	char path[100];
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s%s", root, folder);
	if (*folder)
		assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s%s", root, mark);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void remove_root(const char *root, const char *folder, const char *mark)
{
	char path[100];
	snprintf(path, sizeof(path), "%s%s", root, mark);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s%s", root, folder);
	if (*folder)
		assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(root), 0);
}

static void a_containers_id_is_no_machines_name(void **state)
{
	char docker[] = "/tmp/tallyd_root_XXXXXX", podman[] = "/tmp/tallyd_root_XXXXXX";
	(void)state;
	make_root(docker, "", "/.dockerenv");
	make_root(podman, "/run", "/run/.containerenv");
	assert_true(container_made_name("0a1b2c3d4e5f", docker));
	assert_true(container_made_name("0a1b2c3d4e5f", podman));
	remove_root(docker, "", "/.dockerenv");
	remove_root(podman, "/run", "/run/.containerenv");
}

static void a_name_that_was_given_to_a_container_is_kept(void **state)
{
	char root[] = "/tmp/tallyd_root_XXXXXX";
	(void)state;
	make_root(root, "", "/.dockerenv");
	assert_false(container_made_name("web1", root));
	assert_false(container_made_name("0a1b2c3d4e5g", root));
	assert_false(container_made_name("0a1b2c3d4e5f6", root));
	remove_root(root, "", "/.dockerenv");
}

static void a_machine_may_be_named_like_an_id(void **state)
{
	char root[] = "/tmp/tallyd_root_XXXXXX";
	(void)state;
	make_root(root, "", "/other");
	assert_false(container_made_name("0a1b2c3d4e5f", root));
	assert_false(container_takes_along(root, root));
	remove_root(root, "", "/other");
}

static void write_mounts(const char *root, const char *text)
{
	static const char *const folders[] = {"/proc", "/proc/self"};
	char path[100];
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_machine_made_from_an_image_of_a_container_is_none(void **state)
{
	static const char *const made[] = {"/proc/self/mountinfo", "/proc/self", "/proc"};
	char root[] = "/tmp/tallyd_root_XXXXXX", path[100];
	(void)state;
	make_root(root, "", "/.dockerenv");
	write_mounts(root, "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
			   "22 27 0:21 / /proc rw - proc proc rw\n");
	assert_false(container_is_around(root));
	write_mounts(root,
		     "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
		     "50 27 0:51 / / rw,relatime master:4 - overlay overlay rw,lowerdir=/x\n");
	assert_true(container_is_around(root));
	write_mounts(root, "27 1 254:0 /lib/docker/vfs/dir/1 / rw,relatime - ext4 /dev/vda rw\n");
	assert_true(container_is_around(root));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, made[i]);
		assert_int_equal(remove(path), 0);
	}
	remove_root(root, "", "/.dockerenv");
}

static void what_is_on_no_volume_goes_with_the_container(void **state)
{
	char root[] = "/tmp/tallyd_root_XXXXXX";
	(void)state;
	make_root(root, "", "/.dockerenv");
	assert_true(container_takes_along(root, root));
	assert_false(container_takes_along("/proc", root));
	remove_root(root, "", "/.dockerenv");
}

static void the_first_name_that_is_told_stays(void **state)
{
	struct host_name host_name = {NULL};
	(void)state;
	assert_string_equal(host_name_tell(&host_name, "web1"), "web1");
	assert_string_equal(host_name_tell(&host_name, "web2"), "web1");
	assert_string_equal(atomic_load(&host_name.told), "web1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_containers_id_is_no_machines_name),
		cmocka_unit_test(a_name_that_was_given_to_a_container_is_kept),
		cmocka_unit_test(a_machine_may_be_named_like_an_id),
		cmocka_unit_test(a_machine_made_from_an_image_of_a_container_is_none),
		cmocka_unit_test(what_is_on_no_volume_goes_with_the_container),
		cmocka_unit_test(the_first_name_that_is_told_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
