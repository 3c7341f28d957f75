/*
 * `tallyd logs [NAME…]`: what containers printed, and with -f what they print.
 *
 * Reads the command line, finds what the names mean (logs_source.c), and either pages through
 * the store (logs_show.c) or reads a stream that begins with the past (logs_follow.c).  Fails if
 * the API does, except that following goes on when it is there again.
 */
#include "logs/logs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

enum { LOGS_MAX_TAIL = 10000 };

static void logs_usage(FILE *file)
{
	fprintf(file,
		"usage: tallyd logs [-f] [--since 10m] [--tail N] [--level LEVEL] [--search TEXT]\n"
		"                   [--json] [NAME…]\n\n"
		"What containers printed, oldest line first.  NAME is a container's name or the\n"
		"beginning of its id, a pattern with * and ?, or a compose project; without one,\n"
		"all containers.\n\n"
		"  -f, --follow       go on with new lines, without a hole or a line twice\n"
		"  -n, --tail N       the last N lines (100 without --since; at most %d)\n"
		"  --since TIME       lines from then on: 10m, 2h, or 2026-01-31T12:00:00Z\n"
		"  -l, --level LEVEL  only of this level; may be repeated: any of them\n"
		"  -s, --search TEXT  only with this text; may be repeated: all of them\n"
		"  -p, --project P    only of this compose project\n"
		"  --host HOST        only of this host\n"
		"  --plain            the messages alone\n"
		"  --json             one JSON object a line, as the API has it\n"
		"  --color WHEN       always, never, or auto: on a terminal, unless NO_COLOR is "
		"set\n"
		"%s\n"
		"A letter before the message is its level: Trace Debug Info Notice Warning Error\n"
		"Critical.\n"
		"exit codes: 0 success, 1 failure or no such container, 2 the command line is "
		"wrong,\n"
		"3 there is no address of an API\n",
		LOGS_MAX_TAIL, console_options_help);
}

static int logs_wrong(const char *what, const char *value)
{
	fprintf(stderr, "tallyd logs: %s: %s; try tallyd logs --help\n", value, what);
	return CONSOLE_USAGE;
}

/* Several with commas between them are several: --level error,critical. */
static bool logs_add(char *words, const char **list, int *n, const char *delimiters)
{
	char *rest;
	for (char *word = strtok_r(words, delimiters, &rest); word;
	     word = strtok_r(NULL, delimiters, &rest)) {
		if (*n == 16)
			return false;
		list[(*n)++] = word;
	}
	return true;
}

static int logs_option(int option, char *value, struct logs_options *options)
{
	char *end;
	switch (option) {
	case 'f':
		options->follow = true;
		return 0;
	case 'n':
		options->tail = strtol(value, &end, 10);
		if (!*value || *end || options->tail < 0 || options->tail > LOGS_MAX_TAIL)
			return logs_wrong("--tail is a number up to 10000", value);
		return 0;
	case 'l':
		if (!logs_add(value, options->levels, &options->n_levels, ", "))
			return logs_wrong("more than 16 levels", value);
		return 0;
	case 's':
		if (!logs_add(value, options->searches, &options->n_searches, ""))
			return logs_wrong("more than 16 searches", value);
		return 0;
	case 'C':
		return console_when(value, &options->colours)
			       ? 0
			       : logs_wrong("--color is always, never or auto", value);
	default:
		return CONSOLE_USAGE;
	}
}

static int logs_read_options(int argc, char *const *argv, struct logs_options *options)
{
	static const struct option known[] = {{"follow", no_argument, NULL, 'f'},
					      {"tail", required_argument, NULL, 'n'},
					      {"since", required_argument, NULL, 'S'},
					      {"level", required_argument, NULL, 'l'},
					      {"search", required_argument, NULL, 's'},
					      {"project", required_argument, NULL, 'p'},
					      {"host", required_argument, NULL, 'H'},
					      {"plain", no_argument, NULL, 'P'},
					      {"json", no_argument, NULL, 'j'},
					      {"color", required_argument, NULL, 'C'},
					      {"help", no_argument, NULL, 'h'},
					      CONSOLE_OPTIONS,
					      {NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "fn:l:s:p:h", known, NULL)) != -1) {
		if (console_option(option, optarg, &options->target))
			continue;
		if (option == 'h') {
			logs_usage(stdout);
			return -1;
		}
		if (option == 'S')
			options->since = optarg;
		else if (option == 'p')
			options->project = optarg;
		else if (option == 'H')
			options->host = optarg;
		else if (option == 'P')
			options->plain = true;
		else if (option == 'j')
			options->json = true;
		else if (option == '?' || logs_option(option, optarg, options) != 0)
			return CONSOLE_USAGE;
	}
	options->names = (const char *const *)argv + optind;
	options->n_names = argc - optind;
	return 0;
}

static int logs_run(struct client *client, const struct logs_options *options)
{
	struct error error;
	struct logs_source source = {0};
	if (logs_source_find(client, options, &source, &error) < 0) {
		fprintf(stderr, "tallyd: %s\n", error.text);
		logs_source_done(&source);
		return CONSOLE_FAILED;
	}
	struct logs_printer *printer = logs_printer_create(options, source.several);
	int r = CONSOLE_FAILED;
	if (!printer)
		fprintf(stderr, "tallyd: out of memory\n");
	else if (options->follow)
		r = logs_follow(client, options, &source, printer);
	else
		r = logs_show(client, options, &source, printer);
	logs_printer_destroy(printer);
	logs_source_done(&source);
	return r;
}

int console_logs(const char *config_path, int argc, char *const *argv)
{
	struct logs_options options = {
		.target.config_path = config_path, .tail = -1, .colours = console_colours()};
	struct target target;
	int r = logs_read_options(argc, argv, &options);
	if (r != 0)
		return r < 0 ? CONSOLE_OK : r;
	r = console_target(&options.target, &target);
	if (r != CONSOLE_OK)
		return r;
	/* A reader that goes away is seen by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	struct client *client = client_create(&target);
	if (client)
		r = logs_run(client, &options);
	else
		r = CONSOLE_FAILED;
	client_destroy(client);
	target_done(&target);
	return r;
}
