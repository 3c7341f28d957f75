/*
 * A list of loaded plugins, found by name; there are a dozen at most, so it is walked.  A name that
 * was refused is tried again when it is asked for again, since the file may be another by then.
 *
 * Main thread, but for registry_table(), which decodes of batches call on any, and
 * registry_declare() and registry_each_table(), which plugins call; all with the lock that
 * plugin_services hold (plugin_api.h).
 */
#include "plugin/registry.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/declaration.h"
#include "plugin/declared.h"
#include "plugin/isolate.h"
#include "plugin/loader.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"

struct registry_item {
	struct registry_item *next;
	const struct tally_plugin *plugin;
	const char *path;
};

struct registry {
	struct arena arena; /* items, paths and folders */
	const char **folders;
	size_t n_folders;
	const char *dirs; /* as given, for messages */
	bool isolate;
	struct registry_item *items;
	struct declared declared; /* tables of instances */
};

/* ---- Making one -------------------------------------------------------------- */

/* Folders stay in the order in which they are searched; an empty one, as of `a::b`, is none. */
struct registry *registry_create(const char *plugin_dirs)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	if (!registry)
		return NULL;
	size_t most = 1;
	for (const char *p = plugin_dirs; *p; p++)
		most += *p == ':';
	registry->dirs = arena_text(&registry->arena, plugin_dirs);
	registry->folders = arena_alloc(&registry->arena, most * sizeof(*registry->folders));
	bool memory = registry->dirs && registry->folders;
	for (const char *p = plugin_dirs; *p && memory; p += *p == ':') {
		size_t len = strcspn(p, ":");
		const char *folder = arena_copy(&registry->arena, p, len);
		if (folder && len)
			registry->folders[registry->n_folders++] = folder;
		memory = folder;
		p += len;
	}
	if (memory)
		return registry;
	registry_destroy(registry);
	return NULL;
}

void registry_destroy(struct registry *registry)
{
	if (!registry)
		return;
	declared_done(&registry->declared);
	arena_done(&registry->arena);
	free(registry);
}

/* Found beside the program, a build or a copied tree works without being installed; the path of
 * the build comes last. */
void registry_default_dirs(char *ret, size_t size)
{
	char program[PATH_MAX] = "", beside[PATH_MAX + 32];
	struct stat st;
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash = len > 0 ? strrchr(program, '/') : NULL;
	if (slash) {
		*slash = '\0';
		slash = strrchr(program, '/');
	}
	if (slash) {
		*slash = '\0';
		snprintf(beside, sizeof(beside), "%s/lib/tallyd/plugins", program);
		if (stat(beside, &st) == 0 && S_ISDIR(st.st_mode)) {
			snprintf(ret, size, "%s", beside);
			return;
		}
	}
	snprintf(ret, size, "%s", TALLYD_PLUGIN_DIR);
}

/* ---- What files there are ---------------------------------------------------- */

static bool registry_is_object(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot != name && strcmp(dot, ".so") == 0;
}

static int registry_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool registry_holds(char *const *names, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i], name, len) == 0 && !names[i][len])
			return true;
	}
	return false;
}

/* Adds the names in one folder; one that is not there has none. */
static int registry_list_folder(struct registry *registry, const char *folder, char ***names,
				size_t *n)
{
	DIR *dir = opendir(folder);
	int r = 0;
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && r == 0;
	     entry = readdir(dir)) {
		size_t len = strlen(entry->d_name) - strlen(".so");
		if (!registry_is_object(entry->d_name) ||
		    registry_holds(*names, *n, entry->d_name, len))
			continue;
		char **grown = reallocarray(*names, *n + 1, sizeof(*grown));
		char *name = arena_copy(&registry->arena, entry->d_name, len);
		if (grown)
			*names = grown;
		if (grown && name)
			grown[(*n)++] = name;
		else
			r = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	return r;
}

