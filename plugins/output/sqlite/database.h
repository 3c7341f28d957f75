/*
 * SQLite connections, and what every statement here needs: run it, and say in the operator's words
 * why it failed.  A connection is used by one thread at a time; nothing here locks.
 */
#ifndef TALLYD_SQLITE_DATABASE_H
#define TALLYD_SQLITE_DATABASE_H

#include <sqlite3.h>
#include <tallyd/host.h>

struct database_settings {
	const char *path;
	int64_t page_cache;   /* bytes */
	int64_t busy_timeout; /* ns */
	bool full_sync;
	bool read_only;
};

/* Whether a database can be at the path; creates the file, mode 0600, if nothing is. */
int database_check_path(struct tally_ctx *ctx, const char *path);

/* One that writes also sets WAL and incremental vacuum. */
int database_open(struct tally_ctx *ctx, const struct database_settings *settings, sqlite3 **ret);
void database_close(sqlite3 *db); /* NULL is fine */
/* From now on each commit is on the disk when it returns, or as the settings say. */
int database_flush_commits(struct tally_ctx *ctx, sqlite3 *db, bool flush);
/* What was committed up to now is on the disk when it returns, the names of the files included. */
int database_flush(struct tally_ctx *ctx, sqlite3 *db);
const char *database_path(sqlite3 *db);

/* Reports the connection's last error: -ENOSPC, -EBUSY, -EIO, -EBADMSG (corrupt), … */
int database_fail(struct tally_ctx *ctx, sqlite3 *db);

int database_exec(struct tally_ctx *ctx, sqlite3 *db, const char *sql);
/* sqlite3_mprintf()'s formats: %Q, %w, … */
int database_execf(struct tally_ctx *ctx, sqlite3 *db, const char *fmt, ...);
int database_prepare(struct tally_ctx *ctx, sqlite3 *db, const char *sql, sqlite3_stmt **ret);
/* One that is to be used for long. */
int database_prepare_kept(struct tally_ctx *ctx, sqlite3 *db, const char *sql, sqlite3_stmt **ret);
int database_preparef(struct tally_ctx *ctx, sqlite3 *db, sqlite3_stmt **ret, const char *fmt, ...);
/* From a text under construction, which it frees. */
int database_prepare_text(struct tally_ctx *ctx, sqlite3 *db, sqlite3_str *text,
			  sqlite3_stmt **ret);
int database_exec_text(struct tally_ctx *ctx, sqlite3 *db, sqlite3_str *text);
/* 1: a row; 0: done, and reset; -errno, and reset. */
int database_step(struct tally_ctx *ctx, sqlite3_stmt *statement);
/* The first column of the first row; untouched if there is none or it is NULL. */
int database_int(struct tally_ctx *ctx, sqlite3 *db, const char *sql, int64_t *ret);

int database_begin(struct tally_ctx *ctx, sqlite3 *db);
/* Commits if result is 0, else rolls back; returns result, or why the commit failed. */
int database_end(struct tally_ctx *ctx, sqlite3 *db, int result);

/* Queries that follow each other closely keep the log from beginning again; when it has become
 * long, this waits for them, at most busy_timeout. */
int database_checkpoint(struct tally_ctx *ctx, sqlite3 *db);

void database_cleanup_statement(sqlite3_stmt **statement);
void database_cleanup_text(char **text);
#define auto_statement __attribute__((cleanup(database_cleanup_statement)))
#define auto_text __attribute__((cleanup(database_cleanup_text)))

/* Bytes of the disk that are left by rows, for rollups and retention, and by rollups, for
 * retention. */
enum database_left { DATABASE_LEFT_BY_ROWS = 8 << 20, DATABASE_LEFT_BY_ROLLUPS = 2 << 20 };

/* All that makes the file grow asks first, so that retention can still delete on a full disk.
 * -ENOSPC: not by so many bytes. */
int database_check_room(struct tally_ctx *ctx, sqlite3 *db, const char *path, uint64_t needed,
			enum database_left left);

#endif
