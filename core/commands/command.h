/*
 * The commands of the `tallyd` binary.  One file each, named after it; dispatch.c holds the table,
 * reads the options before the command and calls run().
 */
#ifndef TALLYD_CORE_COMMANDS_COMMAND_H
#define TALLYD_CORE_COMMANDS_COMMAND_H

/* What a command exits with; documented in `tallyd help`. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1, /* it ran and could not do it */
	COMMAND_USAGE = 2,  /* the command line is wrong */
	COMMAND_CONFIG = 3, /* the configuration or a plugin is wrong */
	COMMAND_WRONG = 4,  /* it ran, and what it looked at is not as it should be */
};

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

#endif
