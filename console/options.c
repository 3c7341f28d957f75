/*
 * What the commands of this program have in common on their command lines: which API they ask, and
 * whether they may use colours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

const char console_options_help[] =
	"  --url URL          the API's address (TALLYD_URL); default: the [output.http_api] of\n"
	"                     the configuration, with its token and certificate\n"
	"  --token-file FILE  a token for it (TALLYD_TOKEN_FILE; or TALLYD_TOKEN, the token)\n"
	"  --cacert FILE      trust certificates that this one has signed (TALLYD_CACERT)\n";

bool console_option(int option, const char *value, struct target_options *options)
{
	if (option == CONSOLE_OPTION_URL)
		options->url = value;
	else if (option == CONSOLE_OPTION_TOKEN_FILE)
		options->token_file = value;
	else if (option == CONSOLE_OPTION_CACERT)
		options->ca_file = value;
	else
		return false;
	return true;
}

int console_target(const struct target_options *options, struct target *ret)
{
	struct error error;
	if (target_find(options, ret, &error) == 0)
		return CONSOLE_OK;
	fprintf(stderr, "tallyd: %s\n", error.text);
	return CONSOLE_CONFIG;
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
