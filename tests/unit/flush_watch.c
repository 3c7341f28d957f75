#include "flush_watch.h"

#include <sqlite3.h>
#include <stddef.h>

static sqlite3_io_methods watched;
static const sqlite3_io_methods *plain;
static sqlite3_file *unflushed;
static int (*plain_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static int watched_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	unflushed = file;
	return plain->xWrite(file, bytes, n, at);
}

static int watched_sync(sqlite3_file *file, int flags)
{
	int code = plain->xSync(file, flags);
	if (file == unflushed)
		unflushed = NULL;
	return code;
}

static int watched_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
			int *ret_flags)
{
	int code = plain_open(vfs, name, file, flags, ret_flags);
	if (code != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return code;
	plain = file->pMethods;
	watched = *plain;
	watched.xWrite = watched_write;
	watched.xSync = watched_sync;
	file->pMethods = &watched;
	return code;
}

void flush_watch_start(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	plain_open = vfs->xOpen;
	vfs->xOpen = watched_open;
}

void flush_watch_stop(void)
{
	sqlite3_vfs_find(NULL)->xOpen = plain_open;
}

bool flush_watch_flushed(void)
{
	return !unflushed;
}
