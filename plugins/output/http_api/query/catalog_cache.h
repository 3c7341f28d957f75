/*
 * The tables that the store holds, remembered for a few seconds: names in requests are looked up
 * here before any query.  After that one caller asks the store anew; until it is back the others
 * get what there is.  A snapshot is immutable and lives until it is dropped.  Any thread.
 */
#ifndef TALLYD_HTTP_CATALOG_CACHE_H
#define TALLYD_HTTP_CATALOG_CACHE_H

#include <stddef.h>
#include <tallyd/host.h>

#include "ask/table.h"

struct catalog_cache;

struct catalog {
	const struct tally_table *tables; /* by name */
	uint32_t n;
};

struct store_watch;

struct catalog_cache *catalog_cache_create(struct tally_ctx *ctx, struct tally_store *store);
void catalog_cache_destroy(struct catalog_cache *tables);

/* The tables as they are now or were a few seconds ago; name: if it is not among the remembered
 * ones they are asked for anew (NULL: don't).  Owes catalog_drop().  -errno: the store's. */
int catalog_cache_get(struct catalog_cache *tables, const char *name, const struct catalog **ret);
/* The same, from the store, however fresh the remembered ones are. */
int catalog_cache_reload(struct catalog_cache *tables, const struct catalog **ret);
/* Who notes whether that store answers. */
struct store_watch *catalog_cache_watch(struct catalog_cache *tables);
const struct catalog *catalog_keep(const struct catalog *catalog);
void catalog_drop(const struct catalog *catalog);

const struct tally_table *catalog_find(const struct catalog *catalog, const char *name);

#endif
