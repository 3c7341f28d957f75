/* How rows of one table are written: its statements, its dictionary of tag sets. */
#ifndef TALLYD_SQLITE_WRITER_TABLE_H
#define TALLYD_SQLITE_WRITER_TABLE_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "packed/packed_keys.h"
#include "store/batch_map.h"
#include "store/catalog.h"
#include "store/series_cache.h"

struct writer_table {
	struct writer_table *next;
	struct tally_ctx *ctx;
	sqlite3 *db;
	const struct stored_table *stored;
	struct series_cache *series;
	sqlite3_stmt *insert;      /* ?1 the series (not of a STATE table), then the columns */
	sqlite3_stmt *find_series; /* the rest: only of SERIES and LOG */
	sqlite3_stmt *add_series;
	sqlite3_stmt *mark_late; /* only of what is rolled up */
	int64_t ahead;           /* a row newer than this is not taken */
	int64_t rolled_to;       /* a row older than this is late */
	int64_t packed_to;       /* one older than this may be packed already */
	struct packed_keys packed;
	int64_t late_series, late_bucket;        /* the last one marked for this batch */
	uint16_t parameter[CATALOG_MAX_COLUMNS]; /* of insert, by column; 0: none */
};

int writer_table_create(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
			struct writer_table **ret);
void writer_table_destroy(struct writer_table *table); /* NULL is fine */

/* Inside a transaction.  A row that can never be stored is rejected, not an error. */
int writer_table_put(struct writer_table *table, const struct tally_batch *batch);
/* After a rollback: the ids that the transaction gave do not exist. */
void writer_table_forget(struct writer_table *table);

#endif
