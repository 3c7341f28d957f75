/* Keeps the counts of a log's lines (store/log_lines.h); by the leader only, on its thread. */
#ifndef TALLYD_TIMESCALE_LOG_LINES_H
#define TALLYD_TIMESCALE_LOG_LINES_H

#include "maintenance/rollup.h"
#include "store/log_lines.h"
#include "store/log_text_gaps.h"

struct log_counting {
	struct pg_connection *pg;
	const struct server *server;
	const struct stored_table *logs;
	const struct stored_table *lines[LOG_LINES_KINDS]; /* NULL: not counted so */
	struct log_text_whole *whole;                      /* of the index of its text */
	int64_t now;                                       /* the database's clock */
	int64_t span; /* ns to count at most in one transaction */
	bool full;    /* the last step had so much to do */
};

/* One transaction's worth of late minutes, or else of closed ones.  1: there is more; 0: all that
 * has closed is counted. */
int log_lines_step(struct log_counting *counting);

#endif
