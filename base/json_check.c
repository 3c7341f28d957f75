/*
 * Whether a text is JSON, for values that are embedded in answers as they stand: labels and ports
 * of each container of a list.  By the same grammar as json_reader.c, which would do as well, but
 * keeps its place in memory and its reasons in words; here nobody asks why.  Recursion is bounded
 * by JSON_MAX_DEPTH.  Pure, any thread.
 */
#include "base/json_reader.h"

#include <string.h>

#include "base/json_chars.h"
#include "base/utf8.h"

/* Each step returns where it ends, or NULL: not JSON. */

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* Behind the backslash. */
static const char *skip_escape(const char *at, const char *end)
{
	if (at == end || !*at)
		return NULL;
	if (*at != 'u')
		return strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
	at++;
	for (int i = 0; i < 4; i++, at++) {
		if (at == end)
			return NULL;
		char c = (char)(*at | 0x20);
		if (!(*at >= '0' && *at <= '9') && !(c >= 'a' && c <= 'f'))
			return NULL;
	}
	return at;
}

/* Behind the first quote. */
static const char *skip_text(const char *at, const char *end)
{
	while (true) {
		at += json_chars_plain(at, (size_t)(end - at));
		while (at < end && (unsigned char)*at >= 0x80)
			at++;
		if (at == end || (unsigned char)*at < 0x20)
			return NULL;
		if (*at == '"')
			return at + 1;
		at = *at == '\\' ? skip_escape(at + 1, end) : at;
		if (!at)
			return NULL;
	}
}

static const char *skip_digits(const char *at, const char *end)
{
	const char *first = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at > first ? at : NULL;
}

static const char *skip_number(const char *at, const char *end)
{
	at += *at == '-';
	const char *first = at;
	at = skip_digits(at, end);
	if (!at || (*first == '0' && at - first > 1))
		return NULL;
	if (at < end && *at == '.') {
		at = skip_digits(at + 1, end);
		if (!at)
			return NULL;
	}
	if (at == end || (*at | 0x20) != 'e')
		return at;
	at++;
	at += at < end && (*at == '+' || *at == '-');
	return skip_digits(at, end);
}

static const char *skip_word(const char *at, const char *end)
{
	static const struct {
		const char *word;
		size_t len;
	} words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
	for (int i = 0; i < 3; i++)
		if ((size_t)(end - at) >= words[i].len &&
		    memcmp(at, words[i].word, words[i].len) == 0)
			return at + words[i].len;
	return NULL;
}

static const char *skip_value(const char *at, const char *end, int depth);

/* A name and its colon, up to the value. */
static const char *skip_name(const char *at, const char *end)
{
	at = skip_blanks(at, end);
	if (at == end || *at != '"')
		return NULL;
	at = skip_text(at + 1, end);
	at = at ? skip_blanks(at, end) : end;
	return at < end && *at == ':' ? at + 1 : NULL;
}

/* Behind the bracket of an object or array. */
static const char *skip_members(const char *at, const char *end, char close, int depth)
{
	at = skip_blanks(at, end);
	if (at < end && *at == close)
		return at + 1;
	while (true) {
		at = close == '}' ? skip_name(at, end) : at;
		at = at ? skip_value(at, end, depth) : NULL;
		if (!at)
			return NULL;
		at = skip_blanks(at, end);
		if (at == end || (*at != ',' && *at != close))
			return NULL;
		if (*at++ == close)
			return at;
	}
}

static const char *skip_value(const char *at, const char *end, int depth)
{
	at = skip_blanks(at, end);
	if (at == end)
		return NULL;
	switch (*at) {
	case '{':
	case '[':
		return depth == JSON_MAX_DEPTH
			       ? NULL
			       : skip_members(at + 1, end, *at == '{' ? '}' : ']', depth + 1);
	case '"':
		return skip_text(at + 1, end);
	default:
		return *at == '-' || (*at >= '0' && *at <= '9') ? skip_number(at, end)
								: skip_word(at, end);
	}
}

bool json_check(const char *text, size_t len)
{
	const char *end = text + len;
	if (!utf8_valid(text, len))
		return false;
	const char *at = skip_value(text, end, 0);
	return at && skip_blanks(at, end) == end && json_chars_are_whole(text, len);
}
