/*
 * `tallyd alerts`: what fires and what is pending, of all rules and subjects, as the API has it;
 * with --all also the last state of those that are over.
 */
#include <stdio.h>
#include <string.h>

#include "api/pages.h"
#include "base/rfc3339.h"
#include "console.h"
#include "terminal/text.h"

struct alerts_options {
	struct target_options target;
	const char *rule;
	bool all, json;
};

static int alerts_option(void *arg, int option, char *value)
{
	struct alerts_options *options = arg;
	if (option == 'a')
		options->all = true;
	else if (option == 'r')
		options->rule = value;
	else
		options->json = true;
	return CONSOLE_OK;
}

/* ---- The table --------------------------------------------------------------- */

struct shown {
	struct json_text state, severity, since, rule, subject, summary;
};

static bool shown_read(char *json, size_t len, struct shown *ret)
{
	const struct row_text wanted[] = {{"state", &ret->state},     {"severity", &ret->severity},
					  {"since", &ret->since},     {"rule", &ret->rule},
					  {"subject", &ret->subject}, {"summary", &ret->summary}};
	*ret = (struct shown){0};
	return row_read_texts(json, len, wanted, sizeof(wanted) / sizeof(*wanted));
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

static const char *alerts_print(struct client *client, const char *path,
				const struct alerts_options *options)
{
	bool any = false;
	if (options->json)
		return pages_print_json(client, path);
	const char *problem = pages_read(client, path, print_alert, &any);
	if (!problem && !any)
		printf("%s\n", options->all ? "no alerts" : "nothing fires");
	return problem;
}

static int alerts_run(struct client *client, const struct target *target, void *arg)
{
	const struct alerts_options *options = arg;
	struct strbuf path = {0};
	(void)target;
	strbuf_add(&path, "/api/v1/alerts?limit=%d", ROW_MAX_PAGE);
	if (!options->all)
		strbuf_add(&path, "&state=firing&state=pending");
	if (options->rule)
		client_parameter(&path, "name", options->rule);
	const char *problem =
		path.failed ? "out of memory" : alerts_print(client, path.data, options);
	int r = problem ? console_failed(problem) : console_flush();
	strbuf_done(&path);
	return r;
}

int console_alerts(const char *config_path, int argc, char *const *argv)
{
	static const struct option known[] = {{"all", no_argument, NULL, 'a'},
					      {"rule", required_argument, NULL, 'r'},
					      {"json", no_argument, NULL, 'j'},
					      CONSOLE_OPTIONS};
	struct alerts_options options = {.target.config_path = config_path};
	int r = console_read_options(argc, argv, known, alerts_option, &options, &options.target);
	return r == CONSOLE_OK ? console_ask(&options.target, alerts_run, &options) : r;
}
