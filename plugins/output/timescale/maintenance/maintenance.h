/*
 * What has to be done from time to time: partitions ahead, rolling up, deleting, compressing.  A
 * thread of its own does it over a connection of its own, if this daemon is the leader: the one of
 * all at the database that holds the advisory lock, which goes when its connection does.  The
 * database's own policies are not relied on.
 *
 * All of it follows the database's clock; deleting, only as fast as time really passes (see
 * store_clock.h).  A daemon whose host's clock is far off from it does not lead.
 */
#ifndef TALLYD_TIMESCALE_MAINTENANCE_H
#define TALLYD_TIMESCALE_MAINTENANCE_H

#include "maintenance/policies.h"
#include "maintenance/step_size.h"
#include "pg/pg_connection.h"
#include "schema/server.h"
#include "maintenance/server_clock.h"
#include "store/log_text_gaps.h"
#include "store/retention_age.h"
#include "store/periodic_task.h"

struct store;

struct maintenance {
	struct pg_connection pg; /* the thread's alone, as the next */
	struct step_size *step_sizes;
	struct task task;
	int64_t rolled_to;    /* of the table furthest behind; 0: none, or another leads */
	struct server server; /* as of this round: it may be upgraded while the daemon runs */
	struct server_clock clock;
	int64_t now;             /* the database's clock, as the round began */
	struct store_clock kept; /* the time that deleting follows */
	struct retention_age age;
	struct retention_warning held;
	struct policies policies;
	/* Chunks with late rows are compressed again once an hour: such rows come in bursts, for
	 * minutes when a host was cut off, and each time all of their series there is rewritten. */
	int64_t compressed; /* when that was last done, ns */
	bool compress_again;
	bool views_reported; /* that some cannot be created */
	bool text_reported;  /* that the index of text cannot be kept */
	struct log_text_whole text_whole;
};

int maintenance_start(struct store *store);
void maintenance_stop(struct store *store); /* ends the transaction under way */

/* One round of a struct store, on the caller's thread.  1: another daemon is the leader.  Also
 * called by tests. */
int maintenance_run(void *self);

#endif
