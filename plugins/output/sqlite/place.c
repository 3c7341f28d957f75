/*
 * A database that was moved is whole where it is, since its log is written back before it is
 * closed. One that was removed is gone with the last descriptor.  Rows are reported as stored only
 * after a check that found everything in place, so none was stored into a file without a name.
 *
 * SQLite itself notices none of this: it goes on writing to a file that has no name any more
 * (SQLite, How To Corrupt An SQLite Database File, "Unlinking or renaming a database file while in
 * use").  A check is three stat() calls.
 */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "store.h"

static const char place_mark[] = "The database beside this file has been in use.\n";

static char *place_beside(const struct store *store, const char *suffix)
{
	return sqlite3_mprintf("%s%s", store->path, suffix);
}

void place_note(struct store *store)
{
	struct store_place *place = &store->place;
	place_forget(store);
	/* Each call of the core looks at them. */
	place->wal_path = place_beside(store, "-wal");
	place->lock_path = place_beside(store, ".lock");
	file_place_note(&place->file, store->path, true);
	if (place->wal_path)
		file_place_note(&place->wal, place->wal_path, false);
	if (place->lock_path)
		file_place_note(&place->lock, place->lock_path, true);
	place->wal.filled = false; /* after a checkpoint it may be empty */
	place->lock.filled = false;
	if (pwrite(store->lock_fd, place_mark, sizeof(place_mark) - 1, 0) < 0)
		tally_log(store->ctx, TALLY_WARNING, "%s.lock: %s", store->path, strerror(errno));
}

static int place_check_file(struct store *store, const struct file_place *place, const char *path)
{
	/* Without memory for the name this check is left out. */
	enum file_found found = path ? file_place_look(place, path) : FILE_IN_PLACE;
	return found == FILE_IN_PLACE ? 0
				      : tally_fail(store->ctx, ESTALE, "%s %s while it was in use",
						   path, file_found_name(found));
}

int place_check_database(struct store *store)
{
	return place_check_file(store, &store->place.file, store->path);
}

int place_check(struct store *store)
{
	struct store_place *place = &store->place;
	int r = place_check_database(store);
	if (r == 0)
		r = place_check_file(store, &place->wal, place->wal_path);
	return r < 0 ? r : place_check_file(store, &place->lock, place->lock_path);
}

void place_forget(struct store *store)
{
	sqlite3_free(store->place.wal_path);
	sqlite3_free(store->place.lock_path);
	store->place = (struct store_place){.wal_path = NULL};
}

/* It belongs to a file that is gone: SQLite would replay it into the next one of that name. */
static void place_remove_wal(struct store *store)
{
	auto_text char *wal = place_beside(store, "-wal"), *old = place_beside(store, "-wal.old");
	struct stat st;
	if (!wal || !old || stat(wal, &st) < 0)
		return;
	if (st.st_size == 0)
		unlink(wal);
	/* Not deleted: it may hold rows that are nowhere else. */
	else if (rename(wal, old) == 0)
		tally_log(store->ctx, TALLY_WARNING,
			  "%s belonged to the database that is gone: renamed to %s", wal, old);
}

void place_give_up(struct store *store)
{
	auto_text char *wal = place_beside(store, "-wal");
	enum file_found found = file_place_look(&store->place.file, store->path);
	if (store->db && found == FILE_EMPTIED) /* the log holds only a part of the pages */
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	else if (store->db)
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (found != FILE_IN_PLACE && wal && file_place_same(&store->place.wal, wal))
		place_remove_wal(store);
}

int place_check_empty(struct store *store)
{
	struct stat st;
	char mark[16] = "";
	bool missing = stat(store->path, &st) < 0;
	if (!missing && st.st_size > 0)
		return 0;
	bool logged = store->place.file.inode != 0; /* it was open in this process */
	if (!logged && pread(store->lock_fd, mark, sizeof(mark) - 1, 0) > 0) {
		tally_count(store->ctx, METRIC_FILE_TAKEN_AWAY, 1);
		tally_log(store->ctx, TALLY_ERROR,
			  "%s %s although it was in use: its rows are lost, and a new database is "
			  "created",
			  store->path, missing ? "does not exist" : "is empty");
	}
	place_remove_wal(store);
	return 0;
}
