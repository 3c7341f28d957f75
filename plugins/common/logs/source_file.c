/*
 * See source_file.h.  Called by follower.c, a chunk of each file in turn, so that a busy one does
 * not hold up the others.  What can fail: opening (no file, no right to it, a rotation that does
 * not end); later only reading itself, since the descriptor is held.
 */
#include "logs/source_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { TRIES = 100, FOREIGN_LINES = 8, NOTICE_SIZE = 16384 };

void source_file_notices(int inotify_fd, void (*each)(void *arg, int watch), void *arg)
{
	_Alignas(struct inotify_event) char bytes[NOTICE_SIZE];
	ssize_t n;
	while ((n = read(inotify_fd, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const void *)at;
			each(arg, event->mask & IN_Q_OVERFLOW ? -1 : event->wd);
			at += sizeof(*event) + event->len;
		}
}

const char *source_file_reason(int error)
{
	switch (error) {
	case ENOTSUP:
		return "the rotated file needed is compressed";
	case ENOSPC:
		return "no inotify watch is left (sysctl fs.inotify.max_user_watches)";
	default:
		return strerror(error);
	}
}

/* 0, also if nothing is at the path at this moment; -errno. */
static int set_watch(struct source_file *source)
{
	if (source->watch >= 0)
		inotify_rm_watch(source->inotify_fd, source->watch);
	/* IN_ATTRIB: a file that another replaces, as Podman does, loses only its name while we
	 * hold it open, and that raises no other event. */
	source->watch = inotify_add_watch(source->inotify_fd, source->log->path,
					  IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
	return source->watch < 0 && errno != ENOENT ? -errno : 0;
}

int source_file_open(struct source_file *source, const char *path, int inotify_fd,
		     const struct log_begin *begin)
{
	struct log_file *log = malloc(sizeof(*log));
	int r = log ? -EAGAIN : -ENOMEM;
	/* It takes the engine microseconds to rename the files at a rotation. */
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = log_file_open(log, path, begin);
	if (r < 0) {
		free(log);
		return r;
	}
	*source = (struct source_file){log, inotify_fd, .watch = -1, .pending = true};
	r = set_watch(source);
	if (r < 0)
		source_file_close(source);
	return r;
}

void source_file_close(struct source_file *source)
{
	if (!source->log)
		return;
	if (source->watch >= 0)
		inotify_rm_watch(source->inotify_fd, source->watch);
	log_file_close(source->log);
	free(source->log);
	*source = (struct source_file){.watch = -1};
}

/* true: there is a new file, and the watch is on it. */
static bool follow_rotation(struct source_file *source)
{
	bool rotated = log_file_refresh(source->log);
	if (rotated)
		set_watch(source);
	return rotated;
}

int source_file_read(struct source_file *source, char *buffer, log_part_fn *part, void *arg)
{
	struct log_file *log = source->log;
	follow_rotation(source);
	int outcome = log_file_read(log, buffer, part, arg);
	/* Many lines, or all there are, and not one that we can read. */
	if (outcome >= 0 && log->records == 0 && log->foreign > 0 &&
	    (outcome == LOG_END || log->foreign >= FOREIGN_LINES))
		return LOG_FOREIGN;
	if (outcome == LOG_END && follow_rotation(source))
		return LOG_MORE;
	source->pending = outcome == LOG_MORE;
	return outcome;
}
