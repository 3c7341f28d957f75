/*
 * What a plugin does with batches: makes, encodes and emits them, and says in write() what it could
 * not store.  Emitting is where rows are checked, and where they leave the plugin for the router.
 * Any thread of the plugin; what can fail is memory, a misused call, and an instance that is gone.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>

#include "base/clock.h"
#include "pipeline/batch.h"
#include "pipeline/batch_check.h"
#include "pipeline/batch_codec.h"
#include "plugin/reason.h"
#include "process/log.h"

/* With the lock, or a reload could drop the last reference between the look and the keeping. */
static struct pin *plugin_api_keep_pin(struct api *api)
{
	pthread_mutex_lock(&api->pin_lock);
	struct pin *pin = pin_keep(api->pin);
	pthread_mutex_unlock(&api->pin_lock);
	return pin;
}

/* With a pin: rows may point into the instance's configuration, which a reload replaces while
 * they are still in a buffer. */
struct tally_batch *plugin_api_batch_new(struct tally_ctx *ctx, const struct tally_table *table)
{
	if (!table || !table->columns || !table->n_columns) {
		plugin_api_refuse("it creates a batch without a table");
		return NULL;
	}
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return NULL;
	struct pin *pin = plugin_api_keep_pin(api);
	struct tally_batch *batch = batch_create_pinned(table, pin);
	pin_drop(pin);
	plugin_api_leave(api);
	return batch;
}

/* Batches outlive their instance, so these do not enter it. */
struct tally_cell *plugin_api_batch_row(struct tally_ctx *ctx, struct tally_batch *batch)
{
	(void)ctx;
	return batch_row(batch);
}

const char *plugin_api_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
				  const char *text, size_t len)
{
	(void)ctx;
	return batch_copy(batch, text, len);
}

int plugin_api_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
			   size_t size, void (*free_fn)(void *memory))
{
	(void)ctx;
	return batch_adopt(batch, memory, size, free_fn);
}

void plugin_api_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_keep(batch);
}

void plugin_api_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_drop(batch);
}

size_t plugin_api_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	return batch_bytes(batch);
}

int plugin_api_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch, void **ret,
			    size_t *ret_len)
{
	(void)ctx;
	if (!batch || !ret || !ret_len)
		return plugin_api_refuse("it encodes NULL instead of a batch");
	return batch_encode(batch, ret, ret_len);
}

static const struct tally_table *plugin_api_find_table(void *registry, const char *name)
{
	return registry_table(registry, name);
}

/* The registry's lock is held for reading only; a reload that loads plugins waits for it, which
 * takes microseconds. */
int plugin_api_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
			    struct tally_batch **ret)
{
	if (!bytes || !ret)
		return plugin_api_refuse("it decodes NULL instead of bytes");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct plugin_services *services = api->services;
	struct error error;
	pthread_rwlock_rdlock(services->registry_lock);
	int r = batch_decode(bytes, len, plugin_api_find_table, services->registry, ret, &error);
	pthread_rwlock_unlock(services->registry_lock);
	if (r < 0)
		reason_restore(&error);
	plugin_api_leave(api);
	return r;
}

static int plugin_api_emit_checked(struct api *api, struct tally_batch *batch, const char *source,
				   const char *position)
{
	const struct plugin_services *services = api->services;
	struct error error;
	if (!plugin_api_declares(api, batch->table)) {
		/* Nobody has checked it; an output that cannot take it would wait for ever. */
		error_set(&error, EINVAL, "it emits rows of %s, which it does not declare",
			  batch->table->name ? batch->table->name : "a table without a name");
		reason_restore(&error);
		batch_drop(batch);
		return -EINVAL;
	}
	/* Rows that must not reach another thread stop here. */
	uint32_t wrong = batch_check(batch, &error);
	if (wrong)
		log_message(TALLY_ERROR, api->ctx.name, "plugin bug: %u rows dropped: %s", wrong,
			    error.text);
	if (wrong && !services->emit)
		router_count_invalid(services->router, &api->from, batch->table, wrong);
	if (services->emit)
		return services->emit(services->emit_arg, api->ctx.name, batch);
	struct error before = *reason_last(); /* buffers and watchers are called meanwhile */
	int r = router_emit(services->router, &api->from, batch, source, position);
	reason_restore(&before);
	return r;
}

/* Takes the batch over whatever happens.  It is sealed before it is checked, so that no other
 * thread of the plugin can change it in between. */
int plugin_api_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
		    const char *position)
{
	if (!batch)
		return plugin_api_refuse("it emits NULL instead of a batch");
	struct api *api = plugin_api_enter(ctx);
	if (!api) {
		batch_drop(batch);
		return -ECANCELED;
	}
	struct pin *pin = plugin_api_keep_pin(api);
	int r = batch_seal(batch, pin);
	pin_drop(pin);
	if (r == 0)
		r = plugin_api_emit_checked(api, batch, source, position);
	else
		plugin_api_refuse("it emits a batch that it no longer owns");
	plugin_api_leave(api);
	return r;
}

static const int64_t plugin_api_position_interval = CLOCK_SECOND / 20;

/* Waits while the stores are asked what they have, or until the instance stops; an input must
 * not begin with a position that is about to be taken back. */
int plugin_api_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	if (!source || !ret || !size)
		return plugin_api_refuse("it asks for a position without a source");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct plugin_services *services = api->services;
	int r = -ENOENT;
	do
		if (!services->emit)
			r = router_position(services->router, plugin_api_tables(api), source, ret,
					    size);
	while (r == -EAGAIN && !plugin_api_sleep(api, plugin_api_position_interval));
	plugin_api_leave(api);
	return r == -EAGAIN ? -ECANCELED : r;
}

int plugin_api_safe_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	if (!source || !ret || !size)
		return plugin_api_refuse("it asks for a position without a source");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	int r = -ENOENT;
	if (!api->services->emit)
		r = router_safe_position(api->services->router, source, ret, size);
	plugin_api_leave(api);
	return r;
}

/* Only outputs that write have a delivery; from any other instance the call means nothing. */
void plugin_api_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch, uint32_t row,
			   const char *why)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	if (api->delivery)
		delivery_reject_row(api->delivery, batch, row, why ? why : "no reason given");
	plugin_api_leave(api);
}

void plugin_api_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
			     const char *why)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	if (api->delivery && entry && why)
		delivery_reject_entry(api->delivery, entry, why);
	plugin_api_leave(api);
}

bool plugin_api_must_flush(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_enter(ctx);
	bool flush = api && api->delivery && delivery_must_flush(api->delivery);
	if (api)
		plugin_api_leave(api);
	return flush;
}
