/* Flushing folders, on the caller's thread. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>

#include "cleanup.h"

int folder_flush_of(const char *path)
{
	auto_free char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	auto_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}
