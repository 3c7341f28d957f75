/*
 * `tallyd diff SERVICE`: the newest change of a service, or that at a time, and what it did.
 *
 *	the newest changes → the first that is a cause, those of the same moment, and how often
 *	the rest happened since → its effect → plain words, or the API's JSON
 *
 * A restart, a full memory or failing health are what changes lead to, so they are counted as what
 * happened since; if there is nothing else, they are the change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/client.h"
#include "api/row.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "console.h"
#include "diff/diff.h"
#include "terminal/text.h"

enum { DIFF_LIST = 200 };

struct diff_options {
	struct target_options target;
	const char *service, *at, *window;
	bool json, colours;
};

/* ---- The command line --------------------------------------------------------------- */

static int diff_wrong(const char *what)
{
	fprintf(stderr, "tallyd diff: %s; try tallyd diff --help\n", what);
	return CONSOLE_USAGE;
}

static int diff_option(void *arg, int option, char *value)
{
	struct diff_options *options = arg;
	switch (option) {
	case 'a':
		options->at = value;
		return CONSOLE_OK;
	case 'w':
		options->window = value;
		return CONSOLE_OK;
	case 'j':
		options->json = true;
		return CONSOLE_OK;
	default:
		if (!console_when(value, &options->colours))
			return diff_wrong("--color is always, never or auto");
		return CONSOLE_OK;
	}
}

/* ---- Which change --------------------------------------------------------------------- */

/* `to` is excluded, and a time that was copied from somewhere is to the second. */
static void diff_until(struct strbuf *path, const char *at)
{
	struct tm parts = {.tm_isdst = -1};
	char text[RFC3339_SIZE];
	int64_t time;
	const char *end = strptime(at, "%Y-%m-%d %H:%M:%S", &parts);
	if (end && !*end) {
		time = (int64_t)mktime(&parts) * CLOCK_SECOND;
	} else if (rfc3339_parse(at, strlen(at), &time) < 0) {
		client_time(path, "to", at);
		return;
	}
	rfc3339_format(time + CLOCK_SECOND, text);
	client_parameter(path, "to", text);
}

static bool is_consequence(const struct change *change)
{
	return json_text_is(&change->kind, "restart") || json_text_is(&change->kind, "oom") ||
	       json_text_is(&change->kind, "health");
}

static bool is_same_text(const struct json_text *a, const struct json_text *b)
{
	return a->len == b->len && (!a->len || memcmp(a->at, b->at, a->len) == 0);
}

static void count_since(struct diff *diff, const struct change *change)
{
	unsigned i = 0;
	while (i < diff->n_since && !is_same_text(&diff->since[i].kind, &change->kind))
		i++;
	if (i == DIFF_KINDS)
		return;
	diff->since[i].kind = change->kind;
	diff->since[i].n++;
	diff->n_since += i == diff->n_since;
}

struct change_list {
	struct change changes[DIFF_LIST];
	unsigned n;
	bool damaged;
};

static void take_change(void *arg, char *json, size_t len)
{
	struct change_list *list = arg;
	if (list->n == DIFF_LIST)
		return;
	list->damaged |= !change_read(json, len, &list->changes[list->n]);
	list->n++;
}

/* What else is different is of another image, as a rule. */
static void put_image_first(struct diff *diff)
{
	for (unsigned i = 1; i < diff->n; i++)
		if (json_text_is(&diff->changes[i].kind, "image")) {
			struct change first = diff->changes[0];
			diff->changes[0] = diff->changes[i];
			diff->changes[i] = first;
		}
}

/* The list has the newest first. */
static void choose(const struct change_list *list, struct diff *diff)
{
	unsigned chosen = 0;
	while (chosen < list->n && is_consequence(&list->changes[chosen]))
		chosen++;
	if (chosen == list->n)
		chosen = 0;
	const struct change *change = &list->changes[chosen];
	for (unsigned i = 0; i < chosen; i++)
		if (is_same_text(&list->changes[i].service, &change->service))
			count_since(diff, &list->changes[i]);
	for (unsigned i = chosen; i < list->n && diff->n < DIFF_CHANGES; i++)
		if (list->changes[i].time == change->time &&
		    is_same_text(&list->changes[i].service, &change->service) &&
		    is_same_text(&list->changes[i].host, &change->host))
			diff->changes[diff->n++] = list->changes[i];
	put_image_first(diff);
}

