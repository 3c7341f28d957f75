/*
 * The commands of the `tallyd` binary.  One file each, named after it; dispatch.c holds the table,
 * reads the options before the command and calls run().
 */
#ifndef TALLYD_CORE_COMMANDS_COMMAND_H
#define TALLYD_CORE_COMMANDS_COMMAND_H

#include "process/exit_code.h"

struct command_line {
	const char *config_path; /* -c, or the default */
	const char *plugin_dir;  /* -p, or NULL: as configured */
	int argc;                /* what stands after the command's name */
	char *const *argv;
};

struct command {
	const char *name;
	const char *usage; /* "config dump|explain [INSTANCE]" */
	const char *help;  /* one line */
	int (*run)(const struct command_line *line);
};

/* Reads the command line and does what it says; returns the exit code. */
int command_dispatch(int argc, char **argv);

int command_run(const struct command_line *line);
int command_check(const struct command_line *line);
int command_config(const struct command_line *line);
int command_plugins(const struct command_line *line);
int command_once(const struct command_line *line);
int command_db(const struct command_line *line);
int command_logs(const struct command_line *line);

#endif
