/*
 * How a declared table lies in the file.
 *
 *   SERIES, LOG  <table>_series     _series (a small integer), the tags: one row per set of tags;
 *                                   an index of `container_id`
 *                <table>_rows       _series, time[, order], fields; clustered by that key
 *                <table>            a view that joins the tags back: the declared columns
 *   SERIES       <table>_1min_rows  _series, time, newest, rows; per number its parts (parts.h)
 *                <table>_1min       a view of it with the tags; _1h and _1d alike
 *   STATE        <table>            the declared columns, unique by its tags; an index of `name`
 *
 * Old rows of a SERIES may be packed; then there is more (packed/packed_file.h), and the view reads
 * <table>_all.
 *
 * A tag may be NULL and is then a value like any other: keys and orders use SCHEMA_KEY.
 */
#ifndef TALLYD_SQLITE_SCHEMA_H
#define TALLYD_SQLITE_SCHEMA_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/catalog.h"
#include "store/rollup_parts.h"

/* Of a tag, for sqlite3_str_appendf(): its alias and its name.  NULL comes after all text. */
#define SCHEMA_KEY "ifnull(%s\"%w\", x'')"

/*
 * Makes room for a table: creates it, or adds the columns it does not have yet; one transaction.
 * ret_stored: its entry in the catalog, another than before if it changed.
 * -EINVAL: it cannot be stored, or not beside what is stored under its name.
 */
int schema_ensure(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db,
		  const struct tally_table *table, const struct stored_table **ret_stored);
/* The view for people, anew, after what it reads has changed. */
int schema_show(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored);
/* Creates what the tables of a file from an older version do not have yet. */
int schema_complete(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db);

#endif
