/*
 * Everything that is the same for each statement: open, configure, prepare, step, and an error text
 * that names the file.  The path is checked before it is opened, so that the operator reads "is a
 * directory" and not "unable to open database file".  Used on every thread, each with a connection
 * of its own; what can fail is the file and its disk.
 */
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "packed/packed_module.h"
#include "sqlite_room.h"

/* The log is cut to this after a checkpoint, and longer than this it is forced to begin again. */
enum { DATABASE_WAL_LIMIT = 64 << 20 };

void database_cleanup_statement(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

void database_cleanup_text(char **text)
{
	sqlite3_free(*text);
}

const char *database_path(sqlite3 *db)
{
	const char *path = sqlite3_db_filename(db, "main");
	return path ? path : "(no file)";
}

/* What a caller may do differs by code: ENOSPC makes room, EBUSY and EIO are retried by the core,
 * EINVAL is a fault of ours that no retry cures, EINTR is a deadline (read/readers.c). */
static int database_errno(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_IOERR:
		return sqlite3_system_errno(db) == ENOSPC ? ENOSPC : EIO;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_INTERRUPT:
		return EINTR;
	case SQLITE_ERROR: /* the statement's own fault: the same next time */
		return EINVAL;
	default:
		return EIO;
	}
}

int database_fail(struct tally_ctx *ctx, sqlite3 *db)
{
	int error = database_errno(db);
	const char *path = database_path(db), *text = sqlite3_errmsg(db);
	switch (error) {
	/* The reasons that an operator can do something about are put in words; SQLite's own text
	 * stays in brackets, since it is what a search finds. */
	case ENOSPC:
		return tally_fail(ctx, error, "%s: disk full (%s)", path, text);
	case EBUSY:
		return tally_fail(ctx, error, "%s: in use by another process (%s)", path, text);
	case EBADMSG:
		return tally_fail(ctx, error,
				  "%s is damaged or not a SQLite database (%s): move it away, or "
				  "restore a copy",
				  path, text);
	default:
		return tally_fail(ctx, error, "%s: %s", path, text);
	}
}

int database_exec(struct tally_ctx *ctx, sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : database_fail(ctx, db);
}

int database_execf(struct tally_ctx *ctx, sqlite3 *db, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_text char *sql = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	return sql ? database_exec(ctx, db, sql) : tally_fail(ctx, ENOMEM, "no memory");
}

static int database_prepare_as(struct tally_ctx *ctx, sqlite3 *db, const char *sql, unsigned flags,
			       sqlite3_stmt **ret)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v3(db, sql, -1, flags, &statement, NULL) != SQLITE_OK)
		return database_fail(ctx, db);
	*ret = statement;
	return 0;
}

int database_prepare(struct tally_ctx *ctx, sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	return database_prepare_as(ctx, db, sql, 0, ret);
}

int database_prepare_kept(struct tally_ctx *ctx, sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	return database_prepare_as(ctx, db, sql, SQLITE_PREPARE_PERSISTENT, ret);
}

int database_preparef(struct tally_ctx *ctx, sqlite3 *db, sqlite3_stmt **ret, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_text char *sql = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	return sql ? database_prepare(ctx, db, sql, ret) : tally_fail(ctx, ENOMEM, "no memory");
}

/* A text under construction keeps its first error to itself, and ends as NULL: that is why no one
 * who appends to it checks anything (SQLite, Dynamically Growing String Object). */
int database_prepare_text(struct tally_ctx *ctx, sqlite3 *db, sqlite3_str *text, sqlite3_stmt **ret)
{
	auto_text char *sql = sqlite3_str_finish(text);
	return sql ? database_prepare(ctx, db, sql, ret) : tally_fail(ctx, ENOMEM, "no memory");
}

int database_exec_text(struct tally_ctx *ctx, sqlite3 *db, sqlite3_str *text)
{
	auto_text char *sql = sqlite3_str_finish(text);
	return sql ? database_exec(ctx, db, sql) : tally_fail(ctx, ENOMEM, "no memory");
}

/* Reset as soon as it is done: parameters of a statement that was stepped cannot be bound again
 * before (SQLITE_MISUSE; SQLite, Binding Values To Prepared Statements). */
int database_step(struct tally_ctx *ctx, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return 1;
	int r = code == SQLITE_DONE ? 0 : database_fail(ctx, sqlite3_db_handle(statement));
	sqlite3_reset(statement);
	return r;
}

int database_int(struct tally_ctx *ctx, sqlite3 *db, const char *sql, int64_t *ret)
{
	auto_statement sqlite3_stmt *statement = NULL;
	int r = database_prepare(ctx, db, sql, &statement);
	if (r < 0)
		return r;
	r = database_step(ctx, statement);
	/* min() and max() of nothing are one row with NULL, not none. */
	if (r > 0 && sqlite3_column_type(statement, 0) != SQLITE_NULL)
		*ret = sqlite3_column_int64(statement, 0);
	return r < 0 ? r : 0;
}

int database_begin(struct tally_ctx *ctx, sqlite3 *db)
{
	/* Not BEGIN: a transaction that begins by reading and then writes fails with SQLITE_BUSY,
	 * without waiting, if another program wrote in between (SQLite, Transactions). */
	return database_exec(ctx, db, "BEGIN IMMEDIATE");
}

