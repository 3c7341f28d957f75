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

struct markers {
	struct fake_host *host;
	char folder[sizeof("/tmp/markers_XXXXXX")], path[60];
	const char *config[1];
	void *self;
};

/* With one marker in its folder. */
static void begin(struct markers *markers)
{
	*markers = (struct markers){.host = fake_host_create("input.markers"),
				    .folder = "/tmp/markers_XXXXXX"};
	assert_non_null(mkdtemp(markers->folder));
	snprintf(markers->path, sizeof(markers->path), "%s/a.mark", markers->folder);
	put(markers->path);
	markers->config[0] = markers->folder;
	assert_int_equal(tally_plugin()->create(fake_host_ctx(markers->host), markers->config,
						&markers->self),
			 0);
}

static int gather(struct markers *markers)
{
	return tally_plugin()->input->gather(markers->self);
}

/* Now it is a row, once, and gone. */
static void end(struct markers *markers)
{
	assert_int_equal(access(markers->path, F_OK), 0);
	assert_int_equal(fake_host_metric(markers->host, 0), 0);
	assert_int_equal(gather(markers), 0);
	assert_int_equal(fake_host_rows(markers->host, "container_changes"), 1);
	assert_int_equal(access(markers->path, F_OK), -1);
	tally_plugin()->destroy(markers->self);
	fake_host_destroy(markers->host);
	assert_int_equal(rmdir(markers->folder), 0);
}

static void a_marker_that_cannot_be_opened_now_is_taken_later(void **state)
{
	struct markers markers;
	struct rlimit was;
	(void)state;
	begin(&markers);
	allow_descriptors(1, &was);
	assert_int_equal(gather(&markers), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	end(&markers);
}

static void a_marker_whose_row_is_refused_stays(void **state)
{
	struct markers markers;
	(void)state;
	begin(&markers);
	fake_host_set_emit_result(markers.host, -ENOSPC);
	assert_int_equal(gather(&markers), -ENOSPC);
	fake_host_set_emit_result(markers.host, 0);
	end(&markers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marker_that_cannot_be_opened_now_is_taken_later),
		cmocka_unit_test(a_marker_whose_row_is_refused_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
