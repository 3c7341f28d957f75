/*
 * The table as plain text, as wide as it takes, or as the API has it.  Rates need two readings, so
 * they come from the trends; the stream is not asked.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "console.h"
#include "api/row.h"
#include "terminal/text.h"
#include "top/top.h"

/* A reader that goes away is no failure. */
static int once_end(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CONSOLE_OK;
	if (errno == EPIPE)
		return CONSOLE_OK;
	fprintf(stderr, "tallyd: cannot write to stdout: %s\n", strerror(errno));
	return CONSOLE_FAILED;
}

/* ---- JSON --------------------------------------------------------------------------- */

static void once_json_row(void *arg, char *json, size_t len)
{
	bool *first = arg;
	struct strbuf shown = {0};
	text_show_json(&shown, json, len);
	printf("%s%s", *first ? "" : ",", shown.data ? shown.data : "null");
	*first = false;
	strbuf_done(&shown);
}

static int once_json(struct client *client)
{
	struct answer answer;
	struct strbuf path = {0}, cursor = {0};
	bool first = true, well = true;
	do {
		strbuf_clear(&path);
		strbuf_add(&path, "/api/v1/containers?limit=1000");
		if (cursor.len)
			client_parameter(&path, "cursor", cursor.data);
		client_fetch(client, path.failed ? "" : path.data, &answer);
		well = !answer.problem;
		if (well && first)
			printf("{\"data\":[");
		well = well && row_list(answer.body, answer.len, once_json_row, &first, &cursor);
	} while (well && cursor.len);
	if (well)
		printf("],\"next_cursor\":null}\n");
	else
		fprintf(stderr, "tallyd: %s\n",
			answer.problem ? answer.problem : "the API's answer is damaged");
	strbuf_done(&path);
	strbuf_done(&cursor);
	return well ? once_end() : CONSOLE_FAILED;
}

/* ---- The table ------------------------------------------------------------------------ */

static void once_print(struct line *line)
{
	char *text = line->text.data ? line->text.data : NULL;
	size_t len = line->text.len;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	printf("%.*s\n", (int)len, text ? text : "");
	line_clear(line);
}

static void once_table(const struct feed *feed, const struct table_view *view)
{
	struct table table;
	struct line line = {0};
	struct table_view now = *view;
	now.now = clock_now();
	if (!table_make(&table, &now, &feed->model, 0))
		return;
	table_head(&table, &now, &line);
	once_print(&line);
	for (size_t i = 0; i < table.n_items; i++) {
		table_line(&table, &now, &table.items[i], &line);
		once_print(&line);
	}
	top_foot(feed, &line);
	once_print(&line);
	table_done(&table);
	line_done(&line);
}

int top_once(struct client *client, const struct table_view *view, bool json)
{
	struct feed feed;
	if (json)
		return once_json(client);
	feed_begin(&feed, client);
	feed.polls = true;
	/* The list, whether it is well, and trends. */
	bool begun = false;
	while (!*feed.problem) {
		feed_tick(&feed);
		begun |= feed.model.loaded;
		if (begun && !feed.list && !feed.ready && !feed.trends && feed.trends_at != 0)
			break;
		client_wait(client, -1, 1000);
	}
	int r = CONSOLE_FAILED;
	if (*feed.problem) {
		fprintf(stderr, "tallyd: %s\n", feed.problem);
	} else {
		once_table(&feed, view);
		r = once_end();
	}
	feed_done(&feed);
	return r;
}