int database_end(struct tally_ctx *ctx, sqlite3 *db, int result)
{
	if (result == 0)
		result = database_exec(ctx, db, "COMMIT");
	/* After some errors, a full disk among them, SQLite has rolled back by itself (SQLite,
	 * Transactions, "Response To Errors Within A Transaction").  A second ROLLBACK would fail,
	 * and its text would stand in the place of the reason. */
	if (result < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

int database_checkpoint(struct tally_ctx *ctx, sqlite3 *db)
{
	struct stat wal;
	const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
	if (!path || stat(path, &wal) < 0 || wal.st_size < DATABASE_WAL_LIMIT)
		return 0;
	/* SQLite checkpoints by itself, but the log begins anew only when no reader needs it any
	 * more, and with readers at all times it grows without end ("checkpoint starvation":
	 * SQLite, Write-Ahead Logging, "Avoiding Excessively Large WAL Files").  RESTART waits for
	 * them, as long as busy_timeout says. */
	int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	return code == SQLITE_OK || code == SQLITE_BUSY ? 0 : database_fail(ctx, db);
}

/* SQLite would create it with the umask's mode; what is there already keeps its own. */
static int database_create_file(struct tally_ctx *ctx, const char *path)
{
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 || errno == EEXIST)
		return 0;
	int error = errno;
	return tally_fail(ctx, error, "%s: cannot create: %s", path, strerror(error));
}

int database_check_path(struct tally_ctx *ctx, const char *path)
{
	struct stat link, file;
	/* The link itself first: a dangling one would pass for a file that is missing, and creating
	 * that would fail with "exists". */
	if (lstat(path, &link) < 0)
		return errno == ENOENT ? database_create_file(ctx, path)
				       : tally_fail(ctx, errno, "%s: %s", path, strerror(errno));
	if (stat(path, &file) < 0)
		return tally_fail(ctx, errno, "%s: %s", path,
				  S_ISLNK(link.st_mode) ? "is a dangling symbolic link"
							: strerror(errno));
	if (S_ISDIR(file.st_mode))
		return tally_fail(ctx, EISDIR, "%s: is a directory; path names the file", path);
	if (!S_ISREG(file.st_mode))
		return tally_fail(ctx, EINVAL, "%s: is not a regular file", path);
	return 0;
}

static int database_configure(struct tally_ctx *ctx, sqlite3 *db,
			      const struct database_settings *settings)
{
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, (int)(settings->busy_timeout / 1000000));
	if (packed_module_register(db) != SQLITE_OK)
		return database_fail(ctx, db);
	/* Negative: KiB and not pages (SQLite, PRAGMA cache_size). */
	int r = database_execf(ctx, db, "PRAGMA cache_size = -%lld",
			       (long long)(settings->page_cache / 1024));
	if (r < 0 || settings->read_only)
		return r;
	/* auto_vacuum first: it cannot be turned on any more once there is a table (SQLite, PRAGMA
	 * auto_vacuum).  journal_mode is kept in the file, synchronous is not. */
	return database_execf(ctx, db,
			      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; "
			      "PRAGMA synchronous = %s; PRAGMA journal_size_limit = %d",
			      settings->full_sync ? "FULL" : "NORMAL", DATABASE_WAL_LIMIT);
}

/* Statistics of memory, which nobody asks for, would take one lock for all threads at each
 * allocation: some fifty in a short query where SQLite is built without lookaside, as Debian's is.
 * When the plugin is loaded, since SQLite refuses it once any of its functions was called. */
__attribute__((constructor)) static void database_without_statistics(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int database_open(struct tally_ctx *ctx, const struct database_settings *settings, sqlite3 **ret)
{
	int r = 0;
	sqlite3 *db = NULL;
	/* No mutex, as one thread at a time uses a connection.  Never SQLITE_OPEN_CREATE: the file
	 * is made by database_check_path(), with the mode that it should have. */
	int flags = SQLITE_OPEN_NOMUTEX |
		    (settings->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	if (sqlite3_open_v2(settings->path, &db, flags, NULL) != SQLITE_OK)
		/* Mostly there is a connection all the same, to ask for the error. */
		r = db ? database_fail(ctx, db) : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0)
		r = database_configure(ctx, db, settings);
	if (r < 0) {
		database_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

int database_flush_commits(struct tally_ctx *ctx, sqlite3 *db, bool flush)
{
	/* In WAL mode NORMAL flushes at checkpoints only, so a commit may be lost in a power cut;
	 * FULL flushes the log after each commit (SQLite, PRAGMA synchronous).  It takes effect
	 * with the next transaction. */
	return database_exec(ctx, db,
			     flush ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

/* A log that a killed daemon has left has been read, but perhaps never flushed. */
int database_flush(struct tally_ctx *ctx, sqlite3 *db)
{
	const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 && errno != ENOENT ? -errno : 0;
	if (fd >= 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		/* And the name of the log: after a power cut SQLite finds it by that. */
		r = folder_flush_of(path);
	return r < 0 ? tally_fail(ctx, -r, "%s: cannot flush: %s", path, strerror(-r)) : 0;
}

/* sqlite3_close() refuses while a statement is left; _v2 closes once the last one is finalized. */
void database_close(sqlite3 *db)
{
	sqlite3_close_v2(db);
}

int database_check_room(struct tally_ctx *ctx, sqlite3 *db, const char *path, uint64_t needed,
			enum database_left left)
{
	return sqlite_has_room(db, path, needed, left)
		       ? 0
		       : tally_fail(ctx, ENOSPC,
				    "%s: disk full (the last of it is kept for deleting old rows)",
				    path);
}
