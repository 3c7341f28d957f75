/*
 * tokens.c and tls.c remember with this which file they have read, and stat() it about once a
 * second. By ctime, device and inode rather than mtime: chmod and rename() over the path change no
 * mtime, or bring an older one.
 */
#include "http/file_watch.h"

struct file_watch file_watch_of(const struct stat *file)
{
	return (struct file_watch){file->st_dev, file->st_ino, file->st_ctim};
}

bool file_watch_is_old(const struct file_watch *watch, const char *path)
{
	struct stat file;
	if (stat(path, &file) < 0)
		return false;
	const struct file_watch now = file_watch_of(&file);
	return now.device != watch->device || now.inode != watch->inode ||
	       now.changed.tv_sec != watch->changed.tv_sec ||
	       now.changed.tv_nsec != watch->changed.tv_nsec;
}
