/*
 * The configuration as written: sections and their keys, each with the file and line it
 * stands on, `${}` already expanded.  What a key means is options.h's business.
 *
 *   [tallyd]                      kind "tallyd", plugin NULL, label NULL
 *   [input.docker_stats]          kind "input", plugin "docker_stats", label NULL
 *   [input.docker_stats:edge1]    the same, label "edge1"
 *   [alert.busy]                  kind "input", plugin "alert", label "busy"
 *
 * Main thread only; immutable once loaded.
 */
#ifndef TALLYD_CORE_CONFIG_H
#define TALLYD_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/problems.h"

struct config_entry {
	const char *key;
	const char *value; /* NULL: its ${} failed (only after config_read()) */
	const char *file;
	unsigned line;
};

struct config_section {
	const char *name; /* all that stands between the brackets */
	const char *kind, *plugin, *label;
	const char *file;
	unsigned line;
	const struct config_entry *entries;
	size_t n_entries;
};

struct config {
	const struct config_section *sections;
	size_t n_sections;
	const char *const *files; /* every file read, in the order read */
	size_t n_files;
	void *memory; /* owns all of the above */
};

enum {
	CONFIG_MAX_FILE = 1 << 20, /* bytes */
	CONFIG_MAX_FILES = 1000,
	CONFIG_MAX_KEYS = 10000,
	CONFIG_MAX_LINE = 4096, /* bytes */
};

/*
 * path: a file, with conf.d beside it; or a directory that holds tallyd.conf and conf.d, or else
 * just *.conf files.  Finds every problem there is; returns -EINVAL if any (syntax, duplicate
 * section or key, unreadable file, unset ${VAR:?}), then *ret is untouched.
 */
int config_load(const char *path, struct config **ret, struct problems *problems);

/*
 * The same, but *ret is also given when there were problems with what was written, as long as
 * every file was read: what could be understood, to look for more problems in.
 */
int config_read(const char *path, struct config **ret, struct problems *problems);

/* From memory; name stands for the file's.  As config_load(). */
int config_parse(const char *name, const char *text, size_t len, struct config **ret,
		 struct problems *problems);

void config_destroy(struct config *config);

/* The plugin that [alert.NAME] is an instance of, an input. */
extern const char config_rule_plugin[];
/* Written as [alert.NAME]? */
bool config_is_rule(const struct config_section *section);

/* NULL if there is none. */
const struct config_section *config_find(const struct config *config, const char *name);

#endif
