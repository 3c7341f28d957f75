/*
 * The plugins that are loaded, by name, and the tables that they and their instances declare.  Two
 * may declare the same table only with the same columns.  Filled by the main thread; tables may be
 * declared and looked up from any thread, with the lock of plugin_services.
 */
#ifndef TALLYD_CORE_REGISTRY_H
#define TALLYD_CORE_REGISTRY_H

#include <stddef.h>
#include <tallyd/plugin.h>

#include "base/error.h"

struct registry;

/* plugin_dirs: colon-separated; NAME.so is looked for in each in turn.  NULL: no memory. */
struct registry *registry_create(const char *plugin_dirs);
void registry_destroy(struct registry *registry); /* plugins stay in memory */

/* From now on a plugin is loaded in a child first (isolate.h), so that one which crashes or hangs
 * when it is loaded is refused like any other. */
void registry_isolate(struct registry *registry);

/* Where plugins are by default: ../lib/tallyd/plugins beside the running program if that is
 * there (a build, a relocated installation), else where the build was told to install them. */
void registry_default_dirs(char *ret, size_t size);

/* Loads it on first use.  -ENOENT: no such file; error says where it was looked for, and names
 * a similar one if there is any. */
int registry_plugin(struct registry *registry, const char *name, const struct tally_plugin **ret,
		    struct error *error);
/* The same for a file, wherever it is; its name is that of the plugin. */
int registry_file(struct registry *registry, const char *path, const struct tally_plugin **ret,
		  struct error *error);
const char *registry_dirs(const struct registry *registry);
const char *registry_path(const struct registry *registry, const struct tally_plugin *plugin);
/* For an instance, whose name is owner; *ret lives as long as the registry.  -EINVAL: it breaks a
 * rule of plugin.h; -EEXIST: it is declared elsewhere with other columns; -ENOSPC, -ENOMEM. */
int registry_declare(struct registry *registry, const char *owner, const struct tally_table *table,
		     const struct tally_table **ret, struct error *error);
/* The tables that instances have declared, each as it was declared last; NULL: no more. */
const struct tally_table *registry_declared(const struct registry *registry, size_t i);
/* NULL: no loaded plugin and no instance declares it. */
const struct tally_table *registry_table(const struct registry *registry, const char *name);
/* All of both, until each() returns something else than 0, which is returned. */
int registry_each_table(const struct registry *registry, tally_table_fn *each, void *arg);

/* Names of all files in the directories, sorted, loaded or not; free() the array only. */
int registry_available(struct registry *registry, char ***ret, size_t *ret_n);

#endif
