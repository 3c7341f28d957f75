/*
 * One small check per thing that can be declared; the first that fails says what is wrong, and
 * the caller puts the file's name before it.
 *
 * Called by loader.c once per plugin, on the main thread, before any of its code but tally_plugin()
 * has run. Everything behind it relies on what was checked here.
 */
#include "plugin/declaration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <tallyd/buffer.h>

#include "plugin/declaration_names.h"
#include "config/options.h"
#include "base/clock.h"
#include "base/text.h"

enum { DECLARATION_MAX_COLUMNS = 256, DECLARATION_LEAST_INTERVAL = 100 * CLOCK_MS };

/* buffer.h may change with any minor version, so what uses it must be built for exactly ours. */
static int declaration_check_minor(const struct tally_plugin *plugin, const char *what,
				   struct error *error)
{
	if (plugin->abi_minor == TALLY_ABI_MINOR)
		return 0;
	return error_set(error, EPROTO,
			 "%s: built for plugin ABI %u.%u, and needs exactly %d.%d: rebuild it "
			 "against these headers",
			 what, plugin->abi_major, plugin->abi_minor, TALLY_ABI_MAJOR,
			 TALLY_ABI_MINOR);
}

/* ---- Options and metrics ----------------------------------------------------- */

/* Compared with each other as well: the second of two would never be found. */
static int declaration_check_options(const struct tally_plugin *plugin, struct error *error)
{
	const struct tally_option *option = plugin->options;
	for (; option && option->name; option++) {
		int r = options_check(option, plugin->config_size, error);
		if (r == 0 && option->type == TALLY_OPT_CACHES)
			r = declaration_check_minor(plugin, option->name, error);
		if (r < 0)
			return r;
		for (const struct tally_option *other = plugin->options; other < option; other++) {
			if (strcmp(other->name, option->name) == 0)
				return error_set(error, EINVAL, "option %s: declared twice",
						 option->name);
		}
	}
	return 0;
}

/* A name may stand there several times, once for each set of labels. */
static int declaration_check_metrics(const struct tally_plugin *plugin, struct error *error)
{
	const struct tally_metric *metric = plugin->metrics;
	for (; metric && metric->name; metric++) {
		if (!text_is_name(metric->name))
			return error_set(error, EINVAL, "metric \"%s\": not [a-z][a-z0-9_]*",
					 metric->name);
		if (!metric->help)
			return error_set(error, EINVAL, "metric %s: has no help", metric->name);
		if (metric->kind > TALLY_METRIC_GAUGE)
			return error_set(error, EINVAL, "metric %s: no such kind: %u", metric->name,
					 metric->kind);
	}
	return 0;
}

/* ---- Tables ------------------------------------------------------------------ */

/* The columns of a role; ret_first: the first of them. */
static unsigned declaration_count_role(const struct tally_table *table, unsigned role,
				       const struct tally_column **ret_first)
{
	unsigned n = 0;
	for (uint32_t i = table->n_columns; i-- > 0;) {
		if (table->columns[i].role == role) {
			*ret_first = &table->columns[i];
			n++;
		}
	}
	return n;
}

/* What stores can do with a role decides which types it may have: tags are compared, counters
 * subtracted. */
static bool declaration_role_fits(const struct tally_column *column)
{
	switch (column->role) {
	case TALLY_FIELD:
		return true;
	case TALLY_TAG:
		return column->type == TALLY_TEXT || column->type == TALLY_INT ||
		       column->type == TALLY_BOOL;
	case TALLY_COUNTER:
		return column->type == TALLY_INT || column->type == TALLY_REAL;
	case TALLY_GONE:
		return column->type == TALLY_TIME;
	case TALLY_ORDER:
		return column->type == TALLY_INT;
	default:
		return false;
	}
}

