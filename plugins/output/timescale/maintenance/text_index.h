/* Keeps the index of a log's text (store/log_text.h); by the leader only, on its thread. */
#ifndef TALLYD_TIMESCALE_TEXT_INDEX_H
#define TALLYD_TIMESCALE_TEXT_INDEX_H

#include "pg/pg_connection.h"
#include "store/catalog.h"
#include "store/log_text_blocks.h"
#include "store/log_text_gaps.h"

struct text_index {
	struct pg_connection *pg;
	const struct stored_table *logs, *lines; /* and the counts of its lines */
	struct log_text_whole *whole;
	int64_t kept_from, counted_to; /* of text_index_begin() */
	struct log_text_blocks next;   /* what a step makes; the caller frees it in the end */
};

/* Forgets blocks whose lines are gone, and waits until no writer is at work that may not know up to
 * where lines are counted.  1: what is missing can be made; 0: a later round has to. */
int text_index_begin(struct text_index *index);
/* The newest blocks that are missing, in one transaction.  1: there may be more; 0: none is. */
int text_index_step(struct text_index *index);

/* Blocks that reach into [from, to) are no longer; in the transaction that is open. */
int text_index_forget(struct pg_connection *pg, struct log_text_whole *whole, const char *table,
		      int64_t from, int64_t to);

#endif
