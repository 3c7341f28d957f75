/* The command line, held against the table of commands. */
#ifndef TALLYD_CORE_COMMANDS_ARGUMENTS_H
#define TALLYD_CORE_COMMANDS_ARGUMENTS_H

#include <stddef.h>

#include "commands/command.h"

/* argv is sorted: words to the front, which ret->argv points into.  COMMAND_USAGE: it is wrong, and
 * stderr says how.  With ret->help or ret->version the rest is not looked at. */
int arguments_read(int argc, char **argv, struct command_line *ret);

/* How many words "FROM TO [INSTANCE]" wants: at least, at most. */
struct arguments_range {
	int least, most;
};
struct arguments_range arguments_count(const char *arguments);

/* Does the text offer words to choose from, "table|ndjson"? */
bool arguments_is_choice(const char *argument);

#endif
