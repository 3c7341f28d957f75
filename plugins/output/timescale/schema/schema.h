/*
 * How a declared table lies in the database; all of it in the schema tally.
 *
 *   SERIES, LOG  <table>_series    _series (a small integer), _key (SHA-256 of the tags), the tags,
 *                                  of which each text has an index
 *                <table>_rows      _series, time[, order], fields; primary key in that order;
 *                                  a hypertable, or partitioned by time
 *   SERIES       <table>_1min_rows _series, time, newest, rows, and per number _count, _sum, _min,
 *                                  _max, _last, per counter also _increase and _span (seconds);
 *                                  by time as well; _5min_rows, _1h_rows and _1d_rows are tables,
 *                                  or views of continuous aggregates: maintenance/continuous.h
 *   LOG          <table>_rows      after the time also _nanos, what its microseconds leave out
 *   STATE        <table>_rows      _key, the declared columns
 *
 * And the contract's names as views: <table>, <table>_1min, …, in the schema that is configured.
 */
#ifndef TALLYD_TIMESCALE_SCHEMA_H
#define TALLYD_TIMESCALE_SCHEMA_H

#include "pg/pg_connection.h"
#include "base/strbuf.h"
#include "schema/server.h"
#include "store/catalog.h"
#include "store/retention_age.h"
#include "store/rollup_parts.h"

/* The index on a tag holds shorter texts only: a page's third is the most that any could. */
enum { SCHEMA_INDEXED_BYTES = 2048 };

/* ---- schema_form.c: what follows from the declaration alone ---------------------- */

/* A BOOL is rolled up as 0 and 1. */
uint16_t schema_part_type(const struct tally_column *column, enum schema_part part);

/* Whether the rows have _nanos: lines of a log that are closer than a microsecond are no less two
 * lines. */
bool schema_has_nanos(const struct stored_table *stored);

/* Tables that are partitioned by time: the rows and the minutes, not those of a STATE. */
bool schema_is_partitioned(const struct stored_table *stored, enum schema_level level);
/* Whether a column stands in <table>_rows; else in <table>_series. */
bool schema_in_rows(const struct stored_table *stored, uint32_t c);

/* schema_check.c: -EINVAL: a table like this cannot be stored, whatever is there. */
int schema_check(struct tally_ctx *ctx, const struct tally_table *table);
/* Only whether it may become part of statements. */
int schema_check_form(struct tally_ctx *ctx, const struct tally_table *table);

/*
 * Makes room for a table: creates it, or adds the columns it does not have yet; one transaction
 * under an advisory lock, so that of many daemons the first does it and the rest see it.
 * make false: only looks, -ENOENT if something is missing.
 * *stored: the catalog's entry, NULL or as last known; another one afterwards if it changed.
 * -EINVAL: it cannot be stored, or not beside what is stored under its name.
 */
struct schema_where {
	const struct server *server;
	const char *views; /* the schema where the views are */
	struct catalog *catalog;
	bool make;
	bool doubt;               /* the catalog may be wrong: look at the tables themselves */
	int64_t now;              /* for the first partitions */
	struct retention_age age; /* for how wide they are */
	bool *views_reported;     /* that one cannot be created; NULL: log it each time */
};
int schema_ensure(struct pg_connection *pg, const struct schema_where *where,
		  const struct tally_table *table, const struct stored_table **ret_stored);

/* schema_repair.c: recreates, empty, what somebody has dropped of a table that the catalog has, and
 * logs it; -ENOENT: it may not, -EPROTO: it cannot. */
int schema_repair(struct pg_connection *pg, const struct schema_where *where,
		  const struct stored_table *stored);
/* What is missing, as a list for the operator; "": nothing. */
int schema_missing(struct pg_connection *pg, const struct stored_table *stored, char *ret,
		   size_t size);

/*
 * schema_views.c: the views of a table.  No write depends on them: one that cannot be created is
 * logged, and that is all.  Columns are only ever added to one that exists, so that other people's
 * views on it, and what is granted on it, stay.  1: some do not exist, or lack columns.
 */
int schema_views_make(struct pg_connection *pg, const struct schema_where *where,
		      const struct stored_table *stored); /* in the transaction that is open */
/* Checks them, and creates what is missing if where->make. */
int schema_views_repair(struct pg_connection *pg, const struct schema_where *where,
			const struct stored_table *stored);
/* Only whether each exists, which costs next to nothing. */
int schema_views_check(struct pg_connection *pg, const struct schema_where *where,
		       const struct stored_table *stored);

/*
 * The catalog as it is kept in tally.tables and tally.columns.  Whoever may write rows may write
 * there, so entries that schema_check_form() refuses are left alone, and logged once.
 */
int schema_load_catalog(struct pg_connection *pg, struct catalog *catalog);
/* One table, not put into a catalog; *ret is NULL if it is not there.  -EPROTO: its
 * entry is invalid; taken for a missing one it would be created. */
int schema_load_table(struct pg_connection *pg, const char *name, struct stored_table **ret);
int schema_store_table(struct pg_connection *pg, const struct tally_table *table);

#endif
