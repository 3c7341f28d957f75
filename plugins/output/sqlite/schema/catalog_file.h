/* The catalog of tables in the file: tally_tables and tally_columns. */
#ifndef TALLYD_SQLITE_CATALOG_FILE_H
#define TALLYD_SQLITE_CATALOG_FILE_H

#include <sqlite3.h>
#include "store/catalog.h"

/* Reads all tables from the file; writes one, replacing what was there. */
int catalog_load(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db);
int catalog_store(struct tally_ctx *ctx, sqlite3 *db, const struct tally_table *table);

#endif