/* A name that is in two folders is listed once: the first folder wins, as in loading. */
int registry_available(struct registry *registry, char ***ret, size_t *ret_n)
{
	char **names = NULL;
	size_t n = 0;
	for (size_t i = 0; i < registry->n_folders; i++) {
		if (registry_list_folder(registry, registry->folders[i], &names, &n) < 0) {
			free(names);
			return -ENOMEM;
		}
	}
	if (n)
		qsort(names, n, sizeof(*names), registry_compare);
	*ret = names;
	*ret_n = n;
	return 0;
}

/* ---- Tables ------------------------------------------------------------------ */

static const struct tally_table *registry_table_of(const struct tally_plugin *plugin,
						   const char *name)
{
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++) {
		if (strcmp((*t)->name, name) == 0)
			return *t;
	}
	return NULL;
}

const struct tally_table *registry_table(const struct registry *registry, const char *name)
{
	const struct tally_table *table = NULL;
	for (struct registry_item *item = registry->items; item && !table; item = item->next)
		table = registry_table_of(item->plugin, name);
	return table ? table : declared_find(&registry->declared, name);
}

/* A table that two plugins declare comes twice, with the same columns. */
int registry_each_table(const struct registry *registry, tally_table_fn *each, void *arg)
{
	const struct tally_table *table;
	int r = 0;
	for (struct registry_item *item = registry->items; item && r == 0; item = item->next)
		for (const struct tally_table *const *t = item->plugin->tables; t && *t && r == 0;
		     t++)
			r = each(arg, *t);
	for (size_t i = 0; r == 0 && (table = declared_table(&registry->declared, i)); i++)
		r = each(arg, table);
	return r;
}

/* Rows of one table from two plugins end up in the same table of a store, so its columns must
 * agree. */
static int registry_check_tables(const struct registry *registry, const struct tally_plugin *plugin,
				 const char *path, struct error *error)
{
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++) {
		for (struct registry_item *item = registry->items; item; item = item->next) {
			const struct tally_table *other =
				registry_table_of(item->plugin, (*t)->name);
			if (other && !declaration_same_columns(*t, other))
				return error_set(
					error, EEXIST,
					"%s: declares the table %s with other columns than %s: use "
					"only one of them, or the same version of both",
					path, (*t)->name, item->path);
		}
		const struct tally_table *declared = declared_find(&registry->declared, (*t)->name);
		if (declared && !declaration_same_columns(*t, declared))
			return error_set(error, EEXIST,
					 "%s: declares the table %s with other columns than an "
					 "input that has declared it since the daemon started",
					 path, (*t)->name);
	}
	return 0;
}

int registry_declare(struct registry *registry, const char *owner, const struct tally_table *table,
		     const struct tally_table **ret, struct error *error)
{
	int r = declaration_check_table(table, error);
	for (struct registry_item *item = registry->items; item && r == 0; item = item->next) {
		const struct tally_table *other = registry_table_of(item->plugin, table->name);
		if (other && !declaration_same_columns(table, other))
			r = error_set(error, EEXIST,
				      "table %s: the plugin %s declares it with other columns",
				      table->name, item->plugin->name);
	}
	return r == 0 ? declared_add(&registry->declared, owner, table, ret, error) : r;
}

const struct tally_table *registry_declared(const struct registry *registry, size_t i)
{
	return declared_table(&registry->declared, i);
}

/* ---- Plugins ----------------------------------------------------------------- */

/* Names of files are read only for the hint. */
static int registry_missing(struct registry *registry, const char *name, struct error *error)
{
	auto_free char **names = NULL;
	size_t n = 0;
	const char *hint = NULL;
	if (registry_available(registry, &names, &n) == 0)
		hint = suggest(name, (const char *const *)names, n);
	if (hint)
		return error_set(error, ENOENT, "there is no plugin %s.so in %s (did you mean %s?)",
				 name, registry->dirs, hint);
	return error_set(error, ENOENT, "there is no plugin %s.so in %s", name, registry->dirs);
}

/* The path in the first folder that has it; NULL: none, or no memory.  lstat(), so that a link to
 * nowhere is reported as what it is, rather than another folder's plugin taken in its place. */
