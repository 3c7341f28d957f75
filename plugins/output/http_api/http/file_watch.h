/*
 * Which state of a file was read, so that it is read again when it has another.  By the time of its
 * last change of any kind: its contents' alone stays what it was when only the mode is set right,
 * or when a file that is as old takes its place.
 */
#ifndef TALLYD_HTTP_FILE_WATCH_H
#define TALLYD_HTTP_FILE_WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

struct file_watch {
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

struct file_watch file_watch_of(const struct stat *file);
/* false also if there is no such file now. */
bool file_watch_is_old(const struct file_watch *watch, const char *path);

#endif
