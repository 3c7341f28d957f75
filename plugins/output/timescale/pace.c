#include "pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/rollup_parts.h"

#define PACE_LONG_STEP INT64_C(500000000)    /* ns */
#define PACE_SHORT_STEP (PACE_LONG_STEP / 2) /* a twofold one is not long */
#define PACE_SECOND INT64_C(1000000000)
enum { PACE_LOCK_FIRST = 250, PACE_LOCK_MOST = 2000 }; /* ms */
#define PACE_WAIT_FIRST INT64_C(30000000000)           /* ns */
#define PACE_WAIT_MOST INT64_C(480000000000)
/* What timed out took far longer than a step should. */
enum { PACE_LESS = 8 };

struct pace *pace_find(struct pace **all, const char *table)
{
	struct pace *pace = *all;
	while (pace && strcmp(pace->table, table) != 0)
		pace = pace->next;
	if (pace)
		return pace;
	pace = calloc(1, sizeof(*pace));
	if (!pace)
		return NULL;
	snprintf(pace->table, sizeof(pace->table), "%s", table);
	pace->span = schema_levels[LEVEL_HOUR].bucket;
	pace_unblocked(pace);
	pace->next = *all;
	*all = pace;
	return pace;
}

void pace_free(struct pace **all)
{
	while (*all) {
		struct pace *pace = *all;
		*all = pace->next;
		free(pace);
	}
}

static void pace_set(struct pace *pace, int64_t span)
{
	int64_t least = schema_levels[LEVEL_MINUTE].bucket, most = schema_levels[LEVEL_DAY].bucket;
	pace->span = span < least ? least : span > most ? most : span;
}

/* Of a step that had less to do, it says nothing about more that it was short. */
void pace_took(struct pace *pace, int64_t ns, bool full)
{
	if (ns > PACE_LONG_STEP)
		pace_set(pace, pace->span / 2);
	else if (ns < PACE_SHORT_STEP && full)
		pace_set(pace, pace->span * 2);
}

void pace_timed_out(struct pace *pace)
{
	pace_set(pace, pace->span / PACE_LESS);
}

bool pace_may_lock(const struct pace *pace, int64_t now)
{
	return now >= pace->until;
}

void pace_blocked(struct pace *pace, struct tally_ctx *ctx, const char *what)
{
	pace->wait = pace->wait ? 2 * pace->wait : PACE_WAIT_FIRST;
	if (pace->wait > PACE_WAIT_MOST)
		pace->wait = PACE_WAIT_MOST;
	pace->until = tally_monotonic(ctx) + pace->wait;
	pace->lock_timeout *= 2;
	if (pace->lock_timeout > PACE_LOCK_MOST)
		pace->lock_timeout = PACE_LOCK_MOST;
	tally_log(ctx, TALLY_NOTICE,
		  "table %s: %s while somebody reads or changes the table; trying again in %d s",
		  pace->table, what, (int)(pace->wait / PACE_SECOND));
}

void pace_unblocked(struct pace *pace)
{
	pace->lock_timeout = PACE_LOCK_FIRST;
	pace->wait = pace->until = 0;
}
