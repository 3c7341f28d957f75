/*
 * One buffer of twice a line's bound, allocated once: what is left of a line is moved to the front
 * when it is full.  Reading fails as read() does; nothing else can.
 */
#include "exec/exec_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int exec_lines_init(struct exec_lines *lines, size_t max)
{
	*lines = (struct exec_lines){.data = malloc(2 * max + 2), .max = max};
	return lines->data ? 0 : -ENOMEM;
}

void exec_lines_done(struct exec_lines *lines)
{
	free(lines->data);
	*lines = (struct exec_lines){0};
}

void exec_lines_clear(struct exec_lines *lines)
{
	lines->start = lines->len = 0;
	lines->skipping = false;
	lines->number = 0;
}

long exec_lines_fill(struct exec_lines *lines, int fd)
{
	if (lines->start)
		memmove(lines->data, lines->data + lines->start, lines->len);
	lines->start = 0;
	long n;
	do
		n = read(fd, lines->data + lines->len, 2 * lines->max + 1 - lines->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	lines->len += (size_t)n;
	return n;
}

static void lines_drop(struct exec_lines *lines, size_t n)
{
	lines->start += n;
	lines->len -= n;
}

static enum exec_lines_got lines_give(struct exec_lines *lines, size_t len, char **ret,
				      size_t *ret_len)
{
	char *text = lines->data + lines->start;
	lines->number++;
	if (len > lines->max)
		return EXEC_LINES_TOO_LONG;
	if (len && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return EXEC_LINES_LINE;
}

enum exec_lines_got exec_lines_next(struct exec_lines *lines, char **ret, size_t *ret_len)
{
	const char *text = lines->data + lines->start;
	const char *end = lines->len ? memchr(text, '\n', lines->len) : NULL;
	if (!end && (lines->skipping || lines->len > lines->max)) {
		bool told = lines->skipping;
		lines->number += !told;
		lines->skipping = true;
		lines->start = lines->len = 0;
		return told ? EXEC_LINES_NONE : EXEC_LINES_TOO_LONG;
	}
	if (!end)
		return EXEC_LINES_NONE;
	size_t len = (size_t)(end - text);
	if (lines->skipping) {
		lines->skipping = false;
		lines_drop(lines, len + 1);
		return exec_lines_next(lines, ret, ret_len);
	}
	enum exec_lines_got got = lines_give(lines, len, ret, ret_len);
	lines_drop(lines, len + 1);
	return got;
}

enum exec_lines_got exec_lines_rest(struct exec_lines *lines, char **ret, size_t *ret_len)
{
	size_t len = lines->len;
	enum exec_lines_got got = EXEC_LINES_NONE;
	if (len && !lines->skipping)
		got = lines_give(lines, len, ret, ret_len);
	lines->start = lines->len = 0;
	lines->skipping = false;
	return got;
}
