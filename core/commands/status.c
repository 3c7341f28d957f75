/*
 * `tallyd status` and `tallyd healthcheck`: ask the running daemon through the socket in its
 * state_dir (status_socket.h), so they need neither an HTTP API nor a signal, and a worker without
 * an API can be checked like any other.  Main thread.
 *
 * Of the configuration only [tallyd] is looked at: a mistake that somebody has just made elsewhere
 * in it must not make a healthy daemon look ill.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "commands/command.h"
#include "instance/plan.h"
#include "runtime/status_socket.h"

enum { STATUS_TIMEOUT = 4 }; /* seconds */

/* Prints what is wrong with [tallyd]. */
static int status_state_dir(const struct command_line *line, char **ret)
{
	struct problems problems, ignored;
	struct plan_globals globals;
	struct options *options;
	struct config *config = NULL;
	problems_init(&problems);
	problems_init(&ignored);
	(void)config_read(line->config_path, &config, &ignored);
	int r = COMMAND_CONFIG;
	if (config && plan_read_globals(config, &globals, &options, &problems) == 0) {
		*ret = strdup(globals.state_dir);
		r = *ret ? COMMAND_OK : COMMAND_FAILED;
		options_destroy(options);
	}
	const struct problems *shown = config ? &problems : &ignored;
	for (size_t i = 0; r != COMMAND_OK && i < shown->n; i++)
		fprintf(stderr, "%s\n", shown->texts[i]);
	config_destroy(config);
	problems_done(&problems);
	problems_done(&ignored);
	return r;
}

/* Cuts the answer into its parts: a line, a line, the rest. */
static bool status_parts(char *answer, char **ret_json, char **ret_lines)
{
	char *json = strchr(answer, '\n');
	char *lines = json ? strchr(json + 1, '\n') : NULL;
	if (!lines)
		return false;
	*json = *lines = '\0';
	*ret_json = json + 1;
	*ret_lines = lines + 1;
	return true;
}

static int status_ask(const struct command_line *line, char **ret, struct error *error)
{
	auto_free char *state_dir = NULL;
	int64_t deadline =
		clock_monotonic() + command_number(line, "timeout", STATUS_TIMEOUT) * CLOCK_SECOND;
	int r = status_state_dir(line, &state_dir);
	if (r != COMMAND_OK) {
		snprintf(error->text, sizeof(error->text), "the configuration is wrong");
		return r;
	}
	return status_socket_ask(state_dir, deadline, ret, error) < 0 ? COMMAND_FAILED : COMMAND_OK;
}

int command_status(const struct command_line *line)
{
	auto_free char *answer = NULL;
	char *json, *lines;
	struct error error;
	int r = status_ask(line, &answer, &error);
	if (r == COMMAND_OK && !status_parts(answer, &json, &lines)) {
		error_set(&error, EPROTO, "the answer is incomplete");
		r = COMMAND_FAILED;
	}
	if (r != COMMAND_OK) {
		fprintf(stderr, "tallyd status: %s\n", error.text);
		return r;
	}
	if (command_value(line, "json"))
		printf("%s\n", json);
	else
		printf("%s\n%s", answer, lines);
	return COMMAND_OK;
}

/* One line in any case, on stdout, where Docker looks for it. */
int command_healthcheck(const struct command_line *line)
{
	auto_free char *answer = NULL;
	char *json = NULL, *lines = NULL;
	struct error error;
	int r = status_ask(line, &answer, &error);
	if (r == COMMAND_OK && !status_parts(answer, &json, &lines)) {
		error_set(&error, EPROTO, "the answer is incomplete");
		r = COMMAND_FAILED;
	}
	bool asked = r == COMMAND_OK && answer && json;
	/* Whoever restarts what is not live gains nothing while a database is down. */
	if (asked && !command_value(line, "live") && strcmp(answer, "healthy") != 0)
		r = COMMAND_WRONG;
	if (!command_value(line, "json"))
		printf("%s%s\n", asked ? "" : "unhealthy ", asked ? answer : error.text);
	else if (asked)
		printf("%s\n", json);
	else
		fprintf(stderr, "tallyd healthcheck: %s\n", error.text);
	return r;
}
