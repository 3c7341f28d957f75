/*
 * The output: publishes the rows of entries, over one connection that is kept open.  After a
 * failure (Redis unreachable, slow, out of memory, loading) the core offers the entries again; a
 * batch that failed half-way is published twice.  On the core's thread for this instance.
 */
#ifndef TALLYD_REDIS_WRITER_H
#define TALLYD_REDIS_WRITER_H

#include "connection.h"

struct writer {
	struct connection connection;
	struct commands commands;
	uint64_t rows; /* of the current write, without rejected ones */
};

void writer_init(struct writer *writer, const struct connection *template); /* closed */
void writer_done(struct writer *writer);

int writer_connect(struct writer *writer); /* if it is not yet */
int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts);

#endif
