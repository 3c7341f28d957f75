/*
 * The lock is flock() on `lock`, which also holds our pid for the message to whoever comes second;
 * it goes with the process, however that ends.  `writer` is written beside and renamed, so that
 * it is whole or not there.
 */
#include "runtime/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"

static int state_path(const char *dir, const char *name, char ret[PATH_MAX], struct error *error)
{
	if (snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "state_dir %s: the path is too long", dir);
	return 0;
}

/* Each new part is flushed into its parent: after a power cut a folder that is gone would take the
 * producer id with it, and rows would be stored twice. */
static int state_make(const char *path, struct error *error)
{
	char part[PATH_MAX];
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return error_set(error, ENAMETOOLONG, "state_dir %s: the path is too long", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) == 0) /* the last mkdir tells what is wrong */
			folder_flush_of(part);
		*slash = '/';
	}
	if (mkdir(path, 0700) == 0)
		folder_flush_of(path);
	else if (errno != EEXIST)
		return error_set(error, errno,
				 "state_dir %s: cannot be created: %s (create it for the user that "
				 "runs tallyd, or set state_dir in [tallyd])",
				 path, strerror(errno));
	return 0;
}

/* The pid is what its owner wrote into the lock file; it may be stale, and helps all the same. */
static int state_busy(const char *path, int fd, struct error *error)
{
	char pid[32] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
	if (len > 0)
		pid[strcspn(pid, "\n")] = '\0';
	return error_set(error, EBUSY,
			 "state_dir %s: in use by another tallyd, pid %s (give each its own "
			 "state_dir)",
			 path, *pid ? pid : "unknown");
}

/* flock() and not a pid file alone: the kernel lets go of it when the process dies, however that
 * happens. O_NOFOLLOW, or a link in its place would have us truncate what it points to. */
static int state_lock(const char *path, struct error *error)
{
	char name[PATH_MAX], pid[32];
	int r = state_path(path, "lock", name, error);
	if (r < 0)
		return r;
	auto_close int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(error, errno,
				 "state_dir %s: cannot be written: %s (it must belong to the user "
				 "that runs tallyd)",
				 path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return state_busy(path, fd, error);
	int len = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len)
		return error_set(error, errno, "%s: %s", name, strerror(errno));
	int taken = fd;
	fd = -1;
	return taken;
}

/* Never replaced when damaged: with another id every row written before would count as another
 * daemon's, and be written again. */
static int state_read_producer(const char *name, char ret[STATE_PRODUCER_SIZE], struct error *error)
{
	char text[STATE_PRODUCER_SIZE] = "";
	auto_close int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	if (len != STATE_PRODUCER_SIZE - 1 || strspn(text, "0123456789abcdef") != (size_t)len)
		return error_set(
			error, EBADMSG,
			"%s: damaged: not 32 hexadecimal digits (restore it from a backup, or "
			"remove it: rows written before then count as those of another daemon)",
			name);
	memcpy(ret, text, sizeof(text));
	return 0;
}

