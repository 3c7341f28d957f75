/*
 * The command line: options that all commands share, then the command.
 *
 * Called by main() alone.  Short options before the command's name are ours, everything behind it
 * is the command's, as in git(1).  Every command but the daemon lets signals through first,
 * since main.c has blocked them.
 */
#include <errno.h>
#include <getopt.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tallyd/plugin.h>

#include "commands/command.h"
#include "process/log.h"
#include "process/signals.h"
#include "base/suggest.h"
#include "base/text.h"

static int dispatch_version(const struct command_line *line)
{
	(void)line;
	printf("tallyd %s\nplugin ABI %d.%d\nbuilt with compiler " __VERSION__
	       ", runs with glibc %s\n",
	       TALLYD_VERSION, TALLY_ABI_MAJOR, TALLY_ABI_MINOR, gnu_get_libc_version());
	return COMMAND_OK;
}

static int dispatch_help(const struct command_line *line);

static const struct command commands[] = {
	{"run", "run", "collect until stopped; the default command", command_run},
	{"check", "check", "check the configuration; connects to nothing", command_check},
	{"config", "config dump|explain [INSTANCE]",
	 "show the configuration in effect, or where each value comes from", command_config},
	{"plugins", "plugins list|info NAME|check FILE.so|test FILE.so|new NAME",
	 "list plugins, describe one; check or test a file, begin a new one", command_plugins},
	{"once", "once [INSTANCE] [--format table|ndjson] [--samples N]",
	 "gather once and print the rows; stores nothing", command_once},
	{"db", "db migrate|status|check|confirm-clock|refresh FROM TO [INSTANCE]",
	 "create or migrate a database's tables, show its status, check its files", command_db},
	{"logs", "logs [-f] [--since 10m] [--tail N] [--level LEVEL] [--search TEXT] [NAME…]",
	 "show what containers printed, by the HTTP API", command_logs},
	{"version", "version", "print the versions of the daemon and its plugin ABI",
	 dispatch_version},
	{"help", "help", "this", dispatch_help},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(*commands) };

static void dispatch_usage(FILE *file)
{
	fprintf(file, "usage: tallyd [-c DIR|FILE] [-p PLUGIN_DIR] [COMMAND]\n\n");
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(file, "  %s\n      %s\n", commands[i].usage, commands[i].help);
}

static int dispatch_help(const struct command_line *line)
{
	(void)line;
	dispatch_usage(stdout);
	printf("\n"
	       "  -c, --config DIR|FILE  configuration; default %s/tallyd.conf\n"
	       "  -p, --plugins DIR      plugin directory, instead of the configured one\n"
	       "\n"
	       "signals to a running daemon\n"
	       "  TERM, INT  stop after writing waiting rows, for at most drain_timeout;\n"
	       "             a second one stops at once\n"
	       "  HUP        reload the configuration and restart what has changed\n"
	       "  USR1       log the status of every instance and buffer\n"
	       "\n"
	       "exit codes\n"
	       "  0  success; for run: it stopped when asked to (rows that it could not write\n"
	       "     in time are logged)\n"
	       "  1  failure; for run also: a plugin did not stop, or called exit()\n"
	       "  2  the command line is wrong\n"
	       "  3  the configuration or a plugin is wrong\n"
	       "  4  db status or db check found a problem, marked with a !; plugins test an\n"
	       "     error\n",
	       TALLYD_SYSCONFDIR);
	return COMMAND_OK;
}

/* Signals are blocked from before main() (main.c); every command but `run` is ended by them as
 * usual. */
static int dispatch(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"plugins", required_argument, NULL, 'p'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'V'},
						{NULL, 0, NULL, 0}};
	struct command_line line = {.config_path = TALLYD_SYSCONFDIR "/tallyd.conf"};
	int option;
	while ((option = getopt_long(argc, argv, "+c:p:hV", options, NULL)) != -1) {
		if (option == 'c')
			line.config_path = optarg;
		else if (option == 'p')
			line.plugin_dir = optarg;
		else if (option == 'h')
			return dispatch_help(&line);
		else if (option == 'V')
			return dispatch_version(&line);
		else {
			dispatch_usage(stderr);
			return COMMAND_USAGE;
		}
	}
	const char *name = optind < argc ? argv[optind++] : "run";
	line.argc = argc - optind;
	line.argv = argv + optind;
	log_init();
	if (strcmp(name, "run") != 0)
		signals_unblock();
	for (int i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(&line);
	const char *names[N_COMMANDS];
	for (int i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	const char *hint = suggest(name, names, N_COMMANDS);
	if (hint)
		fprintf(stderr, "tallyd: unknown command %s; did you mean %s?\n", name, hint);
	else
		fprintf(stderr, "tallyd: unknown command %s; try tallyd help\n", name);
	return COMMAND_USAGE;
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
