#include "counted.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

const char *counted_folder;
static const char *counted_plugins;

void counted_init(int argc, char **argv)
{
	counted_check(argc == 3, "PLUGIN_DIR FOLDER are needed");
	counted_plugins = argv[1];
	counted_folder = argv[2];
}

void counted_check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "count: %s\n", what);
	exit(1);
}

/* ---- Counting ------------------------------------------------------------------- */

/* A function of its own, since callgrind finds by its name where to begin and to end. */
void counted_run(void (*work)(void *arg), void *arg);

__attribute__((noinline)) void counted_run(void (*work)(void *arg), void *arg)
{
	work(arg);
	__asm__ volatile("" ::: "memory"); /* or the call would become a jump, without an end */
}

void counted_least(const char *path, unsigned units, void (*work)(void *arg), void *arg,
		   unsigned rounds)
{
	work(arg);
	for (unsigned i = 0; i < rounds; i++) {
		counted_run(work, arg);
		printf("%s\t%u\n", path, units);
		fflush(stdout);
	}
}

void counted(const char *path, unsigned units, void (*work)(void *arg), void *arg)
{
	counted_least(path, units, work, arg, 1);
}

/* ---- Plugins -------------------------------------------------------------------- */

const struct tally_plugin *counted_load(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s.so", counted_plugins, name);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "tally_plugin") : NULL;
	const struct tally_plugin *(*get)(void);
	counted_check(symbol != NULL, symbol ? "" : dlerror());
	memcpy(&get, &symbol, sizeof(get));
	return get();
}

void *counted_config(const struct tally_plugin *plugin)
{
	struct problems problems;
	struct options *options = NULL;
	void *config = calloc(1, plugin->config_size + 1);
	const struct options_target target = {plugin->options, config};
	problems_init(&problems);
	int r = config ? options_parse(NULL, &target, 1, NULL, NULL, &options, &problems) : -1;
	counted_check(r == 0, "options");
	problems_done(&problems);
	return config;
}

static void counted_put(const struct tally_plugin *plugin, void *config, const char *option,
			const void *value, size_t size)
{
	const struct tally_option *o = plugin->options;
	while (o->name && strcmp(o->name, option) != 0)
		o++;
	counted_check(o->name != NULL, option);
	memcpy((char *)config + o->offset, value, size);
}

void counted_set(const struct tally_plugin *plugin, void *config, const char *option, int64_t value)
{
	counted_put(plugin, config, option, &value, sizeof(value));
}

void counted_set_text(const struct tally_plugin *plugin, void *config, const char *option,
		      const char *value)
{
	counted_put(plugin, config, option, &value, sizeof(value));
}

/* ---- Rows ----------------------------------------------------------------------- */

const char *counted_id(uint32_t container)
{
	static char ids[COUNTED_CONTAINERS][65];
	if (!ids[container][0])
		snprintf(ids[container], sizeof(ids[container]), "%064u", container);
	return ids[container];
}

struct counted_text {
	const char *column, *text;
};

static const struct counted_text counted_texts[] = {
	{"host", "a-host.example.org"},
	{"name", NULL}, /* the id's end */
	{"state", "running"},
	{"status", "Up 3 hours"},
	{"labels", "{\"app\":\"web\",\"env\":\"prod\",\"com.docker.compose.project\":\"shop\"}"},
	{"ports", "[{\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}]"},
	{"stream", "stdout"},
	{"level", "info"},
	{"message", "GET /api/v1/things/4711 200 1834 bytes in 12 ms, from 192.0.2.17"},
};

static void counted_put_text(struct tally_cell *row, uint32_t c, const char *column, const char *id)
{
	const char *text = "a text";
	if (strcmp(column, "container_id") == 0)
		text = id;
	else if (strcmp(column, "name") == 0)
		text = id + 44;
	for (size_t i = 0; i < sizeof(counted_texts) / sizeof(counted_texts[0]); i++)
		if (counted_texts[i].text && strcmp(column, counted_texts[i].column) == 0)
			text = counted_texts[i].text;
	tally_put_text_borrowed(row, c, text, (uint32_t)strlen(text));
}

static void counted_row(struct tally_cell *row, const struct tally_table *table, uint32_t i,
			int64_t tick_ns)
{
	const char *id = counted_id(i % COUNTED_CONTAINERS);
	int64_t tick = i / COUNTED_CONTAINERS;
	tally_put_int(row, 0, COUNTED_BEGIN + tick * tick_ns);
	for (uint32_t c = 1; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		int64_t value = tick * 1000 * c + i % 7;
		if (column->type == TALLY_TEXT || column->type == TALLY_JSON)
			counted_put_text(row, c, column->name, id);
		else if (column->type == TALLY_REAL)
			tally_put_real(row, c, (double)value / 8);
		else if (column->type == TALLY_BOOL)
			tally_put_int(row, c, 0);
		else if (column->role != TALLY_GONE)
			tally_put_int(row, c, column->role == TALLY_ORDER ? 0 : value);
	}
}

struct tally_batch *counted_batch(struct tally_ctx *ctx, const struct tally_table *table,
				  uint32_t rows, uint32_t first, int64_t tick_ns)
{
	struct tally_batch *batch = tally_batch_new(ctx, table);
	counted_check(batch != NULL, "no memory");
	for (uint32_t i = first; i < first + rows; i++)
		counted_row(tally_batch_row(ctx, batch), table, i, tick_ns);
	return batch;
}