static int declaration_check_column(const struct tally_table *table, uint32_t i,
				    struct error *error)
{
	const struct tally_column *column = &table->columns[i];
	if (!column->name || !text_is_name(column->name))
		return error_set(error, EINVAL,
				 "table %s: column %u: its name is not [a-z][a-z0-9_]*, at most 48",
				 table->name, i);
	if (column->type < TALLY_TIME || column->type > TALLY_JSON)
		return error_set(error, EINVAL, "table %s: column %s: no such type: %u",
				 table->name, column->name, column->type);
	if (!declaration_role_fits(column))
		return error_set(error, EINVAL,
				 "table %s: column %s: role %u does not go with type %u",
				 table->name, column->name, column->role, column->type);
	for (uint32_t j = 0; j < i; j++) {
		if (strcmp(table->columns[j].name, column->name) == 0)
			return error_set(error, EINVAL, "table %s: column %s: declared twice",
					 table->name, column->name);
	}
	return 0;
}

/* What stores rely on: a key of a STATE table, an order of a LOG table. */
static int declaration_check_kind(const struct tally_table *table, struct error *error)
{
	const struct tally_column *column;
	if (table->kind < TALLY_SERIES || table->kind > TALLY_LOG)
		return error_set(error, EINVAL, "table %s: no such kind: %u", table->name,
				 table->kind);
	if (table->kind == TALLY_STATE && !declaration_count_role(table, TALLY_TAG, &column))
		return error_set(error, EINVAL, "table %s: a STATE table needs a TAG as its key",
				 table->name);
	if ((table->kind == TALLY_LOG) !=
	    (declaration_count_role(table, TALLY_ORDER, &column) == 1))
		return error_set(error, EINVAL,
				 "table %s: a LOG table, and only that, has one ORDER column",
				 table->name);
	unsigned gone = declaration_count_role(table, TALLY_GONE, &column);
	if (gone > (table->kind == TALLY_STATE))
		return error_set(error, EINVAL,
				 "table %s: only a STATE table has a GONE column, and one at most",
				 table->name);
	return 0;
}

bool declaration_same_columns(const struct tally_table *a, const struct tally_table *b)
{
	if (a->kind != b->kind || a->n_columns != b->n_columns)
		return false;
	for (uint32_t i = 0; i < a->n_columns; i++) {
		const struct tally_column *x = &a->columns[i], *y = &b->columns[i];
		if (strcmp(x->name, y->name) != 0 || x->type != y->type || x->role != y->role)
			return false;
	}
	return true;
}

int declaration_check_table(const struct tally_table *table, struct error *error)
{
	if (!table->name || !text_is_name(table->name))
		return error_set(error, EINVAL,
				 "table \"%s\": its name is not [a-z][a-z0-9_]*, at most 48",
				 table->name ? table->name : "");
	if (!table->help)
		return error_set(error, EINVAL, "table %s: has no help", table->name);
	if (!table->columns || table->n_columns < 1 || table->n_columns > DECLARATION_MAX_COLUMNS)
		return error_set(error, EINVAL, "table %s: %u columns; it takes 1 to %d",
				 table->name, table->n_columns, DECLARATION_MAX_COLUMNS);
	if (table->columns[0].type != TALLY_TIME || table->columns[0].role != TALLY_FIELD)
		return error_set(error, EINVAL, "table %s: columns[0] is not the TIME of the row",
				 table->name);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		int r = declaration_check_column(table, i, error);
		if (r < 0)
			return r;
	}
	int r = declaration_check_table_names(table, error);
	return r == 0 ? declaration_check_kind(table, error) : r;
}

