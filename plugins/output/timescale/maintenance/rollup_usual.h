/*
 * Minutes as they usually are, at a quarter to a tenth of what the statement for all of them costs
 * the server.
 */
#ifndef TALLYD_TIMESCALE_ROLLUP_USUAL_H
#define TALLYD_TIMESCALE_ROLLUP_USUAL_H

#include "maintenance/rollup.h"

/* Appends one statement that rolls the minutes from … to up and says 0, or that leaves it at that
 * and says 1, since a counter goes on from a row further back than the one before.  It fails where
 * a sum is too large for its type, and, unless again is set, where a minute has been rolled up. */
void rollup_usual_minutes(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to,
			  bool again);

#endif
