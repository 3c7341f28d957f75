/*
 * Lines of the store, oldest first, then the end.  With --since alone page by page as they come;
 * the last N are read newest first and turned round, of the last hour, and if those are too few, of
 * the last day and the last month.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "logs/logs.h"
#include "api/row.h"

enum { SHOW_TAIL = 100 };

struct show {
	struct client *client;
	const struct logs_options *options;
	const struct logs_source *source;
	struct logs_printer *printer;
	struct strbuf path, cursor;
	/* Newest first, to be turned round. */
	struct strbuf rows;
	size_t *begins;
	size_t n_rows, wanted;
	bool incomplete;
};

/* A page; the cursor is that of the next one. */
static bool show_ask(struct show *show, const char *from, const char *order, size_t limit,
		     struct answer *ret)
{
	struct strbuf *path = &show->path;
	strbuf_clear(path);
	strbuf_add(path, "/api/v1/logs?order=%s&limit=%zu", order,
		   limit < ROW_MAX_PAGE ? limit : ROW_MAX_PAGE);
	client_time(path, "from", from);
	if (show->cursor.len)
		client_parameter(path, "cursor", show->cursor.data);
	logs_filters(path, show->options);
	strbuf_bytes(path, show->source->parameters.data ? show->source->parameters.data : "",
		     show->source->parameters.len);
	client_fetch(show->client, path->failed ? "" : path->data, ret);
	return !ret->problem;
}

/* ---- The last N ------------------------------------------------------------------ */

static void show_keep(void *arg, char *json, size_t len)
{
	struct show *show = arg;
	if (show->n_rows == show->wanted || show->rows.failed)
		return;
	show->begins[show->n_rows++] = show->rows.len;
	strbuf_bytes(&show->rows, json, len);
	show->begins[show->n_rows] = show->rows.len;
}

static int show_last_of(struct show *show, const char *from, struct answer *answer)
{
	strbuf_clear(&show->rows);
	strbuf_clear(&show->cursor);
	show->n_rows = 0;
	do {
		if (!show_ask(show, from, "desc", show->wanted - show->n_rows, answer))
			return CONSOLE_FAILED;
		if (!row_list(answer->body, answer->len, show_keep, show, &show->cursor)) {
			answer->problem = "the API's answer is damaged";
			return CONSOLE_FAILED;
		}
	} while (show->n_rows < show->wanted && show->cursor.len);
	return CONSOLE_OK;
}

static int show_last(struct show *show)
{
	static const char *const ranges[] = {"1h", "1d", "30d"};
	struct answer answer;
	const char *since = show->options->since;
	show->begins = calloc(show->wanted + 2, sizeof(*show->begins));
	if (!show->begins)
		return console_failed("out of memory");
	int r = show_last_of(show, since ? since : ranges[0], &answer);
	for (size_t i = 1; r == CONSOLE_OK && !since && show->n_rows < show->wanted && i < 3; i++) {
		r = show_last_of(show, ranges[i], &answer);
		/* The API may be bounded to less (max_query_range_days). */
		if (r != CONSOLE_OK && answer.status == 400)
			r = show_last_of(show, ranges[i - 1], &answer);
	}
	if (r != CONSOLE_OK)
		return console_failed(answer.problem);
	if (show->rows.failed)
		return console_failed("the lines are too long; ask for fewer with --tail");
	for (size_t i = show->n_rows; i-- > 0;)
		logs_print(show->printer, show->rows.data + show->begins[i],
			   show->begins[i + 1] - show->begins[i]);
	return CONSOLE_OK;
}

/* ---- All since then ---------------------------------------------------------------- */

static void show_row(void *arg, char *json, size_t len)
{
	const struct show *show = arg;
	logs_print(show->printer, json, len);
}

static int show_since(struct show *show)
{
	struct answer answer;
	do {
		if (!show_ask(show, show->options->since, "asc", ROW_MAX_PAGE, &answer))
			return console_failed(answer.problem);
		if (!row_list(answer.body, answer.len, show_row, show, &show->cursor))
			return console_failed("the API's answer is damaged");
	} while (show->cursor.len && logs_flush(show->printer));
	return CONSOLE_OK;
}

int logs_show(struct client *client, const struct logs_options *options,
	      const struct logs_source *source, struct logs_printer *printer)
{
	struct show show = {.client = client,
			    .options = options,
			    .source = source,
			    .printer = printer,
			    .wanted = options->tail >= 0 ? (size_t)options->tail : SHOW_TAIL};
	int r = CONSOLE_OK;
	if (options->since && options->tail < 0)
		r = show_since(&show);
	else if (show.wanted > 0)
		r = show_last(&show);
	if (!logs_flush(printer) && !logs_closed(printer))
		r = CONSOLE_FAILED;
	strbuf_done(&show.path);
	strbuf_done(&show.cursor);
	strbuf_done(&show.rows);
	free(show.begins);
	return r;
}
