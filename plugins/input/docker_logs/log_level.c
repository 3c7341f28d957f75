#include "log_level.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LEVEL_REACH = 120, LEVEL_JSON_REACH = 2048, LEVEL_WORD = 13 };

static const char trace[] = "trace", debug[] = "debug", info[] = "info", notice[] = "notice",
		  warning[] = "warning", error[] = "error", critical[] = "critical";

static const struct {
	const char *word, *level;
} words[] = {
	{"trace", trace},     {"debug", debug},        {"dbg", debug},
	{"info", info},       {"information", info},   {"informational", info},
	{"inf", info},        {"notice", notice},      {"warn", warning},
	{"warning", warning}, {"wrn", warning},        {"error", error},
	{"err", error},       {"eror", error},         {"severe", error},
	{"fatal", critical},  {"ftl", critical},       {"critical", critical},
	{"crit", critical},   {"panic", critical},     {"alert", critical},
	{"emerg", critical},  {"emergency", critical}, {"fail", error},
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *by_word(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len && strncasecmp(words[i].word, text, len) == 0)
			return words[i].level;
	return NULL;
}

/* As pino and bunyan number them. */
static const char *by_number(const char *text, size_t len)
{
	static const char *const levels[] = {trace, debug, info, warning, error, critical};
	if (len != 2 || text[1] != '0' || text[0] < '1' || text[0] > '6')
		return NULL;
	return levels[text[0] - '1'];
}

/* ---- JSON ---- */

static size_t skip_blanks(const char *text, size_t at, size_t len)
{
	while (at < len && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at;
}

static const char *json_value(const char *text, size_t at, size_t len)
{
	at = skip_blanks(text, at, len);
	bool quoted = at < len && text[at] == '"';
	size_t start = at + quoted, end = start;
	while (end < len && end - start <= LEVEL_WORD &&
	       (is_letter(text[end]) || is_digit(text[end])))
		end++;
	if (quoted)
		return by_word(text + start, end - start);
	return by_number(text + start, end - start);
}

static bool is_level_key(const char *key, size_t len)
{
	static const char *const keys[] = {"level", "lvl",       "severity", "log.level",
					   "@l",    "levelname", "loglevel", "log_level"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i]) == len && strncasecmp(keys[i], key, len) == 0)
			return true;
	return false;
}

/* The index behind the string that begins at `at` with its quote. */
static size_t json_string_end(const char *text, size_t at, size_t len)
{
	for (at++; at < len && text[at] != '"'; at++)
		at += text[at] == '\\';
	return at < len ? at + 1 : len;
}

/* Keys of the outermost object only, met in order, nothing decoded. */
static const char *by_json(const char *text, size_t len)
{
	unsigned depth = 0;
	for (size_t at = 0; at < len;) {
		char c = text[at];
		if (c != '"') {
			depth += c == '{' || c == '[';
			depth -= (c == '}' || c == ']') && depth > 0;
			at++;
			continue;
		}
		size_t end = json_string_end(text, at, len);
		size_t colon = skip_blanks(text, end, len);
		if (depth == 1 && colon < len && text[colon] == ':' && end - at >= 2 &&
		    is_level_key(text + at + 1, end - at - 2))
			return json_value(text, colon + 1, len);
		at = end;
	}
	return NULL;
}

/* ---- Prefixes ---- */

/* <3>text, the number being facility × 8 + severity. */
static const char *by_syslog(const char *text, size_t len)
{
	static const char *const levels[] = {critical, critical, critical, error,
					     warning,  notice,   info,     debug};
	unsigned number = 0;
	size_t at = 1;
	for (; at < len && at < 4 && is_digit(text[at]); at++)
		number = number * 10 + (unsigned)(text[at] - '0');
	return at > 1 && at < len && text[at] == '>' && number < 192 ? levels[number % 8] : NULL;
}

/* E0102 15:04:05.000000 */
static const char *by_klog(const char *text, size_t len)
{
	if (len < 6 || text[5] != ' ')
		return NULL;
	for (int i = 1; i < 5; i++)
		if (!is_digit(text[i]))
			return NULL;
	switch (text[0]) {
	case 'I':
		return info;
	case 'W':
		return warning;
	case 'E':
		return error;
	case 'F':
		return critical;
	default:
		return NULL;
	}
}

/* level=error, level="error" */
static bool follows_level_key(const char *text, size_t start)
{
	size_t equals = start - 1 - (text[start - 1] == '"');
	size_t key = equals;
	if (equals >= start || text[equals] != '=')
		return false;
	while (key > 0 &&
	       (is_letter(text[key - 1]) || text[key - 1] == '_' || text[key - 1] == '.'))
		key--;
	return is_level_key(text + key, equals - key);
}

/* A word as log libraries set it, not as prose does: ERROR, [error], error:, level=error. */
static bool is_marked(const char *text, size_t start, size_t end, size_t len)
{
	char before = start > 0 ? text[start - 1] : ' ', after = end < len ? text[end] : ' ';
	bool capitals = true;
	for (size_t i = start; i < end; i++)
		capitals = capitals && text[i] >= 'A' && text[i] <= 'Z';
	if (before == '=' || before == '"')
		return follows_level_key(text, start);
	if (is_digit(after) || after == '_' || after == '/' || before == '/' || before == '_' ||
	    before == '.' || (after == '-' && !capitals))
		return false;
	return capitals || before == '[' || before == '<' || before == '(' ||
	       (after == ':' && (start == 0 || before == ' ')) || before == '|';
}

static const char *by_prefix(const char *text, size_t len)
{
	for (size_t start = 0, end; start < len; start = end) {
		while (start < len && !is_letter(text[start]))
			start++;
		for (end = start; end < len && is_letter(text[end]);)
			end++;
		if (end - start < 3 || end - start > LEVEL_WORD)
			continue;
		const char *level = by_word(text + start, end - start);
		if (level && is_marked(text, start, end, len))
			return level;
	}
	return NULL;
}

const char *log_level(const char *text, size_t len)
{
	size_t start = skip_blanks(text, 0, len);
	text += start;
	len -= start;
	if (len == 0)
		return NULL;
	if (text[0] == '{')
		return by_json(text, len < LEVEL_JSON_REACH ? len : LEVEL_JSON_REACH);
	size_t reach = len < LEVEL_REACH ? len : LEVEL_REACH;
	const char *level = text[0] == '<' ? by_syslog(text, reach) : by_klog(text, reach);
	return level ? level : by_prefix(text, reach);
}
