/*
 * Puts back a spool that is removed, moved or replaced while it is in use.  All waiting rows are
 * still in the open file, since unlinking a file takes only its name; they are written beside the
 * path, flushed, and renamed to it.  A file found at the path is kept as PATH.found-TIME.  Only
 * then the old file is closed.  Checked before each push and acknowledgement, under the journal's
 * lock: a stat() of two paths.  What can fail:
 *   - it cannot be written (no folder, no room): new rows are refused as if the spool were full
 * until it can, which is tried each second; outputs go on reading from the open file;
 *   - it was truncated: what is not in SQLite's log is gone, and the copy fails as damaged.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_place.h"
#include "spool.h"
#include "spool_file.h"

#define SPOOL_TRY_AGAIN CLOCK_SECOND

void spool_restore_note(struct spool *spool)
{
	char wal[PATH_MAX];
	file_place_note(&spool->place, spool->path, true);
	snprintf(wal, sizeof(wal), "%s-wal", spool->path);
	file_place_note(&spool->wal_place, wal, false);
	spool->wal_place.filled = false; /* a log that starts over may be empty */
}

static enum file_found spool_restore_check(const struct spool *spool, const char **ret_suffix)
{
	char wal[PATH_MAX];
	enum file_found found = file_place_look(&spool->place, spool->path);
	*ret_suffix = "";
	if (found != FILE_IN_PLACE)
		return found;
	snprintf(wal, sizeof(wal), "%s-wal", spool->path);
	*ret_suffix = "-wal";
	return file_place_look(&spool->wal_place, wal);
}

/* Our own log at its old name does not belong to the copy, and SQLite would apply it to the copy.
 */
static int spool_restore_clear(struct spool *spool)
{
	char wal[PATH_MAX];
	snprintf(wal, sizeof(wal), "%s-wal", spool->path);
	if (file_place_same(&spool->wal_place, wal))
		unlink(wal);
	return file_place_same(&spool->place, spool->path)
		       ? 0
		       : spool_file_rename_found(spool->ctx, spool->path);
}

int spool_adopt(struct spool *spool, struct spool_store *fresh)
{
	struct spool_store *old = spool->store;
	char *producer = fresh->producer;
	fresh->producer = old->producer; /* entries borrowed point to it */
	old->producer = producer;
	/* The new file knows the numbers of its entries only; one that was acknowledged and deleted
	 * may have been the last. */
	if (fresh->last_sequence < old->last_sequence)
		fresh->last_sequence = old->last_sequence;
	spool->store = fresh;
	spool_store_close(old); /* its name is gone: SQLite touches nothing at the path */
	spool_restore_note(spool);
	spool_reserve_room(spool);
	int r = spool_count_retained(spool);
	if (r == 0 && access(spool->manifest.path, F_OK) < 0) /* it was taken away too */
		r = spool_reconcile(spool);
	return r;
}

static int spool_restore_write(struct spool *spool)
{
	struct spool_store *fresh, *old = spool->store;
	int r = spool_file_create_folder(spool->ctx, spool->path);
	if (r == 0)
		r = spool_store_copy(old);
	/* Only once there is a whole copy beside it is anything at the path touched. */
	if (r == 0)
		r = spool_restore_clear(spool);
	if (r == 0)
		r = spool_file_install_copy(spool->ctx, spool->path);
	if (r == 0)
		r = spool_store_open(spool->ctx, spool->path, &fresh);
	if (r < 0)
		return r;
	return spool_adopt(spool, fresh);
}

int spool_restore_if_moved(struct spool *spool)
{
	const char *suffix;
	enum file_found found = spool_restore_check(spool, &suffix);
	if (found == FILE_IN_PLACE && !spool->missing)
		return 0;
	int64_t now = tally_monotonic(spool->ctx);
	if (!spool->missing) {
		spool->missing = true;
		tally_count(spool->ctx, SPOOL_TAKEN_AWAY, 1);
		tally_gauge(spool->ctx, SPOOL_MISSING, 1);
		tally_log(spool->ctx, TALLY_ERROR,
			  "%s%s %s while it was in use, with %" PRIu64 " rows in %" PRIu64
			  " batches waiting: it is put back",
			  spool->path, suffix, file_found_name(found), spool->store->rows,
			  spool->store->entries);
	} else if (now < spool->put_back_due)
		return tally_fail(spool->ctx, ENOSPC, "%s was removed and is not put back yet",
				  spool->path);
	spool->put_back_due = now + SPOOL_TRY_AGAIN;
	int r = found == FILE_IN_PLACE ? 0 : spool_restore_write(spool); /* it may come back */
	if (r < 0) {
		/* A copy: tally_fail() puts the new reason where the old one stands. */
		char why[256];
		snprintf(why, sizeof(why), "%s", tally_reason(spool->ctx));
		return tally_fail(spool->ctx, ENOSPC, "%s was removed and cannot be put back: %s",
				  spool->path, why);
	}
	spool->missing = false;
	tally_gauge(spool->ctx, SPOOL_MISSING, 0);
	tally_log(spool->ctx, TALLY_NOTICE,
		  "%s was put back, %" PRIu64 " rows in %" PRIu64 " batches wait", spool->path,
		  spool->store->rows, spool->store->entries);
	return 0;
}
