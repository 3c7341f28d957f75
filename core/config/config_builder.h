/*
 * A configuration that is still being read: config.c brings the files, config_parse.c what stands
 * in them.  Texts go into the arena at once, sections and keys into arrays that grow.  Nobody else
 * needs this.
 */
#ifndef TALLYD_CORE_CONFIG_BUILDER_H
#define TALLYD_CORE_CONFIG_BUILDER_H

#include <stdbool.h>

#include "config/config.h"
#include "base/arena.h"

struct config_builder {
	struct arena arena;
	struct config_section *sections; /* entries are set at the end */
	size_t n_sections;
	struct config_entry *entries; /* those of a section stand together */
	size_t n_entries;
	const char **files;
	size_t n_files;
	bool unread; /* a file could not be read, so what depends on it cannot be judged */
	bool full;   /* there are more keys than CONFIG_MAX_KEYS, which was reported */
	bool out_of_memory;
	struct problems *problems;
};

/* Appends what stands in a text; file is borrowed and must live in the arena. */
void config_parse_text(struct config_builder *builder, const char *file, const char *text,
		       size_t len);

#endif
