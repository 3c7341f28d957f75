/*
 * The command line: read (arguments.c), then the command that it names.
 *
 * Called by main() alone.  Every command but the daemon lets signals through first, since main.c
 * has blocked them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands/arguments.h"
#include "commands/command.h"
#include "process/log.h"
#include "process/signals.h"

static int dispatch(int argc, char **argv)
{
	struct command_line line = {.config_path = TALLYD_SYSCONFDIR "/tallyd.conf",
				    .commands = command_table};
	int r = arguments_read(argc, argv, &line);
	if (r != COMMAND_OK)
		return r;
	if (line.version)
		return command_version(&line);
	if (line.help)
		return command_help(&line);
	log_init();
	if (line.command->run != command_run)
		signals_unblock();
	return line.command->run(&line);
}

int command_dispatch(int argc, char **argv)
{
	int exit_code = dispatch(argc, argv);
	/* A full disk behind a pipe is seen here only, and must not pass for success. */
	errno = 0;
	bool lost = fflush(stdout) != 0 || ferror(stdout);
	if (!lost)
		return exit_code;
	fprintf(stderr, "tallyd: cannot write to stdout%s%s\n", errno ? ": " : "",
		errno ? strerror(errno) : "");
	return exit_code == COMMAND_OK ? COMMAND_FAILED : exit_code;
}
