/*
 * A buffer as its journal calls it: the plugin's functions, with a note for each call that it is
 * the buffer's code which runs (crash.h), on whatever thread.  Locking is the journal's.
 */
#ifndef TALLYD_CORE_BUFFER_CALLS_H
#define TALLYD_CORE_BUFFER_CALLS_H

#include <tallyd/buffer.h>

/* What a journal has for its buffer's self. */
struct buffer_calls {
	struct tally_buffer calls; /* what a journal has for its buffer */
	const struct tally_buffer *buffer;
	void *self;
	const char *name; /* lives for ever */
};

void buffer_calls_init(struct buffer_calls *calls, const struct tally_buffer *buffer, void *self,
		       const char *name);

#endif
