/*
 * write() = make room for unknown tables (each in its own transaction), then BEGIN, the entries
 * that the ledger does not have, the ledger, COMMIT.  Any failure rolls all of it back for a retry;
 * only a batch that can never fit its table is rejected alone.  On the output's thread, in the
 * store's turn.
 *
 * The ledger is in the same transaction as the rows, so after a crash or a lost answer the core can
 * offer an entry again: it is skipped if it was committed, and written if it was not.
 */
#include "write/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "database.h"
#include "schema/schema.h"
#include "write/writer_table.h"

void writer_init(struct writer *writer)
{
	/* What the ledger was known to say outlives the file: that is how a file that was put in
	 * its place is recognized. */
	struct writer fresh = {.known = writer->known};
	memcpy(fresh.known_writer, writer->known_writer, sizeof(fresh.known_writer));
	*writer = fresh;
}

int writer_start(struct writer *writer, struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db)
{
	writer_init(writer);
	writer->ctx = ctx;
	writer->catalog = catalog;
	writer->db = db;
	int r = database_prepare(ctx, db, "SELECT sequence FROM tally_ledger WHERE writer = ?1",
				 &writer->ledger_find);
	if (r == 0)
		r = database_prepare(ctx, db, "INSERT OR REPLACE INTO tally_ledger VALUES (?1, ?2)",
				     &writer->ledger_put);
	return r;
}

void writer_stop(struct writer *writer)
{
	while (writer->tables) {
		struct writer_table *table = writer->tables;
		writer->tables = table->next;
		writer_table_destroy(table);
	}
	sqlite3_finalize(writer->ledger_find);
	sqlite3_finalize(writer->ledger_put);
	writer->ledger_find = NULL;
	writer->ledger_put = NULL;
}

static struct writer_table **writer_place(struct writer *writer, const char *name)
{
	struct writer_table **place = &writer->tables;
	while (*place && strcmp((*place)->stored->table.name, name) != 0)
		place = &(*place)->next;
	return place;
}

int writer_prepare(struct writer *writer, const struct tally_table *declared)
{
	const struct stored_table *stored = NULL;
	struct writer_table **place = writer_place(writer, declared->name), *table = NULL;
	int r = schema_ensure(writer->ctx, writer->catalog, writer->db, declared, &stored);
	if (r < 0 || (*place && (*place)->stored == stored))
		return r;
	if (*place) {
		/* Its statements name the columns that it had. */
		struct writer_table *old = *place;
		*place = old->next;
		writer_table_destroy(old);
	}
	r = writer_table_create(writer->ctx, writer->db, stored, &table);
	if (r < 0)
		return r;
	table->next = writer->tables;
	writer->tables = table;
	return 0;
}

static int writer_read_ledger(struct writer *writer, const char *name, uint64_t *ret)
{
	sqlite3_bind_text(writer->ledger_find, 1, name, -1, SQLITE_STATIC);
	int r = database_step(writer->ctx, writer->ledger_find);
	if (r > 0)
		*ret = (uint64_t)sqlite3_column_int64(writer->ledger_find, 0);
	sqlite3_reset(writer->ledger_find);
	return r < 0 ? r : 0;
}

static void writer_know(struct writer *writer, const char *name, uint64_t sequence)
{
	snprintf(writer->known_writer, sizeof(writer->known_writer), "%s", name);
	writer->known = sequence;
}

int writer_ledger(struct writer *writer, const char *name, uint64_t *ret)
{
	uint64_t sequence = 0;
	int r = writer_read_ledger(writer, name, &sequence);
	if (r < 0)
		return r;
	writer_know(writer, name, sequence);
	*ret = sequence;
	return 0;
}

static int writer_put_entry(struct writer *writer, const struct tally_entry *entry)
{
	const char *producer = entry->producer;
	uint64_t written = 0;
	/* Within the transaction, so that nobody can have written the entry in between. */
	int r = producer ? writer_read_ledger(writer, producer, &written) : 0;
	/* Another file may have been put in the place of ours.  Returned once: the core then reads
	 * the ledger again and continues from there. */
	if (r == 0 && producer && written < writer->known &&
	    strcmp(producer, writer->known_writer) == 0) {
		writer_know(writer, "", 0);
		return tally_fail(writer->ctx, EAGAIN,
				  "%s no longer has the rows that were written to it",
				  database_path(writer->db));
	}
	if (r < 0 || (producer && entry->sequence <= written))
		return r;
	r = writer_table_put(*writer_place(writer, entry->batch->table->name), entry->batch);
	if (r < 0 || !producer)
		return r;
	sqlite3_bind_text(writer->ledger_put, 1, producer, -1, SQLITE_STATIC);
	sqlite3_bind_int64(writer->ledger_put, 2, (int64_t)entry->sequence);
	return database_step(writer->ctx, writer->ledger_put);
}

/* Rejects the entries whose table cannot be stored at all: -EINVAL is about the declaration, which
 * the next attempt would not find better.  Anything else may pass, so all are tried again. */
static int writer_make_room(struct writer *writer, const struct tally_entry *entries, uint32_t n,
			    uint8_t *verdicts)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = writer_prepare(writer, entries[i].batch->table);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0) {
			tally_reject_entry(writer->ctx, &entries[i], tally_reason(writer->ctx));
			verdicts[i] = TALLY_REJECT;
		}
	}
	return 0;
}

int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	int r = writer_make_room(writer, entries, n, verdicts);
	if (r == 0)
		r = database_begin(writer->ctx, writer->db);
	if (r == 0) {
		for (uint32_t i = 0; i < n && r == 0; i++)
			if (verdicts[i] != TALLY_REJECT)
				r = writer_put_entry(writer, &entries[i]);
		r = database_end(writer->ctx, writer->db, r);
	}
	/* Series that were made in a transaction that was rolled back do not exist. */
	for (struct writer_table *table = writer->tables; r < 0 && table; table = table->next)
		writer_table_forget(table);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		if (verdicts[i] == TALLY_REJECT)
			continue;
		verdicts[i] = TALLY_DONE;
		if (entries[i].producer && strcmp(entries[i].producer, writer->known_writer) == 0)
			writer->known = entries[i].sequence;
	}
	return r;
}

void writer_forget_series(struct writer *writer, const char *table)
{
	struct writer_table **place = writer_place(writer, table);
	if (*place)
		writer_table_forget(*place);
}

void writer_set_rolled_to(struct writer *writer, const char *table, int64_t rolled_to)
{
	struct writer_table **place = writer_place(writer, table);
	if (*place)
		(*place)->rolled_to = rolled_to;
}

void writer_set_packed_to(struct writer *writer, const char *table, int64_t packed_to)
{
	struct writer_table **place = writer_place(writer, table);
	if (*place)
		(*place)->packed_to = packed_to;
}
