/*
 * Rebuilds a damaged spool: every entry that can still be read goes into a new file, under its old
 * sequence and producer, so that the stores' ledgers still know it; the damaged file is set aside,
 * and the new one takes its place.  Called under the journal's lock, at the start or by any call
 * that found damage.  Missing entries are known from the manifest:
 *   - while the daemon runs they are lost, and counted (spool_lost.c);
 *   - at the start those that came with a position are replayed: their input resumes behind the
 * last entry before the first missing one.  What the same source pushed later is left out here, as
 * the input sends it again.  The others are lost, and counted. Without room for the new file
 * nothing is touched, and the next call tries again.
 *
 * Damage is read around, not repaired: each entry is looked up by its sequence, checked by the
 * checksum of its batch, and copied or given up alone, so that one bad page costs the entries on it
 * and no others.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "spool.h"
#include "spool_file.h"

struct spool_sum {
	uint64_t entries, rows;
};

struct spool_salvage {
	struct spool *spool;
	bool starting;
	bool readable; /* at least in part */
	sqlite3 *from; /* NULL: nothing can be read */
	sqlite3 *to;
	sqlite3_stmt *next, *read, *insert;
	struct manifest_index *known; /* NULL: no manifest */
	char *producer;
	char *path; /* of the new file */
	uint64_t last_sequence, acked;
	void *broken; /* sources that begin again */
	struct spool_sum saved, replay, lost;
};

/* ---- What the damaged file still says ------------------------------------------ */

typedef int salvage_row_fn(struct spool_salvage *salvage, sqlite3_stmt *row);

/* Stops at the first row that cannot be read. */
static void salvage_each(struct spool_salvage *salvage, const char *sql, salvage_row_fn *fn)
{
	sqlite3_stmt *statement = NULL;
	if (!salvage->from ||
	    sqlite3_prepare_v2(salvage->from, sql, -1, &statement, NULL) != SQLITE_OK)
		return;
	int r = 0;
	while (r == 0 && sqlite3_step(statement) == SQLITE_ROW)
		r = fn(salvage, statement);
	sqlite3_finalize(statement);
}