/* Flushed before it is renamed, or a power cut may leave an empty file under the final name. */
static int state_write_file(const char *name, const char *text)
{
	auto_close int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	size_t len = strlen(text);
	errno = EIO; /* of a short write */
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int state_put_producer(const char *fresh, const char *name, const char *producer,
			      struct error *error)
{
	int r = state_write_file(fresh, producer);
	if (r == 0 && rename(fresh, name) < 0)
		r = -errno;
	if (r == 0)
		r = folder_flush_of(name);
	return r < 0 ? error_set(error, -r, "%s: %s", name, strerror(-r)) : 0;
}

/* Drawn at random and kept: stores recognize rows that they have by this id and the sequence. */
static int state_producer(const char *dir, char ret[STATE_PRODUCER_SIZE], struct error *error)
{
	char name[PATH_MAX];
	int r = state_path(dir, "writer", name, error);
	if (r < 0)
		return r;
	r = state_read_producer(name, ret, error);
	if (r == -ENOENT) {
		unsigned char bits[16];
		char fresh[PATH_MAX];
		r = state_path(dir, "writer.new", fresh, error);
		if (r < 0)
			return r;
		if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
			return error_set(error, errno, "getrandom: %s", strerror(errno));
		for (size_t i = 0; i < sizeof(bits); i++)
			snprintf(ret + 2 * i, 3, "%02x", bits[i]);
		return state_put_producer(fresh, name, ret, error);
	}
	if (r < 0 && r != -EBADMSG)
		return error_set(error, -r, "%s: %s", name, strerror(-r));
	return r;
}

/* Which files these are, so that state_dir_keep() can tell another one of the same name. */
static void state_note_lock(struct state_dir *state, const char *path)
{
	char name[PATH_MAX];
	struct error error;
	file_place_note(&state->folder, path, true);
	if (state_path(path, "lock", name, &error) == 0)
		file_place_note(&state->lock_file, name, true);
}

static void state_note(struct state_dir *state, const char *path)
{
	char name[PATH_MAX];
	struct error error;
	state_note_lock(state, path);
	if (state_path(path, "writer", name, &error) == 0)
		file_place_note(&state->producer_file, name, true);
}

/* The lock comes before anything is read or written in the folder. */
int state_dir_open(const char *path, struct state_dir *ret, struct error *error)
{
	struct state_dir state = {0};
	int r = state_make(path, error);
	if (r < 0)
		return r;
	state.lock = state_lock(path, error);
	if (state.lock < 0)
		return state.lock;
	r = state_producer(path, state.producer, error);
	if (r < 0) {
		close(state.lock);
		return r;
	}
	state_note(&state, path);
	*ret = state;
	return 0;
}

/* A file without a name, since access() does not know of full or odd file systems; those that have
 * no such files are believed. */
static int state_try_write(const char *dir)
{
	auto_close int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	struct statfs fs;
	if (statfs(dir, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC))
		return -EROFS;
	return access(dir, W_OK | X_OK) < 0 ? -errno : 0;
}

/* The part of the path that is there already. */
static void state_existing(char *path)
{
	struct stat st;
	while (stat(path, &st) < 0 && errno == ENOENT) {
		char *slash = strrchr(path, '/');
		if (!slash) {
			snprintf(path, 2, "."); /* relative: in the folder we are in */
			return;
		}
		slash[slash == path] = '\0';
		if (slash == path)
			return;
	}
}

/* Checks the nearest folder that exists, since the rest would be created in it. */
int state_dir_check(const char *path, struct error *error)
{
	char part[PATH_MAX];
	struct stat st;
	int r = 0;
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return error_set(error, ENAMETOOLONG, "state_dir %s: the path is too long", path);
	state_existing(part);
	if (stat(part, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	else
		r = state_try_write(part);
	if (r == 0)
		return 0;
	return error_set(error, -r,
			 "state_dir: %s cannot be %s: %s (it must belong to the user that runs "
			 "tallyd)",
			 path, strcmp(part, path) == 0 ? "written" : "created", strerror(-r));
}

/* ---- While it is in use ------------------------------------------------------- */

/* What is not in its place; NULL: all is. */
static const char *state_find_missing(const struct state_dir *state, const char *path)
{
	char name[PATH_MAX];
	struct error error;
	if (!file_place_is_kept(&state->folder, path))
		return "it";
	if (state_path(path, "lock", name, &error) == 0 &&
	    !file_place_is_kept(&state->lock_file, name))
		return "lock in it";
	if (state_path(path, "writer", name, &error) == 0 &&
	    !file_place_is_kept(&state->producer_file, name))
		return "writer in it";
	return NULL;
}

/* Ours stays ours: spools and ledgers know it. */
static int state_keep_producer(const struct state_dir *state, const char *path, struct error *error)
{
	char name[PATH_MAX], fresh[PATH_MAX], found[STATE_PRODUCER_SIZE];
	int r = state_path(path, "writer", name, error);
	if (r == 0)
		r = state_path(path, "writer.new", fresh, error);
	if (r < 0)
		return r;
	if (state_read_producer(name, found, error) == 0 && strcmp(found, state->producer) == 0)
		return 0;
	return state_put_producer(fresh, name, state->producer, error);
}

/* A lock on a file that was removed keeps nobody out, so the lock is taken anew on the new file
 * before the old one is let go. */
int state_dir_keep(struct state_dir *state, const char *path, struct error *told,
		   struct error *error)
{
	const char *missing = state_find_missing(state, path);
	if (!missing)
		return 0;
	error_set(told, ESTALE, "state_dir %s: %s was removed or replaced while in use", path,
		  missing);
	int r = state_make(path, error);
	if (r < 0)
		return r;
	if (strncmp(missing, "writer", 6) != 0) {
		r = state_lock(path, error);
		if (r < 0)
			return r;
		close(state->lock);
		state->lock = r;
		/* Even if `writer` fails below: the next attempt must not meet our own lock. */
		state_note_lock(state, path);
	}
	r = state_keep_producer(state, path, error);
	if (r < 0)
		return r;
	state_note(state, path);
	return 1;
}

void state_dir_close(struct state_dir *state)
{
	close(state->lock);
	state->lock = -1;
}
