/*
 * The stretches of time in which lines may have the text that a query looks for, in the order of
 * its answer: all but the blocks of which the index of the text (store/log_text.h) knows that they
 * have none.  They are cut where blocks end, so that no more is read than a page needs.
 */
#ifndef TALLYD_TIMESCALE_TEXT_RANGES_H
#define TALLYD_TIMESCALE_TEXT_RANGES_H

#include "read/readers.h"
#include "store/bound_query.h"

struct text_ranges {
	bool newest_first;
	int64_t from, to; /* what is left; newest first with the signs turned, see the .c */
	PGresult *blocks; /* and whether they may have it; NULL: nothing is known */
	int next;
};

/* Whether the query looks for a text in lines that are indexed: only for such are there ranges. */
bool text_ranges_are_asked(const struct bound_query *bound);
/* Begins the transaction of the query.  Owes text_ranges_done() in any case. */
int text_ranges_begin(struct reader *reader, const struct bound_query *bound,
		      struct text_ranges *ret);
/* False: there is no more. */
bool text_ranges_are_left(struct text_ranges *ranges);
/* The next one, if there is one, of at most so many blocks (what has none counts as one); their
 * number. */
uint32_t text_ranges_next(struct text_ranges *ranges, uint32_t most, int64_t ret[2]);
void text_ranges_done(struct text_ranges *ranges);
#define auto_text_ranges __attribute__((cleanup(text_ranges_done)))

#endif
