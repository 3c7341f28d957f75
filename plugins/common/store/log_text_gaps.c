/*
 * Two walks over blocks: those newer than what is known, back to where that ends, and those older
 * than it, down to the first.  A gap ends either; the blocks that fill it are there next time.
 */
#include "store/log_text_gaps.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum {
	GAPS_FIRST = 16, /* blocks that are asked for at first, and then at once */
	GAPS_AT_ONCE = 500,
	GAPS_MOST = 10000, /* that are looked at in one step: some ten milliseconds */
	GAPS_GAP = 100,    /* blocks that could be looked at instead of the lines of a gap */
	GAPS_MANY = 300,   /* newer ones that are rather kept in mind than walked over again */
};
/* Somebody may have deleted blocks by hand. */
static const int64_t gaps_believed = CLOCK_HOUR;

struct gaps_walk {
	int64_t upper;  /* from here on there is no gap; INT64_MAX: no block was seen */
	int64_t newest; /* the end of the newest */
	uint32_t n_looked;
};

static bool gaps_are_known(const struct log_text_whole *whole)
{
	return whole->from < whole->to;
}

static int gaps_look_at(const struct log_text_gaps *gaps, struct gaps_walk *walk,
			const struct log_text_span *block)
{
	int r = 0;
	walk->n_looked++;
	if (walk->upper == INT64_MAX) {
		walk->newest = block->to;
	} else if (block->to < walk->upper) {
		walk->n_looked += GAPS_GAP;
		r = gaps->gap(gaps->arg, block->to, walk->upper);
	}
	if (r != 0)
		return r;
	walk->upper = block->from;
	return walk->n_looked < GAPS_MOST ? 0 : LOG_TEXT_GAPS_MORE;
}

/* Over the blocks that begin in [from, walk->upper).  0: there is no gap between them. */
static int gaps_walk(const struct log_text_gaps *gaps, struct gaps_walk *walk, int64_t from)
{
	struct log_text_span blocks[GAPS_AT_ONCE];
	int r = 0;
	for (int most = GAPS_FIRST; r == 0; most = GAPS_AT_ONCE) {
		int n = gaps->blocks(gaps->arg, from, walk->upper, blocks, most);
		if (n < 0)
			return n;
		for (int i = 0; r == 0 && i < n; i++)
			r = gaps_look_at(gaps, walk, &blocks[i]);
		if (n < most)
			break;
	}
	return r;
}

/* What is newer than what is known joins it, if there is no gap in it or before it. */
static int gaps_in_newer(const struct log_text_gaps *gaps, struct log_text_whole *whole)
{
	struct gaps_walk walk = {.upper = INT64_MAX};
	int r = gaps_walk(gaps, &walk, whole->to);
	if (r == 0 && walk.upper != INT64_MAX && whole->to < walk.upper)
		r = gaps->gap(gaps->arg, whole->to, walk.upper);
	if (walk.upper == INT64_MAX || r < 0)
		return r;
	if (r == 0)
		whole->to = walk.newest;
	else if (walk.n_looked >= GAPS_MANY)
		*whole = (struct log_text_whole){
			.from = walk.upper, .to = walk.newest, .since = whole->since};
	return r;
}

static int gaps_in_older(const struct log_text_gaps *gaps, struct log_text_whole *whole)
{
	bool known = gaps_are_known(whole);
	struct gaps_walk walk = {.upper = known ? whole->from : INT64_MAX};
	int r = gaps_walk(gaps, &walk, INT64_MIN);
	if (walk.upper == INT64_MAX)
		return r;
	whole->from = walk.upper;
	if (!known)
		whole->to = walk.newest;
	return r == 0 ? gaps->gap(gaps->arg, INT64_MIN, whole->from) : r;
}

int log_text_gaps_find(const struct log_text_gaps *gaps, struct log_text_whole *whole,
		       const char *table, int64_t now)
{
	int r = 0;
	if (strcmp(whole->table, table) != 0 || now - whole->since >= gaps_believed)
		*whole = (struct log_text_whole){.since = now};
	if (gaps_are_known(whole))
		r = gaps_in_newer(gaps, whole);
	if (r == 0)
		r = gaps_in_older(gaps, whole);
	snprintf(whole->table, sizeof(whole->table), "%s", table);
	return r;
}

void log_text_whole_forget(struct log_text_whole *whole, int64_t from)
{
	if (from < whole->to)
		whole->to = from;
}
