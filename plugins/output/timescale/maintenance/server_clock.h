/*
 * The database's clock, which everything in a store follows: each of the daemons at one database
 * has a clock of its own, and any of them may be wrong.  Read now and then, and carried on by the
 * monotonic clock in between.  One for each connection, used by its thread.
 */
#ifndef TALLYD_TIMESCALE_SERVER_CLOCK_H
#define TALLYD_TIMESCALE_SERVER_CLOCK_H

#include "pg/pg_connection.h"

struct server_clock {
	int64_t server, here, monotonic; /* all three at one moment; monotonic 0: never */
	int64_t logged;                  /* monotonic: when the last warning was */
};

/* Reads it, and reports how far this host's clock is ahead. */
int server_clock_read(struct server_clock *clock, struct pg_connection *pg);
/* Reads it if it has not been for a while, or if this host's clock was set meanwhile. */
int server_clock_now(struct server_clock *clock, struct pg_connection *pg, int64_t *ret);
/* As it was when last read, plus the time since. */
int64_t server_clock_estimate(const struct server_clock *clock, struct tally_ctx *ctx);
/* ns; < 0: this host's clock is behind. */
int64_t server_clock_offset(const struct server_clock *clock);

#endif