static int declaration_check_tables(const struct tally_plugin *plugin, struct error *error)
{
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++) {
		int r = declaration_check_table(*t, error);
		for (const struct tally_table *const *u = plugin->tables; r == 0 && u < t; u++) {
			if (strcmp((*u)->name, (*t)->name) == 0)
				r = error_set(error, EINVAL, "table %s: declared twice",
					      (*t)->name);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Facets ------------------------------------------------------------------ */

/* As large as a facet was in ABI 1.0, ending with this member: what an older plugin may have.  So
 * each is checked by its size first: it may end before a function that was appended later. */
#define DECLARATION_LEAST(facet, last) (offsetof(struct facet, last) + sizeof(void *))

static int declaration_check_size(const char *facet, uint32_t size, size_t least,
				  struct error *error)
{
	if (size >= least)
		return 0;
	return error_set(error, EINVAL, "%s: its size is %u, not %zu: set it to sizeof", facet,
			 size, least);
}

/* The interval is the default of the option of that name (plan_options.c), so it obeys the same
 * minimum. */
static int declaration_check_input(const struct tally_input *input, struct error *error)
{
	int r = declaration_check_size("input", input->size, DECLARATION_LEAST(tally_input, run),
				       error);
	if (r < 0)
		return r;
	if (!input->gather == !input->run)
		return error_set(error, EINVAL, "input: needs one of gather() and run()");
	if (input->gather &&
	    (input->interval < DECLARATION_LEAST_INTERVAL || input->interval % CLOCK_MS))
		return error_set(error, EINVAL,
				 "input: interval is %" PRId64
				 " ns: gather() needs whole milliseconds, at least 100",
				 input->interval);
	return 0;
}

static int declaration_check_output(const struct tally_output *output, struct error *error)
{
	int r = declaration_check_size("output", output->size,
				       DECLARATION_LEAST(tally_output, write), error);
	if (r < 0)
		return r;
	if (!output->prepare)
		return error_set(error, EINVAL,
				 "output: needs prepare(); one without preparation returns 0");
	if (!output->write)
		return error_set(error, EINVAL, "output: needs write()");
	return 0;
}

/* All or nothing: the core counts on each of them for every buffer. */
static int declaration_check_buffer(const struct tally_plugin *plugin, struct error *error)
{
	const struct tally_buffer *buffer = plugin->buffer;
	int r = declaration_check_minor(plugin, "buffer", error);
	if (r == 0)
		r = declaration_check_size("buffer", buffer->size,
					   DECLARATION_LEAST(tally_buffer, usage), error);
	if (r < 0)
		return r;
	bool whole = buffer->open_reader && buffer->forget_reader && buffer->push &&
		     buffer->fetch && buffer->ack && buffer->drop_oldest && buffer->usage;
	if (!whole || (buffer->durable && !buffer->position))
		return error_set(error, EINVAL,
				 "buffer: needs all its functions (position() only if durable)");
	return 0;
}

/* What the instances of other plugins call: a store, a cache, a watcher. */
static int declaration_check_shared(const struct tally_plugin *plugin, struct error *error)
{
	const struct tally_store_ops *store = plugin->store;
	const struct tally_cache_ops *cache = plugin->cache;
	const struct tally_watcher *watcher = plugin->watcher;
	int r = 0;
	if (store)
		r = declaration_check_size("store", store->size,
					   DECLARATION_LEAST(tally_store_ops, tables), error);
	if (r == 0 && store && (!store->query || !store->tables))
		r = error_set(error, EINVAL, "store: needs query() and tables()");
	if (r == 0 && cache)
		r = declaration_check_size("cache", cache->size,
					   DECLARATION_LEAST(tally_cache_ops, set), error);
	if (r == 0 && cache && (!cache->get || !cache->set))
		r = error_set(error, EINVAL, "cache: needs get() and set()");
	if (r == 0 && watcher)
		r = declaration_check_size("watcher", watcher->size,
					   DECLARATION_LEAST(tally_watcher, watch), error);
	if (r == 0 && watcher && !watcher->watch)
		r = error_set(error, EINVAL, "watcher: needs watch()");
	return r;
}

/* ---- The whole --------------------------------------------------------------- */

/* The first mistake is enough: it is the plugin's author who reads it, and the next run shows
 * the next. */
int declaration_check(const struct tally_plugin *plugin, struct error *error)
{
	if (!plugin->name || !text_is_name(plugin->name))
		return error_set(error, EINVAL, "its name is not [a-z][a-z0-9_]*, at most 48");
	if (!plugin->version || !plugin->help)
		return error_set(error, EINVAL, "has no %s", plugin->version ? "help" : "version");
	if (!plugin->create || !plugin->destroy)
		return error_set(error, EINVAL, "needs create() and destroy()");
	int r = declaration_check_options(plugin, error);
	if (r == 0)
		r = declaration_check_tables(plugin, error);
	if (r == 0)
		r = declaration_check_metrics(plugin, error);
	if (r == 0 && plugin->input)
		r = declaration_check_input(plugin->input, error);
	if (r == 0 && plugin->output)
		r = declaration_check_output(plugin->output, error);
	if (r == 0 && plugin->buffer)
		r = declaration_check_buffer(plugin, error);
	return r == 0 ? declaration_check_shared(plugin, error) : r;
}
