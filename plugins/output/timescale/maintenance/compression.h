/*
 * Compressing what is old enough, where the server can: the chunks of hypertables, one by one, each
 * in a transaction of its own.  Compression is first enabled on a table that was created when the
 * server could not compress.  Late rows of a compressed chunk lie uncompressed beside the rest;
 * such a chunk is compressed again, but not at once: see maintenance.h.
 */
#ifndef TALLYD_TIMESCALE_COMPRESSION_H
#define TALLYD_TIMESCALE_COMPRESSION_H

#include "maintenance/step_size.h"
#include "schema/schema.h"

struct compression {
	struct pg_connection *pg;
	const struct server *server;
	struct step_size *step_size; /* of the table */
	int64_t before;              /* only chunks that end by then, ns */
	bool again;                  /* also chunks that are compressed in part */
};

/* Also 0 if the server cannot compress. */
int compression_run(const struct compression *compression, const struct stored_table *stored);

#endif
