/*
 * How long rows are kept, and by which clock: the half of retention that does not depend on the
 * database.  Used by a store's maintenance, on its thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_RETENTION_AGE_H
#define TALLYD_PLUGINS_COMMON_RETENTION_AGE_H

#include <tallyd/host.h>

#include "store/catalog.h"
#include "store/rollup_parts.h"
#include "store/store_clock.h"

/* As configured, ns. */
struct retention_age {
	int64_t raw;    /* of rows, but for tables that are kept as long as the last of these */
	int64_t rollup; /* of rollups up to those per hour, and of things that are gone */
	int64_t daily;  /* of rollups per day */
};

/* How long rows of a table are kept. */
int64_t retention_age_of_rows(const struct retention_age *age, const struct tally_table *table);

/* Or those of a level. */
int64_t retention_age_of_level(const struct retention_age *age, const struct tally_table *table,
			       enum schema_level level);

/* Rows of a level before this time may be deleted: they are old enough, and the next level has
 * rolled them up.  INT64_MIN: none. */
int64_t retention_age_cut(const struct retention_age *age, const struct store_clock *clock,
			  const struct stored_table *stored, const struct watermarks *watermarks,
			  enum schema_level level);

/* The warning that the clock jumped ahead and rows are kept longer because of that. */
struct retention_warning {
	const char *whose; /* "the clock", "the database's clock" */
	uint32_t metric;   /* by how much, ns */
	int64_t logged;    /* monotonic ns; 0: rows are not held back */
};

/* Once a round: moves the clock on to `now`, sets the metric, and logs a warning once an hour for
 * as long as rows are held back. */
void retention_age_advance(const struct retention_age *age, struct store_clock *clock,
			   struct tally_ctx *ctx, int64_t now, struct retention_warning *warning);

#endif
