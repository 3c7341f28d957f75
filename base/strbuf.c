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

#include "base/json_number.h"

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

/* Statements are made of these, for each question anew; printf() takes five times as long. */
static bool strbuf_is_simple(const char *fmt)
{
	while ((fmt = strchr(fmt, '%')) && fmt[1] && strchr("sdu%", fmt[1]))
		fmt += 2;
	return !fmt;
}

static void strbuf_number(struct strbuf *text, int64_t number)
{
	char digits[JSON_NUMBER_SIZE];
	strbuf_bytes(text, digits, json_number_int(digits, number));
}

static void strbuf_add_simple(struct strbuf *text, const char *fmt, va_list ap)
{
	for (;;) {
		size_t len = strcspn(fmt, "%");
		strbuf_bytes(text, fmt, len);
		fmt += len;
		if (!*fmt)
			return;
		if (fmt[1] == 's') {
			const char *word = va_arg(ap, const char *);
			strbuf_bytes(text, word, strlen(word));
		} else if (fmt[1] == '%') {
			strbuf_bytes(text, "%", 1);
		} else {
			int64_t number =
				fmt[1] == 'd' ? (int64_t)va_arg(ap, int) : va_arg(ap, unsigned);
			strbuf_number(text, number);
		}
		fmt += 2;
	}
}

static void strbuf_add_printf(struct strbuf *text, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(NULL, 0, fmt, ap);
	char *to = len >= 0 ? strbuf_room(text, (size_t)len) : NULL;
	if (to) {
		vsnprintf(to, (size_t)len + 1, fmt, again);
		text->len += (size_t)len;
	}
	text->failed |= !to;
	va_end(again);
}

void strbuf_add(struct strbuf *text, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (strbuf_is_simple(fmt))
		strbuf_add_simple(text, fmt, ap);
	else
		strbuf_add_printf(text, fmt, ap);
	va_end(ap);
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
