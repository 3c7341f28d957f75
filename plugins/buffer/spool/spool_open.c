/*
 * Opening a spool's file, on the main thread, in start(), or after a rebuild: create it if it is
 * missing → open it with SQLite and take its lock for good → check that it is a spool of ours, and
 * whole → count its sums → record this boot.  What can fail:
 *   - another kind of file, a newer version, a truncated or damaged file: -EBADMSG, see
 *     spool_rebuild.c.  The file is read for that, for some seconds at most;
 *   - a file locked by another process: an error, and nothing is touched.
 *
 * If the file was not closed and the machine has booted since, with sync = normal the newest
 * entries may be missing although an output has written them.  Its ledger would take new entries
 * under their sequences for repeats, and leave them out.  So the sequence leaps ahead of any that
 * can have been used.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/boot.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "spool_file.h"
#include "spool_store.h"
#include "sqlite_check.h"

/* How long it may take to look at all of it: of a file that was closed, and of one that was not. */
#define SPOOL_CHECK_CLOSED (5 * CLOCK_SECOND)
#define SPOOL_CHECK_KILLED (30 * CLOCK_SECOND)

const char spool_schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE spool (writer TEXT NOT NULL, last_sequence INTEGER NOT NULL,"
	" boot TEXT NOT NULL);"
	"CREATE TABLE entry (sequence INTEGER PRIMARY KEY, table_name TEXT NOT NULL,"
	" rows INTEGER NOT NULL, batch BLOB NOT NULL);"
	"CREATE TABLE reader (name TEXT PRIMARY KEY, settled INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE position (source TEXT PRIMARY KEY, position TEXT NOT NULL,"
	" sequence INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO spool VALUES (%Q, 0, '');"
	"PRAGMA application_id = %d;"
	"PRAGMA user_version = %d;"
	"COMMIT";

/* ---- Asking ------------------------------------------------------------------- */

static int spool_exec(struct spool_store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : spool_store_fail(store);
}

/* One row; fn copies from it what it wants. */
typedef int spool_row_fn(struct spool_store *store, sqlite3_stmt *row, void *arg);

static int spool_ask(struct spool_store *store, const char *sql, spool_row_fn *fn, void *arg)
{
	sqlite3_stmt *statement = NULL;
	int r = 0;
	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return spool_store_fail(store);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		r = fn(store, statement, arg);
	else if (code != SQLITE_DONE)
		r = spool_store_fail(store);
	sqlite3_finalize(statement);
	return r;
}

static int spool_take_number(struct spool_store *store, sqlite3_stmt *row, void *arg)
{
	int64_t *ret = arg;
	(void)store;
	*ret = sqlite3_column_int64(row, 0);
	return 0;
}

static int spool_number(struct spool_store *store, const char *sql, int64_t *ret)
{
	return spool_ask(store, sql, spool_take_number, ret);
}

/* Marks the store as damaged, so that closing it does not record a clean stop. */
static int spool_bad(struct spool_store *store, const char *why)
{
	store->damaged = true;
	return tally_fail(store->ctx, EBADMSG, "%s: %s", store->path, why);
}

/* ---- Is it one of ours? ------------------------------------------------------- */

char *spool_store_new_producer(struct tally_ctx *ctx)
{
	uint64_t number;
	char *producer;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return NULL;
	return asprintf(&producer, "%s/%s/%016" PRIx64, ctx->producer, ctx->name, number) < 0
		       ? NULL
		       : producer;
}

static int spool_create_tables(struct spool_store *store)
{
	auto_free char *producer = spool_store_new_producer(store->ctx);
	char *sql =
		producer ? sqlite3_mprintf(spool_schema, producer, SPOOL_APPLICATION, SPOOL_FORMAT)
			 : NULL;
	int r = sql ? spool_exec(store, sql) : tally_fail(store->ctx, ENOMEM, "no memory");
	sqlite3_free(sql);
	return r;
}

static int spool_check_kind(struct spool_store *store)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = spool_number(store, "PRAGMA application_id", &application);
	if (r == 0)
		r = spool_number(store, "PRAGMA user_version", &version);
	if (r == 0)
		r = spool_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (application == SPOOL_APPLICATION && version == SPOOL_FORMAT)
		return 0;
	if (application == SPOOL_APPLICATION && version > SPOOL_FORMAT)
		return spool_bad(store, "was written by a newer version of tallyd");
	if (application != 0 || tables != 0)
		return spool_bad(store, "is a database, but not a spool");
	return 0; /* nothing yet */
}

