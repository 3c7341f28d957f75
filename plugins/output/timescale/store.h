/*
 * One store: connections that write (the instance's thread), a pool that reads (any thread),
 * one that maintains (a thread of its own).  They share the catalog, and nothing else.
 */
#ifndef TALLYD_TIMESCALE_STORE_H
#define TALLYD_TIMESCALE_STORE_H

#include <tallyd/host.h>
#include <tallyd/query.h>

#include "write/dead_letter.h"
#include "write/parallel_writer.h"
#include "pg/pg_value.h"
#include "read/readers.h"
#include "schema/schema.h"
#include "schema/server.h"
#include "store/catalog.h"
#include "maintenance/maintenance.h"

/* As the plugin declares them. */
enum {
	METRIC_ROLLUP_LAG,
	METRIC_UPKEEP_SUCCESS,
	METRIC_UPKEEP_ERRORS,
	METRIC_LEADER,
	METRIC_TABLES_REPAIRED,
	METRIC_POLICIES,
	METRIC_POLICIES_FAILED,
	METRIC_CLOCK_OFFSET,
	METRIC_RETENTION_HELD
};

enum { MIGRATE_AUTO, MIGRATE_CHECK };

struct timescale_config {
	const char *conninfo, *reader_conninfo, *schema;
	int64_t migrate;                                          /* MIGRATE_… */
	int64_t retention_raw, retention_rollup, retention_daily; /* ns */
	int64_t compress_after, timeout;                          /* ns */
	int64_t connections, readers, dead_letter_max_size;
	bool maintenance;
};

static inline struct retention_age store_age(const struct timescale_config *config)
{
	return (struct retention_age){config->retention_raw, config->retention_rollup,
				      config->retention_daily};
}

struct store {
	struct tally_ctx *ctx;
	const struct timescale_config *config;
	int interrupt_fd; /* an eventfd: readable when blocked calls should return */
	struct server server;
	bool extension_reported;   /* that it could not be created */
	struct progress *progress; /* of tallyd db migrate, for whoever waits; NULL: nobody */
	struct catalog catalog;
	struct dead_letter dead;
	struct parallel_writer parallel; /* the connections that write */
	struct readers readers;
	struct maintenance maintenance;
	pthread_mutex_t lock; /* guards reloaded */
	int64_t reloaded;     /* when the catalog was read for a query, monotonic ns */
};

/* Functions of the plugin, as plugin.h declares them: self is a struct store. */
int store_start(void *self);
int store_start_reading(void *self); /* no migration, no maintenance */
void store_stop(void *self);
int store_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg);
int store_tables(void *self, tally_table_fn *each, void *arg);

/* Brings the database up to date, or without make checks that it is; fills store->server. */
int store_migrate(struct store *store, struct pg_connection *pg, bool make);

#endif
