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

static const struct {
	const char *name;
	int (*run)(const char *config_path, int argc, char *const *argv);
} commands[] = {{"top", console_top},
		{"logs", console_logs},
		{"diff", console_diff},
		{"alerts", console_alerts}};

int main(int argc, char **argv)
{
	text_init();
	for (size_t i = 0; argc >= 3 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[2], commands[i].name) == 0)
			return commands[i].run(argv[1], argc - 2, argv + 2);
	fprintf(stderr, "this is a part of tallyd: use `tallyd top`, `logs`, `diff` or `alerts`\n");
	return CONSOLE_USAGE;
}
