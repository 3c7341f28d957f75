/* A state directory whose files somebody removes while they are in use. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/state_dir.h"
#include "test.h"

static const char *in(const char *folder, const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* As on a full disk: the lock can be taken, `writer` cannot be written. */
static void its_own_lock_is_not_taken_for_another_daemons(void **state)
{
	char folder[] = "/tmp/tallyd_state_XXXXXX";
	struct state_dir dir;
	struct error gone, error;
	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(state_dir_open(folder, &dir, &error), 0);
	assert_int_equal(state_dir_keep(&dir, folder, &gone, &error), 0);
	assert_int_equal(unlink(in(folder, "lock")), 0);
	assert_int_equal(unlink(in(folder, "writer")), 0);
	assert_int_equal(mkdir(in(folder, "writer.new"), 0700), 0);
	for (int i = 0; i < 3; i++) {
		int r = state_dir_keep(&dir, folder, &gone, &error);
		assert_true(r < 0 && r != -EBUSY);
		assert_non_null(strstr(error.text, "writer"));
	}
	assert_int_equal(rmdir(in(folder, "writer.new")), 0);
	assert_int_equal(state_dir_keep(&dir, folder, &gone, &error), 1);
	assert_int_equal(state_dir_keep(&dir, folder, &gone, &error), 0);
	state_dir_close(&dir);

	char before[STATE_PRODUCER_SIZE];
	memcpy(before, dir.producer, sizeof(before));
	assert_int_equal(state_dir_open(folder, &dir, &error), 0);
	assert_string_equal(dir.producer, before);
	state_dir_close(&dir);
	unlink(in(folder, "lock"));
	unlink(in(folder, "writer"));
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_lock_is_not_taken_for_another_daemons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