static const char *registry_find_file(struct registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->n_folders; i++) {
		struct stat st;
		const char *path =
			arena_format(&registry->arena, "%s/%s.so", registry->folders[i], name);
		if (path && lstat(path, &st) == 0)
			return path;
	}
	return NULL;
}

struct registry_probe {
	const char *path;
	struct error *error; /* code 0: nothing was wrong */
};

static int registry_probe_step(void *arg, size_t i, struct error *error)
{
	const struct registry_probe *probe = arg;
	const struct tally_plugin *plugin;
	(void)i;
	return loader_open(probe->path, &plugin, error);
}

static void registry_probe_failed(void *arg, size_t i, const char *why, bool fault)
{
	const struct registry_probe *probe = arg;
	(void)i;
	if (fault)
		error_set(probe->error, EFAULT, "%s: plugin bug: it %s while it was being loaded",
			  probe->path, why);
	else
		error_set(probe->error, EINVAL, "%s", why);
}

/* In a child first: the code of a plugin that nobody has run may crash while it is loaded, and a
 * check must survive that. */
static int registry_probe(const char *path, struct error *error)
{
	struct error found = {0};
	struct registry_probe probe = {path, &found};
	const struct isolate what = {.n = 1,
				     .step = registry_probe_step,
				     .failed = registry_probe_failed,
				     .arg = &probe};
	int r = isolate_run(&what);
	if (r < 0)
		return error_set(error, -r, "%s: cannot try to load it: %s", path, strerror(-r));
	return found.code ? error_set(error, found.code, "%s", found.text) : 0;
}

void registry_isolate(struct registry *registry)
{
	registry->isolate = true;
}

/* Its file must be named like the plugin, because configurations name plugins by files. */
static int registry_load(struct registry *registry, const char *name, const char *path,
			 struct error *error)
{
	const struct tally_plugin *plugin;
	int r = loader_init(error);
	if (r == 0 && registry->isolate)
		r = registry_probe(path, error);
	if (r == 0)
		r = loader_open(path, &plugin, error);
	if (r < 0)
		return r;
	if (strcmp(plugin->name, name) != 0)
		return error_set(error, EINVAL,
				 "%s: its plugin is named %s: rename the file to %s.so", path,
				 plugin->name, plugin->name);
	r = registry_check_tables(registry, plugin, path, error);
	if (r < 0)
		return r;
	struct registry_item *item = arena_alloc(&registry->arena, sizeof(*item));
	if (!item)
		return error_set(error, ENOMEM, "%s: out of memory", path);
	*item = (struct registry_item){registry->items, plugin, path};
	registry->items = item;
	return 0;
}

/* Loaded on first use, so that plugins which no section names stay out of the process. */
int registry_plugin(struct registry *registry, const char *name, const struct tally_plugin **ret,
		    struct error *error)
{
	struct registry_item *item = registry->items;
	while (item && strcmp(item->plugin->name, name) != 0)
		item = item->next;
	if (!item) {
		const char *path = registry_find_file(registry, name);
		if (!path)
			return registry_missing(registry, name, error);
		int r = registry_load(registry, name, path, error);
		if (r < 0)
			return r;
		item = registry->items; /* registry_load() puts it first */
	}
	*ret = item->plugin;
	return 0;
}

/* The plugin must be named like its file, "uptime" in ./uptime.so: registry_load() compares. */
int registry_file(struct registry *registry, const char *path, const struct tally_plugin **ret,
		  struct error *error)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	const char *name =
		arena_copy(&registry->arena, base, dot ? (size_t)(dot - base) : strlen(base));
	const char *copy = arena_text(&registry->arena, path);
	if (!name || !copy)
		return error_set(error, ENOMEM, "out of memory");
	int r = registry_load(registry, name, copy, error);
	if (r == 0)
		*ret = registry->items->plugin;
	return r;
}

const char *registry_dirs(const struct registry *registry)
{
	return registry->dirs;
}

const char *registry_path(const struct registry *registry, const struct tally_plugin *plugin)
{
	struct registry_item *item = registry->items;
	while (item && item->plugin != plugin)
		item = item->next;
	return item ? item->path : NULL;
}
