/*
 * Rows from a plugin's hand, looked over before they go to threads that would crash on them, or
 * send out what lies behind a text.  Any thread that owns the batch.
 */
#ifndef TALLYD_CORE_BATCH_CHECK_H
#define TALLYD_CORE_BATCH_CHECK_H

#include <tallyd/plugin.h>

#include "base/error.h"

/*
 * Takes out the rows with a cell that is not what its column says.  Returns how many; error: what
 * is wrong with the first of them.  Costs a look at each cell.
 */
uint32_t batch_check(struct tally_batch *batch, struct error *error);

/* The same for rows on loan, which stay as they are: -EINVAL if any is wrong.  They need not be a
 * batch of the core's. */
int batch_check_rows(const struct tally_batch *rows, struct error *error);

#endif
