/*
 * One open store.  One connection writes: deliveries and upkeep take turns on it, each for one
 * short transaction, so that what they remember of the file (series ids, watermarks) has one owner
 * and neither ever waits for SQLite's file lock.  Queries read on connections of their own.
 */
#ifndef TALLYD_SQLITE_STORE_H
#define TALLYD_SQLITE_STORE_H

#include <pthread.h>
#include <sqlite3.h>
#include <tallyd/host.h>
#include <tallyd/query.h>

#include "catalog.h"
#include "readers.h"
#include "writer.h"

struct sqlite_config {
	const char *path;
	int64_t retention_raw, retention_rollup, retention_daily; /* ns */
	int64_t max_size, page_cache;                             /* bytes */
	int64_t synchronous;                                      /* 0 normal, 1 full */
	int64_t busy_timeout;                                     /* ns */
};

struct store {
	struct tally_ctx *ctx;
	const struct sqlite_config *config;
	char *path;
	int lock_fd; /* held so that no other daemon writes the same file */
	struct catalog catalog;
	struct readers readers;
	pthread_mutex_t turn; /* guards the rest; held over one transaction */
	sqlite3 *db;
	struct writer writer;
};

int store_start(struct store *store);
void store_stop(struct store *store);

int store_query(struct store *store, const struct tally_query *query, tally_rows_fn *rows,
		void *arg);

#endif
