/*
 * One open store.  One connection writes: deliveries and maintenance take turns on it, each for one
 * short transaction, so that what they cache of the file (series ids, watermarks) has one owner,
 * and neither ever waits for SQLite's file lock.  Queries read on connections of their own.
 */
#ifndef TALLYD_SQLITE_STORE_H
#define TALLYD_SQLITE_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sqlite3.h>
#include <tallyd/host.h>
#include <tallyd/query.h>

#include "place.h"
#include "read/readers.h"
#include "store/catalog.h"
#include "store/log_text_gaps.h"
#include "store/retention_age.h"
#include "maintenance/maintenance.h"
#include "write/writer.h"

/* As the plugin declares them. */
enum {
	METRIC_DELETED_OLD,
	METRIC_DELETED_SIZE,
	METRIC_DATABASE_BYTES,
	METRIC_ROLLUP_LAG,
	METRIC_UPKEEP_ERRORS,
	METRIC_FILE_TAKEN_AWAY,
	METRIC_RETENTION_HELD,
	METRIC_DAMAGED
};

struct sqlite_config {
	const char *path;
	int64_t retention_raw, retention_rollup, retention_daily; /* ns */
	int64_t pack_after;                                       /* ns; 0: never */
	int64_t max_size, page_cache;                             /* bytes */
	int64_t synchronous;                                      /* 0 normal, 1 full */
	int64_t busy_timeout;                                     /* ns */
};

struct store {
	struct tally_ctx *ctx;
	const struct sqlite_config *config;
	struct retention_age age;
	char *path;
	/* Held for reading by each call and each maintenance round; for writing while the file is
	 * opened again, for which maintenance makes way. */
	pthread_rwlock_t life;
	atomic_bool make_way;
	bool open;
	struct store_place place;
	struct stored_table *kept; /* copies, to be created in the file that is opened next */
	int lock_fd;               /* held so that no other daemon writes the same file */
	struct catalog catalog;
	struct readers readers;
	struct task maintenance;
	pthread_mutex_t turn; /* guards the rest; held over one transaction */
	sqlite3 *db;
	struct writer writer;
	struct store_clock clock; /* what deleting follows, as of the last round */
	struct retention_warning held;
	struct log_text_whole text_whole; /* of the index of a log's text */
};

/* To be freed; NULL: no memory. */
char *store_path(const struct tally_ctx *ctx, const struct sqlite_config *config);

/* The functions of the plugin, as plugin.h declares them: self is a struct store. */
int store_create(struct tally_ctx *ctx, const void *config, void **ret_self);
void store_destroy(void *self);
int store_start(void *self);
int store_start_reading(void *self);
void store_stop(void *self);
int store_prepare(void *self, const struct tally_table *table);
/* A file at its limit loses its oldest rows for the new ones. */
int store_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts);
int store_ledger(void *self, const char *producer, struct tally_ledger *ret);
int store_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg);
int store_tables(void *self, tally_table_fn *each, void *arg);

#endif
