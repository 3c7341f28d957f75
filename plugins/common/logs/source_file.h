/*
 * A container's log as it lies in the engine's own files: log_file.h with a watch on the file that
 * is being written, so that reading rests until something was.  Keeps no state of the container and
 * knows no follower: what came of it is an outcome (outcome.h).  One per follower, on the input's
 * thread.
 *
 * The order that loses nothing: the watch is set, then the file is read to its end, then a look for
 * a rotation; only if there was none does reading rest until the watch tells of a write.
 */
#ifndef TALLYD_LOGS_SOURCE_FILE_H
#define TALLYD_LOGS_SOURCE_FILE_H

#include "logs/log_file.h"

struct source_file {
	struct log_file *log; /* NULL: closed */
	int inotify_fd;       /* the caller's; reading rests until it names the watch */
	int watch;            /* -1: none, as if nothing were at the path */
	bool pending;         /* there may be more to read */
};

/* What inotify_fd tells: each() with every watch that something happened to; -1: any of them may be
 * meant, since the kernel has dropped some. */
void source_file_notices(int inotify_fd, void (*each)(void *arg, int watch), void *arg);

/* 0; -ENOTSUP: a file that is needed is compressed; -EAGAIN: it is being rotated; -ENOSPC: it
 * cannot be watched; -errno. */
int source_file_open(struct source_file *source, const char *path, int inotify_fd,
		     const struct log_begin *begin);
/* Why it was not opened. */
const char *source_file_reason(int error);
/* Without an open file it does nothing. */
void source_file_close(struct source_file *source);

/* One chunk.  LOG_MORE, LOG_END, LOG_FOREIGN, what else part() returned, or -errno.  buffer:
 * LOG_FILE_BUFFER bytes. */
int source_file_read(struct source_file *source, char *buffer, log_part_fn *part, void *arg);

#endif
