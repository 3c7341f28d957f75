/* A ring; a new line takes the place of the oldest. */
#include "terminal/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "api/row.h"
#include "terminal/text.h"

static void backlog_add(struct backlog *log, const char *time, char letter, const char *text,
			size_t len)
{
	struct strbuf shown = {0};
	strbuf_add(&shown, "%s ", time);
	text_show_line(&shown, text, len, BACKLOG_COLUMNS);
	if (shown.failed) {
		strbuf_done(&shown);
		return;
	}
	size_t at = (log->first + log->n) % BACKLOG_LINES;
	if (log->n == BACKLOG_LINES)
		log->first = (log->first + 1) % BACKLOG_LINES;
	else
		log->n++;
	free(log->lines[at].text);
	log->lines[at] = (struct backlog_line){shown.data, letter};
}

void backlog_row(struct backlog *log, char *json, size_t len)
{
	struct row row;
	char time[40];
	if (!row_read(json, len, &row))
		return;
	row_time(row.time, time, sizeof(time));
	const char *at = row.message.at ? row.message.at : "";
	const char *end = at + row.message.len;
	for (bool first = true; first || at < end; first = false) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		if (!line)
			line = end;
		/* The time of day will do: what is shown is recent. */
		backlog_add(log, first && strlen(time) > 11 ? time + 11 : "            ",
			    row_letter(&row.level), at, (size_t)(line - at));
		at = line < end ? line + 1 : end;
	}
}

const struct backlog_line *backlog_at(const struct backlog *log, size_t back)
{
	return back < log->n ? &log->lines[(log->first + log->n - 1 - back) % BACKLOG_LINES] : NULL;
}

void backlog_done(struct backlog *log)
{
	for (size_t i = 0; i < BACKLOG_LINES; i++)
		free(log->lines[i].text);
	*log = (struct backlog){0};
}
