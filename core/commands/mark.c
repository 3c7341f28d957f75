/*
 * `tallyd mark TEXT --service NAME`: leaves a mark in the folder `markers` of the state directory,
 * where an input of the daemon finds it.  No connection is made and no privilege needed but to
 * write to that folder; a mark waits there until a daemon runs.
 *
 * Written under a name that nobody reads, flushed, then renamed: half a mark is never seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "commands/checked.h"
#include "commands/command.h"

enum { MARK_TEXT_MAX = 1000, MARK_FILE_MAX = 8192 };

static int64_t mark_time(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

static int mark_write(const char *path, const struct json_writer *json)
{
	/* Read by a daemon that may be another user; the folder keeps everybody else out. */
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ssize_t len = write(fd, json->data, json->len);
	if (len < 0 || fdatasync(fd) < 0)
		return -errno;
	return (size_t)len == json->len ? 0 : -EIO;
}

static int mark_leave(const char *state_dir, int64_t time, const struct json_writer *json)
{
	char fresh[PATH_MAX], path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/markers/%lld-%d.mark", state_dir,
			   (long long)time, getpid());
	int fresh_len = snprintf(fresh, sizeof(fresh), "%s/markers/.%lld-%d", state_dir,
				 (long long)time, getpid());
	if (len < 0 || len >= PATH_MAX || fresh_len < 0 || fresh_len >= PATH_MAX)
		return -ENAMETOOLONG;
	int r = mark_write(fresh, json);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0 && r != -ENOENT)
		unlink(fresh);
	return r;
}

static int mark_run(const struct command_line *line, const char *state_dir)
{
	const char *text = line->argv[0], *service = command_value(line, "service");
	int64_t time = mark_time();
	struct json_writer json;
	json_writer_init(&json, MARK_FILE_MAX);
	json_begin_object(&json);
	json_write_key(&json, "time");
	json_write_int(&json, time);
	json_write_key(&json, "text");
	json_write_string(&json, text);
	if (service) {
		json_write_key(&json, "service");
		json_write_string(&json, service);
	}
	json_end_object(&json);
	int r = json.error ? json.error : mark_leave(state_dir, time, &json);
	json_writer_done(&json);
	if (r == -ENOENT)
		fprintf(stderr,
			"tallyd mark: there is no folder %s/markers: a daemon with [input.markers] "
			"makes it when it starts\n",
			state_dir);
	else if (r < 0)
		fprintf(stderr, "tallyd mark: cannot write to %s/markers: %s\n", state_dir,
			strerror(-r));
	return r < 0 ? COMMAND_FAILED : COMMAND_OK;
}

int command_mark(const struct command_line *line)
{
	const char *text = line->argc > 0 ? line->argv[0] : "";
	struct checked checked;
	if (!*text || strlen(text) > MARK_TEXT_MAX || !utf8_valid(text, strlen(text))) {
		fprintf(stderr, "tallyd mark: the text has 1 to %d bytes of UTF-8\n",
			MARK_TEXT_MAX);
		return COMMAND_USAGE;
	}
	int exit_code = checked_create(line, false, &checked);
	if (exit_code != COMMAND_OK)
		return exit_code;
	exit_code = mark_run(line, checked.plan->globals.state_dir);
	checked_destroy(&checked);
	return exit_code;
}
