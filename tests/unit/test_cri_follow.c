/* One container of a node, followed without the loop around it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include <tallyd/testing/fake_host.h>
#include "cri_logs.h"
#include "test.h"

struct story {
	struct fake_host *host;
	struct cri_reading reading;
	struct cri_container container;
	struct log_config config;
};

static void begin(struct story *story, const char *text)
{
	*story = (struct story){.host = fake_host_create("input.cri_logs"),
				.config = {.first_sight = "all", .max_line = 256 << 10},
				.container = {.id = "0123456789ab",
					      .name = {.space = "shop", .pod = "web", .uid = "1"},
					      .path = "/tmp/test_cri_follow_XXXXXX"}};
	int fd = mkstemp(story->container.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(log_common_init(&story->reading.common, fake_host_ctx(story->host),
					 &story->config, METRIC_LOGS),
			 0);
	story->reading.inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	story->reading.buffer = malloc(LOG_FILE_BUFFER);
	assert_non_null(story->reading.buffer);
}

static void end(struct story *story)
{
	close(story->reading.inotify_fd);
	free(story->reading.buffer);
	log_common_done(&story->reading.common);
	fake_host_destroy(story->host);
	unlink(story->container.path);
}

static void read_all(struct story *story, struct cri_follow *follow, int64_t now)
{
	fake_host_set_monotonic(story->host, now);
	while (cri_follow_step(follow, now))
		continue;
}

static void the_last_rows_of_one_that_is_gone_are_read_again_if_they_were_refused(void **state)
{
	struct story s;
	(void)state;
	begin(&s, "2026-01-02T03:04:05.000000001Z stdout F one\n"
		  "2026-01-02T03:04:05.000000002Z stdout F two\n");
	struct cri_follow *follow = cri_follow_create(&s.reading, &s.container, true);
	assert_non_null(follow);
	fake_host_set_emit_result(s.host, -ENOSPC);
	cri_follow_set_gone(follow, true);
	read_all(&s, follow, CLOCK_MINUTE);
	assert_true(follow->done);
	cri_follow_flush(follow);
	assert_false(follow->done);
	fake_host_set_emit_result(s.host, 0);
	read_all(&s, follow, 2 * CLOCK_MINUTE);
	assert_true(follow->done);
	cri_follow_flush(follow);
	assert_true(follow->done);
	assert_int_equal(fake_host_rows(s.host, "container_logs"), 2);
	cri_follow_destroy(follow);
	end(&s);
}

static void a_file_that_cannot_be_watched_is_tried_again(void **state)
{
	struct story s;
	(void)state;
	begin(&s, "2026-01-02T03:04:05.000000001Z stdout F one\n");
	struct cri_follow *follow = cri_follow_create(&s.reading, &s.container, true);
	assert_non_null(follow);
	int inotify_fd = s.reading.inotify_fd;
	s.reading.inotify_fd = -1;
	read_all(&s, follow, CLOCK_MINUTE);
	assert_null(follow->file.log);
	assert_non_null(strstr(fake_host_log(s.host, TALLY_WARNING), "trying it again"));
	s.reading.inotify_fd = inotify_fd;
	read_all(&s, follow, 2 * CLOCK_MINUTE);
	assert_true(follow->file.watch >= 0);
	cri_follow_destroy(follow);
	assert_int_equal(fake_host_rows(s.host, "container_logs"), 1);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_cannot_be_watched_is_tried_again),
		cmocka_unit_test(
			the_last_rows_of_one_that_is_gone_are_read_again_if_they_were_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
