/*
 * See sqlite_room.h.  Asked by the spool before each push, by output.sqlite before each write and
 * each step of the rollups.  What costs more than two system calls is done on a nearly full disk
 * only.
 *
 * A quota that statvfs() does not show (of a user, for example) is not seen here: then a full disk
 * has to be made room on by hand, as without this.
 */
#include "sqlite_room.h"

#include <stddef.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { ROOM_SHARE = 16 };

static uint64_t room_log_bytes(const char *path)
{
	char *log = sqlite3_mprintf("%s-wal", path);
	struct stat file;
	uint64_t bytes = log && stat(log, &file) == 0 ? (uint64_t)file.st_size : 0;
	sqlite3_free(log);
	return bytes;
}

static uint64_t room_pragma(sqlite3 *db, const char *pragma)
{
	sqlite3_stmt *statement = NULL;
	uint64_t value = 0;
	if (sqlite3_prepare_v2(db, pragma, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

bool sqlite_has_room(sqlite3 *db, const char *path, uint64_t needed, uint64_t left)
{
	struct statvfs disk;
	int frames = 0, done = 0;
	if (statvfs(path, &disk) < 0)
		return true;
	uint64_t size = (uint64_t)disk.f_blocks * disk.f_frsize;
	if (left > size / ROOM_SHARE)
		left = size / ROOM_SHARE;
	/* Pages go into the log, and from there to the end of the file. */
	left += 2 * needed;
	uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
	if (room >= left + room_log_bytes(path))
		return true;
	/* What is in the log may have to go to the end of the file as well: it does so now, or that
	 * room is not free.  A passive checkpoint waits for nobody. */
	bool fits = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
					      &done) == SQLITE_OK &&
		    done == frames;
	/* If the file need not grow, the log starts over in the room that it has. */
	if (room_pragma(db, "PRAGMA freelist_count") * room_pragma(db, "PRAGMA page_size") >=
	    needed)
		return true;
	return fits && statvfs(path, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize >= left;
}
