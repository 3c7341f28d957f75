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
#include "base/json_writer.h"
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

/* name: of the socket. */
static int status_ask(const struct command_line *line, const char *name, char **ret,
		      struct error *error)
{
	auto_free char *state_dir = NULL;
	int64_t deadline =
		clock_monotonic() + command_number(line, "timeout", STATUS_TIMEOUT) * CLOCK_SECOND;
	int r = status_state_dir(line, &state_dir);
	if (r != COMMAND_OK) {
		error_set(error, EINVAL, "the configuration is wrong");
		return r;
	}
	return status_socket_ask(state_dir, name, deadline, ret, error) < 0 ? COMMAND_FAILED
									    : COMMAND_OK;
}

int command_status(const struct command_line *line)
{
	auto_free char *answer = NULL;
	char *json, *lines;
	struct error error;
	int r = status_ask(line, STATUS_SOCKET, &answer, &error);
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

/* Cuts the answer to its verdict: the last line, or of a daemon that has no such socket, since it
 * starts or stops, what it says of its health. */
static const char *ready_verdict(char *answer, bool of_ready)
{
	char *end = answer + strlen(answer);
	if (!of_ready) {
		answer[strcspn(answer, "\n")] = '\0';
		return strcmp(answer, "healthy") != 0 ? answer : "unready it has no socket to ask";
	}
	while (end > answer && *--end != '\n')
		;
	*end = '\0';
	char *last = strrchr(answer, '\n');
	return last ? last + 1 : answer;
}

static void ready_print(const char *verdict, bool ready, bool as_json)
{
	struct json_writer json;
	const char *reason = strchr(verdict, ' ');
	if (!as_json) {
		printf("%s\n", verdict);
		return;
	}
	json_writer_init(&json, STATUS_ANSWER_MAX);
	json_begin_object(&json);
	json_write_key(&json, "ready");
	json_write_bool(&json, ready);
	json_write_key(&json, "reason");
	json_write_string(&json, reason ? reason + 1 : NULL);
	json_end_object(&json);
	printf("%.*s\n", (int)json.len, json.data);
	json_writer_done(&json);
}

static int healthcheck_ready(const struct command_line *line)
{
	auto_free char *answer = NULL;
	struct error error = {0};
	bool as_json = command_value(line, "json") != NULL, of_ready = true;
	int r = status_ask(line, READY_SOCKET, &answer, &error);
	if (r == COMMAND_FAILED && (error.code == ENOENT || error.code == ECONNREFUSED)) {
		of_ready = false;
		r = status_ask(line, STATUS_SOCKET, &answer, &error);
	}
	if (r != COMMAND_OK) {
		fprintf(as_json ? stderr : stdout, "%s%s\n",
			as_json ? "tallyd healthcheck: " : "unready ", error.text);
		return r;
	}
	const char *verdict = ready_verdict(answer, of_ready);
	bool ready = strcmp(verdict, "ready") == 0;
	ready_print(verdict, ready, as_json);
	return ready ? COMMAND_OK : COMMAND_WRONG;
}

static int healthcheck_healthy(const struct command_line *line)
{
	auto_free char *answer = NULL;
	char *json = NULL, *lines = NULL;
	struct error error;
	int r = status_ask(line, STATUS_SOCKET, &answer, &error);
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

/* One line in any case, on stdout, where Docker looks for it. */
int command_healthcheck(const struct command_line *line)
{
	bool ready = command_value(line, "ready") != NULL;
	if (ready && command_value(line, "live")) {
		fprintf(stderr, "tallyd healthcheck: --live and --ready exclude each other\n");
		return COMMAND_USAGE;
	}
	return ready ? healthcheck_ready(line) : healthcheck_healthy(line);
}
