/*
 * Doubles its memory as it grows, and fails for good at a bound, so that a statement or an answer
 * that runs away is refused instead of taking all memory.  `failed` sticks, so that a text is
 * checked once, when it is whole.  One thread at a time.
 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PG_TEXT_FIRST = 1024 };
#define PG_TEXT_MAX ((size_t)512 << 20)

char *strbuf_room(struct strbuf *text, size_t len)
{
	if (text->failed)
		return NULL;
	if (len < text->size - text->len)
		return text->data + text->len;
	size_t size = text->size ? text->size : PG_TEXT_FIRST;
	while (size <= PG_TEXT_MAX && size - text->len <= len)
		size *= 2;
	char *data = size <= PG_TEXT_MAX ? realloc(text->data, size) : NULL;
	text->failed = data == NULL;
	if (!data)
		return NULL;
	text->data = data;
	text->size = size;
	return data + text->len;
}

void strbuf_bytes(struct strbuf *text, const void *data, size_t len)
{
	char *to = strbuf_room(text, len);
	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	to[len] = '\0';
	text->len += len;
}

void strbuf_add(struct strbuf *text, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *to = len >= 0 ? strbuf_room(text, (size_t)len) : NULL;
	if (!to) {
		text->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(to, (size_t)len + 1, fmt, ap);
	va_end(ap);
	text->len += (size_t)len;
}

void strbuf_clear(struct strbuf *text)
{
	text->len = 0;
	text->failed = false;
	if (text->data)
		text->data[0] = '\0';
}

void strbuf_done(struct strbuf *text)
{
	free(text->data);
	*text = (struct strbuf){0};
}
