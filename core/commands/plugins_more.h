/*
 * The verbs of `tallyd plugins` that are for authors of plugins and have options of their own. argv
 * begins with the verb.  Main thread; each returns the exit code.
 */
#ifndef TALLYD_CORE_COMMANDS_PLUGINS_MORE_H
#define TALLYD_CORE_COMMANDS_PLUGINS_MORE_H

#include "commands/command.h"

int plugins_new(const struct command_line *line);
int plugins_test(const struct command_line *line);

#endif
