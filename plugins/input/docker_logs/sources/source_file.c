/*
 * Reading the engine's own files for those followers that can: a watch on each file that is being
 * written, and a chunk of each in turn, so that a busy one does not hold up the others.
 *
 * The order that loses nothing: the watch is set, then the file is read to its end, then a look for
 * a rotation; only if there was none it rests until its watch tells.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "logs.h"

static const int64_t retry_ns = 20000000;
static const int64_t tell_ns = INT64_C(60000000000);

enum { NOTICE_SIZE = 16384, TRIES = 100, ALIEN_LINES = 8 };

static void set_watch(struct follower *follower)
{
	int fd = follower->logs->inotify_fd;
	if (follower->watch >= 0)
		inotify_rm_watch(fd, follower->watch);
	/* One that another file replaces, as Podman does, only loses its name while we hold it. */
	follower->watch = inotify_add_watch(fd, follower->file->path,
					    IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
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

static void tell_why_not(struct docker_logs *logs, const char *path, int error)
{
	if (!logs->told_of_files && logs->config->source != SOURCE_FILE)
		tally_log(logs->ctx, TALLY_INFO, "%s: %s: by the API instead", path,
			  error == ENOTSUP ? "what is needed is compressed" : strerror(error));
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

/* One that was no log may be one by now. */
static int open_log(struct follower *follower)
{
	int r = try_open(follower);
	if (r < 0) {
		tell_why_not(follower->logs, follower->path, -r);
		return r;
	}
	if (!follower->alien)
		return 0;
	if (!log_file_has_record(follower->file, follower->logs->buffer)) {
		log_file_close(follower->file);
		return -EBADMSG;
	}
	follower->alien = false;
	return 0;
}

int files_open(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	if (!may_try(follower))
		return -ENODEV;
	if (!reserve_buffer(logs))
		return -ENOMEM;
	follower->file = malloc(sizeof(*follower->file));
	if (!follower->file)
		return -ENOMEM;
	int r = open_log(follower);
	if (r < 0) {
		free(follower->file);
		follower->file = NULL;
		return r;
	}
	follower->lines.resends = false;
	log_lines_restart(&follower->lines);
	set_watch(follower);
	follower->begun = follower->hot = logs->hot = true;
	tally_count(logs->ctx, METRIC_READS, 1);
	return 0;
}

/* At once, and then of what came since once in a while. */
static void tell_bad(struct follower *follower)
{
	int64_t now = tally_monotonic(follower->logs->ctx);
	if (follower->bad == 0 || now < follower->bad_due)
		return;
	tally_log(follower->logs->ctx, TALLY_WARNING,
		  "%s: %s: %" PRIu64 " damaged or foreign records are passed over, the first at "
		  "byte %lld",
		  follower_name(follower), follower->file->path, follower->bad,
		  (long long)follower->bad_at);
	follower->bad = 0;
	follower->bad_due = now + tell_ns;
}

static void count_faults(struct follower *follower)
{
	struct log_file *file = follower->file;
	if (file->gaps)
		tally_count(follower->logs->ctx, METRIC_GAPS, file->gaps);
	if (file->bad) {
		tally_count(follower->logs->ctx, METRIC_GARBAGE, file->bad);
		if (follower->bad == 0)
			follower->bad_at = file->bad_at;
		follower->bad += file->bad;
	}
	file->gaps = file->bad = 0;
	tell_bad(follower);
}

void files_close(struct follower *follower)
{
	if (!follower->file)
		return;
	follower->bad_due = 0;
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

/* Many lines, or all there are, and not one that we can read. */
static bool is_alien(const struct log_file *file, int state)
{
	return file->good == 0 && file->alien > 0 &&
	       (state == LOG_FILE_END || file->alien >= ALIEN_LINES);
}

/* Nothing was taken of it; the next look goes on by the API. */
static void leave_file(struct follower *follower)
{
	tally_log(follower->logs->ctx, TALLY_WARNING,
		  "%s: %s: neither Docker's JSON nor the CRI format: by the API instead",
		  follower_name(follower), follower->file->path);
	follower->alien = true;
	follower->bad = 0;
	files_close(follower);
	follower->state = FOLLOW_INSPECT;
	follower->logs->attention = true;
}

static void read_chunk(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	uint64_t repeats = follower->lines.repeats;
	int state = log_file_read(follower->file, logs->buffer, follower_part, follower);
	if (follower->lines.repeats > repeats)
		tally_count(logs->ctx, METRIC_REPEATS, follower->lines.repeats - repeats);
	count_faults(follower);
	if (state < 0)
		tally_log(logs->ctx, TALLY_WARNING, "%s: %s: %s; reading it again",
			  follower_name(follower), follower->file->path, strerror(-state));
	if (state < 0 || state == LOG_FILE_STOPPED)
		follower_read_again(follower);
	else if (is_alien(follower->file, state))
		leave_file(follower);
	else if (state == LOG_FILE_END)
		rest(follower);
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
	clock_check(logs);
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
