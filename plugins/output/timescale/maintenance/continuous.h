/*
 * Rollups above the minutes as continuous aggregates, each upon the one below it, where TimescaleDB
 * can (tsl) and the minutes are a hypertable.  They are refreshed by the maintenance, over windows
 * that never reach past where the level below is whole: a refresh makes anew whatever it finds
 * changed, and what retention has taken away would be made anew to nothing.
 *
 * Readers ask X_5min_rows and so on, a table of ours or the view before an aggregate.  Tables
 * become aggregates, and aggregates that lack a column are replaced, by continuous_move(): beside
 * them, in steps, and at once in the end.  Meanwhile no level above the minutes moves; questions
 * take the minutes for what is newer.
 */
#ifndef TALLYD_TIMESCALE_CONTINUOUS_H
#define TALLYD_TIMESCALE_CONTINUOUS_H

#include "maintenance/watermarks.h"

struct continuous {
	bool is[N_LEVELS]; /* a continuous aggregate */
	bool due;          /* something should be one, or be replaced */
	bool moving;       /* until then the levels above the minutes stay as they are */
	bool begun;        /* what is to be in its place is there */
	bool stale;        /* minutes were changed since the last refresh: in these */
	int64_t stale_from, stale_to;
};

/* Nothing of all that where the server cannot. */
int continuous_look(struct pg_connection *pg, const struct server *server,
		    const struct stored_table *stored, struct continuous *ret);

/* One transaction's worth of what is due.  1: there is more; 0: nothing is.  A lock that was not
 * granted in time: 55P03. */
int continuous_move(struct pg_connection *pg, const struct server *server,
		    const struct stored_table *stored, int64_t lock_timeout);

/* Of a level, the buckets from … to; outside of a transaction. */
int continuous_refresh(struct pg_connection *pg, const struct stored_table *stored,
		       const struct watermarks *watermarks, enum schema_level level, int64_t from,
		       int64_t to);
/* In the transaction that changes minutes below the watermarks of aggregates. */
int continuous_note_stale(struct pg_connection *pg, const struct stored_table *stored, int64_t from,
			  int64_t to);
/* Refreshes what was noted; outside of a transaction. */
int continuous_refresh_stale(struct pg_connection *pg, const struct stored_table *stored,
			     const struct watermarks *watermarks,
			     const struct continuous *continuous);

#endif
