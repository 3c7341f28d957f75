/*
 * A row of a transfer as a tuple of COPY BINARY, and what of a row PostgreSQL can keep.  Pure
 * functions, any thread.
 */
#ifndef TALLYD_TIMESCALE_TRANSFER_ENCODE_H
#define TALLYD_TIMESCALE_TRANSFER_ENCODE_H

#include "base/strbuf.h"
#include "transfer/transfer.h"

/* Is this cell the time of a LOG, whose nanoseconds have a column of their own? */
bool transfer_has_nanos(const struct transfer_shape *shape, uint32_t cell);

/* The sums of integers: to what a transfer has, and back; beyond 64 bits they are cut off. */
void transfer_encode_sums(const struct transfer_shape *shape, struct tally_cell *cells);

/* As transfer_writer.keep. */
const char *transfer_encode_keep(const struct transfer_shape *shape, struct tally_cell *cells);

/* Rows that are found by a key of their tags: series, and rows of a STATE.  The key comes last. */
bool transfer_encode_has_key(const struct transfer_shape *shape);
/* Of cells with plain sums.  without: tags that are not part of the key, from the first on. */
void transfer_encode_row(struct strbuf *to, const struct transfer_shape *shape,
			 const struct tally_cell *cells, uint32_t without);

#endif
