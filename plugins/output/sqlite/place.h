/*
 * Whether the files of a store still lie where they were opened, and what to make of it when they
 * do not.  The file beside the database, .lock, bears a mark once there was something in the
 * database, so that one that comes back empty is known not to be new.  Whoever calls in here holds
 * the store's life for writing, but for place_check().
 */
#ifndef TALLYD_SQLITE_PLACE_H
#define TALLYD_SQLITE_PLACE_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "base/file_place.h"

struct store;

struct store_place {
	struct file_place file, wal, lock;
	char *wal_path, *lock_path; /* NULL: not noted yet, or no memory */
};

/* The store has just opened its files. */
void place_note(struct store *store);
/* The next start takes the files that it finds, wherever they have come from. */
void place_forget(struct store *store);
/* -ESTALE: one of the files was removed, replaced or emptied; the reason names it. */
int place_check(struct store *store);
/* The same of the database alone: what is read is the same without the other two. */
int place_check_database(struct store *store);
/* Before they are closed because of that: what the log has goes into the file, wherever that is
 * now, so that it is whole there, and no log is left to be replayed into another file. */
void place_give_up(struct store *store);
/* Before the database is opened, with the lock held: says so if it was in use and is empty now. */
int place_check_empty(struct store *store);

#endif
