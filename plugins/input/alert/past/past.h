/*
 * What a store has of a rule's rows: the columns that the rule needs, by time, and which container
 * belongs to which service.  On the thread that opened it; each question has a deadline.
 */
#ifndef TALLYD_ALERT_PAST_H
#define TALLYD_ALERT_PAST_H

#include <tallyd/host.h>

#include "language/rule.h"

struct past;

/* batch is valid until it returns.  Non-zero ends the reading, which returns it. */
typedef int past_rows_fn(void *arg, const struct tally_batch *batch);

/* The rule outlives it.  What tally_fail() returned; -ENOENT: the store has no such table, or not
 * with these columns; -ENOTCONN: it does not run (yet). */
int past_open(struct tally_ctx *ctx, struct tally_store *store, const struct rule *rule,
	      struct past **ret);
void past_close(struct past *past); /* NULL is fine */

/* Rows from `from` on and before `to`, ordered by time; of a STATE table all there are. */
int past_rows(const struct past *past, int64_t from, int64_t to, past_rows_fn *rows, void *arg);
/* The newest row of each series in that time, or, of tables that do not say in tags whose a row is,
 * all of them. */
int past_newest(const struct past *past, int64_t from, int64_t to, past_rows_fn *rows, void *arg);
/* The rows of container_info; none if the store lacks it. */
int past_identities(const struct past *past, past_rows_fn *rows, void *arg);
/* The starts and ends of containers, as rows of container_info with the state that followed; who
 * gets the batch drops it. */
int past_states(const struct past *past, int64_t from, int64_t to, struct tally_batch **ret);

bool past_is_state(const struct past *past); /* the rule's table has only the newest rows */

#endif
