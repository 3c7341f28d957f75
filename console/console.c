/*
 * What the commands of this program have in common: which API they ask, whether they may use
 * colours, and how they end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

/* ---- The command line ---------------------------------------------------------- */

static bool console_target_option(int option, const char *value, struct target_options *target)
{
	if (option == CONSOLE_OPTION_URL)
		target->url = value;
	else if (option == CONSOLE_OPTION_TOKEN_FILE)
		target->token_file = value;
	else if (option == CONSOLE_OPTION_CACERT)
		target->ca_file = value;
	else
		return false;
	return true;
}

int console_read_options(int argc, char *const *argv, const struct option *known,
			 console_option_fn *take, void *options, struct target_options *target)
{
	int option, r = CONSOLE_OK;
	while (r == CONSOLE_OK && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == '?')
			r = CONSOLE_USAGE;
		else if (!console_target_option(option, optarg, target))
			r = take(options, option, optarg);
	}
	return r;
}

/* https://no-color.org: set and not empty. */
bool console_colours(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(none && *none) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

bool console_when(const char *when, bool *colours)
{
	if (strcmp(when, "always") == 0)
		*colours = true;
	else if (strcmp(when, "never") == 0)
		*colours = false;
	else
		return strcmp(when, "auto") == 0;
	return true;
}

/* ---- The API ------------------------------------------------------------------- */

int console_ask(const struct target_options *target_options, console_ask_fn *ask, void *options)
{
	struct target target;
	struct error error;
	if (target_find(target_options, &target, &error) < 0) {
		fprintf(stderr, "tallyd: %s\n", error.text);
		return CONSOLE_CONFIG;
	}
	/* A reader that goes away is seen by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	struct client *client = client_create(&target);
	int r = client ? ask(client, &target, options) : console_failed("out of memory");
	client_destroy(client);
	target_done(&target);
	return r;
}

/* ---- The end ------------------------------------------------------------------- */

int console_failed(const char *problem)
{
	fprintf(stderr, "tallyd: %s\n", problem);
	return CONSOLE_FAILED;
}

int console_flush(void)
{
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
		return CONSOLE_OK;
	fprintf(stderr, "tallyd: cannot write to stdout: %s\n", strerror(errno));
	return CONSOLE_FAILED;
}
