/* An output that is also a store, for the tests of configuration. */
#include "lifecycle.h"

#include <errno.h>
#include <tallyd/query.h>

struct sink_config {
	const char *path, *password;
};

static const struct tally_option sink_options[] = {
	{"path", NULL, NULL, "Where it all goes", TALLY_OPT_STRING, TALLY_OPT_REQUIRED,
	 offsetof(struct sink_config, path), NULL},
	{"password", NULL, NULL, "Opens it", TALLY_OPT_STRING, TALLY_OPT_SECRET,
	 offsetof(struct sink_config, password), NULL},
	{.name = NULL},
};

static int sink_prepare(void *self, const struct tally_table *table)
{
	(void)self;
	(void)table;
	return 0;
}

static int sink_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	(void)self;
	(void)entries;
	for (uint32_t i = 0; i < n; i++)
		verdicts[i] = TALLY_DONE;
	return 0;
}

static int sink_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	(void)self;
	(void)query;
	(void)rows;
	(void)arg;
	return -ENOENT;
}

static int sink_tables(void *self, tally_table_fn *each, void *arg)
{
	(void)self;
	(void)each;
	(void)arg;
	return 0;
}

static const struct tally_output sink_output = {
	.size = sizeof(sink_output), .prepare = sink_prepare, .write = sink_write};
static const struct tally_store_ops sink_store = {
	.size = sizeof(sink_store), .query = sink_query, .tables = sink_tables};

TALLY_PLUGIN(.name = "sink", .version = "1.0", .help = "Forgets at once", .options = sink_options,
	     .config_size = sizeof(struct sink_config), NOTHING_LIFECYCLE, .output = &sink_output,
	     .store = &sink_store)
