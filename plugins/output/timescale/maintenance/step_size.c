/*
 * The feedback loop of the roll-up, and a back-off for locks; no I/O, and only memory can run out.
 * maintenance.c reports how long each step took, retention.c and compression.c whether they got
 * their lock, all on the maintenance's thread.
 *
 * A step aims at a quarter to half a second, since what was done is lost if the daemon is stopped.
 * Doubling and halving finds the span within eleven steps from anywhere between a minute and a day.
 */
#include "maintenance/step_size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "store/rollup_parts.h"

#define STEP_LONG (500 * CLOCK_MS)                           /* ns */
#define STEP_SHORT (STEP_LONG / 2)                           /* a twofold one is not long */
enum { LOCK_TIMEOUT_FIRST = 250, LOCK_TIMEOUT_MOST = 2000 }; /* ms */
#define LOCK_BACKOFF_FIRST (30 * CLOCK_SECOND)
#define LOCK_BACKOFF_MOST (8 * CLOCK_MINUTE)
/* What timed out took twenty times as long as a step should. */
enum { STEP_TIMED_OUT_DIVISOR = 8 };

struct step_size *step_size_find(struct step_size **all, const char *table)
{
	struct step_size *step_size = *all;
	while (step_size && strcmp(step_size->table, table) != 0)
		step_size = step_size->next;
	if (step_size)
		return step_size;
	step_size = calloc(1, sizeof(*step_size));
	if (!step_size)
		return NULL;
	snprintf(step_size->table, sizeof(step_size->table), "%s", table);
	/* The least: it is twice as much after each step that was short, so that none is ever far
	 * too long, however large the tables are. */
	step_size->span = schema_levels[LEVEL_MINUTE].bucket;
	step_size_unblocked(step_size);
	step_size->next = *all;
	*all = step_size;
	return step_size;
}

void step_size_free(struct step_size **all)
{
	while (*all) {
		struct step_size *step_size = *all;
		*all = step_size->next;
		free(step_size);
	}
}

static void step_size_set(struct step_size *step_size, int64_t span)
{
	int64_t least = schema_levels[LEVEL_MINUTE].bucket, most = schema_levels[LEVEL_DAY].bucket;
	step_size->span = span < least ? least : span > most ? most : span;
}

/* Of a step that had less to do, it says nothing about more that it was short. */
void step_size_took(struct step_size *step_size, int64_t ns, bool full)
{
	if (ns > STEP_LONG)
		step_size_set(step_size, step_size->span / 2);
	else if (ns < STEP_SHORT && full)
		step_size_set(step_size, step_size->span * 2);
}

void step_size_timed_out(struct step_size *step_size)
{
	step_size_set(step_size, step_size->span / STEP_TIMED_OUT_DIVISOR);
}

bool step_size_may_lock(const struct step_size *step_size, int64_t now)
{
	return now >= step_size->until;
}

void step_size_blocked(struct step_size *step_size, struct tally_ctx *ctx, const char *what)
{
	/* Rarer and longer each time: whoever reads for hours is let be, and in the end waiting two
	 * seconds for the lock, with everybody behind, is better than a disk that fills up. */
	int64_t wait = backoff_pause(LOCK_BACKOFF_FIRST, LOCK_BACKOFF_MOST, step_size->blocked++);
	step_size->until = tally_monotonic(ctx) + wait;
	step_size->lock_timeout *= 2;
	if (step_size->lock_timeout > LOCK_TIMEOUT_MOST)
		step_size->lock_timeout = LOCK_TIMEOUT_MOST;
	tally_log(ctx, TALLY_NOTICE,
		  "table %s: %s while somebody reads or changes the table; trying again in %d s",
		  step_size->table, what, (int)(wait / CLOCK_SECOND));
}

void step_size_unblocked(struct step_size *step_size)
{
	step_size->lock_timeout = LOCK_TIMEOUT_FIRST;
	step_size->blocked = 0;
	step_size->until = 0;
}
