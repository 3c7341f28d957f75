/*
 * `tallyd logs`: starts the program that it is in its place.
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

static int console_start(const char *name, const struct command_line *line)
{
	static const char *const places[] = {"tallyd-console", "../libexec/tallyd/tallyd-console"};
	char self[CONSOLE_PATH], path[CONSOLE_PATH + 64];
	auto_free char **argv = calloc((size_t)line->argc + 4, sizeof(*argv));
	if (!argv) {
		fprintf(stderr, "tallyd: out of memory\n");
		return COMMAND_FAILED;
	}
	argv[0] = strdup("tallyd-console");
	argv[1] = strdup(line->config_path);
	argv[2] = strdup(name);
	for (int i = 0; i < line->argc; i++)
		argv[3 + i] = line->argv[i];
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
	fprintf(stderr, "tallyd: cannot start %s/tallyd-console, which `tallyd %s` is: %s\n",
		TALLYD_HELPER_DIR, name, strerror(errno));
	for (int i = 0; i < 3; i++)
		free(argv[i]);
	return COMMAND_FAILED;
}

int command_logs(const struct command_line *line)
{
	return console_start("logs", line);
}
