/*
 * `tallyd logs [NAME…]`: what containers printed, and with -f what they print.
 *
 * Reads the command line, finds what the names mean (logs_source.c), and either pages through
 * the store (logs_show.c) or reads a stream that begins with the past (logs_follow.c).  Fails if
 * the API does, except that following goes on when it is there again.
 */
#include "logs/logs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

enum { LOGS_MAX_TAIL = 10000 };

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

static int logs_tail(struct logs_options *options, const char *value)
{
	char *end;
	options->tail = strtol(value, &end, 10);
	if (!*value || *end || options->tail < 0 || options->tail > LOGS_MAX_TAIL)
		return logs_wrong("--tail is a number up to 10000", value);
	return CONSOLE_OK;
}

static int logs_option(void *arg, int option, char *value)
{
	struct logs_options *options = arg;
	switch (option) {
	case 'f':
		options->follow = true;
		return CONSOLE_OK;
	case 'P':
		options->plain = true;
		return CONSOLE_OK;
	case 'j':
		options->json = true;
		return CONSOLE_OK;
	case 'S':
		options->since = value;
		return CONSOLE_OK;
	case 'p':
		options->project = value;
		return CONSOLE_OK;
	case 'H':
		options->host = value;
		return CONSOLE_OK;
	case 'n':
		return logs_tail(options, value);
	case 'l':
		if (!logs_add(value, options->levels, &options->n_levels, ", "))
			return logs_wrong("more than 16 levels", value);
		return CONSOLE_OK;
	case 's':
		if (!logs_add(value, options->searches, &options->n_searches, ""))
			return logs_wrong("more than 16 searches", value);
		return CONSOLE_OK;
	default:
		return console_when(value, &options->colours)
			       ? CONSOLE_OK
			       : logs_wrong("--color is always, never or auto", value);
	}
}

static int logs_run(struct client *client, const struct target *target, void *arg)
{
	const struct logs_options *options = arg;
	struct error error;
	struct logs_source source = {0};
	(void)target;
	if (logs_source_find(client, options, &source, &error) < 0) {
		logs_source_done(&source);
		return console_failed(error.text);
	}
	struct logs_printer *printer = logs_printer_create(options, source.several);
	int r;
	if (!printer)
		r = console_failed("out of memory");
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
					      CONSOLE_OPTIONS};
	struct logs_options options = {
		.target.config_path = config_path, .tail = -1, .colours = console_colours()};
	int r = console_read_options(argc, argv, known, logs_option, &options, &options.target);
	options.names = (const char *const *)argv + optind;
	options.n_names = argc - optind;
	return r == CONSOLE_OK ? console_ask(&options.target, logs_run, &options) : r;
}