/* from NULL: as far back as the API looks by itself, a week. */
static int diff_list(struct client *client, const struct diff_options *options, const char *from,
		     struct answer *ret)
{
	struct strbuf path = {0};
	strbuf_add(&path, "/api/v1/changes?limit=%d", DIFF_LIST);
	client_parameter(&path, "service", options->service);
	if (options->at)
		diff_until(&path, options->at);
	if (from)
		client_parameter(&path, "from", from);
	client_fetch(client, path.failed ? "" : path.data, ret);
	strbuf_done(&path);
	return ret->problem ? console_failed(ret->problem) : CONSOLE_OK;
}

static int diff_none(const struct diff_options *options)
{
	struct strbuf name = {0};
	text_show(&name, options->service, strlen(options->service), DIFF_COLUMNS);
	fprintf(stderr, "tallyd: no change of a service \"%s\" is known%s%s\n",
		name.data ? name.data : "", options->at ? " in the week until " : " of the last ",
		options->at ? options->at : "30 days");
	strbuf_done(&name);
	return CONSOLE_FAILED;
}

/* body: what the texts of the changes are in. */
static int diff_find(struct client *client, const struct diff_options *options,
		     struct change_list *list, struct strbuf *body)
{
	static const char *const ranges[] = {NULL, "now-30d"};
	struct strbuf cursor = {0};
	struct answer answer;
	int r = CONSOLE_OK;
	for (int i = 0; r == CONSOLE_OK && list->n == 0 && i < (options->at ? 1 : 2); i++) {
		r = diff_list(client, options, ranges[i], &answer);
		if (r != CONSOLE_OK)
			break;
		strbuf_clear(body);
		strbuf_bytes(body, answer.body, answer.len);
		if (body->failed || !row_list(body->data, body->len, take_change, list, &cursor) ||
		    list->damaged)
			r = console_failed("the API's answer is damaged");
	}
	strbuf_done(&cursor);
	return r == CONSOLE_OK && list->n == 0 ? diff_none(options) : r;
}

/* ---- Its effect ------------------------------------------------------------------------ */

static int diff_effect(struct client *client, const struct diff_options *options, struct diff *diff)
{
	struct strbuf path = {0}, out = {0};
	struct answer answer;
	int r = CONSOLE_OK;
	strbuf_add(&path, "/api/v1/changes/");
	client_escape(&path, diff->changes[0].id.at);
	strbuf_add(&path, "/effect?window=");
	client_escape(&path, diff->window);
	client_fetch(client, path.failed ? "" : path.data, &answer);
	if (answer.problem)
		r = console_failed(answer.problem);
	else if (options->json)
		text_show_json(&out, answer.body, answer.len);
	else if (!effect_read(answer.body, answer.len, &diff->effect))
		r = console_failed("the API's answer is damaged");
	else
		diff_print(diff, &out);
	if (r == CONSOLE_OK && out.failed)
		r = console_failed("out of memory");
	if (r == CONSOLE_OK) {
		printf("%s%s", out.data ? out.data : "", options->json ? "\n" : "");
		r = console_flush();
	}
	strbuf_done(&path);
	strbuf_done(&out);
	return r;
}

static int diff_run(struct client *client, const struct target *target, void *arg)
{
	const struct diff_options *options = arg;
	auto_free struct change_list *list = calloc(1, sizeof(*list));
	auto_free struct diff *diff = calloc(1, sizeof(*diff));
	struct strbuf body = {0};
	(void)target;
	if (!list || !diff)
		return console_failed("out of memory");
	int r = diff_find(client, options, list, &body);
	if (r == CONSOLE_OK) {
		diff->window = options->window;
		diff->colours = options->colours;
		choose(list, diff);
		r = diff_effect(client, options, diff);
	}
	strbuf_done(&body);
	return r;
}

int console_diff(const char *config_path, int argc, char *const *argv)
{
	static const struct option known[] = {{"at", required_argument, NULL, 'a'},
					      {"window", required_argument, NULL, 'w'},
					      {"json", no_argument, NULL, 'j'},
					      {"color", required_argument, NULL, 'C'},
					      CONSOLE_OPTIONS};
	struct diff_options options = {
		.target.config_path = config_path, .window = "1h", .colours = console_colours()};
	int r = console_read_options(argc, argv, known, diff_option, &options, &options.target);
	if (r == CONSOLE_OK && (argc - optind != 1 || !*argv[optind]))
		r = diff_wrong("which service? One, as shop/web");
	if (r != CONSOLE_OK)
		return r;
	options.service = argv[optind];
	return console_ask(&options.target, diff_run, &options);
}
