/*
 * tallyd-console: `tallyd top`, `logs`, `diff` and `alerts`.  A program of its own, so that the
 * daemon links neither a terminal's library nor an HTTP client; `tallyd` finds it and starts it in
 * its place (core/commands/console.c).  One thread.
 *
 *	tallyd-console CONFIG COMMAND [ARGUMENT…]
 */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "terminal/text.h"

int main(int argc, char **argv)
{
	text_init();
	if (argc >= 3 && strcmp(argv[2], "logs") == 0)
		return console_logs(argv[1], argc - 2, argv + 2);
	if (argc >= 3 && strcmp(argv[2], "top") == 0)
		return console_top(argv[1], argc - 2, argv + 2);
	if (argc >= 3 && strcmp(argv[2], "diff") == 0)
		return console_diff(argv[1], argc - 2, argv + 2);
	if (argc >= 3 && strcmp(argv[2], "alerts") == 0)
		return console_alerts(argv[1], argc - 2, argv + 2);
	fprintf(stderr, "this is a part of tallyd: use `tallyd top`, `logs`, `diff` or `alerts`\n");
	return CONSOLE_USAGE;
}
