/*
 * What `check`, `config` and `plugins` begin with: the configuration read, its plugins loaded and
 * asked, every problem printed on stderr.
 */
#ifndef TALLYD_CORE_COMMANDS_CHECKED_H
#define TALLYD_CORE_COMMANDS_CHECKED_H

#include <stdbool.h>

#include "instance/binding.h"
#include "commands/command.h"
#include "instance/plan.h"
#include "plugin/registry.h"

struct checked {
	struct registry *registry;
	struct bindings *bindings; /* what STORE and CACHE options are bound to: nobody */
	struct plan *plan;
};

/* thorough: also what only `check` wants to know: are the files there that plugins need?  Returns
 * COMMAND_OK, or COMMAND_CONFIG after it has printed the problems. */
int checked_create(const struct command_line *line, bool thorough, struct checked *ret);
/* The same, with the problems left in *problems instead of printed. */
int checked_create_quietly(const struct command_line *line, bool thorough,
			   struct problems *problems, struct checked *ret);
void checked_destroy(struct checked *checked);

/* Does the word on the command line name this instance?  By its whole name or by what comes after
 * the kind, as references in the configuration do.  word NULL: every instance. */
bool checked_names(const char *word, const struct plan_instance *instance);

/* Only where plugins are: as the command line says, or the configuration if it can be read.
 * NULL: no memory. */
struct registry *checked_registry(const struct command_line *line);

#endif
