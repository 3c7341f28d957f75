/*
 * What a terminal gets of foreign bytes: no control character, valid UTF-8, never wider than
 * allowed. The same bytes are an answer of an API: a list, a reading, a stream of events.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal/backlog.h"
#include "base/utf8.h"
#include "top/model.h"
#include "api/row.h"
#include "api/sse.h"
#include "terminal/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_shown(const struct strbuf *out, size_t width, size_t columns)
{
	const char *text = out->data ? out->data : "";
	must(utf8_valid(text, out->len) && width <= columns && text_width(text) == width);
	for (size_t i = 0; i < out->len; i++) {
		const unsigned char *byte = (const unsigned char *)text + i;
		must(byte[0] >= 0x20 && byte[0] != 0x7f);
		must(byte[0] != 0xc2 || byte[1] >= 0xa0);
	}
}

static void take_event(void *arg, const struct sse_event *event)
{
	struct model *model = arg;
	struct backlog log = {0};
	model_reading(model, event->data, event->len);
	backlog_row(&log, event->data, event->len);
	for (size_t i = 0; i < log.n; i++) {
		struct strbuf line = {.data = log.lines[i].text, .len = strlen(log.lines[i].text)};
		check_shown(&line, text_width(line.data), SIZE_MAX);
	}
	backlog_done(&log);
}

static void take_row(void *arg, char *json, size_t len)
{
	model_list_row(arg, json, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct model model = {0};
	struct sse sse = {0};
	struct strbuf cursor = {0};
	char *copy = malloc(size + 1);
	static bool begun;
	if (!begun)
		text_init(); /* widths are the locale's */
	begun = true;
	for (size_t columns = 0; columns < 12; columns += 3) {
		struct strbuf out = {0};
		check_shown(&out, text_show(&out, text, size, columns), columns);
		strbuf_clear(&out);
		check_shown(&out, text_show_line(&out, text, size, columns), columns);
		strbuf_done(&out);
	}
	memcpy(copy, data, size);
	copy[size] = '\0';
	model_list_begin(&model);
	row_list(copy, size, take_row, &model, &cursor);
	model_list_end(&model);
	memcpy(copy, data, size);
	model_trends(&model, copy, size);
	sse_feed(&sse, text, size, take_event, &model);
	for (size_t i = 0; i < model.n; i++) {
		char note[128];
		container_note(model.containers[i], note, sizeof(note));
	}
	free(copy);
	strbuf_done(&cursor);
	sse_done(&sse);
	model_done(&model);
	return 0;
}
