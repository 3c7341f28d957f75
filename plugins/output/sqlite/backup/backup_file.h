/*
 * The file of a backup: an ordinary database, which any program can read, with two tables more.
 * tally_backup says what it is of, tally_backup_files has the small files of the state directory
 * that belong to it.  Its header has our application_id, and in user_version, which we do not use,
 * a checksum of all of it: SQLite notices a page that is damaged, but not a changed number.
 */
#ifndef TALLYD_SQLITE_BACKUP_FILE_H
#define TALLYD_SQLITE_BACKUP_FILE_H

#include <sqlite3.h>
#include <stddef.h>
#include <tallyd/host.h>

/* ---- Small files, in memory ---- */

struct backup_state {
	struct backup_state *next;
	char *name;
	char *bytes;
	size_t len;
};

void backup_state_free(struct backup_state *states);

/* ---- A file in the making ---- */

/* Written beside under another name, then renamed, so that what has the name is whole. */
struct backup_fresh {
	char *path, *fresh;
	int fd; /* holds a lock, so that two do not write it at once */
};

/* -EBUSY: another process makes it. */
int backup_fresh_open(struct tally_ctx *ctx, const char *path, struct backup_fresh *ret);
/* Flushed, then with its name. */
int backup_fresh_publish(struct tally_ctx *ctx, struct backup_fresh *fresh);
/* Removes what was not published. */
void backup_fresh_close(struct backup_fresh *fresh);
/* A connection to it that flushes nothing, as that is done at the end. */
int backup_fresh_database(struct tally_ctx *ctx, const struct backup_fresh *fresh, sqlite3 **ret);

/* The files that SQLite keeps beside a database. */
void backup_remove_logs(const char *path);

/* ---- What both directions need ---- */

/* Copies all pages as of one moment, while others may write the source; shows its progress. */
int backup_pages(struct tally_ctx *ctx, sqlite3 *from, sqlite3 *to, const char *what);
/* Reads all of it.  1: damaged, and why. */
int backup_damage(struct tally_ctx *ctx, sqlite3 *db, char *why, size_t size);

/* Of a file that nobody has open. */
int backup_checksum_write(struct tally_ctx *ctx, int fd, const char *path);
enum backup_checksum { BACKUP_WITHOUT_CHECKSUM, BACKUP_CHECKSUM_RIGHT, BACKUP_CHECKSUM_WRONG };
int backup_checksum_check(struct tally_ctx *ctx, const char *path, enum backup_checksum *ret);

#endif
