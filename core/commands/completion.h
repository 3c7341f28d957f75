/* The table of commands for the completions of shells (packaging/completion/). */
#ifndef TALLYD_CORE_COMMANDS_COMPLETION_H
#define TALLYD_CORE_COMMANDS_COMPLETION_H

#include "commands/command.h"

/* Functions in what bash and zsh both understand; commands of fish. */
void completion_print_shell(const struct command *commands);
void completion_print_fish(const struct command *commands);

#endif
