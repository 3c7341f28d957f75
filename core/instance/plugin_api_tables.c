/*
 * The tables of one instance: those that its plugin declares, and those that it has declared itself
 * with tally_declare().  Declaring belongs to the thread that the core called; the main thread
 * reads the list meanwhile, so a list that has been shown is never changed: a longer one takes its
 * place, and it stays until the instance goes.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/reason.h"

struct api_tables {
	struct api_tables *before;
	const struct tally_table *list[]; /* NULL at the end */
};

enum { API_TABLES_MAX = 256 }; /* declared by one instance */

const struct tally_table *const *plugin_api_tables(const struct api *api)
{
	const struct api_tables *tables = atomic_load(&api->tables);
	return tables ? tables->list : api->plugin->tables;
}

void plugin_api_tables_done(struct api *api)
{
	struct api_tables *tables = atomic_exchange(&api->tables, NULL);
	while (tables) {
		struct api_tables *before = tables->before;
		free(tables);
		tables = before;
	}
}

/* By address: another table under the same name may have any columns. */
bool plugin_api_declares(const struct api *api, const struct tally_table *table)
{
	const struct tally_table *const *at = plugin_api_tables(api);
	while (at && *at && *at != table)
		at++;
	return at && *at;
}

static int plugin_api_tables_add(struct api *api, const struct tally_table *table,
				 struct error *error)
{
	const struct tally_table *const *old = plugin_api_tables(api);
	size_t n = 0;
	while (old && old[n])
		n++;
	if (n >= API_TABLES_MAX)
		return error_set(error, ENOSPC, "table %s: an input has at most %d tables",
				 table->name, API_TABLES_MAX);
	struct api_tables *tables = calloc(1, sizeof(*tables) + (n + 2) * sizeof(*tables->list));
	if (!tables)
		return error_set(error, ENOMEM, "table %s: out of memory", table->name);
	if (n)
		memcpy(tables->list, old, n * sizeof(*tables->list));
	tables->list[n] = table;
	tables->before = atomic_load(&api->tables);
	atomic_store(&api->tables, tables);
	return 0;
}

/* The series of the table come with it, so that an alert finds them before the first row. */
static int plugin_api_declare_checked(struct api *api, const struct tally_table *table,
				      const struct tally_table **ret, struct error *error)
{
	const struct plugin_services *services = api->services;
	const struct tally_table *declared;
	pthread_rwlock_wrlock(services->registry_lock);
	int r = registry_declare(services->registry, api->ctx.name, table, &declared, error);
	pthread_rwlock_unlock(services->registry_lock);
	if (r == 0 && !plugin_api_declares(api, declared)) {
		r = plugin_api_tables_add(api, declared, error);
		const struct tally_table *const fresh[] = {declared, NULL};
		if (r == 0 && services->router)
			router_announce(services->router, api->ctx.name, fresh);
	}
	if (r == 0)
		*ret = declared;
	return r;
}

int plugin_api_declare(struct tally_ctx *ctx, const struct tally_table *table,
		       const struct tally_table **ret)
{
	if (!table || !ret)
		return plugin_api_refuse("it declares NULL instead of a table");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error error;
	int r = api->plugin->input ? plugin_api_declare_checked(api, table, ret, &error)
				   : error_set(&error, EINVAL, "only an input declares tables");
	if (r < 0)
		reason_restore(&error);
	plugin_api_leave(api);
	return r;
}

/* The registry is locked while each() runs, which may only look. */
int plugin_api_each_table(struct tally_ctx *ctx, tally_table_fn *each, void *arg)
{
	if (!each)
		return plugin_api_refuse("it lists tables without a callback");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct plugin_services *services = api->services;
	pthread_rwlock_rdlock(services->registry_lock);
	int r = registry_each_table(services->registry, each, arg);
	pthread_rwlock_unlock(services->registry_lock);
	plugin_api_leave(api);
	return r;
}
