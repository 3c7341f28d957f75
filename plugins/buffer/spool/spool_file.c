/*
 * The file operations that SQLite leaves to its user: creating the folder and the file with the
 * right mode, and renames that survive a power cut.  A name is safe only when its folder was
 * flushed, too (fsync(2): "Calling fsync() does not necessarily ensure that the entry in the
 * directory containing the file has also reached disk"), so whatever is created or renamed here
 * ends with that.  Called at the start and where a file was damaged or removed, under the journal's
 * lock.  Failures name the file and the reason.
 */
#include "spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/folder.h"

static int spool_file_sync_folder(struct tally_ctx *ctx, const char *folder)
{
	int r = folder_flush(folder);
	return r < 0 ? tally_fail(ctx, -r, "%s: %s", folder, strerror(-r)) : 0;
}

static int spool_file_mkdir(struct tally_ctx *ctx, const char *folder)
{
	if (mkdir(folder, 0700) == 0) {
		int r = folder_flush_of(folder);
		return r < 0 ? tally_fail(ctx, -r, "%s: %s", folder, strerror(-r)) : 0;
	}
	if (errno == EEXIST)
		return 0;
	return tally_fail(ctx, errno, "%s: cannot be created: %s", folder, strerror(errno));
}

int spool_file_create(struct tally_ctx *ctx, const char *path)
{
	struct stat file;
	auto_free char *copy = strdup(path);
	if (!copy)
		return tally_fail(ctx, ENOMEM, "no memory");
	const char *folder = dirname(copy);
	int r = spool_file_mkdir(ctx, folder);
	if (r < 0)
		return r;
	/* Made here because SQLite would use the umask's mode, and rows may hold what is not for
	 * everybody. O_EXCL: what is there already keeps its own. */
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return tally_fail(ctx, errno, "%s: cannot be created: %s", path, strerror(errno));
	if (fd < 0 && stat(path, &file) < 0)
		return tally_fail(ctx, errno, "%s: %s", path, strerror(errno));
	if (fd < 0 && S_ISDIR(file.st_mode))
		return tally_fail(ctx, EISDIR, "%s: is a directory; path names the file", path);
	if (fd < 0 && !S_ISREG(file.st_mode))
		return tally_fail(ctx, EINVAL, "%s: is not a regular file", path);
	/* Also if it existed: the daemon that created it may have been killed before this. */
	return spool_file_sync_folder(ctx, folder);
}

int64_t spool_file_size(const char *path, const char *suffix)
{
	struct stat file;
	auto_free char *name = NULL;
	if (asprintf(&name, "%s%s", path, suffix) < 0) {
		name = NULL;
		return -1;
	}
	return stat(name, &file) == 0 ? (int64_t)file.st_size : -1;
}

/* To the millisecond, so that two files set aside in a second do not get one name:
 * 20261123T190134.567Z */
static void spool_file_time(struct tally_ctx *ctx, char *ret, size_t size)
{
	int64_t now = tally_now(ctx);
	time_t seconds = (time_t)(now / CLOCK_SECOND);
	char text[32];
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
	snprintf(ret, size, "%s.%03" PRId64 "Z", text, now / 1000000 % 1000);
}

static int spool_file_move(struct tally_ctx *ctx, const char *path, const char *to,
			   const char *suffix)
{
	auto_free char *old = NULL, *new = NULL;
	if (asprintf(&old, "%s%s", path, suffix) < 0 || asprintf(&new, "%s%s", to, suffix) < 0)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (suffix[0] && spool_file_size(path, suffix) == 0)
		unlink(old); /* it has no content to examine */
	/* Mostly only some of the three are there. */
	if (rename(old, new) == 0 || errno == ENOENT)
		return 0;
	return tally_fail(ctx, errno, "%s: cannot be set aside: %s", old, strerror(errno));
}

