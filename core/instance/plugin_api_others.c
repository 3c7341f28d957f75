/*
 * Calls that reach another instance, a store or a cache, and an instance's own secrets.  Any
 * thread. The reason of the caller is put aside while the other plugin runs: binding.c makes the
 * call.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/reason.h"
#include "process/log.h"

/* Another plugin was called in between.  What it said is the reason if it failed; if not, what this
 * one had said before still is. */
static int plugin_api_nested(int r, const struct error *before, const struct error *error)
{
	if (r >= 0)
		reason_restore(before);
	else if (error->text[0])
		reason_restore(error);
	return r;
}

int plugin_api_query(struct tally_ctx *ctx, struct tally_store *store,
		     const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	if (!query || !rows)
		return plugin_api_refuse("it queries a store without a query");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_query(store, query, rows, arg, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

int plugin_api_store_tables(struct tally_ctx *ctx, struct tally_store *store, tally_table_fn *each,
			    void *arg)
{
	if (!each)
		return plugin_api_refuse("it lists tables without a callback");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_tables(store, each, arg, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

int plugin_api_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 struct tally_blob *ret)
{
	if (!key || !ret)
		return plugin_api_refuse("it reads from a cache without a key");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_get(cache, key, ret, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

int plugin_api_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 const void *data, size_t len, int64_t ttl_ns)
{
	if (!key || (!data && len))
		return plugin_api_refuse("it writes to a cache without a key or a value");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_set(cache, key, data, len, ttl_ns, &error), &before,
				  &error);
	plugin_api_leave(api);
	return r;
}

int plugin_api_cache_subscribe(struct tally_ctx *ctx, struct tally_cache *cache,
			       const char *const *channels, int stop_fd, tally_message_fn *message,
			       void *arg)
{
	if (!channels || !message)
		return plugin_api_refuse("it subscribes to no channels");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct binding_subscription what = {channels, stop_fd, message, arg};
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_subscribe(cache, &what, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

/* A file that cannot be read now is no reason to fail: it may be in the middle of being replaced,
 * and the value read before is right until somebody has changed it. */
static int plugin_api_secret_of(struct api *api, const char *option, char **ret)
{
	const struct options *options = atomic_load(&api->options);
	struct error error;
	if (!options)
		return 0;
	int r = options_secret(options, option, ret, &error);
	if (r == 0 || r == -ENOMEM)
		return r;
	log_message(TALLY_WARNING, api->ctx.name, "%s_file: %s; using the value read before",
		    option, error.text);
	const char *text = options_find(options, option)->text;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

int plugin_api_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	if (!option || !ret)
		return plugin_api_refuse("it asks for a secret without a name");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	int r = plugin_api_secret_of(api, option, ret);
	plugin_api_leave(api);
	return r;
}

/* ---- The machine's name ---- */

const char *plugin_api_hostname(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_enter(ctx);
	const char *told = NULL;
	if (api && api->services->host_name)
		told = atomic_load(&api->services->host_name->told);
	if (api)
		plugin_api_leave(api);
	return told ? told : ctx->hostname;
}

bool plugin_api_wants_hostname(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_enter(ctx);
	bool wants = api && api->services->host_name;
	if (api)
		plugin_api_leave(api);
	return wants;
}

int plugin_api_tell_hostname(struct tally_ctx *ctx, const char *name)
{
	if (!name || !*name)
		return plugin_api_refuse("it tells the host's name without one");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct host_name *host_name = api->services->host_name;
	int r = 0;
	if (host_name) {
		bool first = !atomic_load(&host_name->told);
		const char *counts = host_name_tell(host_name, name);
		if (strcmp(counts, name) != 0)
			r = -EEXIST;
		else if (first)
			log_message(TALLY_NOTICE, ctx->name, "rows have host = %s", counts);
	}
	plugin_api_leave(api);
	return r;
}
