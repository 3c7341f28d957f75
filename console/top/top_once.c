/*
 * The table as plain text, as wide as it takes, or as the API has it.  Rates need two readings, so
 * they come from the trends; the stream is not asked.
 */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "console.h"
#include "api/pages.h"
#include "top/top.h"

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
	if (json) {
		const char *problem = pages_print_json(client, "/api/v1/containers?limit=1000");
		return problem ? console_failed(problem) : console_flush();
	}
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
	if (!*feed.problem)
		once_table(&feed, view);
	int r = *feed.problem ? console_failed(feed.problem) : console_flush();
	feed_done(&feed);
	return r;
}
