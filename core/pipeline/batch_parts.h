/* What batch.c (building one) and batch_check.c (looking it over) share.  Nobody else's. */
#ifndef TALLYD_CORE_BATCH_PARTS_H
#define TALLYD_CORE_BATCH_PARTS_H

#include <stdatomic.h>

#include "pipeline/batch.h"

struct batch_block {
	struct batch_block *next;
	size_t used, size;
	char bytes[];
};

struct batch_adopted {
	struct batch_adopted *next;
	void *memory;
	void (*free_fn)(void *memory);
};

enum batch_state { BATCH_BUILT, BATCH_EMITTED, BATCH_GONE };

struct batch {
	struct tally_batch public; /* first: the pointer handed out */
	struct tally_cell *cells;
	uint32_t capacity; /* rows */
	atomic_uint references;
	atomic_int state; /* enum batch_state */
	size_t bytes;
	struct batch_block *blocks; /* the newest first */
	struct batch_adopted *adopted;
	const char *owner;     /* whose it is, for messages; lives for ever */
	struct pin *pin;       /* of who made it; NULL: it points to nothing of an instance's */
	struct pin *other_pin; /* of who emitted it, if that is another one */
};

static inline struct batch *batch_of(const struct tally_batch *public)
{
	return (struct batch *)(uintptr_t) public;
}

#endif
