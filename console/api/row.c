/*
 * Rows of /logs, by the JSON reader: their texts are decoded in place, so a page of thousands costs
 * no memory besides its body.
 */
#include "api/row.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rfc3339.h"

bool row_read_texts(char *json, size_t len, const struct row_text *wanted, size_t n)
{
	struct json_reader reader;
	struct json_text key;
	json_reader_init(&reader, json, len);
	json_enter_object(&reader);
	while (json_next_key(&reader, &key)) {
		size_t i = 0;
		while (i < n && !json_text_is(&key, wanted[i].key))
			i++;
		if (i < n)
			json_read_text(&reader, wanted[i].text);
		else
			json_skip(&reader);
	}
	return json_finish(&reader);
}

bool row_read(char *json, size_t len, struct row *ret)
{
	struct json_text time = {0};
	const struct row_text wanted[] = {{"time", &time},
					  {"host", &ret->host},
					  {"name", &ret->name},
					  {"container_id", &ret->container_id},
					  {"message", &ret->message},
					  {"level", &ret->level}};
	*ret = (struct row){0};
	if (!row_read_texts(json, len, wanted, sizeof(wanted) / sizeof(*wanted)))
		return false;
	if (time.at && rfc3339_parse(time.at, time.len, &ret->time) < 0)
		ret->time = 0;
	return true;
}

void row_time(int64_t time, char *ret, size_t size)
{
	char text[32];
	struct tm parts;
	time_t seconds = time / CLOCK_SECOND;
	if (!time || !localtime_r(&seconds, &parts) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
		snprintf(ret, size, "%-23s", "-");
	else
		snprintf(ret, size, "%s.%03d", text, (int)(time % CLOCK_SECOND / CLOCK_MS));
}

char row_letter(const struct json_text *level)
{
	static const char *const levels[] = {"trace",   "debug", "info",    "notice",
					     "warning", "error", "critical"};
	for (size_t i = 0; level->at && i < sizeof(levels) / sizeof(*levels); i++)
		if (json_text_is(level, levels[i]))
			return (char)(levels[i][0] - 'a' + 'A');
	return ' ';
}

bool row_list(char *body, size_t len, row_fn *row, void *arg, struct strbuf *ret_cursor)
{
	struct json_reader reader;
	struct json_text key, text;
	json_reader_init(&reader, body, len);
	strbuf_clear(ret_cursor);
	json_enter_object(&reader);
	while (json_next_key(&reader, &key)) {
		if (json_text_is(&key, "data")) {
			json_enter_array(&reader);
			while (json_next_item(&reader))
				if (json_read_raw(&reader, &text))
					row(arg, body + (text.at - body), text.len);
		} else if (json_text_is(&key, "next_cursor")) {
			if (json_read_text(&reader, &text) && text.at)
				strbuf_bytes(ret_cursor, text.at, text.len);
		} else {
			json_skip(&reader);
		}
	}
	return json_finish(&reader);
}
