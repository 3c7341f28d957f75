/*
 * Operations on the file.  A change: begin → its statements → commit; on any error everything is
 * rolled back, and the sums in memory stay as they were.  When the disk is full the WAL is
 * checkpointed once, which lets it start over in the room it has, and the change is tried again.
 * Called under the journal's lock.
 *
 * Only pushes have to survive a power cut.  A cursor that is thrown back makes an output see
 * entries again that its ledger knows, so no call waits until a cursor is on the disk: it gets
 * there with the next push.
 */
#include "spool_store.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sqlite_room.h"

enum {
	SPOOL_LEFT = 256 << 10, /* bytes of the disk, for acknowledgements and the manifest */
	SPOOL_ENTRY_PAGES = 8,  /* what a push may take besides the pages of its batch */
};

/* ---- Transactions ------------------------------------------------------------- */

/* What the sums become when the change is made. */
struct spool_change {
	uint64_t last_sequence, entries, rows, positions;
	uint64_t passed, retained_entries, retained_rows;
};
typedef int spool_change_fn(struct spool_store *store, const void *arg,
			    struct spool_change *change);

static int spool_store_set_sync(struct spool_store *store, bool full)
{
	if (store->full_sync == full)
		return 0;
	/* FULL flushes the log with each commit; NORMAL, in WAL mode, at checkpoints only (SQLite,
	 * PRAGMA synchronous): 467 writes of the log and one flush in 190 s, when counted. */
	const char *sql = full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return spool_store_fail(store);
	store->full_sync = full;
	return 0;
}

void spool_store_measure(struct spool_store *store)
{
	uint64_t pages, unused;
	if (spool_numbers(store, SPOOL_PAGES, &pages, NULL) == 0 &&
	    spool_numbers(store, SPOOL_FREE_PAGES, &unused, NULL) == 0)
		store->bytes = (pages - unused) * SPOOL_PAGE;
}

