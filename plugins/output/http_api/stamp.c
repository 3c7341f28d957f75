#include "stamp.h"

struct stamp stamp_of(const struct stat *file)
{
	return (struct stamp){file->st_dev, file->st_ino, file->st_ctim};
}

bool stamp_is_old(const struct stamp *stamp, const char *path)
{
	struct stat file;
	if (stat(path, &file) < 0)
		return false;
	const struct stamp now = stamp_of(&file);
	return now.device != stamp->device || now.inode != stamp->inode ||
	       now.changed.tv_sec != stamp->changed.tv_sec ||
	       now.changed.tv_nsec != stamp->changed.tv_nsec;
}