/* 0 also if it cannot be read: a spool has none that is 0. */
static int64_t salvage_pragma(const struct spool_salvage *salvage, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = 0;
	if (sqlite3_prepare_v2(salvage->from, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

static void salvage_close(struct spool_salvage *salvage)
{
	sqlite3_close_v2(salvage->from);
	salvage->from = NULL;
}

/* Opens even a file that is shorter than its header says.  Another application's database is left
 * alone. */
static void salvage_open(struct spool_salvage *salvage)
{
	const char *path = salvage->spool->path;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &salvage->from, flags, NULL) != SQLITE_OK) {
		salvage_close(salvage);
		return;
	}
	sqlite3_exec(salvage->from,
		     /* writable_schema lets a damaged schema be read as far as it goes, instead of
		      * being refused as a whole; query_only keeps this connection from making the
		      * damage worse. */
		     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA writable_schema = ON; "
		     "PRAGMA query_only = ON",
		     NULL, NULL, NULL);
	if (salvage_pragma(salvage, "PRAGMA application_id") != SPOOL_APPLICATION ||
	    salvage_pragma(salvage, "PRAGMA user_version") != SPOOL_FORMAT)
		salvage_close(salvage);
}

static int salvage_take_producer(struct spool_salvage *salvage, sqlite3_stmt *row)
{
	const void *producer = sqlite3_column_text(row, 0);
	uint64_t last = (uint64_t)sqlite3_column_int64(row, 1);
	if (!salvage->producer && producer)
		salvage->producer = strdup(producer);
	if (last > salvage->last_sequence)
		salvage->last_sequence = last;
	return 0;
}

static int salvage_take_reader(struct spool_salvage *salvage, sqlite3_stmt *row)
{
	const void *name = sqlite3_column_text(row, 0);
	uint64_t acked = (uint64_t)sqlite3_column_int64(row, 1);
	return name ? spool_note_reader(salvage->spool, name, acked) : 0;
}

/* The state before this start: of the manifest and the file whichever is newer. */
static int salvage_past(struct spool_salvage *salvage)
{
	struct spool *spool = salvage->spool;
	const struct manifest_index *known = salvage->known;
	int r = 0;
	if (known) {
		salvage->producer = strdup(known->producer);
		salvage->last_sequence = known->last_sequence;
	}
	for (size_t i = 0; known && r == 0 && i < known->n_readers; i++)
		r = spool_note_reader(spool, known->readers[i].name, known->readers[i].acked);
	salvage_each(salvage, "SELECT writer, last_sequence FROM spool", salvage_take_producer);
	salvage_each(salvage, "SELECT '', max(sequence) FROM entry", salvage_take_producer);
	salvage_each(salvage, "SELECT name, settled FROM reader", salvage_take_reader);
	/* A cursor may be all that is left of the newest entries, which were acknowledged and
	 * deleted. */
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (spool->readers[i].acked > salvage->last_sequence)
			salvage->last_sequence = spool->readers[i].acked;
	if (salvage->producer && !salvage->producer[0]) {
		free(salvage->producer);
		salvage->producer = NULL;
	}
	/* Stores may have entries that neither file knows. */
	if (salvage->producer)
		salvage->last_sequence += SPOOL_LEAP;
	else
		salvage->last_sequence = 0;
	return r;
}

/* ---- The new file -------------------------------------------------------------- */

static int salvage_fail(const struct spool_salvage *salvage)
{
	int code = sqlite3_errcode(salvage->to) & 0xff;
	return tally_fail(salvage->spool->ctx,
			  code == SQLITE_FULL    ? ENOSPC
			  : code == SQLITE_NOMEM ? ENOMEM
						 : EIO,
			  "%s: %s", salvage->path, sqlite3_errmsg(salvage->to));
}

/* Frees the SQL, so that it can be written where it is used. */
static int salvage_exec(const struct spool_salvage *salvage, char *sql)
{
	int r = 0;
	if (!sql)
		r = tally_fail(salvage->spool->ctx, ENOMEM, "no memory");
	else if (sqlite3_exec(salvage->to, sql, NULL, NULL, NULL) != SQLITE_OK)
		r = salvage_fail(salvage);
	sqlite3_free(sql);
	return r;
}

/* The new file has the old producer, so that entries keep their identity in the stores' ledgers.
 * A new one is drawn only if neither file knows it; then sequences start at 0, as no ledger does.
 */
static int salvage_make(struct spool_salvage *salvage)
{
	struct tally_ctx *ctx = salvage->spool->ctx;
	if (!salvage->producer)
		salvage->producer = spool_store_new_producer(ctx);
	if (!salvage->producer)
		return tally_fail(ctx, ENOMEM, "no memory");
	unlink(salvage->path);
	int r = spool_file_create(ctx, salvage->path);
	if (r < 0)
		return r;
	if (sqlite3_open_v2(salvage->path, &salvage->to,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return salvage->to ? salvage_fail(salvage) : tally_fail(ctx, ENOMEM, "no memory");
	r = salvage_exec(
		salvage,
		/* Nothing of it is flushed or can be rolled back before it is whole: a new file
		 * that was not finished is thrown away at the next start. */
		sqlite3_mprintf("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; "
				"PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE"));
	if (r == 0)
		r = salvage_exec(salvage, sqlite3_mprintf(spool_schema, salvage->producer,
							  SPOOL_APPLICATION, SPOOL_FORMAT));
	if (r == 0)
		r = salvage_exec(salvage, sqlite3_mprintf("BEGIN"));
	if (r == 0 && sqlite3_prepare_v2(salvage->to, "INSERT INTO entry VALUES (?1, ?2, ?3, ?4)",
					 -1, &salvage->insert, NULL) != SQLITE_OK)
		r = salvage_fail(salvage);
	return r;
}

/* Counts only what waits: entries that all readers have acknowledged are copied for retention, and
 * nobody misses them. */
static int salvage_put(struct spool_salvage *salvage, const struct spool_store_entry *entry)
{
	sqlite3_bind_int64(salvage->insert, 1, (sqlite3_int64)entry->sequence);
	sqlite3_bind_text(salvage->insert, 2, entry->table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(salvage->insert, 3, entry->rows);
	sqlite3_bind_blob64(salvage->insert, 4, entry->bytes, entry->len, SQLITE_STATIC);
	int r = sqlite3_step(salvage->insert) == SQLITE_DONE ? 0 : salvage_fail(salvage);
	sqlite3_reset(salvage->insert);
	sqlite3_clear_bindings(salvage->insert);
	if (r == 0 && entry->sequence > salvage->acked) {
		salvage->saved.entries++;
		salvage->saved.rows += entry->rows;
	}
	return r;
}

/* ---- Entry by entry ------------------------------------------------------------ */

/* Copies an entry from memory, if it is cached.  1: it was there and is copied. */
static int salvage_held(struct spool_salvage *salvage, uint64_t sequence)
{
	struct spool *spool = salvage->spool;
	const struct spool_cache_entry *cache = spool_cache_find(&spool->cache, sequence);
	auto_free void *bytes = NULL;
	size_t len = 0;
	if (!cache)
		return 0;
	int r = tally_batch_encode(spool->ctx, cache->batch, &bytes, &len);
	if (r < 0)
		return r;
	r = salvage_put(salvage, &(struct spool_store_entry){.sequence = sequence,
							     .table = cache->batch->table->name,
							     .rows = cache->batch->n_rows,
							     .bytes = bytes,
							     .len = len});
	return r < 0 ? r : 1;
}

/* Three checks, since a page may be whole and yet belong elsewhere: the checksum of the batch, the
 * columns of its row, and the manifest's record of it. */
static bool salvage_is_whole(const struct spool_salvage *salvage,
			     const struct spool_store_entry *entry,
			     const struct manifest_index_entry *known)
{
	struct tally_ctx *ctx = salvage->spool->ctx;
	struct tally_batch *batch = NULL;
	if (!entry->bytes || tally_batch_decode(ctx, entry->bytes, entry->len, &batch) < 0)
		return false;
	bool whole = batch->n_rows == entry->rows && strcmp(batch->table->name, entry->table) == 0;
	if (known)
		whole = whole && known->rows == entry->rows &&
			strcmp(known->table, entry->table) == 0;
	tally_batch_drop(ctx, batch);
	return whole;
}

/* 1: copied; 0: it cannot be read.  ret: its row, texts valid until the next call. */
static int salvage_copy(struct spool_salvage *salvage, uint64_t sequence,
			const struct manifest_index_entry *known, struct spool_store_entry *ret)
{
	int r = salvage_held(salvage, sequence);
	if (r != 0 || !salvage->read)
		return r;
	sqlite3_reset(salvage->read);
	sqlite3_bind_int64(salvage->read, 1, (sqlite3_int64)sequence);
	if (sqlite3_step(salvage->read) != SQLITE_ROW)
		return 0;
	const void *table = sqlite3_column_text(salvage->read, 0);
	*ret = (struct spool_store_entry){.sequence = sequence,
					  .table = table ? table : "",
					  .rows = (uint32_t)sqlite3_column_int64(salvage->read, 1),
					  .bytes = sqlite3_column_blob(salvage->read, 2),
					  .len = (size_t)sqlite3_column_bytes(salvage->read, 2)};
	if (!salvage_is_whole(salvage, ret, known))
		return 0;
	r = salvage_put(salvage, ret);
	return r < 0 ? r : 1;
}

static void salvage_count(struct spool_sum *sum, uint32_t rows)
{
	sum->entries++;
	sum->rows += rows;
}

/* The entry waited and is missing, or is replayed together with missing ones. */
static int salvage_miss(struct spool_salvage *salvage, struct manifest_index_entry *known,
			const struct spool_store_entry *entry)
{
	struct spool *spool = salvage->spool;
	uint64_t sequence = known ? known->sequence : entry->sequence;
	const char *table = known ? known->table : entry->table;
	uint32_t rows = known ? known->rows : entry->rows;
	/* Neither what all have acknowledged nor what was dropped, and counted then, is missing. */
	if (sequence <= salvage->acked || (known && known->state != RECORD_ENTRY))
		return 0;
	if (known && known->source[0] && salvage->starting) {
		known->state = RECORD_REPLAY;
		tsearch(known->source, &salvage->broken, manifest_source_compare);
		salvage_count(&salvage->replay, rows);
		return 0;
	}
	if (known)
		known->state = RECORD_LOST;
	if (rows == 0 || !table || !table[0])
		return 0;
	salvage_count(&salvage->lost, rows);
	return spool_lost_add(spool, sequence, table, rows);
}

/* One entry: copied, given up, or left to its input.  Once one entry of a source is to be replayed,
 * so are all later ones of it, since inputs resume at a position and send everything after it. */
static int salvage_entry(struct spool_salvage *salvage, uint64_t sequence)
{
	struct manifest_index_entry *known =
		salvage->known ? manifest_index_find(salvage->known, sequence) : NULL;
	struct spool_store_entry entry = {.sequence = sequence};
	bool is_replayed = known && known->source[0] && sequence > salvage->acked &&
			   tfind(known->source, &salvage->broken, manifest_source_compare);
	int r = 0;
	if (!is_replayed && !(known && known->state != RECORD_ENTRY))
		r = salvage_copy(salvage, sequence, known, &entry);
	if (r == 0)
		r = salvage_miss(salvage, known, &entry);
	return r < 0 ? r : 0;
}

/* UINT64_MAX: no more that can be read. */
static uint64_t salvage_next_in_file(struct spool_salvage *salvage, uint64_t after)
{
	uint64_t sequence = UINT64_MAX;
	if (!salvage->next)
		return sequence;
	sqlite3_reset(salvage->next);
	sqlite3_bind_int64(salvage->next, 1, (sqlite3_int64)after);
	if (sqlite3_step(salvage->next) == SQLITE_ROW)
		sequence = (uint64_t)sqlite3_column_int64(salvage->next, 0);
	return sequence > after && sequence <= salvage->last_sequence ? sequence : UINT64_MAX;
}

static uint64_t salvage_next_known(const struct spool_salvage *salvage, uint64_t after)
{
	const struct manifest_index *known = salvage->known;
	size_t at =
		known ? manifest_index_after(known, after > salvage->acked ? after : salvage->acked)
		      : 0;
	return known && at < known->n_entries ? known->entries[at].sequence : UINT64_MAX;
}

static int salvage_entries(struct spool_salvage *salvage)
{
	uint64_t after = 0;
	int r = 0;
	if (salvage->from) {
		sqlite3_prepare_v2(salvage->from,
				   "SELECT sequence FROM entry WHERE sequence > ?1 "
				   "ORDER BY sequence LIMIT 1",
				   -1, &salvage->next, NULL);
		sqlite3_prepare_v2(salvage->from,
				   "SELECT table_name, rows, batch FROM entry WHERE sequence = ?1",
				   -1, &salvage->read, NULL);
	}
	salvage->readable = salvage->read != NULL;
	while (r == 0) {
		/* Both lists are walked in step: either may lack what the other has.  A damaged
		 * index may give the same number again and again, or one from nowhere; what is not
		 * after the last one, or past any that was given, ends the file's list. */
		uint64_t in_file = salvage_next_in_file(salvage, after);
		uint64_t known = salvage_next_known(salvage, after);
		after = in_file < known ? in_file : known;
		if (after == UINT64_MAX)
			break;
		r = salvage_entry(salvage, after);
	}
	sqlite3_finalize(salvage->next);
	sqlite3_finalize(salvage->read);
	salvage->next = salvage->read = NULL;
	return r;
}

/* ---- Cursors and positions ----------------------------------------------------- */

/* From memory: at a start both files have filled it, and while the daemon runs nothing is newer. */
static int salvage_readers(struct spool_salvage *salvage)
{
	const struct spool *spool = salvage->spool;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < spool->n_readers; i++)
		if (spool->readers[i].name)
			r = salvage_exec(salvage,
					 sqlite3_mprintf("INSERT INTO reader VALUES (%Q, %lld)",
							 spool->readers[i].name,
							 (long long)spool->readers[i].acked));
	return r;
}

static int salvage_put_position(struct spool_salvage *salvage, const char *source,
				const char *position, uint64_t sequence)
{
	if (tfind(source, &salvage->broken, manifest_source_compare))
		return 0;
	return salvage_exec(
		salvage, sqlite3_mprintf("INSERT INTO position VALUES (%Q, %Q, %lld) ON CONFLICT "
					 "(source) DO UPDATE SET position = excluded.position, "
					 "sequence = excluded.sequence WHERE excluded.sequence >= "
					 "position.sequence",
					 source, position, (long long)sequence));
}

static int salvage_take_position(struct spool_salvage *salvage, sqlite3_stmt *row)
{
	const void *source = sqlite3_column_text(row, 0), *position = sqlite3_column_text(row, 1);
	uint64_t sequence = (uint64_t)sqlite3_column_int64(row, 2);
	if (!source || !position || sequence > salvage->last_sequence)
		return 0;
	return salvage_put_position(salvage, source, position, sequence);
}

/* The newest position of each source, from both files, since either may be older.  A source that
 * replays gets none here: spool_resume() finds its position in the manifest. */
static int salvage_positions(struct spool_salvage *salvage)
{
	const struct manifest_index *known = salvage->known;
	int r = 0;
	for (size_t i = 0; known && r == 0 && i < known->n_entries; i++) {
		const struct manifest_index_entry *entry = &known->entries[i];
		if (entry->source[0])
			r = salvage_put_position(salvage, entry->source, entry->position,
						 entry->sequence);
	}
	salvage_each(salvage, "SELECT source, position, sequence FROM position",
		     salvage_take_position);
	return r;
}

/* Flushed before the renames: a power cut in between must not leave a name without its content. */
static int salvage_finish(struct spool_salvage *salvage)
{
	int r = salvage_exec(salvage, sqlite3_mprintf("UPDATE spool SET last_sequence = %lld",
						      (long long)salvage->last_sequence));
	if (r == 0)
		r = salvage_exec(salvage, sqlite3_mprintf("COMMIT"));
	sqlite3_finalize(salvage->insert);
	salvage->insert = NULL;
	sqlite3_close_v2(salvage->to);
	salvage->to = NULL;
	return r == 0 ? spool_file_sync(salvage->spool->ctx, salvage->path) : r;
}

static int salvage_run(struct spool_salvage *salvage)
{
	salvage->acked = spool_acked(salvage->spool, salvage->last_sequence);
	if (salvage->from) /* what is set aside stays as it is */
		sqlite3_db_config(salvage->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	spool_lost_begin(salvage->spool);
	int r = salvage_make(salvage);
	if (r == 0)
		r = salvage_entries(salvage);
	if (r == 0)
		r = salvage_readers(salvage);
	if (r == 0)
		r = salvage_positions(salvage);
	return r == 0 ? salvage_finish(salvage) : r;
}

/* ---- Logging ------------------------------------------------------------------- */

static void salvage_log(const struct spool_salvage *salvage, const char *why, const char *aside)
{
	struct tally_ctx *ctx = salvage->spool->ctx;
	const char *set = aside ? "; set aside as " : "";
	aside = aside ? aside : "";
	tally_count(ctx, SPOOL_SET_ASIDE, 1);
	if (!salvage->known && !salvage->readable) {
		tally_log(ctx, TALLY_ERROR,
			  "%s%s%s and started empty: how many rows were waiting in it is not known",
			  why, set, aside);
		return;
	}
	tally_log(ctx, TALLY_ERROR,
		  "%s%s%s and rebuilt: of the waiting rows, %" PRIu64 " rows in %" PRIu64
		  " batches were saved, %" PRIu64 " rows in %" PRIu64
		  " batches are read again by their inputs, %" PRIu64 " rows in %" PRIu64
		  " batches are lost%s",
		  why, set, aside, salvage->saved.rows, salvage->saved.entries,
		  salvage->replay.rows, salvage->replay.entries, salvage->lost.rows,
		  salvage->lost.entries,
		  salvage->known ? "" : ", and perhaps more: there is no manifest");
}

/* So that a second damage counts nothing twice, and a restart knows which sources replay. */
static void salvage_note(const struct spool_salvage *salvage)
{
	struct spool_manifest *manifest = &salvage->spool->manifest;
	const struct manifest_index *known = salvage->known;
	if (!known || (manifest->fd < 0 && spool_manifest_open(manifest) < 0))
		return;
	for (size_t i = manifest_index_after(known, salvage->acked); i < known->n_entries; i++) {
		const struct manifest_index_entry *entry = &known->entries[i];
		if (entry->state == RECORD_REPLAY || entry->state == RECORD_LOST)
			spool_manifest_add(manifest,
					   &(struct spool_record){.type = entry->state,
								  .sequence = entry->sequence});
	}
}

/* ---- Both occasions ------------------------------------------------------------ */

static void salvage_done(struct spool_salvage *salvage)
{
	sqlite3_finalize(salvage->insert);
	sqlite3_close_v2(salvage->to);
	if (salvage->starting)
		salvage_close(salvage);
	tdestroy(salvage->broken, manifest_source_keep);
	manifest_index_destroy(salvage->known);
	free(salvage->producer);
	free(salvage->path);
}

/* The new file stands in the place of the old.  Between the two renames only the new one is there,
 * under its own name: spool_store_open() puts it in its place. */
static int salvage_swap(struct spool_salvage *salvage, const char *why)
{
	struct spool *spool = salvage->spool;
	auto_free char *aside = NULL;
	if (salvage->starting)
		salvage_close(salvage);
	int r = spool_file_set_aside(spool->ctx, spool->path, &aside);
	if (r == 0)
		r = spool_file_replace(spool->ctx, salvage->path, spool->path);
	if (r < 0)
		return r;
	salvage_note(salvage);
	salvage_log(salvage, why, aside);
	return 0;
}

static int salvage_begin(struct spool_salvage *salvage)
{
	struct spool *spool = salvage->spool;
	if (asprintf(&salvage->path, "%s.new", spool->path) < 0) {
		salvage->path = NULL;
		return tally_fail(spool->ctx, ENOMEM, "no memory");
	}
	salvage->known = manifest_index_load(&spool->manifest);
	return 0;
}

int spool_rebuild_at_start(struct spool *spool, const char *why)
{
	struct spool_salvage salvage = {.spool = spool, .starting = true};
	int r = salvage_begin(&salvage);
	if (r == 0) {
		salvage_open(&salvage);
		r = salvage_past(&salvage);
	}
	if (r == 0)
		r = salvage_run(&salvage);
	if (r == 0)
		r = salvage_swap(&salvage, why);
	if (r < 0)
		spool_lost_done(spool);
	salvage_done(&salvage);
	spool_unload_readers(spool);
	return r;
}

/* While the daemon runs nothing is replayed, as inputs resume only at their start: what cannot be
 * read is lost.  Entries that are borrowed or cached come from memory, whatever the file has
 * become. */
static int spool_rebuild(struct spool *spool)
{
	struct spool_salvage salvage = {.spool = spool,
					.from = spool->store->db,
					.last_sequence = spool->store->last_sequence,
					.producer = strdup(spool->store->producer)};
	struct spool_store *fresh = NULL;
	auto_free char *why = strdup(tally_reason(spool->ctx));
	size_t lost = spool->n_losses;
	/* The connection goes on to be read from, through the descriptors that it has: what is set
	 * aside is renamed under it. */
	sqlite3_exec(spool->store->db, "ROLLBACK; PRAGMA writable_schema = ON", NULL, NULL, NULL);
	spool_store_finalize(spool->store);
	int r = salvage.producer ? salvage_begin(&salvage) : -ENOMEM;
	if (r == 0)
		r = salvage_run(&salvage);
	if (r == 0)
		r = salvage_swap(&salvage, why ? why : "is damaged");
	if (r == 0)
		r = spool_store_open(spool->ctx, spool->path, &fresh);
	if (r == 0) {
		r = spool_adopt(spool, fresh);
	} else {
		spool_lost_cut(spool, lost);
		(void)spool_store_prepare(spool->store);
	}
	salvage_done(&salvage);
	return r;
}

bool spool_recovered(struct spool *spool, int r)
{
	if (r != -EBADMSG || !spool->store->damaged)
		return false;
	int64_t now = tally_monotonic(spool->ctx);
	/* Each rebuild sets a file aside, of up to the whole capacity: a disk that damages whatever
	 * it is given would be filled with them. */
	if (now - spool->rebuilt >= SPOOL_REBUILD_PAUSE)
		spool->rebuilds = 0;
	if (spool->rebuilds >= SPOOL_REBUILDS)
		return false;
	spool->rebuilds++;
	spool->rebuilt = now;
	return spool_rebuild(spool) == 0;
}
