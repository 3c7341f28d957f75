/*
 * What one instance can do for others: answer queries (store), keep bytes (cache).  A slot stands
 * for the instance of that name for as long as the daemon lives; whichever incarnation runs is
 * attached to it.  Detaching waits until nobody is inside any more.  Any thread, but attach and
 * detach of one slot by one thread at a time.
 */
#ifndef TALLYD_CORE_CAPABILITY_H
#define TALLYD_CORE_CAPABILITY_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "base/error.h"

struct capabilities;

struct capabilities *capabilities_create(void);
void capabilities_destroy(struct capabilities *capabilities); /* all are detached */

/* A plan_slot_fn: the slot of that name, made on first use.  NULL: no memory. */
void *capability_slot(void *capabilities, enum tally_option_type type, const char *instance_name);

/* From now on queries reach self. */
int capability_attach(struct capabilities *capabilities, const char *instance_name,
		      const struct tally_plugin *plugin, void *self);
/* False: somebody was still inside at the deadline (monotonic ns); new ones are refused already. */
bool capability_detach(struct capabilities *capabilities, const char *instance_name,
		       int64_t deadline);

/* As the wrappers in host.h; -ENOTCONN: not running, or cannot do that, and error says so. */
int capability_query(struct tally_store *store, const struct tally_query *query,
		     tally_rows_fn *rows, void *arg, struct error *error);
int capability_tables(struct tally_store *store, tally_table_fn *each, void *arg,
		      struct error *error);
/* What to follow, and who hears it. */
struct capability_following {
	const char *const *channels;
	int stop_fd;
	tally_heard_fn *heard;
	void *arg;
};
int capability_get(struct tally_cache *cache, const char *key, struct tally_blob *ret,
		   struct error *error);
int capability_set(struct tally_cache *cache, const char *key, const void *data, size_t len,
		   int64_t ttl_ns, struct error *error);
int capability_follow(struct tally_cache *cache, const struct capability_following *what,
		      struct error *error);

#endif
