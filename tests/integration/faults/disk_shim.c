/*
 * Preloaded by the power-cut test: writes down, in the file TALLYD_TEST_DISK_LOG, what the process
 * does to files in the folder TALLYD_TEST_DISK, in the order in which it does it: names that come,
 * go and change, bytes that are written, and what is flushed.  power_cut.py makes of that what a
 * disk may hold if the power goes at any instant.
 *
 * A file is known by its inode, which also tells the folder.  One call at a time, so that the order
 * written down is the order of the calls; a record is one write to a file opened for appending, so
 * that a kill leaves whole records and the next process goes on behind them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum shim_kind {
	SHIM_OPEN = 'o', /* name; len: 1 if the file was made, 2 if it was emptied */
	SHIM_WRITE = 'w',
	SHIM_TRUNCATE = 't', /* offset: the new size */
	SHIM_SYNC = 's',
	SHIM_RENAME = 'r', /* name, other */
	SHIM_UNLINK = 'u', /* name */
};

struct shim_record {
	uint64_t kind, inode, offset, len, name_len, other_len; /* then name, other, len bytes */
};

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static pthread_mutex_t shim_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *shim_folder;
static size_t shim_folder_len;
static dev_t shim_device;
static ino_t shim_folder_inode;
static int shim_log = -1;

__attribute__((constructor)) static void shim_start(void)
{
	struct stat folder;
	const char *log = getenv("TALLYD_TEST_DISK_LOG");
	const char *path = getenv("TALLYD_TEST_DISK");
	if (!log || !path || stat(path, &folder) < 0)
		abort();
	shim_log = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (shim_log < 0)
		abort();
	shim_device = folder.st_dev;
	shim_folder_inode = folder.st_ino;
	shim_folder_len = strlen(path);
	shim_folder = path;
}

/* What follows the folder in a path; NULL: it is elsewhere, or in a folder below. */
static const char *shim_name(const char *path)
{
	if (!shim_folder || !path || strncmp(path, shim_folder, shim_folder_len) != 0)
		return NULL;
	path += shim_folder_len;
	if (path[0] != '/' && path[0] != '\0')
		return NULL;
	path += path[0] == '/';
	return strchr(path, '/') ? NULL : path;
}

static void shim_put(struct shim_record record, const char *name, const char *other,
		     const void *bytes)
{
	record.name_len = name ? strlen(name) : 0;
	record.other_len = other ? strlen(other) : 0;
	size_t len = record.kind == SHIM_WRITE ? record.len : 0;
	struct iovec parts[] = {{&record, sizeof(record)},
				{(void *)(uintptr_t)name, record.name_len},
				{(void *)(uintptr_t)other, record.other_len},
				{(void *)(uintptr_t)bytes, len}};
	ssize_t size = (ssize_t)(sizeof(record) + record.name_len + record.other_len + len);
	if (REAL(writev)(shim_log, parts, 4) != size)
		abort();
}

/* false: no file of the folder, nor the folder. */
static bool shim_inode(int fd, uint64_t *ret)
{
	struct stat st;
	if (!shim_folder || fd < 0 || fd == shim_log || fstat(fd, &st) < 0 ||
	    st.st_dev != shim_device)
		return false;
	*ret = st.st_ino;
	return S_ISREG(st.st_mode) || st.st_ino == shim_folder_inode;
}

/* ---- Names -------------------------------------------------------------------- */

static int shim_open(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
	struct stat st;
	uint64_t inode;
	const char *name = shim_name(path);
	if (!name)
		return real(path, flags, mode);
	pthread_mutex_lock(&shim_lock);
	bool there = lstat(path, &st) == 0;
	int fd = real(path, flags, mode), error = errno;
	if (shim_inode(fd, &inode) && name[0]) {
		uint64_t how = !there ? 1 : flags & O_TRUNC ? 2 : 0;
		shim_put((struct shim_record){.kind = SHIM_OPEN, .inode = inode, .len = how}, name,
			 NULL, NULL);
	}
	pthread_mutex_unlock(&shim_lock);
	errno = error;
	return fd;
}

#define SHIM_OPENS(name)                                                                           \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		mode_t mode = 0;                                                                   \
		if (flags & O_CREAT) {                                                             \
			va_list ap;                                                                \
			va_start(ap, flags);                                                       \
			mode = va_arg(ap, mode_t);                                                 \
			va_end(ap);                                                                \
		}                                                                                  \
		return shim_open((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name), path,   \
				 flags, mode);                                                     \
	}
