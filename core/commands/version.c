/* `tallyd version`: what it is and what it was built with.  Main thread. */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <tallyd/plugin.h>

#include "commands/command.h"

int command_version(const struct command_line *line)
{
	if (command_value(line, "json")) {
		printf("{\"version\":\"%s\",\"abi\":\"%d.%d\",\"compiler\":\"" __VERSION__
		       "\",\"glibc\":\"%s\"}\n",
		       TALLYD_VERSION, TALLY_ABI_MAJOR, TALLY_ABI_MINOR, gnu_get_libc_version());
		return COMMAND_OK;
	}
	printf("tallyd %s\nplugin ABI %d.%d\nbuilt with compiler " __VERSION__
	       ", runs with glibc %s\n",
	       TALLYD_VERSION, TALLY_ABI_MAJOR, TALLY_ABI_MINOR, gnu_get_libc_version());
	return COMMAND_OK;
}
