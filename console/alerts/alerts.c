/*
 * `tallyd alerts`: what fires and what is pending, of all rules and subjects, as the API has it;
 * with
 * --all also what every alert said last that is over.  One question, one table.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/client.h"
#include "api/row.h"
#include "base/json_reader.h"
#include "base/rfc3339.h"
#include "console.h"
#include "terminal/text.h"

struct alerts_options {
	struct target_options target;
	const char *rule;
	bool all, json;
};

static void alerts_usage(FILE *file)
{
	fprintf(file,
		"usage: tallyd alerts [list] [--all] [--rule NAME] [--json]\n\n"
		"What fires and what is pending, the newest first.\n\n"
		"  -a, --all          also those that are over\n"
		"  --rule NAME        only of this rule, or of a pattern with * and ?\n"
		"  --json             what the API says of them\n"
		"%s\n"
		"exit codes: 0 success, 1 failure, 2 the command line is wrong, 3 there is no "
		"address of an API\n",
		console_options_help);
}

static int alerts_read_options(int argc, char *const *argv, struct alerts_options *options)
{
	static const struct option known[] = {{"all", no_argument, NULL, 'a'},
					      {"rule", required_argument, NULL, 'r'},
					      {"json", no_argument, NULL, 'j'},
					      {"help", no_argument, NULL, 'h'},
					      CONSOLE_OPTIONS,
					      {NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "ah", known, NULL)) != -1) {
		if (console_option(option, optarg, &options->target))
			continue;
		if (option == 'h') {
			alerts_usage(stdout);
			return -1;
		}
		if (option == 'a')
			options->all = true;
		else if (option == 'r')
			options->rule = optarg;
		else if (option == 'j')
			options->json = true;
		else
			return CONSOLE_USAGE;
	}
	return CONSOLE_OK;
}

/* ---- The table --------------------------------------------------------------- */

struct shown {
	struct json_text state, severity, since, rule, subject, summary;
};

static bool shown_read(char *json, size_t len, struct shown *ret)
{
	struct json_reader reader;
	struct json_text key;
	*ret = (struct shown){0};
	const struct {
		const char *key;
		struct json_text *text;
	} wanted[] = {{"state", &ret->state},     {"severity", &ret->severity},
		      {"since", &ret->since},     {"rule", &ret->rule},
		      {"subject", &ret->subject}, {"summary", &ret->summary}};
	json_reader_init(&reader, json, len);
	json_enter_object(&reader);
	while (json_next_key(&reader, &key)) {
		struct json_text *text = NULL;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted) && !text; i++)
			if (json_text_is(&key, wanted[i].key))
				text = wanted[i].text;
		if (text)
			json_read_text(&reader, text);
		else
			json_skip(&reader);
	}
	return json_finish(&reader);
}

/* What a container is called may hold anything, also what a terminal would obey. */
static void print_cell(const struct json_text *text, int width)
{
	struct strbuf safe = {0};
	size_t shown = text_show(&safe, text->at ? text->at : "-", text->at ? text->len : 1,
				 TEXT_UNBOUNDED);
	int pad = width > (int)shown ? width - (int)shown : 0;
	printf("%s%*s", safe.data ? safe.data : "", width ? pad + 2 : 0, "");
	strbuf_done(&safe);
}

static void print_alert(void *arg, char *json, size_t len)
{
	struct shown alert;
	char since[32] = "-";
	int64_t time;
	bool *any = arg;
	if (!shown_read(json, len, &alert))
		return;
	if (!*any)
		printf("%-8s  %-8s  %-19s  %-20s  %-24s  %s\n", "STATE", "SEVERITY", "SINCE",
		       "RULE", "SUBJECT", "SUMMARY");
	*any = true;
	if (alert.since.at && rfc3339_parse(alert.since.at, alert.since.len, &time) == 0) {
		row_time(time, since, sizeof(since));
		since[strcspn(since, ".")] = '\0';
	}
	print_cell(&alert.state, 8);
	print_cell(&alert.severity, 8);
	printf("%-19s  ", since);
	print_cell(&alert.rule, 20);
	print_cell(&alert.subject, 24);
	print_cell(&alert.summary, 0);
	printf("\n");
}

static int alerts_print(const struct alerts_options *options, const struct answer *answer)
{
	struct strbuf cursor = {0};
	bool any = false, well = true;
	struct strbuf json = {0};
	if (options->json)
		text_show_json(&json, answer->body, answer->len);
	if (options->json)
		printf("%s\n", json.data ? json.data : "");
	else
		well = row_list(answer->body, answer->len, print_alert, &any, &cursor);
	strbuf_done(&cursor);
	strbuf_done(&json);
	if (!well)
		fprintf(stderr, "tallyd: the API's answer is damaged\n");
	else if (!options->json && !any)
		printf("%s\n", options->all ? "no alerts" : "nothing fires");
	return well && fflush(stdout) == 0 ? CONSOLE_OK : CONSOLE_FAILED;
}

static int alerts_run(struct client *client, const struct alerts_options *options)
{
	struct answer answer;
	struct strbuf path = {0};
	int r = CONSOLE_FAILED;
	strbuf_add(&path, "/api/v1/alerts?limit=10000");
	if (!options->all)
		strbuf_add(&path, "&state=firing&state=pending");
	if (options->rule)
		client_parameter(&path, "name", options->rule);
	client_fetch(client, path.failed ? "" : path.data, &answer);
	if (answer.problem)
		fprintf(stderr, "tallyd: %s\n", answer.problem);
	else
		r = alerts_print(options, &answer);
	strbuf_done(&path);
	return r;
}

int console_alerts(const char *config_path, int argc, char *const *argv)
{
	struct alerts_options options = {.target.config_path = config_path};
	struct target target;
	int r = alerts_read_options(argc, argv, &options);
	if (r != CONSOLE_OK)
		return r < 0 ? CONSOLE_OK : r;
	r = console_target(&options.target, &target);
	if (r != CONSOLE_OK)
		return r;
	signal(SIGPIPE, SIG_IGN);
	struct client *client = client_create(&target);
	r = client ? alerts_run(client, &options) : CONSOLE_FAILED;
	client_destroy(client);
	target_done(&target);
	return r;
}