SHIM_OPENS(open)
SHIM_OPENS(open64)

int rename(const char *path, const char *to)
{
	const char *name = shim_name(path), *other = shim_name(to);
	pthread_mutex_lock(&shim_lock);
	int r = REAL(rename)(path, to), error = errno;
	if (r == 0 && name && other)
		shim_put((struct shim_record){.kind = SHIM_RENAME}, name, other, NULL);
	pthread_mutex_unlock(&shim_lock);
	errno = error;
	return r;
}

int unlink(const char *path)
{
	const char *name = shim_name(path);
	pthread_mutex_lock(&shim_lock);
	int r = REAL(unlink)(path), error = errno;
	if (r == 0 && name)
		shim_put((struct shim_record){.kind = SHIM_UNLINK}, name, NULL, NULL);
	pthread_mutex_unlock(&shim_lock);
	errno = error;
	return r;
}

/* ---- Bytes -------------------------------------------------------------------- */

static void shim_wrote(int fd, const void *bytes, ssize_t n, off_t offset)
{
	uint64_t inode;
	if (n > 0 && shim_inode(fd, &inode))
		shim_put((struct shim_record){.kind = SHIM_WRITE,
					      .inode = inode,
					      .offset = (uint64_t)offset,
					      .len = (uint64_t)n},
			 NULL, NULL, bytes);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	uint64_t inode;
	if (!shim_inode(fd, &inode))
		return REAL(write)(fd, bytes, n);
	pthread_mutex_lock(&shim_lock);
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t r = REAL(write)(fd, bytes, n);
	int error = errno;
	shim_wrote(fd, bytes, r, offset);
	pthread_mutex_unlock(&shim_lock);
	errno = error;
	return r;
}

#define SHIM_PWRITES(name)                                                                         \
	ssize_t name(int fd, const void *bytes, size_t n, off_t offset)                            \
	{                                                                                          \
		pthread_mutex_lock(&shim_lock);                                                    \
		ssize_t r = ((ssize_t(*)(int, const void *, size_t, off_t))dlsym(                  \
			RTLD_NEXT, #name))(fd, bytes, n, offset);                                  \
		int error = errno;                                                                 \
		shim_wrote(fd, bytes, r, offset);                                                  \
		pthread_mutex_unlock(&shim_lock);                                                  \
		errno = error;                                                                     \
		return r;                                                                          \
	}
SHIM_PWRITES(pwrite)
SHIM_PWRITES(pwrite64)

#define SHIM_TRUNCATES(name)                                                                       \
	int name(int fd, off_t size)                                                               \
	{                                                                                          \
		uint64_t inode;                                                                    \
		pthread_mutex_lock(&shim_lock);                                                    \
		int r = ((int (*)(int, off_t))dlsym(RTLD_NEXT, #name))(fd, size);                  \
		int error = errno;                                                                 \
		if (r == 0 && shim_inode(fd, &inode))                                              \
			shim_put((struct shim_record){.kind = SHIM_TRUNCATE,                       \
						      .inode = inode,                              \
						      .offset = (uint64_t)size},                   \
				 NULL, NULL, NULL);                                                \
		pthread_mutex_unlock(&shim_lock);                                                  \
		errno = error;                                                                     \
		return r;                                                                          \
	}
SHIM_TRUNCATES(ftruncate)
SHIM_TRUNCATES(ftruncate64)

/* Nothing reaches the disk before it is asked for, so it need not be flushed to be so. */
#define SHIM_SYNCS(name)                                                                           \
	int name(int fd)                                                                           \
	{                                                                                          \
		uint64_t inode;                                                                    \
		if (!shim_inode(fd, &inode))                                                       \
			return ((int (*)(int))dlsym(RTLD_NEXT, #name))(fd);                        \
		pthread_mutex_lock(&shim_lock);                                                    \
		shim_put((struct shim_record){.kind = SHIM_SYNC, .inode = inode}, NULL, NULL,      \
			 NULL);                                                                    \
		pthread_mutex_unlock(&shim_lock);                                                  \
		return 0;                                                                          \
	}
SHIM_SYNCS(fsync)
SHIM_SYNCS(fdatasync)
