/*
 * What one instance can do for others: answer queries (store), keep bytes (cache).  A slot stands
 * for the instance of that name for as long as the daemon lives; whichever incarnation runs is
 * attached to it.  Detaching waits until nobody is inside any more.  Any thread, but attach and
 * detach of one slot by one thread at a time.
 */
#ifndef TALLYD_CORE_BINDING_H
#define TALLYD_CORE_BINDING_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "base/error.h"

struct bindings;

struct bindings *bindings_create(void);
void bindings_destroy(struct bindings *bindings); /* all are detached */

/* A plan_slot_fn: the slot of that name, made on first use.  NULL: no memory. */
void *binding_slot(void *bindings, enum tally_option_type type, const char *instance_name);

/* From now on queries reach self. */
int binding_attach(struct bindings *bindings, const char *instance_name,
		   const struct tally_plugin *plugin, void *self);
/* False: somebody was still inside at the deadline (monotonic ns); new ones are refused already. */
bool binding_detach(struct bindings *bindings, const char *instance_name, int64_t deadline);

/* As the wrappers in host.h; -ENOTCONN: not running, or cannot do that, and error says so. */
int binding_query(struct tally_store *store, const struct tally_query *query, tally_rows_fn *rows,
		  void *arg, struct error *error);
int binding_tables(struct tally_store *store, tally_table_fn *each, void *arg, struct error *error);
/* What to follow, and who hears it. */
struct binding_subscription {
	const char *const *channels;
	int stop_fd;
	tally_message_fn *message;
	void *arg;
};
int binding_get(struct tally_cache *cache, const char *key, struct tally_blob *ret,
		struct error *error);
int binding_set(struct tally_cache *cache, const char *key, const void *data, size_t len,
		int64_t ttl_ns, struct error *error);
int binding_subscribe(struct tally_cache *cache, const struct binding_subscription *what,
		      struct error *error);

#endif
