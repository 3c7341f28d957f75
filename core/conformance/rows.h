/* Rows for outputs and buffers under test, and a look at the rows of inputs. */
#ifndef TALLYD_CORE_CONFORMANCE_ROWS_H
#define TALLYD_CORE_CONFORMANCE_ROWS_H

#include "conformance/subject.h"

/* PLAIN: a value in each cell.  NULLS: nothing but the key.  ENDS: the ends of each type, and text
 * that does not end with NUL, with nothing readable behind it. */
enum rows_variant { ROWS_PLAIN, ROWS_NULLS, ROWS_ENDS };

const struct tally_table *rows_table(enum tally_kind kind);
/* One reference, the caller's; n rows with keys of their own.  Ends the process without memory. */
struct tally_batch *rows_batch(enum tally_kind kind, enum rows_variant variant, uint32_t n);

/* Prepares for a table and writes one plain row of it; -errno with a reason. */
int rows_write_simple(struct subject *subject);

/* What every cell of a batch says, as a number. */
uint64_t rows_hash(const struct tally_batch *batch);
/* Finds what is wrong with rows that an input has emitted. */
void rows_look_over(struct subject *subject, const struct tally_batch *batch);

#endif
