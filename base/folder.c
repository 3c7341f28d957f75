/* Flushing folders, on the caller's thread. */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>

#include "base/cleanup.h"

int folder_flush(const char *folder)
{
	auto_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fsync(fd) == 0)
		return 0;
	/* It may not be read, or its file system has no such thing. */
	return errno == EACCES || errno == EINVAL ? 0 : -errno;
}

int folder_flush_of(const char *path)
{
	auto_free char *copy = strdup(path);
	return copy ? folder_flush(dirname(copy)) : -ENOMEM;
}
