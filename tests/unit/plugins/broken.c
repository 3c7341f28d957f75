/* One plugin for each rule that a declaration can break; BROKEN_… says which. */
#include "lifecycle.h"

#include <stdlib.h>

struct broken_config {
	int64_t number;
};

#ifndef BROKEN_TYPE
#define BROKEN_TYPE TALLY_OPT_INT
#endif
#ifndef BROKEN_OFFSET
#define BROKEN_OFFSET 0
#endif
#ifndef BROKEN_FALLBACK
#define BROKEN_FALLBACK "1"
#endif
#ifndef BROKEN_ACCEPTS
#define BROKEN_ACCEPTS "1..10"
#endif
static const struct tally_option broken_options[] = {
	{"number", BROKEN_FALLBACK, BROKEN_ACCEPTS, "A number", BROKEN_TYPE, 0, BROKEN_OFFSET,
	 NULL},
#ifdef BROKEN_OPTION
	{BROKEN_OPTION, NULL, NULL, "Another number", TALLY_OPT_INT, 0, 0, NULL},
#endif
	{.name = NULL},
};

#ifndef BROKEN_FIRST
#define BROKEN_FIRST TALLY_TIME
#endif
#ifndef BROKEN_COLUMN
#define BROKEN_COLUMN "depth"
#endif
#ifndef BROKEN_ROLE
#define BROKEN_ROLE TALLY_FIELD
#endif
#ifndef BROKEN_KIND
#define BROKEN_KIND TALLY_SERIES
#endif
static const struct tally_column broken_columns[] = {
	{"time", NULL, "When", BROKEN_FIRST, TALLY_FIELD, 0},
	{BROKEN_COLUMN, NULL, "How deep", TALLY_REAL, BROKEN_ROLE, 0},
};
#ifndef BROKEN_HELP
#define BROKEN_HELP "What was found"
#endif
#ifndef BROKEN_TABLE
#define BROKEN_TABLE "probe_depths"
#endif
static const struct tally_table broken_table = {
	.name = BROKEN_TABLE, /* as the probe's, with other columns */
	.help = BROKEN_HELP,
	.columns = broken_columns,
	.n_columns = 2,
	.kind = BROKEN_KIND,
};
static const struct tally_table *const broken_tables[] = {&broken_table, NULL};

static int broken_gather(void *self)
{
#ifdef BROKEN_SYMBOL
	extern int this_function_is_nowhere(void *self);
	return this_function_is_nowhere(self);
#else
	(void)self;
	return 0;
#endif
}

#ifndef BROKEN_INTERVAL
#define BROKEN_INTERVAL 5000000000
#endif
#ifndef BROKEN_INPUT_SIZE
#define BROKEN_INPUT_SIZE sizeof(struct tally_input)
#endif
static const struct tally_input broken_input = {
	.size = BROKEN_INPUT_SIZE, .interval = BROKEN_INTERVAL, .gather = broken_gather};

#ifndef BROKEN_NAME
#define BROKEN_NAME "broken"
#endif
#ifndef BROKEN_MAJOR
#define BROKEN_MAJOR TALLY_ABI_MAJOR
#endif
#ifndef BROKEN_MINOR
#define BROKEN_MINOR TALLY_ABI_MINOR
#endif
#ifndef BROKEN_SIZE
#define BROKEN_SIZE sizeof(struct tally_plugin)
#endif
#ifdef BROKEN_LOAD
__attribute__((constructor)) static void broken_load(void)
{
	abort();
}
#endif

#ifdef BROKEN_CREATE
static int broken_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	(void)ctx;
	(void)config;
	(void)ret_self;
	(void)nothing_create;
	abort();
}
#else
#define broken_create nothing_create
#endif

#ifndef BROKEN_DESTROY
#define BROKEN_DESTROY nothing_stop
#endif

static const struct tally_plugin broken_plugin = {
	.abi_major = BROKEN_MAJOR,
	.abi_minor = BROKEN_MINOR,
	.size = BROKEN_SIZE,
	.name = BROKEN_NAME,
	.version = "1.0",
	.help = "Breaks one rule",
	.options = broken_options,
	.config_size = sizeof(struct broken_config),
	.tables = broken_tables,
	.create = broken_create,
	.start = nothing_start,
	.stop = nothing_stop,
	.destroy = BROKEN_DESTROY,
	.input = &broken_input,
};

#ifdef BROKEN_ENTRY
#define tally_plugin_entry some_other_function
#else
#define tally_plugin_entry tally_plugin
#endif
__attribute__((visibility("default"))) const struct tally_plugin *tally_plugin_entry(void);
const struct tally_plugin *tally_plugin_entry(void)
{
	return &broken_plugin;
}
