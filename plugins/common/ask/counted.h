/* How far a store has come with counting the lines of logs. */
#ifndef TALLYD_COUNTED_H
#define TALLYD_COUNTED_H

#include "ask/query.h"

/* table: of counts by the minute.  ret: the end of the newest minute in [from, to) that has a
 * count, so the store has counted at least so far; `from` if none has.  0, or what the asker made
 * of a failure. */
int counted_until(struct asker *asker, const struct tally_table *table, int64_t from, int64_t to,
		  int64_t *ret);

#endif
