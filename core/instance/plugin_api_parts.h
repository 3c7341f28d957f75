/*
 * What the files of plugin_api share, and nobody else's: plugin_api_entry.c is the way in, and
 * plugin_api_batch.c, plugin_api_tables.c, plugin_api_metrics.c and plugin_api_others.c hold the
 * functions of struct tally_host that plugin_api.c puts together.
 */
#ifndef TALLYD_CORE_PLUGIN_API_PARTS_H
#define TALLYD_CORE_PLUGIN_API_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "instance/plugin_api.h"
#include "instance/plugin_api_gone.h"

struct api_tables;

struct api {
	struct tally_ctx ctx; /* first */
	struct plugin_api_gate gate;
	const struct plugin_services *services;
	const struct tally_plugin *plugin;
	struct router_source from;
	struct delivery *delivery;
	struct metric **metrics; /* as declared */
	uint32_t n_metrics;
	int stop_fd;
	atomic_bool stopping;
	pthread_mutex_t pin_lock; /* guards pin, which a reload changes beside the instance */
	struct pin *pin;
	const struct options *_Atomic options;
	struct api_tables *_Atomic tables; /* NULL: only what the plugin declares */
	atomic_bool passed_over; /* a blocked buffer lacks rows that are to be read again */
	void (*waiting)(void *arg);
	void *waiting_arg;
};

struct api *plugin_api_of(const struct tally_ctx *ctx);
/* For what a plugin asked for wrongly: it gets the reason, and -EINVAL. */
int plugin_api_refuse(const char *what);
/* NULL: the instance is gone.  Else to be left again. */
struct api *plugin_api_enter(const struct tally_ctx *ctx);
void plugin_api_leave(struct api *api);

bool plugin_api_declares(const struct api *api, const struct tally_table *table);
void plugin_api_tables_done(struct api *api);

/* As host.h says of each. */
struct tally_batch *plugin_api_batch_new(struct tally_ctx *ctx, const struct tally_table *table);
struct tally_cell *plugin_api_batch_row(struct tally_ctx *ctx, struct tally_batch *batch);
const char *plugin_api_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
				  const char *text, size_t len);
int plugin_api_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
			   size_t size, void (*free_fn)(void *memory));
void plugin_api_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch);
void plugin_api_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch);
size_t plugin_api_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch);
int plugin_api_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch, void **ret,
			    size_t *ret_len);
int plugin_api_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
			    struct tally_batch **ret);
int plugin_api_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
		    const char *position);
int plugin_api_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size);
void plugin_api_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch, uint32_t row,
			   const char *why);
void plugin_api_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
			     const char *why);
bool plugin_api_must_flush(const struct tally_ctx *ctx);
void plugin_api_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n);
void plugin_api_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value);
int plugin_api_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg);
int plugin_api_query(struct tally_ctx *ctx, struct tally_store *store,
		     const struct tally_query *query, tally_rows_fn *rows, void *arg);
int plugin_api_store_tables(struct tally_ctx *ctx, struct tally_store *store, tally_table_fn *each,
			    void *arg);
int plugin_api_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 struct tally_blob *ret);
int plugin_api_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 const void *data, size_t len, int64_t ttl_ns);
int plugin_api_cache_subscribe(struct tally_ctx *ctx, struct tally_cache *cache,
			       const char *const *channels, int stop_fd, tally_message_fn *message,
			       void *arg);
int plugin_api_declare(struct tally_ctx *ctx, const struct tally_table *table,
		       const struct tally_table **ret);
int plugin_api_each_table(struct tally_ctx *ctx, tally_table_fn *each, void *arg);
int plugin_api_safe_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size);
const char *plugin_api_hostname(const struct tally_ctx *ctx);
bool plugin_api_wants_hostname(const struct tally_ctx *ctx);
int plugin_api_tell_hostname(struct tally_ctx *ctx, const char *name);
int plugin_api_secret(struct tally_ctx *ctx, const char *option, char **ret);

#endif
