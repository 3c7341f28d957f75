/*
 * What `check`, `config` and `plugins` begin with: the configuration read, its plugins loaded and
 * asked, every problem told on stderr.
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

/* thorough: also what is only asked of `check`: are the files there that plugins need?  Returns
 * COMMAND_OK, or COMMAND_CONFIG when there were problems, and then has told them. */
int checked_create(const struct command_line *line, bool thorough, struct checked *ret);
void checked_destroy(struct checked *checked);

/* Only where plugins are: as the command line says, or the configuration if it can be read.
 * NULL: no memory. */
struct registry *checked_registry(const struct command_line *line);

#endif
