/*
 * What a file holds, as transfer.h asks for it; also of a file that is being written, to compare.
 */
#ifndef TALLYD_SQLITE_TRANSFER_READ_H
#define TALLYD_SQLITE_TRANSFER_READ_H

#include <sqlite3.h>

#include "transfer/transfer.h"

struct transfer_file {
	struct tally_ctx *ctx;
	sqlite3 *db;
	struct catalog *catalog;
};

/* file must outlive it. */
struct transfer_reader transfer_read_file(struct transfer_file *file);

/* The integers of a rolled-up number are kept as distances from the largest
 * (schema/rollup_columns.h): to what a transfer has, and back, which is the same. */
void transfer_turn(struct tally_cell number[PART_INCREASE]);
void transfer_turn_all(const struct transfer_shape *shape, struct tally_cell *cells);

/* The table in the file: a STATE table goes by its own name. */
const char *transfer_relation(const struct transfer_shape *shape);
/* What it is read from, since rows may be packed; for sqlite3_free().  NULL: no memory. */
char *transfer_readable(const struct transfer_file *file, const struct transfer_shape *shape);

#endif
