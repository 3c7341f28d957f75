/* What the files of `tallyd top` share. */
#ifndef TALLYD_CONSOLE_TOP_H
#define TALLYD_CONSOLE_TOP_H

#include <stdbool.h>

#include "top/detail.h"
#include "top/feed.h"
#include "terminal/line.h"
#include "top/table.h"

struct top {
	const char *url;
	struct feed feed;
	struct table_view view;
	struct table table;
	size_t at, first; /* the item that the cursor is on, the first that is shown */
	uint64_t at_key;  /* what it is, so that the cursor stays on it */
	bool filtering, help, quit;
	char filter_before[TABLE_FILTER_SIZE];
	struct detail *detail; /* NULL: the table is shown */
	size_t log_back;       /* lines that the log is scrolled back */
	bool sort_due;         /* the order is made anew */
	int64_t sorted_at;     /* monotonic */
};

/* ---- Plain text, or what the API says ---------------------------------------------- */

int top_once(struct client *client, const struct table_view *view, bool json);

/* ---- Drawing ------------------------------------------------------------------------- */

/* Sorts and filters anew; the cursor stays on what it is on. */
bool top_arrange(struct top *top);
void top_draw(struct top *top);

/* "6 running · 1 unhealthy · newest reading 2 s ago", or what is wrong. */
void top_foot(const struct feed *feed, struct line *line);

void top_draw_detail(struct top *top, struct line *line);

/* ---- Keys ----------------------------------------------------------------------------- */

/* What a key does.  client: for requests of what it opens. */
void top_key(struct top *top, struct client *client, unsigned key);

#endif
