/*
 * How the capacity of a spool is shared between its file and its log, and the room that both
 * reserve on the disk before it is needed.  Called by pushes and acknowledgements, under the
 * journal's lock. Reserving happens once per opened file, and may fail: it is only a precaution.
 */
#include "spool.h"

enum {
	SPOOL_RESERVE = 64 << 20, /* of the capacity, for the WAL; a quarter of small ones */
	SPOOL_KEPT = 2 << 20,     /* room kept on the disk in the log, and in the file */
};

/* The file and its WAL together stay within the capacity. */
struct spool_limits spool_limits(const struct spool *spool)
{
	uint64_t capacity = (uint64_t)atomic_load(&spool->capacity);
	/* The reserve is the log's, and half of it stays unused: SQLite writes a checkpoint only
	 * after the commit that went over the limit, which may be as large as `entry`, a quarter of
	 * the reserve. */
	uint64_t reserve = capacity / 4 < SPOOL_RESERVE ? capacity / 4 : SPOOL_RESERVE;
	return (struct spool_limits){capacity - reserve, reserve / 2, reserve / 4};
}

/* Enough for a few batches, in case others fill the disk. */
void spool_reserve_room(const struct spool *spool)
{
	struct spool_limits limits = spool_limits(spool);
	uint64_t wal = limits.wal < SPOOL_KEPT ? limits.wal : SPOOL_KEPT;
	uint64_t file = limits.file / 4 < SPOOL_KEPT ? limits.file / 4 : SPOOL_KEPT;
	spool_store_reserve(spool->store, wal, file);
}
