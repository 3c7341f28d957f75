/* Doubles its memory as it grows; beyond PG_TEXT_MAX everything fails. */
#include "pg_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PG_TEXT_FIRST = 1024 };
#define PG_TEXT_MAX ((size_t)512 << 20)

char *pg_text_room(struct pg_text *text, size_t len)
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

void pg_text_bytes(struct pg_text *text, const void *data, size_t len)
{
	char *to = pg_text_room(text, len);
	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	to[len] = '\0';
	text->len += len;
}

void pg_text_add(struct pg_text *text, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *to = len >= 0 ? pg_text_room(text, (size_t)len) : NULL;
	if (!to) {
		text->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(to, (size_t)len + 1, fmt, ap);
	va_end(ap);
	text->len += (size_t)len;
}

void pg_text_clear(struct pg_text *text)
{
	text->len = 0;
	text->failed = false;
	if (text->data)
		text->data[0] = '\0';
}

void pg_text_done(struct pg_text *text)
{
	free(text->data);
	*text = (struct pg_text){0};
}