int spool_store_copy(struct spool_store *store)
{
	char *copy = sqlite3_mprintf("%s.new", store->path);
	/* Reads through the descriptors that are open, so it does not matter where the file went.
	 * SQLite does not flush the copy (SQLite, VACUUM, "VACUUM with an INTO clause"):
	 * spool_file_install_copy() does. */
	char *sql = copy ? sqlite3_mprintf("VACUUM INTO %Q", copy) : NULL;
	int r = sql ? 0 : tally_fail(store->ctx, ENOMEM, "no memory");
	if (copy && r == 0 && unlink(copy) < 0 && errno != ENOENT)
		r = tally_fail(store->ctx, errno, "%s: %s", copy, strerror(errno));
	if (r == 0 && sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		r = spool_store_fail(store);
	sqlite3_free(sql);
	sqlite3_free(copy);
	return r;
}

static int spool_store_try(struct spool_store *store, spool_change_fn *fn, const void *arg)
{
	struct spool_change change = {store->last_sequence, store->entries, store->rows,
				      store->positions,     store->passed,  store->retained_entries,
				      store->retained_rows};
	int r = spool_step(store, SPOOL_BEGIN);
	if (r < 0)
		return r;
	r = fn(store, arg, &change);
	if (r == 0)
		r = spool_step(store, SPOOL_COMMIT);
	if (r < 0) {
		/* SQLite has rolled back by itself after some errors, a full disk among them, but
		 * not after all (SQLite, Transactions, "Response To Errors Within A Transaction").
		 */
		if (!sqlite3_get_autocommit(store->db))
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	store->last_sequence = change.last_sequence;
	store->entries = change.entries;
	store->rows = change.rows;
	store->positions = change.positions;
	store->passed = change.passed;
	store->retained_entries = change.retained_entries;
	store->retained_rows = change.retained_rows;
	spool_store_measure(store);
	return 0;
}

static int spool_store_change(struct spool_store *store, bool full_sync, spool_change_fn *fn,
			      const void *arg)
{
	int r = spool_store_set_sync(store, full_sync);
	if (r == 0)
		r = spool_store_try(store, fn, arg);
	if (r != -ENOSPC)
		return r;
	/* A passive checkpoint never waits.  With locking_mode EXCLUSIVE there is no other
	 * connection that could hold it up. */
	sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return spool_store_try(store, fn, arg);
}

int spool_store_limit_wal(struct spool_store *store, uint64_t bytes)
{
	char sql[128];
	/* A frame of the WAL is a page and a header of 24 bytes (SQLite, Database File Format).
	 * A checkpoint does not shorten the log, writing only starts over at its front;
	 * journal_size_limit is what cuts off the rest. */
	uint64_t pages = bytes / (SPOOL_PAGE + 24);
	sqlite3_snprintf(sizeof(sql), sql,
			 "PRAGMA wal_autocheckpoint = %llu; PRAGMA journal_size_limit = %llu",
			 (unsigned long long)(pages > 8 ? pages : 8), (unsigned long long)bytes);
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return spool_store_fail(store);
	store->wal = bytes;
	return 0;
}

/* ---- Pushing ------------------------------------------------------------------ */

static int spool_store_put_position(struct spool_store *store, enum spool_statement which,
				    const struct spool_store_push *push, uint64_t sequence)
{
	spool_bind_text(store, which, 1, push->source);
	spool_bind_text(store, which, 2, push->position);
	spool_bind_int(store, which, 3, sequence);
	return spool_step(store, which);
}

/* Update first, insert if there was nothing: an upsert would not tell the two apart, and the number
 * of sources must be known to bound the table. */
static int spool_store_note_position(struct spool_store *store, const struct spool_store_push *push,
				     struct spool_change *change)
{
	uint64_t sequence = change->last_sequence;
	int r = spool_store_put_position(store, SPOOL_POSITION_UPDATE, push, sequence);
	if (r < 0 || sqlite3_changes(store->db) > 0)
		return r;
	r = spool_store_put_position(store, SPOOL_POSITION_INSERT, push, sequence);
	change->positions++;
	if (r < 0 || change->positions <= SPOOL_POSITIONS_MAX)
		return r;
	change->positions--;
	return spool_step(store, SPOOL_POSITION_EVICT);
}

/* Entry and position in one transaction: this is the promise of delivery.md, that what an input has
 * moved past is safe. */
static int spool_store_do_push(struct spool_store *store, const void *arg,
			       struct spool_change *change)
{
	const struct spool_store_push *push = arg;
	change->last_sequence++;
	change->entries++;
	change->rows += push->rows;
	spool_bind_int(store, SPOOL_INSERT, 1, change->last_sequence);
	spool_bind_text(store, SPOOL_INSERT, 2, push->table);
	spool_bind_int(store, SPOOL_INSERT, 3, push->rows);
	sqlite3_bind_blob64(store->statements[SPOOL_INSERT], 4, push->bytes, push->len,
			    SQLITE_STATIC);
	int r = spool_step(store, SPOOL_INSERT);
	if (r < 0 || !push->position)
		return r;
	return spool_store_note_position(store, push, change);
}

uint64_t spool_store_needs(size_t len)
{
	/* A batch goes into overflow pages, each with a pointer of 4 bytes to the next (SQLite,
	 * Database File Format, "Cell Payload Overflow Pages"). */
	return (len / (SPOOL_PAGE - 4) + SPOOL_ENTRY_PAGES) * SPOOL_PAGE;
}

int spool_store_push(struct spool_store *store, const struct spool_store_push *push)
{
	int r = sqlite_has_room(store->db, store->path, spool_store_needs(push->len), SPOOL_LEFT)
			? spool_store_change(store, push->full_sync, spool_store_do_push, push)
			: tally_fail(store->ctx, ENOSPC,
				     "%s: the disk is full but for what emptying the spool takes",
				     store->path);
	if (r == -ENOSPC && !store->disk_full)
		tally_log(store->ctx, TALLY_ERROR,
			  "%s: no room in the file system; until there is, on_full decides "
			  "about new rows",
			  store->path);
	else if (r == 0 && store->disk_full)
		tally_log(store->ctx, TALLY_NOTICE, "%s: there is room again", store->path);
	if (r == 0 || r == -ENOSPC)
		store->disk_full = r == -ENOSPC;
	return r;
}

/* ---- Reading ------------------------------------------------------------------ */

int spool_store_next(struct spool_store *store, uint64_t after, uint64_t *ret)
{
	if (after >= store->last_sequence)
		return -ENOENT;
	spool_bind_int(store, SPOOL_NEXT, 1, after);
	return spool_numbers(store, SPOOL_NEXT, ret, NULL);
}

static struct spool_store_entry spool_store_row(struct spool_store *store,
						enum spool_statement which)
{
	sqlite3_stmt *statement = store->statements[which];
	const void *name = sqlite3_column_text(statement, 1);
	return (struct spool_store_entry){
		.sequence = spool_column(store, which, 0),
		.table = name ? name : "",
		.rows = (uint32_t)sqlite3_column_int64(statement, 2),
	};
}

int spool_store_read(struct spool_store *store, uint64_t sequence, spool_store_use_fn *use,
		     void *arg)
{
	spool_bind_int(store, SPOOL_READ, 1, sequence);
	int r = spool_step(store, SPOOL_READ);
	if (r == 0)
		return -ENOENT;
	if (r < 0)
		return r;
	struct spool_store_entry entry = spool_store_row(store, SPOOL_READ);
	entry.bytes = sqlite3_column_blob(store->statements[SPOOL_READ], 3);
	entry.len = (size_t)sqlite3_column_bytes(store->statements[SPOOL_READ], 3);
	r = use(arg, &entry);
	spool_reset(store, SPOOL_READ);
	return r;
}

/* Until there are no more, or `use` returns non-zero. */
static int spool_store_each(struct spool_store *store, enum spool_statement which,
			    spool_store_use_fn *use, void *arg)
{
	int r;
	while ((r = spool_step(store, which)) > 0) {
		struct spool_store_entry entry = spool_store_row(store, which);
		if (which == SPOOL_ORIGINS) {
			sqlite3_stmt *row = store->statements[which];
			entry.source = (const void *)sqlite3_column_text(row, 3);
			entry.position = (const void *)sqlite3_column_text(row, 4);
		}
		r = use(arg, &entry);
		if (r != 0)
			break;
	}
	spool_reset(store, which);
	return r;
}

int spool_store_scan(struct spool_store *store, uint64_t after, spool_store_use_fn *use, void *arg)
{
	spool_bind_int(store, SPOOL_SCAN, 1, after);
	return spool_store_each(store, SPOOL_SCAN, use, arg);
}

int spool_store_origins(struct spool_store *store, uint64_t after, spool_store_use_fn *use,
			void *arg)
{
	spool_bind_int(store, SPOOL_ORIGINS, 1, after);
	return spool_store_each(store, SPOOL_ORIGINS, use, arg);
}

int spool_store_readers(struct spool_store *store, spool_store_use_fn *use, void *arg)
{
	return spool_store_each(store, SPOOL_READERS, use, arg);
}

int spool_store_waiting(struct spool_store *store, uint64_t after, uint64_t *ret_rows)
{
	spool_bind_int(store, SPOOL_WAITING, 1, after);
	return spool_numbers(store, SPOOL_WAITING, ret_rows, NULL);
}

int spool_store_position(struct spool_store *store, const char *source, char **ret)
{
	spool_bind_text(store, SPOOL_POSITION_GET, 1, source);
	int r = spool_step(store, SPOOL_POSITION_GET);
	if (r == 0)
		return -ENOENT;
	if (r < 0)
		return r;
	const void *text = sqlite3_column_text(store->statements[SPOOL_POSITION_GET], 0);
	char *copy = text ? strdup(text) : NULL;
	spool_reset(store, SPOOL_POSITION_GET);
	if (!copy)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	*ret = copy;
	return 0;
}

/* ---- Letting go --------------------------------------------------------------- */

struct spool_passing {
	const char *reader;
	uint64_t acked, passed, gone;
};

static int spool_store_delete_up_to(struct spool_store *store, uint64_t sequence,
				    struct spool_change *change)
{
	uint64_t entries, rows;
	spool_bind_int(store, SPOOL_COUNT, 1, 0);
	spool_bind_int(store, SPOOL_COUNT, 2, sequence);
	int r = spool_numbers(store, SPOOL_COUNT, &entries, &rows);
	if (r < 0 || entries == 0)
		return r;
	change->entries -= entries;
	change->rows -= rows;
	change->retained_entries -= entries;
	change->retained_rows -= rows;
	spool_bind_int(store, SPOOL_DELETE_UP_TO, 1, sequence);
	return spool_step(store, SPOOL_DELETE_UP_TO);
}

/* What all have passed is kept until it is deleted. */
static int spool_store_pass(struct spool_store *store, const struct spool_passing *passing,
			    struct spool_change *change)
{
	uint64_t entries = 0, rows = 0;
	int r = 0;
	if (passing->passed > store->passed) {
		spool_bind_int(store, SPOOL_COUNT, 1, store->passed);
		spool_bind_int(store, SPOOL_COUNT, 2, passing->passed);
		r = spool_numbers(store, SPOOL_COUNT, &entries, &rows);
		change->passed = passing->passed;
	}
	change->retained_entries += entries;
	change->retained_rows += rows;
	return r < 0 || change->retained_entries == 0
		       ? r
		       : spool_store_delete_up_to(store, passing->gone, change);
}

static int spool_store_put_reader(struct spool_store *store, const struct spool_passing *passing)
{
	if (!passing->reader)
		return 0;
	spool_bind_text(store, SPOOL_READER_SET, 1, passing->reader);
	spool_bind_int(store, SPOOL_READER_SET, 2, passing->acked);
	return spool_step(store, SPOOL_READER_SET);
}

static int spool_store_do_ack(struct spool_store *store, const void *arg,
			      struct spool_change *change)
{
	const struct spool_passing *passing = arg;
	int r = spool_store_put_reader(store, passing);
	return r < 0 ? r : spool_store_pass(store, passing, change);
}

int spool_store_ack(struct spool_store *store, const char *reader, uint64_t acked, uint64_t passed,
		    uint64_t gone)
{
	const struct spool_passing passing = {reader, acked, passed, gone};
	return spool_store_change(store, false, spool_store_do_ack, &passing);
}

static int spool_store_do_rewind(struct spool_store *store, const void *arg,
				 struct spool_change *change)
{
	const struct spool_passing *passing = arg;
	int r = spool_store_put_reader(store, passing);
	spool_bind_int(store, SPOOL_COUNT, 1, 0);
	spool_bind_int(store, SPOOL_COUNT, 2, passing->passed);
	if (r == 0)
		r = spool_numbers(store, SPOOL_COUNT, &change->retained_entries,
				  &change->retained_rows);
	change->passed = passing->passed;
	return r;
}

int spool_store_rewind(struct spool_store *store, const char *reader, uint64_t acked,
		       uint64_t passed)
{
	const struct spool_passing passing = {reader, acked, passed, 0};
	return spool_store_change(store, false, spool_store_do_rewind, &passing);
}

/* No cursor may show the last sequence any more, nor an entry. */
static int spool_store_note_last(struct spool_store *store)
{
	spool_bind_int(store, SPOOL_NOTE_LAST, 1, store->last_sequence);
	return spool_step(store, SPOOL_NOTE_LAST);
}

static int spool_store_do_forget(struct spool_store *store, const void *arg,
				 struct spool_change *change)
{
	const struct spool_passing *passing = arg;
	spool_bind_text(store, SPOOL_READER_DELETE, 1, passing->reader);
	int r = spool_step(store, SPOOL_READER_DELETE);
	if (r == 0)
		r = spool_store_note_last(store);
	return r < 0 ? r : spool_store_pass(store, passing, change);
}

int spool_store_forget(struct spool_store *store, const char *reader, uint64_t passed)
{
	const struct spool_passing passing = {.reader = reader, .passed = passed, .gone = passed};
	return spool_store_change(store, false, spool_store_do_forget, &passing);
}

struct spool_dropping {
	uint64_t sequence;
	uint32_t rows;
};

/* The last sequence is recorded with it: if the newest entry is deleted, no row shows any more that
 * its number was used, and a restart would use it again. */
static int spool_store_do_delete(struct spool_store *store, const void *arg,
				 struct spool_change *change)
{
	const struct spool_dropping *dropping = arg;
	change->entries--;
	change->rows -= dropping->rows;
	spool_bind_int(store, SPOOL_DELETE_ONE, 1, dropping->sequence);
	int r = spool_step(store, SPOOL_DELETE_ONE);
	return r < 0 ? r : spool_store_note_last(store);
}

int spool_store_delete(struct spool_store *store, uint64_t sequence, uint32_t rows)
{
	const struct spool_dropping dropping = {sequence, rows};
	return spool_store_change(store, false, spool_store_do_delete, &dropping);
}
