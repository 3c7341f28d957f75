/* Markers are removed once they are rows, and not before. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tallyd/testing/fake_host.h>
#include "test.h"

const struct tally_plugin *tally_plugin(void);

static void put(const char *path)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"time\":1764500000000000000,\"text\":\"deploy 1.2.3\"}", file);
	assert_int_equal(fclose(file), 0);
}

/* n more than are open now. */
static void allow_descriptors(rlim_t n, struct rlimit *ret_was)
{
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_was), 0);
	const struct rlimit few = {(rlim_t)next + n, ret_was->rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void a_marker_that_cannot_be_opened_now_is_taken_later(void **state)
{
	struct fake_host *host = fake_host_create("input.markers");
	const struct tally_plugin *plugin = tally_plugin();
	char folder[] = "/tmp/markers_XXXXXX", path[60];
	const char *const config[] = {folder};
	struct rlimit was;
	void *self;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.mark", folder);
	put(path);
	assert_int_equal(plugin->create(fake_host_ctx(host), config, &self), 0);
	allow_descriptors(1, &was);
	assert_int_equal(plugin->input->gather(self), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(fake_host_metric(host, 0), 0);
	assert_int_equal(plugin->input->gather(self), 0);
	assert_int_equal(fake_host_rows(host, "container_changes"), 1);
	assert_int_equal(access(path, F_OK), -1);
	plugin->destroy(self);
	fake_host_destroy(host);
	assert_int_equal(rmdir(folder), 0);
}

static void a_marker_whose_row_is_refused_stays(void **state)
{
	struct fake_host *host = fake_host_create("input.markers");
	const struct tally_plugin *plugin = tally_plugin();
	char folder[] = "/tmp/markers_XXXXXX", path[60];
	const char *const config[] = {folder};
	void *self;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.mark", folder);
	put(path);
	assert_int_equal(plugin->create(fake_host_ctx(host), config, &self), 0);
	fake_host_set_emit_result(host, -ENOSPC);
	assert_int_equal(plugin->input->gather(self), -ENOSPC);
	assert_int_equal(access(path, F_OK), 0);
	fake_host_set_emit_result(host, 0);
	assert_int_equal(plugin->input->gather(self), 0);
	assert_int_equal(fake_host_rows(host, "container_changes"), 1);
	plugin->destroy(self);
	fake_host_destroy(host);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marker_that_cannot_be_opened_now_is_taken_later),
		cmocka_unit_test(a_marker_whose_row_is_refused_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
