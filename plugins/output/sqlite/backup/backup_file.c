/*
 * What backup.c and restore.c do alike: a file under another name, the pages into it, and its
 * checksum.  On the main thread of a process that does nothing else.  What can fail is a disk.
 *
 * The source is read in one transaction: the log of the daemon's writes (WAL) keeps what it was at
 * its beginning, so that the copy is of one moment and never begins anew, whatever is written
 * meanwhile (SQLite, Online Backup API: a source that others write is begun again otherwise).
 */
#include "backup/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/folder.h"
#include "base/progress.h"
#include "database.h"
#include "sqlite_check.h"

enum {
	BACKUP_STEP = 256, /* pages between two looks at the screen */
	BACKUP_BLOCK = 1 << 20,
	BACKUP_APPLICATION = 0x7442316b, /* "tB1k" */
	/* SQLite, Database File Format, "The Database Header": both are big-endian. */
	BACKUP_AT_VERSION = 60,
	BACKUP_AT_APPLICATION = 68,
	BACKUP_HEADER = 100,
};

void backup_state_free(struct backup_state *states)
{
	while (states) {
		struct backup_state *state = states;
		states = state->next;
		free(state->name);
		free(state->bytes);
		free(state);
	}
}

/* ---- A file in the making --------------------------------------------------------- */

static int backup_errno(struct tally_ctx *ctx, const char *path)
{
	int error = errno;
	return tally_fail(ctx, error, "%s: %s", path, strerror(error));
}

/* What a run that was killed has left would be replayed into the new file. */
void backup_remove_logs(const char *path)
{
	static const char *const ends[] = {"-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		auto_text char *log = sqlite3_mprintf("%s%s", path, ends[i]);
		if (log)
			unlink(log);
	}
}

/* Whoever was faster may have given the file its name since it was opened here. */
static bool backup_is_ours(const struct backup_fresh *fresh)
{
	struct stat mine, there;
	return flock(fresh->fd, LOCK_EX | LOCK_NB) == 0 && fstat(fresh->fd, &mine) == 0 &&
	       stat(fresh->fresh, &there) == 0 && mine.st_ino == there.st_ino &&
	       mine.st_dev == there.st_dev;
}

static int backup_fresh_lock(struct tally_ctx *ctx, struct backup_fresh *fresh)
{
	fresh->fd = open(fresh->fresh, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fresh->fd < 0)
		return backup_errno(ctx, fresh->fresh);
	if (!backup_is_ours(fresh))
		return tally_fail(ctx, EBUSY, "%s: another process is writing it", fresh->fresh);
	backup_remove_logs(fresh->fresh);
	return ftruncate(fresh->fd, 0) < 0 ? backup_errno(ctx, fresh->fresh) : 0;
}

int backup_fresh_open(struct tally_ctx *ctx, const char *path, struct backup_fresh *ret)
{
	struct backup_fresh fresh = {.path = strdup(path), .fd = -1};
	if (asprintf(&fresh.fresh, "%s.new", path) < 0)
		fresh.fresh = NULL;
	int r = fresh.path && fresh.fresh ? backup_fresh_lock(ctx, &fresh)
					  : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0) {
		*ret = fresh;
		return 0;
	}
	if (fresh.fd >= 0)
		close(fresh.fd);
	free(fresh.path);
	free(fresh.fresh);
	return r;
}

int backup_fresh_database(struct tally_ctx *ctx, const struct backup_fresh *fresh, sqlite3 **ret)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(fresh->fresh, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		int r = db ? database_fail(ctx, db) : tally_fail(ctx, ENOMEM, "no memory");
		database_close(db);
		return r;
	}
	*ret = db;
	return database_exec(ctx, db,
			     "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; "
			     "PRAGMA cache_size = -2048");
}

int backup_fresh_publish(struct tally_ctx *ctx, struct backup_fresh *fresh)
{
	if (fsync(fresh->fd) < 0)
		return backup_errno(ctx, fresh->fresh);
	if (rename(fresh->fresh, fresh->path) < 0)
		return backup_errno(ctx, fresh->path);
	free(fresh->fresh);
	fresh->fresh = NULL;
	int r = folder_flush_of(fresh->path);
	return r < 0 ? tally_fail(ctx, -r, "%s: %s", fresh->path, strerror(-r)) : 0;
}

void backup_fresh_close(struct backup_fresh *fresh)
{
	if (fresh->fresh) {
		backup_remove_logs(fresh->fresh);
		unlink(fresh->fresh);
	}
	if (fresh->fd >= 0)
		close(fresh->fd);
	free(fresh->fresh);
	free(fresh->path);
	*fresh = (struct backup_fresh){.fd = -1};
}

