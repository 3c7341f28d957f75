/*
 * Reserves room on the disk at the start: a part of the log's, and free pages inside the file. When
 * the disk is full later, rows still pass through these, as long as outputs take them.  Called at
 * the start, under the journal's lock.  If nothing can be reserved, a full disk blocks the spool at
 * once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "spool_store.h"

enum { SPOOL_RESERVE_LEAST = 64 << 10, SPOOL_RESERVE_SHARE = 16 };

/* Of what is free on the disk only a small part is taken, so that this fills none. */
static uint64_t spool_reserve_at_most(const struct spool_store *store, uint64_t bytes)
{
	struct statvfs disk;
	if (statvfs(store->path, &disk) < 0)
		return 0;
	uint64_t part = (uint64_t)disk.f_bavail * disk.f_frsize / SPOOL_RESERVE_SHARE;
	return bytes < part ? bytes : part;
}

/* SQLite overwrites what is reserved at its end, and never reads what it has not written itself.
 * Its locks are on the other file, so this one may be opened and closed. */
static void spool_reserve_wal(const struct spool_store *store, uint64_t bytes)
{
	auto_free char *path = NULL;
	if (asprintf(&path, "%s-wal", store->path) < 0)
		path = NULL;
	auto_close int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0 && bytes >= SPOOL_RESERVE_LEAST)
		(void)fallocate(fd, 0, 0, (off_t)bytes);
}

static bool spool_reserve_run(const struct spool_store *store, const char *sql)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

void spool_store_reserve(struct spool_store *store, uint64_t wal, uint64_t file)
{
	uint64_t unused = 0;
	char sql[128];
	wal = spool_reserve_at_most(store, wal);
	file = spool_reserve_at_most(store, file);
	spool_reserve_wal(store, wal);
	spool_reserve_run(store, "DROP TABLE IF EXISTS reserve"); /* a start that was cut short */
	if (spool_numbers(store, SPOOL_FREE_PAGES, &unused, NULL) < 0)
		return;
	if (file >= SPOOL_RESERVE_LEAST && unused * SPOOL_PAGE < file) {
		/* Pages are free inside once they have been written, and the checkpoint is what
		 * writes them: until then they stand in the log only. */
		sqlite3_snprintf(sizeof(sql), sql,
				 "CREATE TABLE reserve AS SELECT zeroblob(%llu) AS room",
				 (unsigned long long)file);
		if (spool_reserve_run(store, sql))
			sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
						  NULL);
		spool_reserve_run(store, "DROP TABLE IF EXISTS reserve");
	}
	spool_store_measure(store);
}
