/* `tallyd config reference`: docs/configuration.md, from what the plugins declare. */
#ifndef TALLYD_CORE_COMMANDS_REFERENCE_H
#define TALLYD_CORE_COMMANDS_REFERENCE_H

#include "plugin/registry.h"

/* Prints the page to stdout; COMMAND_CONFIG if a plugin was refused. */
int reference_print(struct registry *registry);

#endif
