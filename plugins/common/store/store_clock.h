/*
 * The time that retention follows.  A clock may be wrong, and rows deleted by it are gone for
 * everybody who shares the store.  So a store keeps a time of its own, which advances as fast as
 * time really passes, and follows its clock no further than that.  Where the two disagree, rows are
 * kept longer, until the clock has run evenly for a whole retention: by then the rows that it held
 * back are old enough in any case.  See docs/decisions/0014-retention-and-clocks.md.
 *
 * No thread and no I/O here; a store keeps the numbers where it keeps its watermarks, and calls
 * this once in each round of its maintenance.
 */
#ifndef TALLYD_PLUGINS_COMMON_STORE_CLOCK_H
#define TALLYD_PLUGINS_COMMON_STORE_CLOCK_H

#include <stdint.h>

#include "base/clock.h"
#include "store/store_uptime.h"

/* A clock that is further off than this is logged; a daemon whose clock is further off from the
 * database's does not lead. */
#define STORE_CLOCK_BOUND (5 * CLOCK_MINUTE)
/* Rows may be this far ahead of the clock of a store that takes them. */
#define STORE_CLOCK_AHEAD CLOCK_DAY

struct store_clock {
	int64_t trusted;            /* ns since 1970; INT64_MIN: nothing is kept yet */
	int64_t seen;               /* the store's clock in the last round */
	int64_t steady;             /* ns for which the two have differed by the same */
	struct store_uptime uptime; /* of the machine that did the last round */
};

/* A round at a time `now` of the store's clock.  longest: of all retentions. */
void store_clock_advance(struct store_clock *clock, int64_t now, const struct store_uptime *uptime,
			 int64_t longest);
/* Rows before it are older than a retention. */
int64_t store_clock_cut(const struct store_clock *clock, int64_t retention);
/* By how much that is held back; 0: it is not. */
int64_t store_clock_held(const struct store_clock *clock, int64_t retention);

#endif
