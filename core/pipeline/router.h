/*
 * Which journals a table's rows go to: each journal once, if any of its readers wants the table.
 * Rebuilt by the main thread on a reload, read by every input thread.
 */
#ifndef TALLYD_CORE_ROUTER_H
#define TALLYD_CORE_ROUTER_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "pipeline/journal.h"
#include "pipeline/watchers.h"

struct router;

/* Both outlive it.  NULL: no memory. */
struct router *router_create(struct metrics *metrics, struct positions *positions);
void router_destroy(struct router *router);

/*
 * Swaps in a new set of journals; returns when nobody uses the old one any more.  An emit that
 * waits in a full journal of the old set is woken and goes on with the new one, so this does not
 * wait for room.  -E2BIG: more than ROUTER_MAX_JOURNALS; -ENOMEM; both leave the old set.
 */
enum { ROUTER_MAX_JOURNALS = 64 };
int router_set(struct router *router, struct journal *const *journals, size_t n);

struct watchers *router_watchers(struct router *router);

/*
 * Takes over the batch's reference and shows it to the watchers.  Each journal that wants the rows
 * is asked once before any is waited for.  While none takes them it waits; once one has them, it
 * waits for another only until that has been blocked for a few seconds, and then goes on without
 * it (journal_block.c).
 *
 * Counts rows as collected{input,table}; of those that reach no journal, rows nobody wants as
 * dropped{input,reason="no_output"}, rows given up while stopping as reason="shutdown".  If only
 * some of the journals that want them take them, the others' outputs count them as routed and
 * dropped, reason "blocked" or "shutdown".  Rows that came with a position are not counted where
 * they were not taken: the position stays before them, and the input reads them again.
 */
struct router_source {
	const char *input;
	bool (*cancelled)(void *arg);
	void *arg;
	/* As in struct journal_origin; NULL: nobody asks. */
	void (*waiting)(void *arg);
	/* A journal that is blocked has not got rows that another one has.  again: their position
	 * stays, so they are read again when the input begins anew.  NULL: nobody asks. */
	void (*passed_over)(void *arg, bool again);
};
int router_emit(struct router *router, const struct router_source *from, struct tally_batch *batch,
		const char *source, const char *position);
/* Rows that are not fit to go anywhere: counted as collected, and dropped with reason="invalid". */
void router_count_invalid(struct router *router, const struct router_source *from,
			  const struct tally_table *table, uint32_t rows);
/* The input may emit these tables (NULL: none are known): the series of its rows, and of the
 * outputs that want them, are there from now on, at 0. */
void router_announce(struct router *router, const char *input,
		     const struct tally_table *const *tables);
/* Where an input that emits these tables (NULL: any) may resume; positions.h has the rule.
 * -ENOENT: nowhere; -EAGAIN: to be asked again, the stores are being asked. */
int router_position(struct router *router, const struct tally_table *const *tables,
		    const char *source, char *ret, size_t size);
/* Up to where its rows, and all before them, outlive a crash of this process.  -ENOENT: none. */
int router_safe_position(struct router *router, const char *source, char *ret, size_t size);

#endif
