/*
 * The commands of this program, which `tallyd` starts in its place: they ask the HTTP API and know
 * nothing of the daemon but that.  `tallyd` has checked the words of the command line and answers
 * --help (core/commands/table.c); what values mean is found out here.
 */
#ifndef TALLYD_CONSOLE_CONSOLE_H
#define TALLYD_CONSOLE_CONSOLE_H

#include <getopt.h>

#include "api/client.h"
#include "api/target.h"

/* The values of core/process/exit_code.h. */
enum console_exit { CONSOLE_OK = 0, CONSOLE_FAILED = 1, CONSOLE_USAGE = 2, CONSOLE_CONFIG = 3 };

/* argv[0] is the command's name.  Each returns the exit code. */
int console_top(const char *config_path, int argc, char *const *argv);
int console_alerts(const char *config_path, int argc, char *const *argv);
int console_logs(const char *config_path, int argc, char *const *argv);
int console_diff(const char *config_path, int argc, char *const *argv);

/* ---- The command line ---------------------------------------------------------- */

/* Options of all, the last in a command's list. */
enum { CONSOLE_OPTION_URL = 1000, CONSOLE_OPTION_TOKEN_FILE, CONSOLE_OPTION_CACERT };
#define CONSOLE_OPTIONS                                                                            \
	{"url", required_argument, NULL, CONSOLE_OPTION_URL},                                      \
		{"token-file", required_argument, NULL, CONSOLE_OPTION_TOKEN_FILE},                \
		{"cacert", required_argument, NULL, CONSOLE_OPTION_CACERT},                        \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}

/* One of a command's own options.  CONSOLE_OK, or CONSOLE_USAGE after the reason was printed. */
typedef int console_option_fn(void *options, int option, char *value);

/* Gives each option to whom it belongs; optind is then where arguments begin.  An exit code. */
int console_read_options(int argc, char *const *argv, const struct option *known,
			 console_option_fn *take, void *options, struct target_options *target);

/* May colours be used on stdout? */
bool console_colours(void);
/* --color: always, never or auto, which leaves it as it is.  False: it is another word. */
bool console_when(const char *when, bool *colours);

/* ---- The API ------------------------------------------------------------------- */

typedef int console_ask_fn(struct client *client, const struct target *target, void *options);

/* Finds the API and asks it.  The exit code, after the reason was printed. */
int console_ask(const struct target_options *target, console_ask_fn *ask, void *options);

/* ---- The end ------------------------------------------------------------------- */

/* Prints why, and is CONSOLE_FAILED. */
int console_failed(const char *problem);
/* Of what was printed to stdout.  A reader that has gone away is no failure. */
int console_flush(void);

#endif
