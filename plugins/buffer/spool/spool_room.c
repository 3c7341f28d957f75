/*
 * Keeps the last of the disk for emptying the spool.  An acknowledgement writes as well, so a spool
 * that had filled its disk with entries could not record what its outputs have, and would stand
 * still until somebody made room.  Called by each push, under the journal's lock.
 */
#include <sys/statvfs.h>

#include "spool_store.h"

enum { SPOOL_LEFT = 256 << 10 }; /* for acknowledgements and the manifest */

/* Bytes that this process may still write there; everything if the file system does not say. */
static uint64_t spool_disk_free(const struct spool_store *store)
{
	struct statvfs disk;
	return statvfs(store->path, &disk) < 0 ? UINT64_MAX
					       : (uint64_t)disk.f_bavail * disk.f_frsize;
}

bool spool_store_has_room(struct spool_store *store, uint64_t needed)
{
	int frames = 0, done = 0;
	if (needed <= store->unused)
		return true; /* the file does not grow, so the log can always start over */
	/* The pages go into the log and from there to the end of the file. */
	uint64_t least = 2 * needed + SPOOL_LEFT, unused = spool_disk_free(store);
	if (unused >= least + store->wal)
		return true;
	if (unused < least)
		return false;
	/* What is in the log may have to go to the end of the file as well: it does so now, or that
	 * room is not free. */
	return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
					 &done) == SQLITE_OK &&
	       done == frames && spool_disk_free(store) >= least;
}
