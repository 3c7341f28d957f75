/* See effects_asker.h. */
#include "effects_asker.h"

#include <errno.h>
#include <stddef.h>

static struct effects_asker *self_of(struct asker *asker)
{
	return (struct effects_asker *)((char *)asker - offsetof(struct effects_asker, asker));
}

static int find_table(struct asker *asker, const char *name, const struct tally_table **ret)
{
	const struct stored_table *stored = catalog_find(&self_of(asker)->catalog, name);
	*ret = stored ? &stored->table : NULL;
	return 0;
}

/* The store has said why, but for an answer that was too large for us. */
static int failed(struct asker *asker, int error)
{
	return error == -E2BIG ? tally_fail(asker->ctx, E2BIG, "the answer is too large") : error;
}

static int refuse(struct asker *asker, int error, const char *why)
{
	return tally_fail(asker->ctx, error, "%s", why);
}

static const struct asker_ops input_ops = {.table = find_table, .failed = failed, .refuse = refuse};

static bool is_stopping(void *arg)
{
	return tally_stopping(arg);
}

static int add_table(void *arg, const struct tally_table *table)
{
	struct stored_table *stored = catalog_copy(table);
	if (!stored)
		return -ENOMEM;
	catalog_add(arg, stored);
	return 0;
}

int effects_asker_init(struct effects_asker *self, struct tally_ctx *ctx, struct tally_store *store)
{
	self->asker = (struct asker){.ops = &input_ops,
				     .ctx = ctx,
				     .store = store,
				     .limit = INT32_MAX,
				     .cancelled = is_stopping,
				     .cancelled_arg = ctx};
	catalog_init(&self->catalog);
	return tally_store_tables(ctx, store, add_table, &self->catalog);
}

void effects_asker_done(struct effects_asker *self)
{
	catalog_done(&self->catalog);
}

void effects_asker_begin(struct effects_asker *self, int64_t patience)
{
	self->asker.now = tally_now(self->asker.ctx);
	self->asker.deadline = tally_monotonic(self->asker.ctx) + patience;
}
