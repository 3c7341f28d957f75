/* See pages.h.  A page is in memory at a time. */
#include "api/pages.h"

#include <stdio.h>

#include "terminal/text.h"

const char *pages_read(struct client *client, const char *path, row_fn *row, void *arg)
{
	struct strbuf page = {0}, cursor = {0};
	struct answer answer;
	const char *problem = NULL;
	do {
		strbuf_clear(&page);
		strbuf_add(&page, "%s", path);
		if (cursor.len)
			client_parameter(&page, "cursor", cursor.data);
		client_fetch(client, page.failed ? "" : page.data, &answer);
		problem = answer.problem;
		if (!problem && !row_list(answer.body, answer.len, row, arg, &cursor))
			problem = "the API's answer is damaged";
	} while (!problem && cursor.len);
	strbuf_done(&page);
	strbuf_done(&cursor);
	return problem;
}

static void pages_print_row(void *arg, char *json, size_t len)
{
	bool *any = arg;
	struct strbuf shown = {0};
	text_show_json(&shown, json, len);
	printf("%s%s", *any ? "," : "{\"data\":[", shown.data ? shown.data : "null");
	*any = true;
	strbuf_done(&shown);
}

const char *pages_print_json(struct client *client, const char *path)
{
	bool any = false;
	const char *problem = pages_read(client, path, pages_print_row, &any);
	if (!problem)
		printf("%s],\"next_cursor\":null}\n", any ? "" : "{\"data\":[");
	return problem;
}
