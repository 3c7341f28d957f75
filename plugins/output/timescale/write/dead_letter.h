/*
 * Rows that the database refuses for their content, kept in a file for the operator: one
 * JSON object a line, <instance>.rejected.ndjson in state_dir, mode 0600.  It stops growing at its
 * limit.  Used by the instance's thread alone.
 */
#ifndef TALLYD_TIMESCALE_DEAD_LETTER_H
#define TALLYD_TIMESCALE_DEAD_LETTER_H

#include <tallyd/host.h>

struct dead_letter {
	struct tally_ctx *ctx;
	int64_t max; /* bytes; 0: none is kept */
};

/* A failure is only logged: the row is counted in any case. */
void dead_letter_put(const struct dead_letter *dead, const struct tally_batch *batch, uint32_t row,
		     const char *why);
/* What was put is on the disk when it returns; only then may its rows be acknowledged. */
void dead_letter_flush(const struct dead_letter *dead);

#endif