/* Of a file that SQLite could not read at all this says so first. */
static int spool_configure(struct spool_store *store)
{
	/* EXCLUSIVE before the first access of a file in WAL mode: then the index of the log is
	 * kept on the heap and not in a -shm file that somebody could take away (SQLite,
	 * Write-Ahead Logging, "Use of WAL Without Shared-Memory"). */
	int r = spool_exec(store, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 4096;"
				  "PRAGMA auto_vacuum = NONE; PRAGMA secure_delete = OFF;"
				  "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048");
	if (r == 0)
		r = spool_check_kind(store);
	if (r == 0) /* takes the lock */
		r = spool_exec(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				      "BEGIN IMMEDIATE; COMMIT");
	store->full_sync = true;
	return r;
}

/* ---- Is it whole? ------------------------------------------------------------- */

static int spool_check_size(struct spool_store *store)
{
	int64_t pages = 0;
	int r = spool_number(store, "PRAGMA page_count", &pages);
	if (r < 0 || sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					       NULL) != SQLITE_OK)
		return r; /* no room for the pages: then they are still beside the file */
	/* After the log was written back, so that the file has all of its pages.  One that lost its
	 * end, as by a copy that was broken off, would otherwise be found out page by page. */
	int64_t size = spool_file_size(store->path, "");
	return size < pages * SPOOL_PAGE ? spool_bad(store, "is truncated") : 0;
}

/* quick_check reads all of the file, so it is bounded by time.  A file that was closed cleanly is
 * trusted sooner than one whose daemon was killed. */
static int spool_check_pages(struct spool_store *store, bool closed)
{
	struct sqlite_verdict verdict;
	int r = sqlite_check(store->ctx, store->db, "PRAGMA quick_check(1)",
			     closed ? SPOOL_CHECK_CLOSED : SPOOL_CHECK_KILLED, &verdict);
	if (r == 0 && !verdict.whole)
		return spool_bad(store, verdict.text);
	if (r == -ETIMEDOUT)
		tally_log(store->ctx, TALLY_INFO, "%s: is large, only a part of it was checked",
			  store->path);
	return r == -ETIMEDOUT ? 0 : r;
}

/* The sums, and what has to be known of the last life. */
struct spool_past {
	char producer[256], boot[64];
	int64_t noted, newest, acked; /* sequences */
	int64_t entries, rows, positions;
};

static int spool_take_past(struct spool_store *store, sqlite3_stmt *row, void *arg)
{
	struct spool_past *past = arg;
	const void *producer = sqlite3_column_text(row, 0), *boot = sqlite3_column_text(row, 2);
	if (!producer || !boot)
		return spool_bad(store, "is damaged");
	snprintf(past->producer, sizeof(past->producer), "%s", (const char *)producer);
	snprintf(past->boot, sizeof(past->boot), "%s", (const char *)boot);
	past->noted = sqlite3_column_int64(row, 1);
	return 0;
}

static int spool_take_sums(struct spool_store *store, sqlite3_stmt *row, void *arg)
{
	struct spool_past *past = arg;
	(void)store;
	past->entries = sqlite3_column_int64(row, 0);
	past->rows = sqlite3_column_int64(row, 1);
	past->newest = sqlite3_column_int64(row, 2);
	return 0;
}