/* ---- Pages ------------------------------------------------------------------------ */

int backup_pages(struct tally_ctx *ctx, sqlite3 *from, sqlite3 *to, const char *what)
{
	struct progress progress;
	int64_t page = 4096, tables = 0;
	int r = database_exec(ctx, from, "BEGIN");
	if (r == 0) /* it begins with the first read */
		r = database_int(ctx, from, "SELECT count(*) FROM sqlite_master", &tables);
	if (r == 0)
		r = database_int(ctx, from, "PRAGMA page_size", &page);
	if (r < 0)
		return r;
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	if (!backup)
		return database_fail(ctx, to);
	progress_begin(&progress, what, "bytes", 0);
	int code = SQLITE_OK;
	while (code == SQLITE_OK) {
		code = sqlite3_backup_step(backup, BACKUP_STEP);
		int64_t all = sqlite3_backup_pagecount(backup);
		progress.total = all * page;
		progress_set(&progress, (all - sqlite3_backup_remaining(backup)) * page);
	}
	progress_end(&progress);
	sqlite3_backup_finish(backup);
	if (code != SQLITE_DONE)
		return database_fail(ctx, to);
	return database_exec(ctx, from, "COMMIT");
}

int backup_damage(struct tally_ctx *ctx, sqlite3 *db, char *why, size_t size)
{
	struct sqlite_verdict verdict;
	int r = sqlite_check(ctx, db, "PRAGMA integrity_check(1)", 0, &verdict);
	if (r < 0)
		return r;
	snprintf(why, size, "%s", verdict.text);
	return verdict.whole ? 0 : 1;
}

/* ---- The checksum ----------------------------------------------------------------- */

/* Of blocks of a MiB, each with its place; where the checksum is to stand counts as 0. */
static int backup_sum(struct tally_ctx *ctx, int fd, const char *path, uint32_t *ret)
{
	auto_free uint8_t *block = malloc(BACKUP_BLOCK);
	struct progress progress;
	struct stat st;
	uint32_t sum = 0;
	if (!block || fstat(fd, &st) < 0)
		return backup_errno(ctx, path);
	progress_begin(&progress, "computing the checksum", "bytes", st.st_size);
	for (off_t at = 0; at < st.st_size;) {
		off_t left = st.st_size - at;
		size_t want = left < BACKUP_BLOCK ? (size_t)left : BACKUP_BLOCK, len = 0;
		while (len < want) {
			ssize_t n = pread(fd, block + len, want - len, at + (off_t)len);
			if (n <= 0)
				return n < 0 ? backup_errno(ctx, path)
					     : tally_fail(ctx, EIO, "%s was cut off", path);
			len += (size_t)n;
		}
		if (at == 0 && len >= BACKUP_HEADER)
			memset(block + BACKUP_AT_VERSION, 0, 4);
		/* Odd, so that a change of one block is never taken back by the others. */
		sum = sum * 31 + crc32c(block, len);
		at += (off_t)len;
		progress_set(&progress, at);
	}
	progress_end(&progress);
	*ret = sum;
	return 0;
}

static void backup_put(uint8_t *to, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t backup_get(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

int backup_checksum_write(struct tally_ctx *ctx, int fd, const char *path)
{
	uint8_t number[4];
	uint32_t sum = 0;
	backup_put(number, BACKUP_APPLICATION);
	if (pwrite(fd, number, sizeof(number), BACKUP_AT_APPLICATION) != sizeof(number))
		return backup_errno(ctx, path);
	int r = backup_sum(ctx, fd, path, &sum);
	if (r < 0)
		return r;
	backup_put(number, sum);
	if (pwrite(fd, number, sizeof(number), BACKUP_AT_VERSION) != sizeof(number))
		return backup_errno(ctx, path);
	return 0;
}

int backup_checksum_check(struct tally_ctx *ctx, const char *path, enum backup_checksum *ret)
{
	uint8_t header[BACKUP_HEADER] = {0};
	uint32_t sum = 0;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return backup_errno(ctx, path);
	ssize_t len = pread(fd, header, sizeof(header), 0);
	*ret = BACKUP_WITHOUT_CHECKSUM;
	if (len < 0)
		return backup_errno(ctx, path);
	if (len < BACKUP_HEADER || backup_get(header + BACKUP_AT_APPLICATION) != BACKUP_APPLICATION)
		return 0;
	int r = backup_sum(ctx, fd, path, &sum);
	if (r == 0)
		*ret = sum == backup_get(header + BACKUP_AT_VERSION) ? BACKUP_CHECKSUM_RIGHT
								     : BACKUP_CHECKSUM_WRONG;
	return r;
}
