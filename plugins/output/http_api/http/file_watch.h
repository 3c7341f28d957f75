/*
 * Notices that a file has changed since it was read: its contents, its mode, or another file in its
 * place.
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
/* Whether to read it again; false also if there is no such file now. */
bool file_watch_is_old(const struct file_watch *watch, const char *path);

#endif
