/*
 * Entries into the file: one transaction for all of them and for the ledger, which names the last
 * entry of each producer, so that an entry offered again after a lost answer changes nothing.
 * Callers hold the store's turn.
 */
#ifndef TALLYD_SQLITE_WRITER_H
#define TALLYD_SQLITE_WRITER_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/catalog.h"

struct writer_table;

struct writer {
	struct tally_ctx *ctx;
	struct catalog *catalog;
	sqlite3 *db;
	struct writer_table *tables;
	sqlite3_stmt *ledger_find, *ledger_put;
	char known_writer[256]; /* whose ledger was at `known` at least */
	uint64_t known;
};

/* Before start(); what it knows of the ledger outlives the file. */
void writer_init(struct writer *writer);
int writer_start(struct writer *writer, struct tally_ctx *ctx, struct catalog *catalog,
		 sqlite3 *db);
void writer_stop(struct writer *writer); /* before the connection is closed */

int writer_prepare(struct writer *writer, const struct tally_table *table);
/* As in struct tally_output. */
int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts);

/* The last entry of this producer that is in the file. */
int writer_ledger(struct writer *writer, const char *name, uint64_t *ret);

/* A table's dictionary lost rows, or its rollup moved on to rolled_to, or what is packed to
 * packed_to. */
void writer_forget_series(struct writer *writer, const char *table);
void writer_set_rolled_to(struct writer *writer, const char *table, int64_t rolled_to);
void writer_set_packed_to(struct writer *writer, const char *table, int64_t packed_to);

#endif