static int spool_read_past(struct spool_store *store, struct spool_past *past)
{
	int r = spool_ask(store, "SELECT writer, last_sequence, boot FROM spool", spool_take_past,
			  past);
	if (r == 0 && !past->producer[0])
		r = spool_bad(store, "is damaged: it does not say whose it is");
	if (r == 0)
		r = spool_check_pages(store, !past->boot[0]);
	if (r == 0)
		r = spool_ask(store,
			      "SELECT count(*), coalesce(sum(rows), 0), "
			      "coalesce(max(sequence), 0) FROM entry",
			      spool_take_sums, past);
	if (r == 0)
		r = spool_number(store, "SELECT coalesce(max(settled), 0) FROM reader",
				 &past->acked);
	if (r == 0)
		r = spool_number(store, "SELECT count(*) FROM position", &past->positions);
	return r;
}

/* ---- Going on ----------------------------------------------------------------- */

static int64_t spool_larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int spool_note_boot(struct spool_store *store, const char *boot)
{
	char *sql = sqlite3_mprintf("UPDATE spool SET boot = %Q, last_sequence = %lld", boot,
				    (long long)store->last_sequence);
	int r = sql ? spool_exec(store, sql) : tally_fail(store->ctx, ENOMEM, "no memory");
	sqlite3_free(sql);
	return r;
}

/* Restores the sums and the sequence, and records this boot: an empty boot means a clean stop. */
static int spool_go_on(struct spool_store *store, const struct spool_past *past)
{
	char boot[BOOT_ID_SIZE];
	boot_id(boot);
	if (!boot[0])
		snprintf(boot, sizeof(boot), "unknown");
	store->producer = strdup(past->producer);
	if (!store->producer)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	store->entries = (uint64_t)past->entries;
	store->rows = (uint64_t)past->rows;
	store->positions = (uint64_t)past->positions;
	store->newest = (uint64_t)past->newest;
	store->last_sequence =
		(uint64_t)spool_larger(past->noted, spool_larger(past->newest, past->acked));
	/* A boot that is noted was not closed; another one is running now: that was a power cut,
	 * and pushes may be lost that a store has written.  Their numbers must not be given again,
	 * or the store would take new rows for old ones and leave them out. */
	if (past->boot[0] && strcmp(past->boot, boot) != 0)
		store->last_sequence += SPOOL_LEAP;
	return spool_note_boot(store, boot);
}

/* ---- Life --------------------------------------------------------------------- */

static int spool_connect(struct spool_store *store)
{
	struct spool_past past = {0};
	int64_t tables = 0;
	spool_file_warn_empty(store->ctx, store->path);
	int r = spool_file_create(store->ctx, store->path);
	if (r < 0)
		return r;
	/* SQLite would take the empty file for a new one, and throw the log away with all rows. */
	if (spool_file_size(store->path, "") == 0 && spool_file_size(store->path, "-wal") > 0)
		return spool_bad(store, "is truncated to nothing");
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
		return store->db ? spool_store_fail(store)
				 : tally_fail(store->ctx, ENOMEM, "no memory");
	r = spool_configure(store);
	if (r == 0)
		r = spool_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r == 0)
		r = tables ? spool_check_size(store) : spool_create_tables(store);
	if (r == 0)
		r = spool_read_past(store, &past);
	if (r == 0)
		r = spool_go_on(store, &past);
	if (r == 0)
		r = spool_store_prepare(store);
	if (r == 0)
		spool_store_measure(store);
	return r;
}

static void spool_store_free(struct spool_store *store)
{
	spool_store_finalize(store);
	sqlite3_close_v2(store->db);
	free(store->producer);
	free(store->path);
	free(store);
}

int spool_store_open(struct tally_ctx *ctx, const char *path, struct spool_store **ret)
{
	struct spool_store *store = calloc(1, sizeof(*store));
	if (!store)
		return tally_fail(ctx, ENOMEM, "no memory");
	store->ctx = ctx;
	store->path = strdup(path);
	int r = store->path ? spool_connect(store) : tally_fail(ctx, ENOMEM, "no memory");
	if (r < 0) {
		spool_store_free(store);
		return r;
	}
	*ret = store;
	return 0;
}

void spool_store_close(struct spool_store *store)
{
	if (!store)
		return;
	/* What is damaged is not said to be closed: the next start looks at all of it. */
	if (!store->damaged)
		spool_note_boot(store, "");
	spool_store_free(store);
}
