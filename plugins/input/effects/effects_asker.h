/*
 * An input that asks a store, as ask/query.h wants it: tables are listed once, and a question that
 * fails is an error of the call in progress.  The instance's thread.
 */
#ifndef TALLYD_EFFECTS_ASKER_H
#define TALLYD_EFFECTS_ASKER_H

#include "ask/query.h"
#include "store/catalog.h"

struct effects_asker {
	struct asker asker;
	struct catalog catalog;
};

/* 0, or the store's -errno.  Owes effects_asker_done(), also on failure. */
int effects_asker_init(struct effects_asker *self, struct tally_ctx *ctx,
		       struct tally_store *store);
void effects_asker_done(struct effects_asker *self);
/* Another question: the time of now, and so long for all of its answers. */
void effects_asker_begin(struct effects_asker *self, int64_t patience);

#endif
