/* See log_level_json.h: one pass over the line, by log_level.c. */
#include "logs/log_level_json.h"

#include <string.h>

#include "logs/log_level_word.h"

enum { LOWEST_SEVERITY = 8 };

struct scan {
	const char *text;
	size_t at, len;
	unsigned depth;
	bool in_log;       /* within the member log of the outermost object */
	bool is_mongo;     /* MongoDB's format, whose level is a letter */
	bool is_gelf;      /* Graylog's format, whose level is a number of syslog */
	unsigned severity; /* such a number; LOWEST_SEVERITY: none has come */
};

static size_t skip_blanks(const struct scan *scan, size_t at)
{
	while (at < scan->len && (scan->text[at] == ' ' || scan->text[at] == '\t'))
		at++;
	return at;
}

/* The index behind the string that begins at `at` with its quote. */
static size_t string_end(const struct scan *scan, size_t at)
{
	for (at++; at < scan->len; at++) {
		const char *quote = memchr(scan->text + at, '"', scan->len - at);
		if (!quote)
			return scan->len;
		size_t end = (size_t)(quote - scan->text), slashes = end;
		while (slashes > at && scan->text[slashes - 1] == '\\')
			slashes--;
		at = end;
		if ((end - slashes) % 2 == 0)
			return end + 1;
	}
	return scan->len;
}

/* Libraries that colour a level do so within JSON too: \u001b[31m. */
static size_t skip_colour(const struct scan *scan, size_t at)
{
	static const char escape[] = "\\u001b[";
	size_t len = sizeof(escape) - 1;
	if (scan->len - at < len || memcmp(scan->text + at, escape, len) != 0)
		return at;
	for (at += len;
	     at < scan->len && (level_is_digit(scan->text[at]) || scan->text[at] == ';');)
		at++;
	return at < scan->len ? at + 1 : at;
}

/* A word or number, in quotes or not. */
static const char *value_at(struct scan *scan, size_t at)
{
	at = skip_blanks(scan, at);
	bool quoted = at < scan->len && scan->text[at] == '"';
	size_t start = quoted ? skip_colour(scan, at + 1) : at, end = start;
	while (end < scan->len && end - start <= LEVEL_WORD &&
	       (level_is_letter(scan->text[end]) || level_is_digit(scan->text[end])))
		end++;
	if (end - start == 1 && scan->text[start] >= '0' && scan->text[start] <= '7' && !quoted)
		scan->severity = (unsigned)(scan->text[start] - '0');
	char behind = end < scan->len ? scan->text[end] : '\0';
	if (behind == '\0' || !strchr(quoted ? "\"\\ " : ",} ", behind))
		return NULL;
	if (quoted)
		return level_by_word(scan->text + start, end - start);
	return level_by_value(scan->text + start, end - start);
}

static bool is_key(const char *key, size_t len, const char *wanted)
{
	return strlen(wanted) == len && memcmp(key, wanted, len) == 0;
}

/* A member of the outermost object, value being the index behind its colon. */
static const char *by_member(struct scan *scan, const char *key, size_t len, size_t value)
{
	if (level_is_key(key, len))
		return value_at(scan, value);
	size_t at = skip_blanks(scan, value);
	if (is_key(key, len, "PRIORITY")) {
		/* journald's is a text of one digit, as syslog numbers them. */
		at += at < scan->len && scan->text[at] == '"';
		bool fine = at + 1 < scan->len && level_is_digit(scan->text[at]) &&
			    !level_is_digit(scan->text[at + 1]);
		return fine ? level_by_severity((unsigned)(scan->text[at] - '0')) : NULL;
	}
	/* "F", "E", "W", "I", and "D1" to "D5". */
	if (scan->is_mongo && is_key(key, len, "s"))
		return at + 2 < scan->len && scan->text[at] == '"'
			       ? level_by_letter(scan->text[at + 1])
			       : NULL;
	if (is_key(key, len, "short_message"))
		scan->is_gelf = true;
	scan->in_log = is_key(key, len, "log") && at < scan->len && scan->text[at] == '{';
	return NULL;
}

/* A string, which is a key if a colon follows. */
static const char *by_string(struct scan *scan)
{
	const char *key = scan->text + scan->at + 1;
	size_t end = string_end(scan, scan->at), colon = skip_blanks(scan, end);
	size_t len = end - scan->at >= 2 ? end - scan->at - 2 : 0;
	scan->at = end;
	if (colon >= scan->len || scan->text[colon] != ':')
		return NULL;
	if (scan->depth == 1)
		return by_member(scan, key, len, colon + 1);
	if (scan->depth == 2 && scan->in_log && is_key(key, len, "level"))
		return value_at(scan, colon + 1);
	return NULL;
}

const char *level_by_json(const char *text, size_t len)
{
	static const char mongo[] = "{\"t\":{\"$date\":";
	struct scan scan = {.text = text, .len = len, .severity = LOWEST_SEVERITY};
	scan.is_mongo = len > sizeof(mongo) && memcmp(text, mongo, sizeof(mongo) - 1) == 0;
	while (scan.at < len) {
		char c = text[scan.at];
		if (c == '"') {
			const char *level = by_string(&scan);
			if (level)
				return level;
			continue;
		}
		scan.depth += c == '{' || c == '[';
		scan.depth -= (c == '}' || c == ']') && scan.depth > 0;
		scan.at++;
	}
	return scan.is_gelf ? level_by_severity(scan.severity) : NULL;
}
