/*
 * The commands of the `tallyd` binary.  One file each, named after it.  table.c says which there
 * are, with their verbs, arguments and options: the parser (arguments.c), `tallyd help`, the manual
 * page (help.c) and the shells' completions (completion.c) read that table and nothing else.
 */
#ifndef TALLYD_CORE_COMMANDS_COMMAND_H
#define TALLYD_CORE_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "process/exit_code.h"

struct command_line;

/*
 * argument: NULL for none.  "a|b" and "1..1000" are checked before the command runs and completed;
 * FILE, DIR, INSTANCE, INPUT, OUTPUT, PLUGIN and LEVEL are completed; anything else is shown.
 */
struct command_option {
	const char *name; /* without the dashes; NULL ends a table */
	char letter;      /* -f; 0: none */
	const char *argument;
	const char *help;
};

/* `tallyd db status`: a word after the command. */
struct command_verb {
	const char *name;      /* NULL ends a table */
	const char *arguments; /* "FROM TO [INSTANCE]", NULL: none; how many is checked */
	const char *help;      /* one line */
	const struct command_option *options; /* NULL: none */
};

struct command {
	const char *name;
	const char *arguments; /* of a command without verbs */
	const char *help;      /* one line */
	const char *about;     /* what else there is to know, some sentences; NULL: nothing */
	const struct command_option *options; /* NULL: none */
	const struct command_verb *verbs;     /* NULL: none */
	bool first_verb;                      /* the first one, if none is given */
	int (*run)(const struct command_line *line);
};

enum { COMMAND_OPTIONS_MOST = 48 }; /* on one command line */

struct command_line {
	const char *config_path;        /* -c, or the default */
	const char *plugin_dir;         /* -p, or NULL: as configured */
	const struct command *commands; /* all of them */
	const struct command *command;
	const struct command_verb *verb; /* NULL: the command has none */
	int argc;                        /* words after the command's name, options taken out; */
	char *const *argv;               /* the first is the verb, where there are verbs */
	bool help, version;              /* asked for instead of what stands there */
	size_t n_given;
	struct command_given {
		const struct command_option *option;
		const char *value;
	} given[COMMAND_OPTIONS_MOST];
};

extern const struct command command_table[]; /* ends with .name = NULL */
/* Those of all commands; arguments.c. */
extern const struct command_option command_global_options[];

/* NULL: there is none. */
const struct command *command_find(const struct command *commands, const char *name);

/* The value of an option, the last if it is given twice; "" of one without argument; NULL: it is
 * not given. */
const char *command_value(const struct command_line *line, const char *option);
/* Of one whose argument is "1..1000", and so is checked already. */
long long command_number(const struct command_line *line, const char *option, long long fallback);

/* Reads the command line and does what it says; returns the exit code. */
int command_dispatch(int argc, char **argv);

int command_run(const struct command_line *line);
int command_check(const struct command_line *line);
int command_config(const struct command_line *line);
int command_plugins(const struct command_line *line);
int command_once(const struct command_line *line);
int command_db(const struct command_line *line);
int command_backup(const struct command_line *line);
int command_restore(const struct command_line *line);
int command_alerts(const struct command_line *line);
int command_status(const struct command_line *line);
int command_healthcheck(const struct command_line *line);
int command_mark(const struct command_line *line);
/* Starts tallyd-console in the place of this program: returns only if that fails; console.c. */
int command_console(const struct command_line *line);
int command_version(const struct command_line *line);
int command_help(const struct command_line *line);

#endif
