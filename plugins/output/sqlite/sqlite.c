/*
 * The plugin: an embedded store that needs no server.  It writes any declared table into one SQLite
 * file and answers queries about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <tallyd/host.h>

#include "cleanup.h"
#include "store.h"

#define SQLITE_OPTION(key, type_, fallback_, accepts_, help_)                                      \
	{                                                                                          \
		.name = #key, .fallback = fallback_, .accepts = accepts_, .help = help_,           \
		.type = TALLY_OPT_##type_, .offset = offsetof(struct sqlite_config, key)           \
	}

static const struct tally_option sqlite_options[] = {
	SQLITE_OPTION(path, STRING, NULL, NULL,
		      "The database file; without it tallyd.db in state_dir."),
	SQLITE_OPTION(
		synchronous, CHOICE, "normal", "normal|full",
		"full: a row that was stored outlives a power cut, at the cost of a flush per "
		"write.  normal: it outlives a crash of the daemon."),
	SQLITE_OPTION(page_cache, SIZE, "2Mi", "64Ki..1Gi",
		      "Memory for pages of the file, per connection; there are five."),
	SQLITE_OPTION(busy_timeout, DURATION, "5s", "0..5min",
		      "How long to wait while another program locks the file."),
	{.name = NULL},
};

static int sqlite_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return tally_fail(ctx, ENOMEM, "no memory");
	store->ctx = ctx;
	store->config = config;
	int r = store->config->path ? asprintf(&store->path, "%s", store->config->path)
				    : asprintf(&store->path, "%s/tallyd.db", ctx->state_dir);
	if (r < 0)
		return tally_fail(ctx, ENOMEM, "no memory");
	pthread_mutex_init(&store->turn, NULL);
	*ret_self = TAKE(store);
	return 0;
}

static void sqlite_destroy(void *self)
{
	struct store *store = self;
	pthread_mutex_destroy(&store->turn);
	free(store->path);
	free(store);
}

static int sqlite_start(void *self)
{
	return store_start(self);
}

static void sqlite_stop(void *self)
{
	store_stop(self);
}

static int sqlite_prepare(void *self, const struct tally_table *table)
{
	struct store *store = self;
	pthread_mutex_lock(&store->turn);
	int r = writer_prepare(&store->writer, table);
	pthread_mutex_unlock(&store->turn);
	return r;
}

static int sqlite_write(void *self, const struct tally_entry *entries, uint32_t n,
			uint8_t *verdicts)
{
	struct store *store = self;
	pthread_mutex_lock(&store->turn);
	int r = writer_write(&store->writer, entries, n, verdicts);
	pthread_mutex_unlock(&store->turn);
	return r;
}

static int sqlite_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	return store_query(self, query, rows, arg);
}

static int sqlite_tables(void *self, tally_table_fn *each, void *arg)
{
	struct store *store = self;
	return catalog_each(&store->catalog, each, arg);
}

static const struct tally_output sqlite_output = {
	.size = sizeof(sqlite_output), .prepare = sqlite_prepare, .write = sqlite_write};
static const struct tally_reader sqlite_reader = {
	.size = sizeof(sqlite_reader), .query = sqlite_query, .tables = sqlite_tables};

TALLY_PLUGIN(.name = "sqlite", .version = TALLYD_VERSION,
	     .help = "Keeps everything in one SQLite file, with rollups, retention and queries.",
	     .options = sqlite_options, .config_size = sizeof(struct sqlite_config),
	     .create = sqlite_create, .start = sqlite_start, .stop = sqlite_stop,
	     .destroy = sqlite_destroy, .output = &sqlite_output, .store = &sqlite_reader)
