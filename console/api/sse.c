/*
 * Lines are collected until they are whole; an empty one ends an event.  A line beyond the bound is
 * left out, since a server that sends one is none of ours.  An id is taken over only with its
 * event, so that what is resumed after is what was handed over.
 */
#include "api/sse.h"

#include <stdio.h>
#include <string.h>

static void sse_field(struct sse *sse, const char *name, const char *value)
{
	if (strcmp(name, "data") == 0) {
		if (sse->data.len && sse->data.len < SSE_MAX_LINE)
			strbuf_bytes(&sse->data, "\n", 1);
		if (sse->data.len < SSE_MAX_LINE)
			strbuf_bytes(&sse->data, value, strlen(value));
	} else if (strcmp(name, "event") == 0) {
		snprintf(sse->name, sizeof(sse->name), "%s", value);
	} else if (strcmp(name, "id") == 0 && strlen(value) < sizeof(sse->next_id)) {
		memcpy(sse->next_id, value, strlen(value) + 1);
	}
}

static void sse_line(struct sse *sse, sse_event_fn *event, void *arg)
{
	char *line = sse->line.data;
	size_t len = sse->line.len;
	if (len && line[len - 1] == '\r')
		line[--len] = '\0';
	if (len == 0) {
		struct sse_event now = {sse->name, sse->data.data, sse->data.len};
		memcpy(sse->id, sse->next_id, strlen(sse->next_id) + 1);
		if (sse->data.len && !sse->data.failed)
			event(arg, &now);
		strbuf_clear(&sse->data);
		sse->name[0] = '\0';
		return;
	}
	char *colon = memchr(line, ':', len);
	if (colon == line) {
		if (len > 1)
			snprintf(sse->comment, sizeof(sse->comment), "%s", line + 1);
		return;
	}
	const char *value = "";
	if (colon) {
		*colon = '\0';
		value = colon + 1 + (colon[1] == ' ');
	}
	sse_field(sse, line, value);
}

void sse_feed(struct sse *sse, const char *bytes, size_t len, sse_event_fn *event, void *arg)
{
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) : len;
		sse->too_long |= sse->line.failed || sse->line.len + part > SSE_MAX_LINE;
		if (!sse->too_long)
			strbuf_bytes(&sse->line, bytes, part);
		bytes += part + (end != NULL);
		len -= part + (end != NULL);
		if (!end)
			continue;
		if (!sse->too_long && sse->line.data)
			sse_line(sse, event, arg);
		sse->too_long = false;
		strbuf_clear(&sse->line);
	}
}

void sse_restart(struct sse *sse)
{
	strbuf_clear(&sse->line);
	strbuf_clear(&sse->data);
	memcpy(sse->next_id, sse->id, strlen(sse->id) + 1);
	sse->name[0] = '\0';
	sse->comment[0] = '\0';
	sse->too_long = false;
}

void sse_done(struct sse *sse)
{
	strbuf_done(&sse->line);
	strbuf_done(&sse->data);
}
