/* Done as the user that will need the file: by opening it, or a nameless file in its folder. */
#include "file_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int file_check_fail(struct tally_ctx *ctx, const char *option, const char *path,
			   const char *what)
{
	int error = errno;
	return tally_fail(ctx, error, "%s: %s cannot be %s: %s", option, path, what,
			  strerror(error));
}

int file_check_read(struct tally_ctx *ctx, const char *option, const char *path)
{
	struct stat st;
	auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (!path)
		return 0;
	if (fd < 0)
		return file_check_fail(ctx, option, path, "read");
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return tally_fail(ctx, EINVAL, "%s: %s is no regular file", option, path);
	return 0;
}

/* Cuts the path down to its folder, and where that may be made, to what is there. */
static void file_check_parent(char *path, unsigned folders)
{
	struct stat st;
	do {
		char *slash = strrchr(path, '/');
		if (!slash)
			snprintf(path, 2, ".");
		else
			slash[slash == path] = '\0';
	} while (folders-- > 0 && stat(path, &st) < 0 && errno == ENOENT);
}

/* Some file systems have no files without a name. */
static int file_check_folder(const char *folder)
{
	auto_close int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

int file_check_write(struct tally_ctx *ctx, const char *option, const char *path, unsigned folders)
{
	char part[PATH_MAX];
	struct stat st;
	if (!path)
		return 0;
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return tally_fail(ctx, ENAMETOOLONG, "%s: the path is too long", option);
	if (stat(path, &st) == 0) {
		auto_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return file_check_fail(ctx, option, path, "written");
		return S_ISREG(st.st_mode)
			       ? 0
			       : tally_fail(ctx, EINVAL, "%s: %s is no regular file", option, path);
	}
	file_check_parent(part, folders);
	errno = -file_check_folder(part);
	return errno ? file_check_fail(ctx, option, path, "made") : 0;
}
