/*
 * What packing adds to a table of the file, once its first rows are packed:
 *
 *   <table>_chunks  _series, first, last (time), rows, data (chunk.h)
 *   <table>_all     <table>_rows and what is in the chunks (packed_module.h)
 *
 * Used with any connection, in the transaction of the caller.
 */
#ifndef TALLYD_SQLITE_PACKED_FILE_H
#define TALLYD_SQLITE_PACKED_FILE_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/catalog.h"

/* Only of SERIES that are rolled up, and of one row per time. */
bool packed_can(const struct stored_table *stored);
/* As the connection's schema has it: of the time of its last statement, at least. */
bool packed_exists(sqlite3 *db, const char *table);
/* What has all rows of a table: "_rows", or "_all" if some may be packed. */
const char *packed_suffix(sqlite3 *db, const char *table);

/* Both of the above; packed_create_all() once more whenever the table has another column. */
int packed_create(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored);
int packed_create_all(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored);

/* SELECT …, for those who keep it prepared. */
void packed_append_to(sqlite3_str *sql, const char *table);
/* INT64_MIN: nothing is packed. */
int packed_load_to(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t *ret);
/* Never goes back. */
int packed_set_to(struct tally_ctx *ctx, sqlite3 *db, const char *table, int64_t time);

#endif
