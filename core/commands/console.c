/*
 * `tallyd top`, `logs`, `diff` and `alerts`: starts the program that they are in its place.
 *
 * It is one of its own (console/), so that the daemon, which runs as long as its machine and has
 * much to lose, links neither what draws in a terminal nor what asks an HTTP API.  It is beside
 * this program in a build, and in libexec/tallyd/ where it is installed, below whatever prefix.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "commands/command.h"

enum { CONSOLE_PATH = 4096 };

/* The words of its command line: as read, options first. */
static int console_words(const char *name, const struct command_line *line, char **ret)
{
	size_t n = 0;
	ret[n++] = strdup("tallyd-console");
	ret[n++] = strdup(line->config_path);
	ret[n++] = strdup(name);
	for (size_t i = 0; i < line->n_given; i++) {
		const struct command_given *given = &line->given[i];
		if (asprintf(&ret[n++], "--%s%s%s", given->option->name,
			     given->option->argument ? "=" : "", given->value) < 0)
			return -ENOMEM;
	}
	ret[n++] = strdup("--");
	for (int i = 0; i < line->argc; i++)
		ret[n++] = strdup(line->argv[i]);
	for (size_t i = 0; i < n; i++)
		if (!ret[i])
			return -ENOMEM;
	return 0;
}

static void console_execute(char **argv)
{
	static const char *const places[] = {"tallyd-console", "../libexec/tallyd/tallyd-console"};
	char self[CONSOLE_PATH], path[CONSOLE_PATH + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		execv(path, argv);
	}
	execv(TALLYD_HELPER_DIR "/tallyd-console", argv);
}

int command_console(const struct command_line *line)
{
	const char *name = line->command->name;
	size_t n = line->n_given + (size_t)line->argc + 5;
	auto_free char **argv = calloc(n, sizeof(*argv));
	if (!argv || console_words(name, line, argv) < 0) {
		fprintf(stderr, "tallyd: out of memory\n");
	} else {
		console_execute(argv);
		fprintf(stderr,
			"tallyd: cannot start %s/tallyd-console, which `tallyd %s` is: %s\n",
			TALLYD_HELPER_DIR, name, strerror(errno));
	}
	for (size_t i = 0; argv && i < n; i++)
		free(argv[i]);
	return COMMAND_FAILED;
}
