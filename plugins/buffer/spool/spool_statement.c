/*
 * The SQL of a running spool, prepared once at the start so that a push costs no parsing, and the
 * meaning of SQLite's codes for the core: -ENOSPC waits, -EBADMSG is damage and starts a rebuild,
 * any other fails the call.  Extended codes are cut to their low byte; the errno of the system is
 * checked separately, since SQLite reports EDQUOT as a plain I/O error.  Called under the journal's
 * lock.
 */
#include "spool_store.h"

#include <errno.h>

static const char *const spool_sql[SPOOL_N_STATEMENTS] = {
	[SPOOL_BEGIN] = "BEGIN IMMEDIATE",
	[SPOOL_COMMIT] = "COMMIT",
	[SPOOL_INSERT] = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4)",
	[SPOOL_NEXT] = "SELECT sequence FROM entry WHERE sequence > ?1 ORDER BY sequence LIMIT 1",
	[SPOOL_READ] = "SELECT sequence, table_name, rows, batch FROM entry WHERE sequence = ?1",
	[SPOOL_SCAN] = "SELECT sequence, table_name, rows FROM entry WHERE sequence > ?1 "
		       "ORDER BY sequence",
	[SPOOL_ORIGINS] = "SELECT e.sequence, e.table_name, e.rows, p.source, p.position "
			  "FROM entry e LEFT JOIN position p ON p.sequence = e.sequence "
			  "WHERE e.sequence > ?1 ORDER BY e.sequence",
	[SPOOL_READERS] = "SELECT settled, name, 0 FROM reader",
	[SPOOL_WAITING] = "SELECT coalesce(sum(rows), 0) FROM entry WHERE sequence > ?1",
	[SPOOL_COUNT] = "SELECT count(*), coalesce(sum(rows), 0) FROM entry "
			"WHERE sequence > ?1 AND sequence <= ?2",
	[SPOOL_DELETE_UP_TO] = "DELETE FROM entry WHERE sequence <= ?1",
	[SPOOL_DELETE_ONE] = "DELETE FROM entry WHERE sequence = ?1",
	[SPOOL_NOTE_LAST] = "UPDATE spool SET last_sequence = ?1",
	[SPOOL_READER_SET] = "INSERT INTO reader VALUES (?1, ?2) "
			     "ON CONFLICT (name) DO UPDATE SET settled = excluded.settled",
	[SPOOL_READER_DELETE] = "DELETE FROM reader WHERE name = ?1",
	[SPOOL_POSITION_UPDATE] = "UPDATE position SET position = ?2, sequence = ?3 "
				  "WHERE source = ?1",
	[SPOOL_POSITION_INSERT] = "INSERT INTO position VALUES (?1, ?2, ?3)",
	[SPOOL_POSITION_EVICT] = "DELETE FROM position WHERE source = "
				 "(SELECT source FROM position ORDER BY sequence LIMIT 1)",
	[SPOOL_POSITION_GET] = "SELECT position FROM position WHERE source = ?1",
	[SPOOL_PAGES] = "PRAGMA page_count",
	[SPOOL_FREE_PAGES] = "PRAGMA freelist_count",
};

/* ---- Errors ------------------------------------------------------------------- */

static int spool_errno(sqlite3 *db)
{
	int system = sqlite3_system_errno(db);
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_IOERR:
		return system == ENOSPC || system == EDQUOT ? ENOSPC : EIO;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_CANTOPEN:
		return EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* the same sequence twice */
		return EBADMSG;
	default:
		return EIO;
	}
}

int spool_store_fail(struct spool_store *store)
{
	int error = spool_errno(store->db);
	if (error == EBADMSG)
		store->damaged = true;
	/* The lock is held for as long as the file is open, so this can only be another process, or
	 * a second buffer of this one. */
	if (error == EBUSY)
		return tally_fail(store->ctx, error,
				  "%s: in use by another process; a spool is for one daemon and "
				  "one [buffer.spool] section",
				  store->path);
	return tally_fail(store->ctx, error, "%s: %s", store->path, sqlite3_errmsg(store->db));
}

/* ---- Statements --------------------------------------------------------------- */

int spool_store_prepare(struct spool_store *store)
{
	for (int i = 0; i < SPOOL_N_STATEMENTS; i++)
		if (sqlite3_prepare_v3(store->db, spool_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->statements[i], NULL) != SQLITE_OK)
			return spool_store_fail(store);
	return 0;
}

void spool_store_finalize(struct spool_store *store)
{
	for (int i = 0; i < SPOOL_N_STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
}

void spool_bind_int(struct spool_store *store, enum spool_statement which, int at, uint64_t value)
{
	sqlite3_bind_int64(store->statements[which], at, (sqlite3_int64)value);
}

void spool_bind_text(struct spool_store *store, enum spool_statement which, int at,
		     const char *text)
{
	sqlite3_bind_text(store->statements[which], at, text, -1, SQLITE_STATIC);
}

/* Texts and blobs are bound by reference and belong to the caller: a statement must not keep
 * them. */
void spool_reset(struct spool_store *store, enum spool_statement which)
{
	sqlite3_reset(store->statements[which]);
	sqlite3_clear_bindings(store->statements[which]);
}

int spool_step(struct spool_store *store, enum spool_statement which)
{
	int code = sqlite3_step(store->statements[which]);
	if (code == SQLITE_ROW)
		return 1;
	int r = code == SQLITE_DONE ? 0 : spool_store_fail(store);
	spool_reset(store, which);
	return r;
}

uint64_t spool_column(struct spool_store *store, enum spool_statement which, int at)
{
	return (uint64_t)sqlite3_column_int64(store->statements[which], at);
}

int spool_numbers(struct spool_store *store, enum spool_statement which, uint64_t *ret,
		  uint64_t *ret_second)
{
	int r = spool_step(store, which);
	if (r == 0)
		return -ENOENT;
	if (r < 0)
		return r;
	*ret = spool_column(store, which, 0);
	if (ret_second)
		*ret_second = spool_column(store, which, 1);
	spool_reset(store, which);
	return 0;
}
