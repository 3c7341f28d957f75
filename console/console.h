/*
 * The commands of this program, which `tallyd` starts in its place: they ask the HTTP API and know
 * nothing of the daemon but that.  Each reads its own command line and returns the exit code.
 */
#ifndef TALLYD_CONSOLE_CONSOLE_H
#define TALLYD_CONSOLE_CONSOLE_H

#include "api/target.h"

/* The values of core/process/exit_code.h. */
enum console_exit { CONSOLE_OK = 0, CONSOLE_FAILED = 1, CONSOLE_USAGE = 2, CONSOLE_CONFIG = 3 };

/* argv[0] is the command's name. */
int console_top(const char *config_path, int argc, char *const *argv);
int console_alerts(const char *config_path, int argc, char *const *argv);
int console_logs(const char *config_path, int argc, char *const *argv);
int console_diff(const char *config_path, int argc, char *const *argv);

/* Options of all, for getopt_long(): true if it was one. */
enum { CONSOLE_OPTION_URL = 1000, CONSOLE_OPTION_TOKEN_FILE, CONSOLE_OPTION_CACERT };
bool console_option(int option, const char *value, struct target_options *options);
#define CONSOLE_OPTIONS                                                                            \
	{"url", required_argument, NULL, CONSOLE_OPTION_URL},                                      \
		{"token-file", required_argument, NULL, CONSOLE_OPTION_TOKEN_FILE},                \
	{                                                                                          \
		"cacert", required_argument, NULL, CONSOLE_OPTION_CACERT                           \
	}
extern const char console_options_help[];

/* The target, or the exit code after the reason was printed. */
int console_target(const struct target_options *options, struct target *ret);

/* May colours be used on stdout? */
bool console_colours(void);
/* --color: always, never or auto, which leaves it as it is.  False: it is another word. */
bool console_when(const char *when, bool *colours);

#endif
