/*
 * Reading the engine's own files for those followers that can: a watch on each file that is being
 * written, and a chunk of each in turn, so that a busy one does not hold up the others.
 *
 * The order that loses nothing: the watch is set, then the file is read to its end, then a look for
 * a rotation; only if there was none it rests until its watch tells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "logs.h"

static const int64_t retry_ns = 20000000;

enum { NOTICE_SIZE = 16384, TRIES = 100 };

static void set_watch(struct follower *follower)
{
	int fd = follower->logs->inotify_fd;
	if (follower->watch >= 0)
		inotify_rm_watch(fd, follower->watch);
	follower->watch = inotify_add_watch(fd, follower->file->path,
					    IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF);
}

static bool reserve_buffer(struct docker_logs *logs)
{
	if (!logs->buffer)
		logs->buffer = malloc(LOG_FILE_BUFFER);
	return logs->buffer != NULL;
}

/* ---- Opening ---- */

/* A path on an engine's machine means something here only if that is this machine. */
static bool may_try(const struct follower *follower)
{
	const struct docker_logs *logs = follower->logs;
	return logs->config->source != SOURCE_API && follower->path && logs->inotify_fd >= 0 &&
	       logs->reach.endpoint->path[0];
}

static void tell_why_not(struct docker_logs *logs, const char *path)
{
	if (!logs->told_of_files)
		tally_log(logs->ctx, TALLY_INFO, "%s: %s: by the API instead", path,
			  errno == ENOTSUP ? "what is needed is compressed" : strerror(errno));
	logs->told_of_files = true;
}

static int try_open(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	const struct log_begin begin = {.resume = &follower->lines.resume,
					.last_lines = follower->limited ? logs->first.lines : 0,
					.as_far = logs->config->source == SOURCE_FILE,
					.buffer = logs->buffer};
	int r = -EAGAIN;
	/* A rotation at that very moment. */
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = log_file_open(follower->file, follower->path, &begin);
	return r;
}

bool files_open(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	if (!may_try(follower) || !reserve_buffer(logs))
		return false;
	follower->file = malloc(sizeof(*follower->file));
	if (!follower->file)
		return false;
	int r = try_open(follower);
	if (r < 0) {
		free(follower->file);
		follower->file = NULL;
		errno = -r;
		tell_why_not(logs, follower->path);
		errno = -r;
		return false;
	}
	log_lines_restart(&follower->lines);
	set_watch(follower);
	follower->begun = follower->hot = logs->hot = true;
	tally_count(logs->ctx, METRIC_READS, 1);
	return true;
}

static void count_faults(const struct follower *follower)
{
	struct log_file *file = follower->file;
	if (file->gaps)
		tally_count(follower->logs->ctx, METRIC_GAPS, file->gaps);
	if (file->bad)
		tally_count(follower->logs->ctx, METRIC_GARBAGE, file->bad);
	file->gaps = file->bad = 0;
}

void files_close(struct follower *follower)
{
	if (!follower->file)
		return;
	count_faults(follower);
	if (follower->watch >= 0)
		inotify_rm_watch(follower->logs->inotify_fd, follower->watch);
	log_file_close(follower->file);
	free(follower->file);
	follower->file = NULL;
	follower->watch = -1;
	follower->hot = false;
}

/* ---- Reading ---- */

static void warm(struct docker_logs *logs, const struct inotify_event *event)
{
	bool all = event->mask & IN_Q_OVERFLOW;
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->file && (all || follower->watch == event->wd))
			follower->hot = true;
	}
}

void files_notice(struct docker_logs *logs)
{
	_Alignas(struct inotify_event) char bytes[NOTICE_SIZE];
	ssize_t n;
	while ((n = read(logs->inotify_fd, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const void *)at;
			warm(logs, event);
			at += sizeof(*event) + event->len;
		}
}

static bool refresh(struct follower *follower)
{
	bool rotated = log_file_refresh(follower->file);
	if (rotated)
		set_watch(follower);
	return rotated;
}

/* It is at its end, unless a rotation shows that there is more. */
static void rest(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	if (refresh(follower))
		return;
	follower->hot = false;
	if (!follower->following)
		follower_ended(follower);
	else if (follower->file->missing) /* between two renames: no watch will tell */
		logs->missing_due = tally_monotonic(logs->ctx) + retry_ns;
}

static void read_chunk(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	uint64_t repeats = follower->lines.repeats;
	enum log_file_state state =
		log_file_read(follower->file, logs->buffer, follower_part, follower);
	if (follower->lines.repeats > repeats)
		tally_count(logs->ctx, METRIC_REPEATS, follower->lines.repeats - repeats);
	count_faults(follower);
	switch (state) {
	case LOG_FILE_MORE:
		break;
	case LOG_FILE_END:
		rest(follower);
		break;
	case LOG_FILE_FAILED:
		tally_log(logs->ctx, TALLY_WARNING, "%s: %s; reading it again",
			  follower->file->path, strerror(errno));
		follower_read_again(follower);
		break;
	case LOG_FILE_STOPPED:
		follower_read_again(follower);
	}
}

static void retry_missing(struct docker_logs *logs)
{
	logs->missing_due = 0;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (logs->followers[i]->file && logs->followers[i]->file->missing)
			logs->followers[i]->hot = true;
}

bool files_read(struct docker_logs *logs)
{
	bool hot = false;
	logs_check_clock(logs);
	if (logs->missing_due && tally_monotonic(logs->ctx) >= logs->missing_due)
		retry_missing(logs);
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (!follower->file || !follower->hot)
			continue;
		refresh(follower);
		read_chunk(follower);
		hot = hot || follower->hot;
	}
	return hot;
}
