/*
 * The stretches of time in which lines may have the text that a query looks for, in the order of
 * its answer: all but the blocks of which the index of the text (store/log_text.h) knows that they
 * have none.  In the snapshot that the reader has open.
 */
#ifndef TALLYD_SQLITE_TEXT_RANGES_H
#define TALLYD_SQLITE_TEXT_RANGES_H

#include "read/readers.h"
#include "store/bound_query.h"
#include "store/log_text.h"

struct text_ranges {
	struct reader *reader;
	struct log_text_asked asked;
	bool newest_first;
	int64_t from, to; /* what is left; newest first with the signs turned, see the .c */
	sqlite3_stmt *blocks, *bits;
	sqlite3_stmt *marks; /* minutes with lines that came late */
	int64_t mark;        /* the next of them */
	bool marked;         /* there is one */
	bool done;
};

/* For [from, to).  Queries that look for no text have one stretch, the whole of it. */
int text_ranges_begin(struct reader *reader, const struct bound_query *bound, int64_t from,
		      int64_t to, struct text_ranges *ret);
/* 1: [ret[0], ret[1]) is the next; 0: there is no more. */
int text_ranges_next(struct text_ranges *ranges, int64_t ret[2]);

#endif
