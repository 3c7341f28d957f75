/*
 * The output: sends the rows of a batch in one go and reads all replies.  What was not taken
 * (Redis gone, slow, full, loading) is offered again by the core, with its back-off.  A batch that
 * failed half-way is published again: readers may see a row twice.  The core's thread for this
 * instance.
 */
#ifndef TALLYD_REDIS_WRITER_H
#define TALLYD_REDIS_WRITER_H

#include "connection.h"

struct writer {
	struct connection connection;
	struct commands commands;
	uint64_t rows; /* of the write at hand, without those that were refused */
};

void writer_init(struct writer *writer, const struct connection *template); /* closed */
void writer_done(struct writer *writer);

int writer_connect(struct writer *writer); /* if it is not yet */
int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts);

#endif