int spool_file_set_aside(struct tally_ctx *ctx, const char *path, char **ret_name)
{
	char when[48];
	auto_free char *name = NULL;
	spool_file_time(ctx, when, sizeof(when));
	if (asprintf(&name, "%s.corrupt-%s", path, when) < 0) {
		name = NULL;
		return tally_fail(ctx, ENOMEM, "no memory");
	}
	bool there = spool_file_size(path, "") >= 0;
	int r = spool_file_move(ctx, path, name, "-wal");
	if (r == 0)
		r = spool_file_move(ctx, path, name, "-journal");
	if (r == 0)
		r = spool_file_move(ctx, path, name, "");
	if (r < 0)
		return r;
	if (there)
		*ret_name = TAKE(name);
	return 0;
}

/* ---- A file that was removed -------------------------------------------------- */

int spool_file_create_folder(struct tally_ctx *ctx, const char *path)
{
	auto_free char *copy = strdup(path);
	return copy ? spool_file_mkdir(ctx, dirname(copy)) : tally_fail(ctx, ENOMEM, "no memory");
}

int spool_file_rename_found(struct tally_ctx *ctx, const char *path)
{
	char when[48];
	auto_free char *name = NULL;
	if (spool_file_size(path, "") < 0)
		return 0;
	spool_file_time(ctx, when, sizeof(when));
	if (asprintf(&name, "%s.found-%s", path, when) < 0) {
		name = NULL;
		return tally_fail(ctx, ENOMEM, "no memory");
	}
	int r = spool_file_move(ctx, path, name, "-wal");
	if (r == 0)
		r = spool_file_move(ctx, path, name, "");
	if (r == 0)
		tally_log(ctx, TALLY_WARNING, "%s: the file found there was renamed to %s", path,
			  name);
	return r;
}

int spool_file_install_copy(struct tally_ctx *ctx, const char *path)
{
	auto_free char *copy = NULL;
	if (asprintf(&copy, "%s.new", path) < 0) {
		copy = NULL;
		return tally_fail(ctx, ENOMEM, "no memory");
	}
	/* Flushed before the rename: after a power cut the name must not lead to less than all
	 * rows.  The mode is set as VACUUM INTO creates its file with the umask's. */
	auto_close int fd = open(copy, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 || rename(copy, path) < 0)
		return tally_fail(ctx, errno, "%s: cannot be put back: %s", path, strerror(errno));
	int r = folder_flush_of(path);
	return r < 0 ? tally_fail(ctx, -r, "%s: %s", path, strerror(-r)) : 0;
}

void spool_file_warn_empty(struct tally_ctx *ctx, const char *path)
{
	if (spool_file_size(path, "") == 0 && spool_file_size(path, "-wal") <= 0)
		tally_log(ctx, TALLY_ERROR,
			  "%s is empty, 0 bytes; if it was in use, the rows that waited in it are "
			  "gone; starting with an empty spool",
			  path);
}

/* ---- A rebuilt file ----------------------------------------------------------- */

int spool_file_replace(struct tally_ctx *ctx, const char *from, const char *path)
{
	auto_free char *copy = strdup(path);
	if (!copy)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (rename(from, path) < 0)
		return tally_fail(ctx, errno, "%s: cannot take its place: %s", from,
				  strerror(errno));
	return spool_file_sync_folder(ctx, dirname(copy));
}

int spool_file_sync(struct tally_ctx *ctx, const char *path)
{
	auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && fsync(fd) == 0)
		return 0;
	return tally_fail(ctx, errno, "%s: %s", path, strerror(errno));
}

int spool_file_finish_swap(struct tally_ctx *ctx, const char *path)
{
	auto_free char *fresh = NULL, *aside = NULL;
	if (asprintf(&fresh, "%s.new", path) < 0) {
		fresh = NULL;
		return tally_fail(ctx, ENOMEM, "no memory");
	}
	if (spool_file_size(fresh, "") < 0)
		return 0;
	/* Both are there: the damaged file was not set aside yet, so the new one may not be
	 * whole.  It is built again. */
	if (spool_file_size(path, "") >= 0) {
		unlink(fresh);
		return 0;
	}
	int r = spool_file_set_aside(ctx, path, &aside); /* a log without its file */
	return r == 0 ? spool_file_replace(ctx, fresh, path) : r;
}
